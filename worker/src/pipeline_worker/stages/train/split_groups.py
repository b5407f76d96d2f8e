"""A split by groups: the model is tested on patients, machines or customers that it has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import DataFault, ParameterInvalid
from .folds import Rows, keep_classes, number_labels
from .kind import CLASSIFICATION, Kind
from .split import Split, count_tested

#: So many ways to pick groups are compared.
_TRIES = 50


def split_groups(
    target: NDArray[Any], kind: Kind, groups: pa.Array, name: str, test_size: float, random_state: int
) -> Split:
    """Return a random split that no group is on both sides of, the same for the same *random_state*.

    Of many picks of groups the one is taken whose test part is nearest to a share of *test_size*, class by class. Each
    class is learned. Rows without a group stand for themselves.

    :param groups: what each row is of, by the column called *name*.
    :raises ParameterInvalid: there is one group only, or `test_size` leaves nothing to learn from.
    :raises DataFault: each class lies in a group of its own, so none can be both learned and tested.
    """
    numbers, alone = number_groups(groups, name)
    classes = number_labels(target, kind)
    wanted = count_tested(len(target), test_size)
    is_test = _pick_groups(classes, numbers, wanted, np.random.default_rng(random_state))
    if not is_test.any():
        raise DataFault(
            f"Each class lies in one group of `{name}` alone, so none can be both learned and tested.",
            where=f"column `{name}`",
            fix='Name another `group_column`, or give {"training_scenario": "holdout"}.',
            details={"column": name},
        )
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    learned, tested = (len(np.unique(numbers[part])) for part in (train, test))
    notes = []
    if abs(len(test) - wanted) > max(1, wanted / 4):
        notes.append(f"The test part has {len(test):,} rows instead of {wanted:,}: each `{name}` stays in one part.")
    return Split(
        train,
        test,
        is_stratified=kind == CLASSIFICATION,
        groups=numbers[train],
        facts={"group_column": name, "groups": {"train": learned, "test": tested}},
        notes=(*notes, *alone),
    )


def number_groups(groups: pa.Array, name: str) -> tuple[Rows, tuple[str, ...]]:
    """Return the number of each row's group, where each row without one has a number of its own, and what to say of those.

    :raises ParameterInvalid: there is one group only.
    """
    numbers = groups.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    without = np.flatnonzero(numbers < 0)
    numbers[without] = numbers.max() + 1 + np.arange(len(without))
    if numbers.min() == numbers.max():
        raise ParameterInvalid(
            f"`{name}` has the same value in all rows, and one group cannot be both learned and tested.",
            where="group_column",
            fix='Name another `group_column`, or give {"training_scenario": "holdout"}.',
            details={"parameter": "group_column", "column": name},
        )
    note = f"{len(without):,} rows have no value in `{name}`, and were taken for a group each."
    return numbers, (note,) if len(without) else ()


def _pick_groups(classes: Rows, groups: Rows, wanted: int, random: np.random.Generator) -> NDArray[np.bool_]:
    sizes, rows = np.bincount(groups), np.bincount(classes)
    best, least = np.zeros(len(groups), dtype=bool), np.inf
    for _ in range(_TRIES):
        order = random.permutation(len(sizes))
        # As many as come nearest to what is wanted, but not all.
        count = int(np.argmin(np.abs(np.cumsum(sizes[order])[:-1] - wanted))) + 1
        is_picked = np.zeros(len(sizes), dtype=bool)
        is_picked[order[:count]] = True
        is_test = keep_classes(is_picked[groups], classes, groups)
        distance = np.abs(np.bincount(classes[is_test], minlength=len(rows)) - rows * wanted / len(groups)).sum()
        if is_test.any() and distance < least:
            best, least = is_test, distance
    return best
