"""The models that can be asked for, a line each: the request, the form and the documents take their names from here.

Loads no library, as the request is read by stages that train nothing. How the columns are prepared goes by the family
(:mod:`pipeline_worker.training.preparation`), and so do the defaults (:mod:`pipeline_worker.training.models`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .kind import CLASSIFICATION, REGRESSION, Kind

Family = Literal["boosting", "forest", "linear"]

#: The name that stands for: compare a few candidates, and take the best.
AUTO = "auto"


@dataclass(frozen=True)
class Model:
    """An estimator of scikit-learn's that can be asked for by its name."""

    name: str
    module: str
    kind: Kind
    family: Family


MODELS = {
    model.name: model
    for model in (
        Model("HistGradientBoostingClassifier", "sklearn.ensemble", CLASSIFICATION, "boosting"),
        Model("HistGradientBoostingRegressor", "sklearn.ensemble", REGRESSION, "boosting"),
        Model("RandomForestClassifier", "sklearn.ensemble", CLASSIFICATION, "forest"),
        Model("RandomForestRegressor", "sklearn.ensemble", REGRESSION, "forest"),
        Model("ExtraTreesClassifier", "sklearn.ensemble", CLASSIFICATION, "forest"),
        Model("ExtraTreesRegressor", "sklearn.ensemble", REGRESSION, "forest"),
        Model("LogisticRegression", "sklearn.linear_model", CLASSIFICATION, "linear"),
        Model("LinearRegression", "sklearn.linear_model", REGRESSION, "linear"),
        Model("Ridge", "sklearn.linear_model", REGRESSION, "linear"),
    )
}
#: Everything that `model_name` may be.
MODEL_NAMES = (AUTO, *MODELS)
