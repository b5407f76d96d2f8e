"""What can be asked of the models of :mod:`pipeline_worker.stages.train.model_table`: their hyperparameters, and the defaults that suit the data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import InvalidParameterError

from ...errors import ParameterInvalid, find_nearest, near_miss
from .kind import CLASSIFICATION
from .model_table import Model
from .spaces import SearchSpace

#: With fewer rows to learn from than this, boosting's own defaults can hardly split.
SMALL_ROWS = 200
#: A class with fewer rows than this lets boosting's scores diverge.
RARE_ROWS = 30
#: Where a request names the hyperparameters that are searched for.
SEARCHED = "tuning.search_space"


def make_estimator(
    model: Model, hyperparameters: Mapping[str, Any], target: NDArray[Any], random_state: int
) -> tuple[BaseEstimator, dict[str, str]]:
    """Return the estimator, not fitted, and what was set besides *hyperparameters*: name → value and reason.

    :param target: the part of the target that it will learn from.
    :raises ParameterInvalid: a hyperparameter does not exist, or its value is of the wrong type or out of bounds.
    """
    estimator = new_estimator(model)
    known = estimator.get_params()
    for name in hyperparameters:
        if name not in known:
            raise refuse_unknown(model.name, name, known)
    chosen = {
        name: (value, reason)
        for name, (value, reason) in choose_defaults(model, target).items()
        if name not in hyperparameters
    }
    if "random_state" in known:
        estimator.set_params(random_state=random_state)
    estimator.set_params(**{name: value for name, (value, _) in chosen.items()})
    estimator.set_params(**hyperparameters)
    if isinstance(hyperparameters.get("class_weight"), Mapping):
        estimator.set_params(class_weight=_name_classes(hyperparameters["class_weight"], target))
    try:
        # What `fit` calls first; here it costs nothing, and nothing was computed in vain.
        estimator._validate_params()  # noqa: SLF001
    except InvalidParameterError as error:
        raise refuse_hyperparameters(model, hyperparameters, error) from error
    return estimator, {name: f"{value}: {reason}" for name, (value, reason) in chosen.items()}


def new_estimator(model: Model) -> BaseEstimator:
    """Return the estimator as scikit-learn makes it."""
    estimator: BaseEstimator = getattr(import_module(model.module), model.name)()
    return estimator


def choose_defaults(model: Model, target: NDArray[Any]) -> dict[str, tuple[Any, str]]:
    """Return hyperparameters that suit these rows better than scikit-learn's defaults, each with the reason.

    Tried on parts of four public tables and on made-up ones: below 200 rows smaller leaves are what lets boosting learn at all,
    and a penalty on leaf values keeps its probabilities from diverging where a class is rare.
    """
    rows = len(target)
    defaults: dict[str, tuple[Any, str]] = {}
    if model.name == "LogisticRegression":
        defaults["max_iter"] = (1000, "100 steps are often too few to converge")
    if model.family != "boosting":
        return defaults
    if rows < SMALL_ROWS:
        defaults["min_samples_leaf"] = (max(2, rows // 10), f"20 leave too few splits with {rows} rows to learn from")
    if model.kind == CLASSIFICATION:
        rarest = int(np.unique(target, return_counts=True)[1].min())
        if rows < SMALL_ROWS:
            defaults["l2_regularization"] = (1.0, f"keeps probabilities sound with {rows} rows to learn from")
        elif rarest < RARE_ROWS:
            defaults["l2_regularization"] = (10.0, f"keeps probabilities sound where a class has {rarest} rows")
        if rarest < 2:
            defaults["early_stopping"] = (False, "it needs two rows of each class")
    return defaults


def choose_space(model: Model, given: SearchSpace | None, fixed: Collection[str]) -> SearchSpace:
    """Return what a search tries of *model*: the space that was *given*, or the built-in one without what is *fixed*.

    :param fixed: the hyperparameters that the request sets.
    :raises ParameterInvalid: a name is none of the model's, or fixed as well; or nothing is left to try.
    """
    known = new_estimator(model).get_params()
    for name in given or {}:
        if name not in known:
            raise refuse_unknown(model.name, name, known, SEARCHED)
        if name in fixed:
            raise ParameterInvalid(
                f"`{name}` is searched for, and set in `hyperparameters` as well.",
                where=f"{SEARCHED}.{name}",
                fix="Take it out of one of the two.",
                details={"parameter": f"{SEARCHED}.{name}"},
            )
    space = given or {name: its for name, its in model.space.items() if name not in fixed}
    if not space:
        raise ParameterInvalid(
            f"All that a search tries of `{model.name}` is set in `hyperparameters`.",
            where="tuning",
            fix=f'Take some of them out, name others in `{SEARCHED}`, or give {{"tuning": false}}.',
            details={"parameter": "tuning", "searched": sorted(model.space)},
        )
    return space


def refuse_unknown(
    model: str, name: str, known: Collection[str], parameter: str = "hyperparameters"
) -> ParameterInvalid:
    """Return the error that says that *model* has no hyperparameter *name*, as *parameter* names it, and which it has."""
    nearest = find_nearest(name, known)
    return ParameterInvalid(
        f"`{model}` has no hyperparameter `{name}`.{near_miss(name, known)}",
        where=f"{parameter}.{name}",
        fix=f"Use some of: {', '.join(f'`{each}`' for each in known)}."
        if nearest is None
        else f"Write `{nearest}` in its place, if that is meant.",
        details={"parameter": f"{parameter}.{name}", "known": sorted(known)},
    )


def refuse_hyperparameters(model: Model, hyperparameters: Mapping[str, Any], error: Exception) -> ParameterInvalid:
    """Return the error that says that *model* cannot use these *hyperparameters*."""
    return ParameterInvalid(
        f"{model.name} refuses its hyperparameters: {error}",
        where="hyperparameters",
        fix=f"Mend them as scikit-learn's page on {model.name} says; or, to do without them, give "
        '{"hyperparameters": {}}.',
        details={"parameter": "hyperparameters", "given": dict(hyperparameters)},
    )


def _name_classes(weights: Mapping[str, Any], target: NDArray[Any]) -> dict[Any, Any]:
    """Return *weights* by class; in JSON the names are always text, `true` and `1` included."""
    by_text = {str(label).casefold(): label for label in np.unique(target).tolist()}
    return {by_text.get(name.casefold(), name): weight for name, weight in weights.items()}
