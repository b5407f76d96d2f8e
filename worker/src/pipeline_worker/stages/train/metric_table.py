"""The metrics that a model is measured by, a line each. The request names them, so nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """What is to be known of a metric without computing it.

    :param name: as in `metrics.json`, in MLflow and in the request.
    :param word: as people write it.
    :param kind: the kind of target that it is about.
    :param less_is_better: as for errors; of all others, more is better.
    :param needs_scores: it is about the probabilities of the classes, rather than about the most probable one.
    :param two_classes: it is about the positive one of two classes, and there is none of more.
    """

    name: str
    word: str
    kind: Literal["classification", "regression"]
    less_is_better: bool = False
    needs_scores: bool = False
    two_classes: bool = False

    @property
    def sign(self) -> int:
        """What a value is multiplied with so that more is always better."""
        return -1 if self.less_is_better else 1

    def is_better(self, value: float, other: float) -> bool:
        """Whether *value* is better than *other*; nothing is better than itself."""
        return value < other if self.less_is_better else value > other


#: In the order in which they are shown.
METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "classification"),
        Metric("balanced_accuracy", "balanced accuracy", "classification"),
        Metric("precision", "precision", "classification", two_classes=True),
        Metric("recall", "recall", "classification", two_classes=True),
        Metric("f1", "F1", "classification", two_classes=True),
        Metric("precision_macro", "precision, mean of the classes", "classification"),
        Metric("f1_macro", "F1, mean of the classes", "classification"),
        Metric("f1_weighted", "F1, weighted by rows", "classification"),
        Metric("roc_auc", "ROC AUC", "classification", needs_scores=True),
        Metric("average_precision", "average precision", "classification", needs_scores=True),
        Metric("log_loss", "log loss", "classification", less_is_better=True, needs_scores=True),
        Metric("brier", "Brier score", "classification", less_is_better=True, needs_scores=True),
        Metric("mse", "MSE", "regression", less_is_better=True),
        Metric("rmse", "RMSE", "regression", less_is_better=True),
        Metric("mae", "MAE", "regression", less_is_better=True),
        Metric("median_ae", "median absolute error", "regression", less_is_better=True),
        Metric("mape", "MAPE", "regression", less_is_better=True),
        Metric("r2", "R²", "regression"),
    )
}


def choose_metric(kind: Literal["classification", "regression"], classes: int) -> str:
    """Return the name of the metric that stands for all where nobody chose one.

    Of two classes it is the ROC AUC: where 5 % of the rows are positive, the most probable class is hardly ever it, and a good
    model has a balanced accuracy of a half.

    :param classes: how many there are; of no account for numbers.
    """
    if kind == "regression":
        return "r2"
    return "roc_auc" if classes == 2 else "balanced_accuracy"
