"""A split in time: the latest rows are tested by a model that learned from all earlier ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import DataFault
from .folds import Rows
from .kind import CLASSIFICATION, Kind
from .split import Split, count_tested


def split_in_time(target: NDArray[Any], kind: Kind, times: pa.Array, name: str, test_size: float) -> Split:
    """Return the split that tests the latest rows, as near to a share of *test_size* as equal times, not cut apart, allow.

    Rows without a time are learned. Rows of a class that no earlier row has are in neither part, as nothing could predict it.

    :param times: when each row was, by the column called *name*.
    :raises ParameterInvalid: `test_size` leaves nothing to learn from.
    :raises DataFault: there are no two times, or the earlier rows all have the same class.
    """
    ranks = rank_times(times)
    boundary, wanted = _choose_boundary(np.sort(ranks[ranks >= 0]), name, test_size)
    is_late, first = ranks >= boundary, say_time(times, ranks, boundary)
    train = np.flatnonzero(~is_late)
    is_test = is_late & np.isin(target, target[train]) if kind == CLASSIFICATION else is_late
    if kind == CLASSIFICATION and len(np.unique(target[train])) < 2:
        raise DataFault(
            f"All {len(train)} rows before `{name}` {first} are of the same class; there is nothing to learn.",
            where=f"column `{name}`",
            fix='Give a smaller or greater `test_size`, or {"training_scenario": "holdout"}.',
            details={"column": name, "tested_from": first},
        )
    if not is_test.any():
        raise DataFault(
            f"No row from `{name}` {first} on is of a class that earlier rows have, so none can be tested.",
            where=f"column `{name}`",
            fix='Give a greater `test_size`, or {"training_scenario": "holdout"}.',
            details={"column": name, "tested_from": first},
        )
    late, timeless = int(is_late.sum()), int((ranks < 0).sum())
    notes = []
    if late != wanted:
        notes.append(
            f"{late:,} rows instead of {wanted:,} were kept aside: those with the same `{name}` stay together."
        )
    if timeless:
        notes.append(f"{timeless:,} rows have no value in `{name}`, and were only learned.")
    if late > is_test.sum():
        notes.append(
            f"{late - is_test.sum():,} rows from `{name}` {first} on are of classes that no earlier row has; they were neither "
            "learned nor tested."
        )
    return Split(
        train,
        np.flatnonzero(is_test),
        is_stratified=False,
        times=ranks[train],
        facts={"time_column": name, "tested_from": first},
        notes=tuple(notes),
    )


def rank_times(times: pa.Array) -> Rows:
    """Return the place of each of *times* among the different ones, from 0; below zero where there is none."""
    values = times.to_numpy(zero_copy_only=False)
    is_there = values == values  # noqa: PLR0124 - neither NaN nor NaT is equal to itself
    ranks = np.full(len(values), -1, np.int64)
    ranks[is_there] = np.unique(values[is_there], return_inverse=True)[1]
    return ranks


def say_time(times: pa.Array, ranks: Rows, rank: int) -> str:
    """Return the one of *times* that has this *rank*, as a person would write it: a date alone where it is midnight."""
    return str(times[int(np.argmax(ranks == rank))].as_py()).removesuffix(" 00:00:00")


def _choose_boundary(ordered: Rows, name: str, test_size: float) -> tuple[int, int]:
    """Return the earliest rank that is tested, and how many rows were to be."""
    if not len(ordered) or ordered[0] == ordered[-1]:
        raise DataFault(
            f"`{name}` has {'the same value' if len(ordered) else 'no value'} in all rows, so none is later than another.",
            where=f"column `{name}`",
            fix='Name another `time_column`, or give {"training_scenario": "holdout"}.',
            details={"column": name},
        )
    wanted = count_tested(len(ordered), test_size)
    rank = ordered[-wanted]
    # All that have this time are tested, or none of them: what is nearer, if it leaves something on both sides.
    more, fewer = (len(ordered) - int(np.searchsorted(ordered, rank, side)) for side in ("left", "right"))
    if more == len(ordered) or (fewer and wanted - fewer < more - wanted):
        return int(rank) + 1, wanted
    return int(rank), wanted
