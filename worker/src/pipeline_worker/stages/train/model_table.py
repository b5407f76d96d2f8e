"""The models that can be asked for, a line each: the request, the form and the documents take their names from here.

Loads no library, as the request is read by stages that train nothing. How the columns are prepared goes by the family
(:mod:`pipeline_worker.stages.train.preparation`), and so do the defaults (:mod:`pipeline_worker.stages.train.models`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .kind import CLASSIFICATION, REGRESSION, Kind
from .spaces import BOOSTING, FOREST, LEAST_SQUARES, LOGISTIC, RIDGE, SearchSpace

Family = Literal["boosting", "forest", "linear"]

#: The name that stands for: compare a few candidates, and take the best.
AUTO = "auto"


@dataclass(frozen=True)
class Model:
    """An estimator of scikit-learn's that can be asked for by its name.

    :param space: what a search for hyperparameters tries where the request does not say it.
    """

    name: str
    module: str
    kind: Kind
    family: Family
    space: SearchSpace = field(compare=False)


MODELS = {
    model.name: model
    for model in (
        Model("HistGradientBoostingClassifier", "sklearn.ensemble", CLASSIFICATION, "boosting", BOOSTING),
        Model("HistGradientBoostingRegressor", "sklearn.ensemble", REGRESSION, "boosting", BOOSTING),
        Model("RandomForestClassifier", "sklearn.ensemble", CLASSIFICATION, "forest", FOREST),
        Model("RandomForestRegressor", "sklearn.ensemble", REGRESSION, "forest", FOREST),
        Model("ExtraTreesClassifier", "sklearn.ensemble", CLASSIFICATION, "forest", FOREST),
        Model("ExtraTreesRegressor", "sklearn.ensemble", REGRESSION, "forest", FOREST),
        Model("LogisticRegression", "sklearn.linear_model", CLASSIFICATION, "linear", LOGISTIC),
        Model("LinearRegression", "sklearn.linear_model", REGRESSION, "linear", LEAST_SQUARES),
        Model("Ridge", "sklearn.linear_model", REGRESSION, "linear", RIDGE),
    )
}
#: Everything that `model_name` may be.
MODEL_NAMES = (AUTO, *MODELS)
