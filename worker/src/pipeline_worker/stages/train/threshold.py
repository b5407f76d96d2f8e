"""Which of two classes is predicted: by a threshold that was chosen on rows that the model had not learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from .fit import Encoded, Fitted
from .metric_table import METRICS
from .metrics import Predictions, score

#: Thresholds that are tried at most: those that cut the probabilities into as many equal parts.
_TRIED = 200


def choose_threshold(predicted: Predictions, actual: NDArray[Any], positive: Any, metric: str | None) -> float:
    """Return the probability of *positive* from which on it is predicted: the one with the best *metric*.

    :param predicted: of rows that the model has not learned from.
    :param metric: where it is about probabilities, or None, balanced accuracy is taken.
    """
    assert predicted.classes is not None
    name = metric if metric and not METRICS[metric].needs_scores else "balanced_accuracy"
    of_positive, other = predicted.scores_of(positive), predicted.classes[predicted.classes != positive][0]
    tried = np.unique(np.quantile(of_positive, np.linspace(0, 1, _TRIED)))
    # Between two probabilities, where a little more or less changes nothing.
    tried = (tried[:-1] + tried[1:]) / 2 if len(tried) > 1 else np.array([0.5])
    values = []
    for threshold in tried:
        labels = np.where(of_positive >= threshold, positive, other).astype(predicted.classes.dtype)
        values.append(score(name, actual, replace(predicted, labels=labels), positive))
    best = METRICS[name].sign * np.array(values)
    # Of all that are as good, the one in the middle.
    as_good = np.flatnonzero(best >= np.nanmax(best) - 1e-12)
    return float(tried[as_good[len(as_good) // 2]])


def set_threshold(fitted: Fitted, encoded: Encoded, target: NDArray[Any], threshold: float, positive: Any) -> Fitted:
    """Return *fitted* with a last step that predicts *positive* from *threshold* on; its probabilities stay."""
    *steps, (name, estimator) = fitted.pipeline.steps
    last = FixedThresholdClassifier(
        FrozenEstimator(estimator), threshold=threshold, pos_label=positive, response_method="predict_proba"
    )
    # A frozen estimator learns nothing here: this only tells the step its classes.
    last.fit(encoded.rows, target)
    return replace(fitted, pipeline=Pipeline([*steps, (name, last)]))


def find_estimator(pipeline: Pipeline) -> Any:
    """Return what has learned, below a threshold or without one."""
    last = pipeline.named_steps["model"]
    return last.estimator.estimator if isinstance(last, FixedThresholdClassifier) else last
