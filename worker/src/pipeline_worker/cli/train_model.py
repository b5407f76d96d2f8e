"""Command of the stage `train`."""

from __future__ import annotations

from .command import exit_quickly, main

DESCRIPTION = """Fit a model on one part of the data, measure it on the other, and track it in MLflow."""

EXAMPLE = r"""  python -m pipeline_worker.cli.train_model --store lake --run KEY --again \
      --params '{"model_name": "RandomForestClassifier", "hyperparameters": {"n_estimators": 200}}'"""

if __name__ == "__main__":
    exit_quickly(main("train", DESCRIPTION, EXAMPLE))
