"""Each metric of the table, of many resamples at once: a row counts as often as a resample has it.

Scikit-learn's functions take one such weighting at a time, and look at all rows anew: 7 s for a thousand of 70 rows, and 80 s for one
of 200,000 rows in 200 classes, instead of 8 s. The tests hold these to its values.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .tested import Tested

#: Resamples by rows: how often each row is there.
Counts = NDArray[np.float64]
Values = NDArray[np.float64]


def weigh(name: str, tested: Tested, counts: Counts) -> Values:
    """Return the metric *name* of each resample; nan where a resample does not have it."""
    if name in _LOSSES:
        return _mean(_LOSSES[name](tested), counts)
    return _OTHERS[name](tested, counts)


def _mean(losses: Values, counts: Counts) -> Values:
    mean: Values = counts @ losses / counts.sum(axis=1)
    return mean


def _lose_log(tested: Tested) -> Values:
    assert tested.scores is not None
    scores = tested.scores[np.arange(len(tested.actual)), tested.actual]
    least = np.finfo(scores.dtype).eps
    losses: Values = -np.log(np.clip(scores, least, 1 - least)).astype(float)
    return losses


def _lose_brier(tested: Tested) -> Values:
    assert tested.scores is not None
    errors = tested.scores.astype(float)
    errors[np.arange(len(errors)), tested.actual] -= 1
    losses: Values = np.square(errors).sum(axis=1)
    return losses / 2 if errors.shape[1] == 2 else losses


#: The metrics that are a mean over the rows: what each row adds.
_LOSSES: dict[str, Callable[[Tested], Values]] = {
    "accuracy": lambda tested: (tested.actual == tested.labels).astype(float),
    "log_loss": _lose_log,
    "brier": _lose_brier,
    "mse": lambda tested: np.square(tested.actual - tested.labels),
    "mae": lambda tested: np.abs(tested.actual - tested.labels),
    "mape": lambda tested: np.abs((tested.actual - tested.labels) / tested.actual),
}


def _weigh_r2(tested: Tested, counts: Counts) -> Values:
    spread = tested.actual - tested.actual.mean()
    variances = _mean(np.square(spread), counts) - np.square(_mean(spread, counts))
    # Where all values are the same, there is nothing to explain, and what is left is rounding.
    variances = np.where(variances > 1e-12 * np.square(spread).mean(), variances, np.nan)
    values: Values = 1 - _mean(_LOSSES["mse"](tested), counts) / variances
    # Rounded: of a zero what is left of the computation would be shown.
    return values.round(12)


def _weigh_median(tested: Tested, counts: Counts) -> Values:
    errors = np.abs(tested.actual - tested.labels)
    order = np.argsort(errors)
    errors, reached = errors[order], counts[:, order].cumsum(axis=1)
    rows = reached[:, -1:]
    lower, upper = ((reached > middle).argmax(axis=1) for middle in ((rows - 1) // 2, rows // 2))
    middles: Values = (errors[lower] + errors[upper]) / 2
    return middles


def _count(tested: Tested, counts: Counts) -> tuple[Values, Values, Values]:
    """Return the rows of each class, those predicted to be of it, and those that are both; resamples by classes present."""
    classes = int(max(tested.actual.max(), tested.labels.max())) + 1

    def add_up(numbers: NDArray[np.int64], counted: Counts) -> Values:
        of_class = sparse.csr_array(
            (np.ones(len(numbers)), (numbers, np.arange(len(numbers)))), (classes, len(numbers))
        )
        sums: Values = (of_class @ counted.T).T[:, tested.present]
        return sums

    right = add_up(tested.actual, counts * (tested.actual == tested.labels))
    return add_up(tested.actual, counts), add_up(tested.labels, counts), right


def _divide(part: Values, whole: Values) -> Values:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _weigh_recall(tested: Tested, counts: Counts) -> Values:
    actual, _, right = _count(tested, counts)
    return _divide(right, actual)


def _weigh_precision(tested: Tested, counts: Counts) -> Values:
    _, predicted, right = _count(tested, counts)
    return _divide(right, predicted)


def _weigh_f1(tested: Tested, counts: Counts) -> Values:
    actual, predicted, right = _count(tested, counts)
    return _divide(2 * right, actual + predicted)


def _weigh_f1_by_rows(tested: Tested, counts: Counts) -> Values:
    actual, predicted, right = _count(tested, counts)
    values: Values = (_divide(2 * right, actual + predicted) * actual).sum(axis=1) / actual.sum(axis=1)
    return values


def _rank(tested: Tested, counts: Counts, number: int) -> tuple[Values, Values]:
    """Return the rows of class *number* and those of the others, by their score for it: resamples by scores, falling."""
    assert tested.scores is not None
    scores = tested.scores[:, number]
    order = np.argsort(-scores, kind="stable")
    begins = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    is_its = (tested.actual == number)[order]
    counted = counts[:, order]
    its: Values = np.add.reduceat(counted * is_its, begins, axis=1)
    return its, np.add.reduceat(counted, begins, axis=1) - its


def _find_area(its: Values, others: Values) -> Values:
    behind = others.sum(axis=1, keepdims=True) - others.cumsum(axis=1)
    area: Values = (its * (behind + others / 2)).sum(axis=1) / (its.sum(axis=1) * others.sum(axis=1))
    return area


def _find_average_precision(its: Values, others: Values) -> Values:
    found = its.cumsum(axis=1)
    precision = _divide(found, found + others.cumsum(axis=1))
    average: Values = (its * precision).sum(axis=1) / its.sum(axis=1)
    return average


def _over_classes(find: Callable[[Values, Values], Values]) -> Callable[[Tested, Counts], Values]:
    """Return the mean, over the classes, of what *find* says of one against the rest; of two classes that of the positive one."""

    def weigh_all(tested: Tested, counts: Counts) -> Values:
        classes = tested.present if tested.positive is None else [tested.positive]
        means: Values = np.mean([find(*_rank(tested, counts, number)) for number in classes], axis=0)
        return means

    return weigh_all


def _of_positive(weigh_each: Callable[[Tested, Counts], Values]) -> Callable[[Tested, Counts], Values]:
    return lambda tested, counts: weigh_each(tested, counts)[:, tested.present.tolist().index(tested.positive)]


def _averaged(weigh_each: Callable[[Tested, Counts], Values]) -> Callable[[Tested, Counts], Values]:
    return lambda tested, counts: weigh_each(tested, counts).mean(axis=1)


_OTHERS: dict[str, Callable[[Tested, Counts], Values]] = {
    "balanced_accuracy": _averaged(_weigh_recall),
    "precision": _of_positive(_weigh_precision),
    "recall": _of_positive(_weigh_recall),
    "f1": _of_positive(_weigh_f1),
    "precision_macro": _averaged(_weigh_precision),
    "f1_macro": _averaged(_weigh_f1),
    "f1_weighted": _weigh_f1_by_rows,
    "roc_auc": _over_classes(_find_area),
    "average_precision": _over_classes(_find_average_precision),
    "rmse": lambda tested, counts: np.sqrt(_mean(_LOSSES["mse"](tested), counts)),
    "median_ae": _weigh_median,
    "r2": _weigh_r2,
}
