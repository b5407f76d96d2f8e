"""How good a model is on the rows that it was not shown, beside a baseline that knows nothing of the features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from .interval import Interval, describe_interval, find_interval
from .kind import CLASSIFICATION, Kind
from .metric_table import METRICS, choose_metric
from .tested import Predictions, Tested, number_classes
from .weighted import weigh

#: Of more classes, rows by actual and predicted class would be a million numbers that nobody reads.
_MOST_CONFUSED = 100
#: There is nothing to tell apart where all rows are of one class.
_TELLING_APART = {"precision", "recall", "f1", "roc_auc", "average_precision"}


@dataclass(frozen=True)
class Measured:
    """The metrics of a model and of the baseline, by name; for classes also one by one.

    :param headline: the name of the metric that stands for all.
    :param interval: the bounds of that metric.
    :param rows: how many were tested.
    :param positive: the class that binary metrics are about; None unless there are two.
    :param labels: all classes, also those that none of the rows has.
    :param per_class: label → precision, recall, f1 and rows in the test part.
    :param confusion: rows by true class and predicted class, in the order of *labels*.
    """

    model: dict[str, float]
    baseline: dict[str, float]
    headline: str
    interval: Interval
    rows: int
    positive: Any = None
    labels: tuple[Any, ...] = ()
    per_class: dict[str, dict[str, float]] | None = None
    confusion: list[list[int]] | None = None

    @property
    def untested(self) -> list[Any]:
        """The classes that none of the rows has, so that nothing here is about them."""
        return [label for label, row in zip(self.labels, self.confusion or (), strict=True) if not any(row)]

    @property
    def doubt(self) -> str:
        """What keeps the model from being better than the baseline, by the headline, in words; empty where nothing does."""
        value, other = self.model[self.headline], self.baseline[self.headline]
        if not METRICS[self.headline].is_better(value, other):
            return "no better than the baseline" if value == other else "worse than the baseline"
        return "no better than the baseline within chance" if self.interval and self.interval.lead_low <= 0 else ""

    @property
    def verdict(self) -> str:
        """The model beside the baseline, in words."""
        return self.doubt or "better than the baseline"


def predict(pipeline: Any, features: Any, kind: Kind) -> Predictions:
    """Return what the fitted *pipeline* predicts for *features*."""
    if kind != CLASSIFICATION:
        return Predictions(pipeline.predict(features), None, None)
    scores = pipeline.predict_proba(features)
    classes = pipeline.classes_
    last = pipeline[-1] if isinstance(pipeline, Pipeline) else pipeline
    if isinstance(last, FixedThresholdClassifier):
        return Predictions(pipeline.predict(features), scores, classes)
    return Predictions(classes[scores.argmax(axis=1)], scores, classes)


def measure(
    kind: Kind,
    learned: NDArray[Any],
    actual: NDArray[Any],
    predicted: Predictions,
    *,
    headline: str | None = None,
    random_state: int = 0,
) -> Measured:
    """Return the metrics of *predicted* against *actual*, and those of a baseline that has seen *learned* only.

    The baseline predicts the share of each class, or the mean.

    :param headline: the metric that stands for all, where these rows have it; by default the one for this kind of target.
    """
    dummy = DummyClassifier(strategy="prior") if kind == CLASSIFICATION else DummyRegressor(strategy="mean")
    dummy.fit(np.zeros((len(learned), 1)), learned)
    known_alone = predict(dummy, np.zeros((len(actual), 1)), kind)
    positive = choose_positive(learned) if kind == CLASSIFICATION else None
    tested, baseline = (number_classes(actual, each, positive) for each in (predicted, known_alone))
    names = [name for name in METRICS if _has(name, tested)]
    of_model, of_baseline = ({name: _compute(name, each) for name in names} for each in (tested, baseline))
    wanted = (headline or "", choose_metric(kind, len(tested.classes)), "balanced_accuracy", "rmse")
    headline = next(name for name in wanted if name in of_model)
    interval = find_interval(headline, tested, baseline, (of_model[headline], of_baseline[headline]), random_state)
    measured = Measured(of_model, of_baseline, headline, interval, len(actual))
    if kind != CLASSIFICATION:
        return measured
    labels, numbers = tested.classes, range(len(tested.classes))
    # One by one, not by name as scikit-learn's report has them: a class may be called `accuracy`.
    shares = sk.precision_recall_fscore_support(tested.actual, tested.labels, labels=numbers, zero_division=0)
    return replace(
        measured,
        positive=positive,
        labels=labels,
        per_class={
            str(label): {"precision": precision, "recall": recall, "f1": f1, "rows": rows}
            for label, precision, recall, f1, rows in zip(labels, *(each.tolist() for each in shares), strict=True)
        },
        confusion=sk.confusion_matrix(tested.actual, tested.labels, labels=numbers).tolist(),
    )


def score(name: str, actual: NDArray[Any], predicted: Predictions, positive: Any = None) -> float:
    """Return the metric *name* alone; nan where these rows do not have it.

    :param positive: of two classes the one that it is about, as `choose_positive` finds it.
    """
    tested = number_classes(actual, predicted, positive)
    return _compute(name, tested) if _has(name, tested) else np.nan


def score_error(kind: Kind, actual: NDArray[Any], predicted: Predictions) -> float:
    """Return one number that grows with the error: the log loss, or the root of the mean squared error."""
    return score("log_loss" if kind == CLASSIFICATION else "rmse", actual, predicted)


def choose_positive(learned: NDArray[Any]) -> Any:
    """Return the class that the two-class metrics are about: true, the greater number, or the rarer text; None unless there are two."""
    labels, counts = np.unique(learned, return_counts=True)
    if len(labels) != 2:
        return None
    if learned.dtype != object:
        return labels[-1].item()
    return labels[1] if counts[1] <= counts[0] else labels[0]


def describe_measured(measured: Measured, kind: Kind, rows: Mapping[str, int]) -> dict[str, Any]:
    """Return the content of `metrics.json`."""
    content: dict[str, Any] = {
        "kind": kind,
        "rows": dict(rows),
        "headline": measured.headline,
        "model": measured.model,
        "baseline": measured.baseline,
        "less_is_better": sorted(name for name in measured.model if METRICS[name].less_is_better),
        "interval": describe_interval(measured.interval),
        "against_baseline": measured.verdict,
    }
    if measured.confusion is not None:
        content |= {
            "positive_class": measured.positive,
            "untested_classes": measured.untested,
            "per_class": measured.per_class,
        }
        if len(measured.labels) <= _MOST_CONFUSED:
            confusion = {"labels": list(measured.labels), "rows_by_actual_and_predicted": measured.confusion}
            content["confusion"] = confusion
    return content


def _has(name: str, tested: Tested) -> bool:
    """Whether the rows that were *tested* have the metric *name*."""
    if (METRICS[name].kind == CLASSIFICATION) != (tested.scores is not None):
        return False
    if tested.scores is not None:
        if METRICS[name].two_classes and tested.positive is None:
            return False
        can_be_told = len(tested.present) > 1 and (tested.positive is None or tested.positive in tested.present)
        return can_be_told or name not in _TELLING_APART
    if name == "mape":
        # A share of the true value says something only where all of them are well away from zero.
        sizes = np.abs(tested.actual)
        return bool(sizes.min() > 0.01 * sizes.mean())
    return name != "r2" or len(tested.actual) > 1


def _compute(name: str, tested: Tested) -> float:
    return float(weigh(name, tested, np.ones((1, len(tested.actual))))[0])
