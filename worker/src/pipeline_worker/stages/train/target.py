"""What is to be predicted: classes or a quantity, and by which rule that is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import types

from ...errors import DataFault, ParameterInvalid
from .kind import CLASSIFICATION, REGRESSION, Kind

#: A whole-number target with at most so many different values, each in so many rows on average, is a label.
MAX_CLASSES, MIN_ROWS_PER_CLASS = 20, 5
#: More classes are names, not labels; a model of them would be slow and large.
MOST_CLASSES = 1_000
#: Fewer rows cannot be cut into a part to learn from and a part to test on.
MIN_ROWS = 4
#: Beyond this, not every whole number is a 64-bit float: such a float says nothing of what was counted.
_LARGEST_WHOLE = 2**53


@dataclass(frozen=True)
class Target:
    """The target's values and what they can be taken for.

    :param array: the value of each row: text, booleans, integers or floats; these are what a classifier predicts.
    :param kind: what it is taken for where no model is asked for.
    :param kinds: everything that it can be taken for.
    :param rule: why, in words.
    :param distinct: how many different values there are.
    """

    name: str
    array: NDArray[Any]
    kind: Kind
    kinds: frozenset[Kind]
    rule: str
    distinct: int


def describe_target(values: pa.Array, name: str) -> Target:
    """Return what the target *values*, none of them missing, can be taken for.

    Text and booleans are classes, and numbers with a fraction are quantities. Whole numbers, also where they are written `1.0`, can
    be either; without a model asked for they are classes if there are two different ones, or at most 20 with five rows each on
    average.

    :raises DataFault: there are too few rows, or only one value.
    :raises ParameterInvalid: a date or a time, which none of the models can predict; or text that hardly repeats.
    """
    kind_of_values = values.type
    if types.is_temporal(kind_of_values):
        raise ParameterInvalid(
            f"`{name}` holds dates or times, and the models predict classes or numbers.",
            where="target_column",
            fix="Choose another target, or write it as a number (days until then, for instance).",
            details={"parameter": "target_column", "column": name, "type": str(kind_of_values)},
        )
    rows, distinct = len(values), len(pc.unique(values))
    if rows < MIN_ROWS:
        raise DataFault(
            f"There {'is only 1 row' if rows == 1 else f'are only {rows} rows'} with a target; at least {MIN_ROWS} are needed to train "
            "and to test.",
            where=f"column `{name}`",
            fix="Add rows with a target to the file, and drop it again; or choose another `target_column`.",
            details={"rows": rows},
        )
    if distinct < 2:
        raise DataFault(
            f"All {rows} rows have the same value in the target `{name}`; there is nothing to learn.",
            where=f"column `{name}`",
            fix="Add rows with other values, or choose another `target_column`.",
            details={"column": name, "value": values[0].as_py()},
        )
    array = _to_array(values)
    if types.is_boolean(kind_of_values):
        return Target(name, array, CLASSIFICATION, frozenset({CLASSIFICATION}), "it is true or false", distinct)
    can_be_classes = distinct <= min(rows / 2, MOST_CLASSES)
    if array.dtype == object:
        if not can_be_classes:
            raise ParameterInvalid(
                f"`{name}` is text with {distinct} different values in {rows} rows: these are no classes to learn.",
                where="target_column",
                fix=f"Choose a target whose values repeat, with at most {MOST_CLASSES:,} different ones.",
                details={"parameter": "target_column", "column": name, "distinct": distinct, "rows": rows},
            )
        return Target(name, array, CLASSIFICATION, frozenset({CLASSIFICATION}), "it is text", distinct)
    if not np.issubdtype(array.dtype, np.integer):
        return Target(name, array, REGRESSION, frozenset({REGRESSION}), "it has numbers with a fraction", distinct)
    kinds = frozenset({CLASSIFICATION, REGRESSION}) if can_be_classes else frozenset({REGRESSION})
    few = distinct == 2 or (distinct <= MAX_CLASSES and rows >= MIN_ROWS_PER_CLASS * distinct)
    kind = CLASSIFICATION if few and can_be_classes else REGRESSION
    rule = f"it has {distinct} different whole numbers in {rows} rows"
    return Target(name, array, kind, kinds, rule, distinct)


def _to_array(values: pa.Array) -> NDArray[Any]:
    """Return *values* for scikit-learn; numbers are integers if all of them are whole."""
    array: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    if not np.issubdtype(array.dtype, np.floating):
        return array
    is_whole = np.array_equal(array, np.floor(array)) and np.abs(array).max() <= _LARGEST_WHOLE
    return array.astype(np.int64) if is_whole else array
