"""The bounds of a metric."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline_worker.stages.train.metric_table import METRICS

if TYPE_CHECKING:
    from pipeline_worker.stages.train.metrics import Predictions

pytestmark = pytest.mark.slow("loads scikit-learn")


def make_classes(rows: int, count: int, noise: float = 1.0) -> tuple[Any, Predictions]:
    from pipeline_worker.stages.train.metrics import Predictions

    random = np.random.default_rng(0)
    classes = np.array([f"class {number}" for number in range(count)], dtype=object)
    actual = np.arange(rows) % count
    # Rounded, so that some rows have the same score.
    values = (random.normal(size=(rows, count)) * noise).round(1)
    values[np.arange(rows), actual] += 1
    scores = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
    return classes[actual], Predictions(classes[scores.argmax(axis=1)], scores, classes)


def make_numbers(rows: int) -> tuple[Any, Predictions]:
    from pipeline_worker.stages.train.metrics import Predictions

    random = np.random.default_rng(0)
    actual = random.normal(10, 1, rows)
    return actual, Predictions(actual + random.normal(0, 0.5, rows), None, None)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("count", [2, 3])
def test_a_row_that_counts_twice_counts_as_scikit_learn_has_it(name: str, count: int) -> None:
    """Every metric is the one of scikit-learn, of rows that are all there once and of rows that are there as often as not."""
    import sklearn.metrics as sk

    from pipeline_worker.stages.train.tested import number_classes
    from pipeline_worker.stages.train.weighted import weigh

    is_number = METRICS[name].kind == "regression"
    actual, predicted = make_numbers(60) if is_number else make_classes(60, count)
    if METRICS[name].two_classes and count > 2:
        return
    positive = "class 1" if count == 2 and not is_number else None
    counts = np.stack([np.ones(60), np.random.default_rng(1).multinomial(60, np.full(60, 1 / 60))])
    tested = number_classes(actual, predicted, positive)
    found = weigh(name, tested, counts)
    of_scores = {"roc_auc": sk.roc_auc_score, "average_precision": sk.average_precision_score}
    of_labels = {
        "accuracy": sk.accuracy_score,
        "balanced_accuracy": sk.balanced_accuracy_score,
        "precision_macro": lambda *each: sk.precision_score(*each, average="macro"),
        "f1_macro": lambda *each: sk.f1_score(*each, average="macro"),
        "f1_weighted": lambda *each: sk.f1_score(*each, average="weighted"),
        "precision": lambda *each: sk.precision_score(*each, pos_label="class 1"),
        "recall": lambda *each: sk.recall_score(*each, pos_label="class 1"),
        "f1": lambda *each: sk.f1_score(*each, pos_label="class 1"),
        "mse": sk.mean_squared_error,
        "rmse": sk.root_mean_squared_error,
        "mae": sk.mean_absolute_error,
        "median_ae": sk.median_absolute_error,
        "mape": sk.mean_absolute_percentage_error,
        "r2": sk.r2_score,
    }
    for value, rows in zip(found, counts.astype(int), strict=True):
        taken = np.repeat(np.arange(60), rows)
        if name in of_labels:
            wanted = of_labels[name](actual[taken], predicted.labels[taken])
        elif name in of_scores:
            assert predicted.scores is not None
            assert predicted.classes is not None
            places = [1] if positive else range(count)
            wanted = np.mean(
                [of_scores[name](actual[taken] == predicted.classes[at], predicted.scores[taken, at]) for at in places]
            )
        else:
            find = sk.log_loss if name == "log_loss" else sk.brier_score_loss
            wanted = find(actual[taken], predicted.scores[taken], labels=predicted.classes)  # type: ignore[index]
        assert value == pytest.approx(wanted)


def test_the_bounds_are_those_that_other_test_parts_keep() -> None:
    """Of 40 samples of the same kind nearly all have the metric of all rows within their bounds."""
    from pipeline_worker.stages.train.interval import find_interval
    from pipeline_worker.stages.train.metrics import Predictions, score
    from pipeline_worker.stages.train.tested import number_classes

    actual, predicted = make_classes(4_000, 2, 1.5)
    assert predicted.scores is not None
    held = 0
    for number in range(40):
        rows = slice(number * 100, number * 100 + 100)
        part = Predictions(predicted.labels[rows], predicted.scores[rows], predicted.classes)
        value, tested = score("roc_auc", actual[rows], part, "class 1"), number_classes(actual[rows], part, "class 1")
        bounds = find_interval("roc_auc", tested, tested, (value, 0.5), number)
        held += bounds.low <= score("roc_auc", actual, predicted, "class 1") <= bounds.high
    assert held >= 34


def test_some_rows_stand_for_many() -> None:
    """The bounds of 40,000 rows are as narrow as statistics has them, though 5,000 are resampled."""
    from pipeline_worker.stages.train.interval import find_interval
    from pipeline_worker.stages.train.metrics import score
    from pipeline_worker.stages.train.tested import number_classes

    actual, predicted = make_classes(40_000, 2)
    share, tested = score("accuracy", actual, predicted), number_classes(actual, predicted, "class 1")
    bounds = find_interval("accuracy", tested, tested, (share, 0.5), 0)
    assert bounds.low < share < bounds.high
    assert bounds.high - bounds.low == pytest.approx(2 * 1.96 * (share * (1 - share) / 40_000) ** 0.5, rel=0.1)


def test_the_same_seed_gives_the_same_bounds() -> None:
    """Another seed gives others."""
    from pipeline_worker.stages.train.metrics import measure

    actual, predicted = make_numbers(50)
    first, again, other = (measure("regression", actual, actual, predicted, random_state=seed) for seed in (1, 1, 2))
    assert first.interval == again.interval != other.interval
    assert first.interval.low < first.model["r2"] < first.interval.high
    assert 0 < first.interval.lead_low < first.interval.lead_high


@pytest.mark.parametrize(("name", "count"), [("roc_auc", 2), ("balanced_accuracy", 3), ("r2", 0)])
def test_a_hundred_rows_take_no_time(name: str, count: int) -> None:
    """At most 0.2 s."""
    from pipeline_worker.stages.train.interval import find_interval
    from pipeline_worker.stages.train.tested import number_classes

    actual, predicted = make_classes(100, count) if count else make_numbers(100)
    tested = number_classes(actual, predicted, "class 1" if count == 2 else None)
    began = time.perf_counter()
    assert find_interval(name, tested, tested, (0.5, 0.5), 0)
    assert time.perf_counter() - began < 0.2


def test_too_few_rows_have_no_bounds() -> None:
    """A class with fewer than five rows is named, and so is a test part of equal results."""
    from pipeline_worker.stages.train.metrics import Predictions, measure

    actual, predicted = make_classes(13, 3)
    found = measure("classification", actual, actual, predicted).interval
    assert not found
    assert found.why_none == "the test part has 4 rows of class 'class 1', and 5 are needed"
    perfect = Predictions(np.arange(30.0), None, None)
    assert "same value" in measure("regression", perfect.labels, perfect.labels, perfect).interval.why_none


def test_chance_is_told_from_skill() -> None:
    """Scores that say nothing are no better than the baseline within chance, or worse; good ones are better."""
    from pipeline_worker.stages.train.metrics import Predictions, measure

    actual, predicted = make_classes(200, 2)
    assert measure("classification", actual, actual, predicted).doubt == ""
    assert predicted.classes is not None
    for seed in range(4):
        scores = np.random.default_rng(seed).dirichlet([1, 1], 200)
        blind = Predictions(predicted.classes[scores.argmax(axis=1)], scores, predicted.classes)
        measured = measure("classification", actual, actual, blind)
        assert measured.doubt in {"no better than the baseline within chance", "worse than the baseline"}


def test_a_class_that_is_not_learned_counts_as_wrong() -> None:
    """After a split in time the test part may have a class of its own; the metrics are those of a model that never says it."""
    from pipeline_worker.stages.train.metrics import Predictions, measure, score

    actual, predicted = make_classes(60, 3)
    actual[:10] = "new"
    measured = measure("classification", actual[10:], actual, predicted)
    assert measured.labels[-1] == "new"
    assert measured.per_class is not None
    assert measured.per_class["new"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 10}
    assert score("accuracy", actual, predicted) == measured.model["accuracy"] <= 50 / 60
    assert isinstance(predicted, Predictions)
