"""The metrics, beside a baseline's."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline_worker.stages.train.kind import CLASSIFICATION, REGRESSION

pytestmark = pytest.mark.slow("loads scikit-learn")

TWO = np.array(["no", "yes"], dtype=object)


def test_numbers_are_measured_as_by_hand() -> None:
    """The errors are those of the test part, and the baseline predicts the mean of the train part."""
    from pipeline_worker.stages.train.metrics import Predictions, measure

    actual, predicted = np.array([10.0, 20.0, 40.0]), np.array([12.0, 20.0, 36.0])
    measured = measure(REGRESSION, np.array([20.0, 30.0]), actual, Predictions(predicted, None, None))
    assert measured.model == pytest.approx(
        {
            "mse": 20 / 3,
            "rmse": (20 / 3) ** 0.5,
            "mae": 2.0,
            "median_ae": 2.0,
            "r2": 1 - 20 / (1400 / 3),
            "mape": (0.2 + 0 + 0.1) / 3,
        }
    )
    assert measured.baseline["mae"] == pytest.approx((15 + 5 + 15) / 3)
    assert measured.headline == "r2"


def test_shares_of_values_near_zero_are_left_out() -> None:
    """MAPE says nothing where a true value is zero, and R² nothing of a single row."""
    from pipeline_worker.stages.train.metrics import Predictions, measure

    actual = np.array([0.0, 5.0])
    measured = measure(REGRESSION, actual, actual, Predictions(actual, None, None))
    assert "mape" not in measured.model
    single = measure(REGRESSION, actual, np.array([5.0]), Predictions(np.array([4.0]), None, None))
    assert "r2" not in single.model
    assert single.headline == "rmse"


def test_two_classes_have_curves_about_the_rarer_one() -> None:
    """ROC AUC and average precision are those of the class that is to be found."""
    from pipeline_worker.stages.train.metrics import Predictions, measure

    learned = np.array(["no"] * 8 + ["yes"] * 2, dtype=object)
    actual = np.array(["no", "no", "yes", "yes"], dtype=object)
    shares = np.array([0.1, 0.6, 0.4, 0.9])
    scores = np.column_stack([1 - shares, shares])
    measured = measure(CLASSIFICATION, learned, actual, Predictions(TWO[scores.argmax(axis=1)], scores, TWO))
    assert measured.positive == "yes"
    assert measured.model["accuracy"] == 0.5
    assert measured.model["roc_auc"] == pytest.approx(0.75)
    assert measured.model["average_precision"] == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)
    assert measured.confusion == [[1, 1], [1, 1]]
    assert measured.baseline["balanced_accuracy"] == 0.5
    assert measured.baseline["roc_auc"] == 0.5
    assert measured.model.keys() == measured.baseline.keys()


def test_true_is_what_is_to_be_found() -> None:
    """Of booleans and numbers the positive class is the greater, however frequent it is."""
    from pipeline_worker.stages.train.metrics import Predictions, measure

    learned = np.array([True] * 8 + [False] * 2)
    scores = np.array([[0.2, 0.8], [0.7, 0.3]])
    measured = measure(
        CLASSIFICATION,
        learned,
        np.array([True, False]),
        Predictions(np.array([True, False]), scores, np.array([False, True])),
    )
    assert measured.positive is True
    assert measured.model["accuracy"] == 1


def test_classes_that_the_test_part_lacks_are_no_reason_to_fail() -> None:
    """Means are over the classes that can be tested; a class that is only learned has no rows in the report."""
    from pipeline_worker.stages.train.metrics import Predictions, measure

    classes = np.array(["a", "b", "c"], dtype=object)
    actual = np.array(["a", "b", "a"], dtype=object)
    scores = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]])
    predicted = Predictions(classes[scores.argmax(axis=1)], scores, classes)
    measured = measure(CLASSIFICATION, np.array(["a", "b", "c"] * 3, dtype=object), actual, predicted)
    assert measured.model["balanced_accuracy"] == pytest.approx((0.5 + 1) / 2)
    assert measured.model["roc_auc"] == pytest.approx((0.5 + 1) / 2)
    assert measured.per_class is not None
    assert measured.per_class["c"]["rows"] == 0


def test_classes_may_be_called_as_metrics_are() -> None:
    """The numbers of a class called `accuracy` are its own."""
    from pipeline_worker.stages.train.metrics import Predictions, measure

    classes = np.array(["accuracy", "macro avg"], dtype=object)
    actual = np.array(["accuracy", "accuracy", "macro avg"], dtype=object)
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])
    predicted = Predictions(classes[scores.argmax(axis=1)], scores, classes)
    measured = measure(CLASSIFICATION, np.repeat(classes, 5), actual, predicted)
    assert measured.per_class == {
        "accuracy": {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "rows": 2},
        "macro avg": {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "rows": 1},
    }


def test_a_test_part_of_one_class_has_no_curve() -> None:
    """Where nothing can be told apart, the area is left out rather than made up."""
    from pipeline_worker.stages.train.metrics import Predictions, measure

    scores = np.array([[0.8, 0.2], [0.6, 0.4]])
    predicted = Predictions(np.array(["no", "no"], dtype=object), scores, TWO)
    measured = measure(CLASSIFICATION, np.array(["no", "yes"] * 5, dtype=object), predicted.labels, predicted)
    assert "roc_auc" not in measured.model


@pytest.mark.parametrize("labels", [["a", "b"], [1, 2], [True, False]])
def test_the_description_is_json(labels: list[object]) -> None:
    """`metrics.json` holds the labels as what they are."""
    from pipeline_worker.stages.train.metrics import Predictions, describe_measured, measure

    learned = np.array(labels * 5, dtype=object if isinstance(labels[0], str) else None)
    classes = np.unique(learned)
    scores = np.tile([0.4, 0.6], (4, 1))
    predicted = Predictions(classes[scores.argmax(axis=1)], scores, classes)
    measured = measure(CLASSIFICATION, learned, learned[:4], predicted)
    described = json.loads(json.dumps(describe_measured(measured, CLASSIFICATION, {"train": 10, "test": 4})))
    assert described["confusion"]["labels"] == sorted(labels, key=str)
    assert described["less_is_better"] == ["brier", "log_loss"]
