"""The rows that a model learns from, and those that it is tested on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataFault, ParameterInvalid
from .folds import Fold, Rows
from .kind import CLASSIFICATION, Kind


@dataclass(frozen=True)
class Split:
    """The positions of the rows in either part, in the order of the file.

    Where the model is measured by cross-validation, all rows are in `train`, and `test` are those that a fold tests.

    :param groups: the number of the group of each row in `train`, which cross-validation keeps whole; None without groups.
    :param times: the place of the time of each row in `train` among all times, below zero where it has none; None where
        cross-validation is not to follow the time.
    :param folds: how cross-validation measures the model; positions are those of `train`. Empty where `test` is kept aside.
    :param facts: what describes the split beside the numbers of rows: name → value, for manifest, metrics and MLflow.
    :param notes: what a person should know of it.
    """

    train: Rows
    test: Rows
    is_stratified: bool
    groups: Rows | None = None
    times: Rows | None = None
    folds: tuple[Fold, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def split_rows(
    target: NDArray[Any], kind: Kind, test_size: float, random_state: int, *, copies: Rows | None = None
) -> Split:
    """Return a random split that keeps `ceil(test_size * rows)` rows aside, the same for the same *random_state*.

    For classes it is stratified: each has its share of the test part, but always leaves a row to learn from. A class
    with a single row is therefore learned and never tested, and the test part may come out smaller than asked for.

    :param copies: the number of the row that each is a copy of, or its own; the split is one of different rows then, and
        copies follow theirs.
    :raises ParameterInvalid: `test_size` leaves nothing to learn from.
    :raises DataFault: no class has two rows, so nothing can be tested.
    """
    if copies is not None:
        _, first, number = np.unique(copies, return_index=True, return_inverse=True)
        split = split_rows(target[first], kind, test_size, random_state)
        is_test = np.isin(number, split.test)
        train = np.flatnonzero(~is_test)
        return Split(train, np.flatnonzero(is_test), split.is_stratified, groups=copies[train], notes=split.notes)
    wanted = count_tested(len(target), test_size)
    random = np.random.default_rng(random_state)
    if kind != CLASSIFICATION:
        test = np.sort(random.permutation(len(target))[:wanted])
        return Split(np.delete(np.arange(len(target)), test), test, is_stratified=False)
    _, positions, counts = np.unique(target, return_inverse=True, return_counts=True)
    taken = share_out(counts, wanted)
    if not taken.sum():
        raise DataFault(
            "No class has two rows, so none can be both learned and tested.",
            where="the target",
            fix="Add rows of the same classes, or choose another `target_column`.",
            details={"classes": len(counts)},
        )
    members = [random.permutation(np.flatnonzero(positions == number))[:count] for number, count in enumerate(taken)]
    test = np.sort(np.concatenate(members))
    notes = (
        ()
        if taken.sum() == wanted
        else (f"The test part has {taken.sum()} rows instead of {wanted}: each class keeps one to be learned.",)
    )
    return Split(np.delete(np.arange(len(target)), test), test, is_stratified=True, notes=notes)


def count_tested(rows: int, test_size: float) -> int:
    """Return how many of *rows* are to be tested, one at least.

    :raises ParameterInvalid: it would be all of them.
    """
    # Rounded, as 0.2 * 15 is a little more than 3.
    wanted = max(1, math.ceil(round(test_size * rows, 6)))
    if wanted >= rows:
        raise ParameterInvalid(
            f"`test_size` {test_size:g} keeps all {rows} rows aside, and leaves none to learn from.",
            where="test_size",
            fix="Give a smaller number, such as 0.2, or add rows." if rows > 1 else "Add rows.",
            details={"parameter": "test_size", "rows": rows},
        )
    return wanted


def share_out(counts: Rows, wanted: int) -> Rows:
    """Return how many rows of each class, of which there are *counts*, are tested: *wanted* in all, if possible.

    Each class gets its share, rounded by the largest remainders, and keeps at least one row for learning.
    """
    shares = counts * wanted / counts.sum()
    taken = np.minimum(np.floor(shares), counts - 1).astype(np.int64)
    # Largest remainder first; among equals the larger class, then the earlier one.
    order = np.lexsort((np.arange(len(counts)), -counts, -(shares - np.floor(shares))))
    while taken.sum() < wanted and (taken < counts - 1).any():
        for number in order:
            if taken.sum() < wanted and taken[number] < counts[number] - 1:
                taken[number] += 1
    result: Rows = taken
    return result
