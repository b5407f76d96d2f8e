"""How a model is made: the target, the split, the preparation, the fit, the measures, and what MLflow keeps."""
