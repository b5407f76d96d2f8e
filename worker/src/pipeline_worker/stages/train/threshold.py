"""Which of two classes is predicted: by a threshold that was chosen on rows that the model had not learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from .candidates import Candidate
from .cross_validation import predict_out_of_fold
from .fit import Encoded, Fitted
from .folds import make_folds
from .metric_table import METRICS
from .metrics import score
from .plan import Plan

#: Thresholds that are tried at most: those that cut the probabilities into as many equal parts.
_TRIED = 200


def choose_threshold(plan: Plan, candidate: Candidate) -> float:
    """Return the probability of the positive class from which on it is predicted: the one with the best metric.

    The rows to learn from are predicted for that, each by a model that has not learned from it. Where the metric that is asked for
    is about probabilities, or none is, balanced accuracy is taken.
    """
    target, split, metric, positive = plan.train_target, plan.split, plan.request.metric, plan.positive
    folds = make_folds(target, plan.kind, 5, plan.request.random_state, groups=split.groups, times=split.times)
    predicted = predict_out_of_fold(plan, candidate, folds)
    actual = target[np.sort(np.concatenate([fold.test for fold in folds]))]
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
