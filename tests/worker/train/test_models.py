"""The models, their hyperparameters and their defaults."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline_worker.errors import ParameterInvalid
from pipeline_worker.stages.train.kind import CLASSIFICATION, REGRESSION
from pipeline_worker.stages.train.model_table import MODELS, Model
from pipeline_worker.stages.train.target import describe_target

pytestmark = pytest.mark.slow("loads scikit-learn")

CLASSES = describe_target(pa.array(["yes", "no"] * 150), "y")
NUMBERS = describe_target(pa.array([0.5 * number for number in range(300)]), "y")
CLASSIFIERS = [model.name for model in MODELS.values() if model.kind == CLASSIFICATION]
REGRESSORS = [model.name for model in MODELS.values() if model.kind == REGRESSION]
COUNTS = describe_target(pa.array([1, 2, 3] * 100), "y")


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_a_model_is_what_its_line_says(model: Model) -> None:
    """Each line of the table names an estimator of scikit-learn's, of the kind that it says."""
    from sklearn.base import is_classifier, is_regressor

    from pipeline_worker.stages.train.models import new_estimator

    estimator = new_estimator(model)
    assert (is_classifier(estimator), is_regressor(estimator)) == (
        model.kind == CLASSIFICATION,
        model.kind == REGRESSION,
    )


@pytest.mark.parametrize(
    ("name", "target", "fitting"),
    [
        ("LinearRegression", CLASSES, CLASSIFIERS),
        ("LogisticRegression", NUMBERS, REGRESSORS),
        ("RandomForestClassifier", NUMBERS, REGRESSORS),
        ("RandomForestRegressor", CLASSES, CLASSIFIERS),
    ],
)
def test_a_model_of_the_other_kind_is_refused(name: str, target: Any, fitting: list[str]) -> None:
    """The message names the models that fit."""
    from pipeline_worker.stages.train.candidates import choose_kind

    with pytest.raises(ParameterInvalid, match=f"`{name}` is for") as raised:
        choose_kind(None, name, target)
    assert raised.value.details["fitting"] == fitting
    assert raised.value.fix.startswith(f"Use one of {', '.join(fitting)},")


def test_a_model_that_does_not_fit_the_task_is_refused() -> None:
    """Where either kind would do for the target, the one that was asked for counts: those of it are named, and the other way out."""
    from pipeline_worker.stages.train.candidates import choose_kind

    with pytest.raises(ParameterInvalid, match="is for regression, and `task` asks for classification") as raised:
        choose_kind(CLASSIFICATION, "RandomForestRegressor", COUNTS)
    assert raised.value.details["fitting"] == CLASSIFIERS
    assert raised.value.fix == f'Use one of {", ".join(CLASSIFIERS)}, or give {{"task": "regression"}}.'


@pytest.mark.parametrize("name", ["RandomForestClassifier", "RandomForestRegressor"])
def test_whole_numbers_take_models_of_both_kinds(name: str) -> None:
    """A few-valued whole number may be a label or a quantity, as the person says."""
    from pipeline_worker.stages.train.candidates import choose_kind

    assert choose_kind(None, name, COUNTS)[0] == MODELS[name].kind


@pytest.mark.parametrize(
    ("name", "hyperparameters", "message"),
    [
        ("RandomForestClassifier", {"n_estimator": 5}, "Did you mean `n_estimators`"),
        ("RandomForestClassifier", {"n_estimators": "many"}, "must be an int"),
        ("RandomForestClassifier", {"n_estimators": 0}, r"in the range \[1, inf\)"),
        ("LogisticRegression", {"solver": "nope"}, "must be a str among"),
        ("HistGradientBoostingClassifier", {"learning_rate": [0.1]}, "must be a float"),
    ],
)
def test_hyperparameters_are_checked_before_anything_is_computed(
    name: str, hyperparameters: dict[str, Any], message: str
) -> None:
    """An unknown name comes with its near miss, a wrong value with what it may be."""
    from pipeline_worker.stages.train.models import make_estimator

    with pytest.raises(ParameterInvalid, match=message):
        make_estimator(MODELS[name], hyperparameters, CLASSES.array, 42)


def test_the_seed_reaches_every_model_that_has_one() -> None:
    """`random_state` of the request is the estimator's, unless the hyperparameters say otherwise."""
    from pipeline_worker.stages.train.models import make_estimator

    seeds = {}
    for model in MODELS.values():
        target = CLASSES.array if model.kind == "classification" else NUMBERS.array
        estimator, _ = make_estimator(model, {}, target, 7)
        seeds[model.name] = estimator.get_params().get("random_state")
    assert seeds == {name: None if name == "LinearRegression" else 7 for name in MODELS}
    estimator, _ = make_estimator(MODELS["RandomForestClassifier"], {"random_state": 1}, CLASSES.array, 7)
    assert estimator.get_params()["random_state"] == 1


def test_defaults_suit_small_data_and_yield_to_hyperparameters() -> None:
    """Below 200 rows boosting gets smaller leaves; what a person gave stays as it is."""
    from pipeline_worker.stages.train.models import choose_defaults, make_estimator

    model = MODELS["HistGradientBoostingClassifier"]
    estimator, chosen = make_estimator(model, {}, CLASSES.array[:60], 42)
    assert estimator.get_params()["min_samples_leaf"] == 6
    assert chosen["min_samples_leaf"].startswith("6: ")
    estimator, chosen = make_estimator(model, {"min_samples_leaf": 20}, CLASSES.array[:60], 42)
    assert estimator.get_params()["min_samples_leaf"] == 20
    assert "min_samples_leaf" not in chosen
    assert not choose_defaults(model, CLASSES.array)


def test_a_rare_class_gets_a_penalty_and_no_early_stopping() -> None:
    """With a class of a single row, boosting neither diverges nor fails in its own split."""
    from pipeline_worker.stages.train.models import choose_defaults

    target = np.array(["a"] * 300 + ["b"], dtype=object)
    defaults = choose_defaults(MODELS["HistGradientBoostingClassifier"], target)
    assert defaults["l2_regularization"][0] == 10
    assert defaults["early_stopping"][0] is False


def test_class_weights_of_json_find_classes_that_are_no_text() -> None:
    """In JSON `{"1": 5}` has a name that is text, and the class is a number, or true."""
    from pipeline_worker.stages.train.models import make_estimator

    estimator, _ = make_estimator(
        MODELS["LogisticRegression"], {"class_weight": {"1": 5, "2": 1, "3": 1}}, COUNTS.array, 0
    )
    assert estimator.get_params()["class_weight"] == {1: 5, 2: 1, 3: 1}
    flags = np.array([True, False] * 20)
    estimator, _ = make_estimator(MODELS["LogisticRegression"], {"class_weight": {"true": 5, "false": 1}}, flags, 0)
    assert estimator.get_params()["class_weight"] == {True: 5, False: 1}
