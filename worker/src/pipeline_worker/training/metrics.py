"""How good a model is on the rows that it was not shown, beside a baseline that knows nothing of the features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk
from sklearn.dummy import DummyClassifier, DummyRegressor

from .kind import CLASSIFICATION, REGRESSION, Kind

#: Metrics for which less is better; for all others more is.
LESS_IS_BETTER = frozenset({"log_loss", "mse", "rmse", "mae", "median_ae", "mape"})
#: Of more classes, rows by actual and predicted class would be a million numbers that nobody reads.
_MOST_CONFUSED = 100
#: The one that stands for all in a line, by the kind of the target.
HEADLINES: dict[Kind, str] = {CLASSIFICATION: "balanced_accuracy", REGRESSION: "r2"}


@dataclass(frozen=True)
class Predictions:
    """What a model says of the test part.

    :param labels: predicted classes or numbers, one for each row.
    :param scores: rows by classes, in the order of *classes*; None for regression.
    """

    labels: NDArray[Any]
    scores: NDArray[Any] | None
    classes: NDArray[Any] | None


@dataclass(frozen=True)
class Measured:
    """The metrics of a model and of the baseline, by name; for classes also one by one.

    :param positive: the class that binary metrics are about; None unless there are two.
    :param per_class: label → precision, recall, f1 and rows in the test part.
    :param confusion: rows by true class and predicted class, in the order of *labels*.
    """

    model: dict[str, float]
    baseline: dict[str, float]
    positive: Any = None
    labels: tuple[Any, ...] = ()
    per_class: dict[str, dict[str, float]] | None = None
    confusion: list[list[int]] | None = None

    @property
    def headline(self) -> str:
        """The name of the metric that stands for all; a single row has no R²."""
        name = HEADLINES[CLASSIFICATION if self.confusion is not None else REGRESSION]
        return name if name in self.model else "rmse"


def predict(pipeline: Any, features: Any, kind: Kind) -> Predictions:
    """Return what the fitted *pipeline* predicts for *features*."""
    if kind != CLASSIFICATION:
        return Predictions(pipeline.predict(features), None, None)
    scores = pipeline.predict_proba(features)
    classes = pipeline.classes_
    return Predictions(classes[scores.argmax(axis=1)], scores, classes)


def measure(kind: Kind, learned: NDArray[Any], actual: NDArray[Any], predicted: Predictions) -> Measured:
    """Return the metrics of *predicted* against *actual*, and those of a baseline that has seen *learned* only.

    The baseline predicts the share of each class, or the mean.
    """
    dummy = DummyClassifier(strategy="prior") if kind == CLASSIFICATION else DummyRegressor(strategy="mean")
    dummy.fit(np.zeros((len(learned), 1)), learned)
    baseline = predict(dummy, np.zeros((len(actual), 1)), kind)
    if kind != CLASSIFICATION:
        return Measured(_measure_numbers(actual, predicted), _measure_numbers(actual, baseline))
    assert predicted.classes is not None
    classes = predicted.classes
    positive = choose_positive(learned) if len(classes) == 2 else None
    # One by one, not by name as scikit-learn's report has them: a class may be called `accuracy`.
    shares = sk.precision_recall_fscore_support(actual, predicted.labels, labels=classes, zero_division=0)
    return Measured(
        model=_measure_classes(actual, predicted, positive),
        baseline=_measure_classes(actual, baseline, positive),
        positive=positive,
        labels=tuple(classes.tolist()),
        per_class={
            str(label): {"precision": precision, "recall": recall, "f1": f1, "rows": rows}
            for label, precision, recall, f1, rows in zip(
                classes.tolist(), *(each.tolist() for each in shares), strict=True
            )
        },
        confusion=sk.confusion_matrix(actual, predicted.labels, labels=classes).tolist(),
    )


def describe_measured(measured: Measured, kind: Kind, rows: Mapping[str, int]) -> dict[str, Any]:
    """Return the content of `metrics.json`."""
    content: dict[str, Any] = {
        "kind": kind,
        "rows": dict(rows),
        "model": measured.model,
        "baseline": measured.baseline,
        "less_is_better": sorted(LESS_IS_BETTER & measured.model.keys()),
    }
    if measured.confusion is not None:
        content |= {
            "positive_class": measured.positive,
            "per_class": measured.per_class,
        }
        if len(measured.labels) <= _MOST_CONFUSED:
            confusion = {"labels": list(measured.labels), "rows_by_actual_and_predicted": measured.confusion}
            content["confusion"] = confusion
    return content


def _measure_numbers(actual: NDArray[Any], predicted: Predictions) -> dict[str, float]:
    labels = predicted.labels
    mse = float(sk.mean_squared_error(actual, labels))
    values = {
        "mse": mse,
        "rmse": float(np.sqrt(mse)),
        "mae": float(sk.mean_absolute_error(actual, labels)),
        "median_ae": float(sk.median_absolute_error(actual, labels)),
    }
    if len(actual) > 1:
        values["r2"] = float(sk.r2_score(actual, labels))
    # A share of the true value says something only where all of them are well away from zero.
    if np.abs(actual).min() > 0.01 * np.abs(actual).mean():
        values["mape"] = float(sk.mean_absolute_percentage_error(actual, labels))
    return values


def _measure_classes(actual: NDArray[Any], predicted: Predictions, positive: Any) -> dict[str, float]:
    assert predicted.scores is not None
    assert predicted.classes is not None
    labels, scores, classes = predicted.labels, predicted.scores, predicted.classes
    present = np.unique(actual)
    values = {
        "accuracy": float(sk.accuracy_score(actual, labels)),
        # The mean of the recalls of the classes that are in the test part.
        "balanced_accuracy": float(sk.recall_score(actual, labels, labels=present, average="macro", zero_division=0)),
        "f1_macro": float(sk.f1_score(actual, labels, labels=present, average="macro", zero_division=0)),
        "f1_weighted": float(sk.f1_score(actual, labels, labels=present, average="weighted", zero_division=0)),
        "log_loss": float(sk.log_loss(actual, scores, labels=classes)),
    }
    if len(present) > 1:
        values["roc_auc"] = _measure_auc(actual, scores, classes)
        if positive is not None:
            position = int(np.flatnonzero(classes == positive)[0])
            values["average_precision"] = float(sk.average_precision_score(actual == positive, scores[:, position]))
    return values


def _measure_auc(actual: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any]) -> float:
    """Return the mean, over the classes in the test part, of the area under the curve of each against the rest."""
    areas = [
        sk.roc_auc_score(actual == label, scores[:, position])
        for position, label in enumerate(classes)
        if (actual == label).any()
    ]
    return float(np.mean(areas))


def choose_positive(learned: NDArray[Any]) -> Any:
    """Return the class that the two-class metrics are about: true, the greater number, or the rarer text."""
    labels, counts = np.unique(learned, return_counts=True)
    if learned.dtype != object:
        return labels[-1].item()
    return labels[1] if counts[1] <= counts[0] else labels[0]


def score_error(kind: Kind, actual: NDArray[Any], predicted: Predictions) -> float:
    """Return one number that grows with the error: the log loss, or the root of the mean squared error."""
    if kind == CLASSIFICATION:
        return float(sk.log_loss(actual, predicted.scores, labels=predicted.classes))
    return float(np.sqrt(sk.mean_squared_error(actual, predicted.labels)))


def score(name: str, actual: NDArray[Any], predicted: Predictions, positive: Any = None) -> float:
    """Return the metric *name* alone."""
    values = (
        _measure_numbers(actual, predicted)
        if predicted.scores is None
        else _measure_classes(actual, predicted, positive)
    )
    return values[name]
