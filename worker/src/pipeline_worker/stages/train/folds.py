"""Cross-validation inside the rows that are there to learn from: which of them are learned and which tested, fold by fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kind import CLASSIFICATION, Kind

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """The positions of the rows that are learned and tested in one fold, in order."""

    train: Rows
    test: Rows


def make_folds(
    target: NDArray[Any],
    kind: Kind,
    count: int,
    random_state: int,
    *,
    groups: Rows | None = None,
    times: Rows | None = None,
) -> list[Fold]:
    """Return up to *count* folds, at least two wherever two can be made, the same for the same *random_state*.

    Each row is tested once at most. Each class keeps its share in every fold as far as that goes; a class is never tested
    in a fold that learns none of it, so its last row, or its last group, is always learned.

    :param groups: the number of each row's group; no group is on both sides of a fold.
    :param times: the place of each row's time among all times; below zero where it has none. Each fold then tests rows that
        are later than all that it learns, and learns all earlier ones; rows without a time are always learned.
    """
    classes = number_labels(target, kind)
    if times is not None:
        return _cut_in_time(classes, times, count)
    units = np.arange(len(target)) if groups is None else np.unique(groups, return_inverse=True)[1]
    dealt = _deal(classes, units, count, np.random.default_rng(random_state))[units]
    folds = []
    for number in range(count):
        is_test = keep_classes(dealt == number, classes, units)
        if is_test.any() and not is_test.all():
            folds.append(Fold(np.flatnonzero(~is_test), np.flatnonzero(is_test)))
    return folds


def number_labels(target: NDArray[Any], kind: Kind) -> Rows:
    """Return the number of each row's class; of a quantity, all rows are of one."""
    return np.unique(target, return_inverse=True)[1] if kind == CLASSIFICATION else np.zeros(len(target), np.int64)


def keep_classes(is_test: NDArray[np.bool_], classes: Rows, units: Rows) -> NDArray[np.bool_]:
    """Return *is_test* without the units, smallest first, that it takes so that every class has rows to learn from.

    :param units: the number of what is kept whole: of each row itself, or of its group.
    """
    rows = np.bincount(classes)
    lacking = (rows > 0) & (np.bincount(classes[is_test], minlength=len(rows)) == rows)
    kept, sizes = is_test.copy(), np.bincount(units)
    for number in np.flatnonzero(lacking):
        of_class = classes == number
        # Unless a unit that another class needed has brought some along.
        if kept[of_class].all():
            its = np.unique(units[of_class])
            kept &= units != its[np.argmin(sizes[its])]
    return kept


def _deal(classes: Rows, units: Rows, count: int, random: np.random.Generator) -> Rows:
    """Return the fold of each unit: those with the same most frequent class are dealt out in turn, the largest first."""
    sizes, greatest = np.bincount(units), classes.max() + 1
    pairs, counts = np.unique(units * greatest + classes, return_counts=True)
    # By unit and count, so that the last of a unit is its most frequent class.
    ordered = pairs[np.lexsort((counts, pairs // greatest))]
    usual = ordered[np.flatnonzero(np.diff(ordered // greatest, append=-1))] % greatest
    dealt = np.empty(len(sizes), np.int64)
    dealt[np.lexsort((random.permutation(len(sizes)), -sizes, usual))] = np.arange(len(sizes)) % count
    return dealt


def _cut_in_time(classes: Rows, times: Rows, count: int) -> list[Fold]:
    ordered = np.sort(times[times >= 0])
    # As many rows in each part, the first of which is only learned; equal times are not cut apart.
    starts = np.unique(ordered[[len(ordered) * number // (count + 1) for number in range(1, count + 1)]])
    # Of classes, a model needs two.
    least = min(2, classes.max() + 1)
    folds = []
    for start, end in zip(starts, [*starts[1:], np.inf], strict=True):
        is_train = times < start
        learned = np.unique(classes[is_train])
        is_test = (times >= start) & (times < end) & np.isin(classes, learned)
        if len(learned) >= least and is_test.any():
            folds.append(Fold(np.flatnonzero(is_train), np.flatnonzero(is_test)))
    return folds
