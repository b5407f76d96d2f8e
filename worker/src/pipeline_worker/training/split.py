"""The rows that a model learns from, and those that it is tested on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataFault, ParameterInvalid
from .kind import CLASSIFICATION, Kind

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """The positions of the rows in either part, in the order of the file.

    :param notes: what a person should know of it.
    """

    train: Rows
    test: Rows
    is_stratified: bool
    notes: tuple[str, ...] = ()


def split_rows(target: NDArray[Any], kind: Kind, test_size: float, random_state: int) -> Split:
    """Return a random split that keeps `ceil(test_size * rows)` rows aside, the same for the same *random_state*.

    For classes it is stratified: each has its share of the test part, but always leaves a row to learn from. A class
    with a single row is therefore learned and never tested, and the test part may come out smaller than asked for.

    :raises ParameterInvalid: `test_size` leaves nothing to learn from.
    :raises DataFault: no class has two rows, so nothing can be tested.
    """
    rows = len(target)
    # Rounded, as 0.2 * 15 is a little more than 3; one row at least, however small the share.
    wanted = max(1, math.ceil(round(test_size * rows, 6)))
    if wanted >= rows:
        raise ParameterInvalid(
            f"`test_size` {test_size:g} keeps all {rows} rows aside, and leaves none to learn from.",
            where="test_size",
            fix=f"Give a number up to {math.floor((1 - 1 / rows) * 1000) / 1000:g}, or add rows.",
            details={"parameter": "test_size", "rows": rows},
        )
    random = np.random.default_rng(random_state)
    if kind != CLASSIFICATION:
        test = np.sort(random.permutation(rows)[:wanted])
        return Split(_others(rows, test), test, is_stratified=False)
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
    return Split(_others(rows, test), test, is_stratified=True, notes=_describe(target, positions, taken, wanted))


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


def _others(rows: int, test: Rows) -> Rows:
    is_test = np.zeros(rows, dtype=bool)
    is_test[test] = True
    others: Rows = np.flatnonzero(~is_test).astype(np.int64)
    return others


def _describe(target: NDArray[Any], positions: Rows, taken: Rows, wanted: int) -> tuple[str, ...]:
    notes = []
    untested = np.flatnonzero(taken == 0)
    if len(untested):
        labels = [target[np.argmax(positions == number)] for number in untested]
        listed = ", ".join(repr(label) if isinstance(label, str) else str(label) for label in labels[:10])
        more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
        notes.append(
            f"{len(labels)} classes are too rare to be tested, and are only learned: {listed}{more}."
            if len(labels) > 1
            else f"The class {listed} is too rare to be tested, and is only learned."
        )
    if taken.sum() < wanted:
        notes.append(f"The test part has {taken.sum()} rows instead of {wanted}: each class keeps one to be learned.")
    return tuple(notes)
