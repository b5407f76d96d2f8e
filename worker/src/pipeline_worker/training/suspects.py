"""Columns that a person should look at: row numbers, and those that give the target away. Cheap looks only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..column_note import say_note
from ..schema import Column
from .target import CLASSIFICATION, Kind

#: In fewer rows everything can be a coincidence.
_MIN_ROWS = 20
_GLANCE = 200


def find_suspects(
    features: pd.DataFrame, columns: Sequence[Column], target: NDArray[Any], kind: Kind, rows: int
) -> dict[str, str]:
    """Return column → why a person should look at it; nothing is changed because of it.

    :param rows: how many rows the dataset has, of which *features* are those with a target.
    """
    if len(features) < _MIN_ROWS:
        return {}
    # Text that looks like an identifier may be numbers in a form that was not read: then the note says so.
    return {column.name: why + say_note(column) for column, why in _find(features, columns, target, kind, rows)}


def _find(
    features: pd.DataFrame, columns: Sequence[Column], target: NDArray[Any], kind: Kind, rows: int
) -> Iterator[tuple[Column, str]]:
    advice = "if so, name it in `drop_columns`"
    for column in columns:
        values = features[column.name]
        if _is_number_of_row(values, column, rows) or _is_code(values, column):
            yield column, f"It has another value in each row, and reads like an identifier; {advice}."
        elif kind == CLASSIFICATION and _tells_class(values, column, target):
            yield column, f"Each of its values stands for one class; it may tell the target by itself; {advice}."
        elif kind != CLASSIFICATION and _tells_number(values, column, target):
            yield column, f"It rises and falls with the target exactly; it may tell it by itself; {advice}."


def _is_number_of_row(values: pd.Series, column: Column, rows: int) -> bool:
    if column.type != "integer" or column.nullable:
        return False
    return bool(values.max() - values.min() < rows and values.is_unique)


def _is_code(values: pd.Series, column: Column) -> bool:
    if column.type != "text" or values.hasnans or not values.is_unique:
        return False
    # Free text differs from row to row as well, but has words.
    return not values.head(_GLANCE).str.strip().str.contains(r"\s").any()


def _tells_class(values: pd.Series, column: Column, target: NDArray[Any]) -> bool:
    if column.type not in {"integer", "text", "boolean"}:
        return False
    classes = len(np.unique(target))
    distinct = values.nunique()
    if not 2 <= distinct <= 5 * classes:
        return False
    labels = pd.Series(target, index=values.index)
    is_one_class = labels.groupby(values).nunique().eq(1).all()
    return bool(is_one_class) and len(labels[values.notna()].unique()) == classes


def _tells_number(values: pd.Series, column: Column, target: NDArray[Any]) -> bool:
    if column.type not in {"integer", "number"}:
        return False
    is_there = values.notna().to_numpy()
    numbers, targets = values.to_numpy(dtype=float)[is_there], target[is_there].astype(float)
    if len(numbers) < _MIN_ROWS or not numbers.std() or not targets.std():
        return False
    return bool(abs(np.corrcoef(numbers, targets)[0, 1]) > 0.9999)
