"""Columns that a person should look at: those that give the target away. Cheap looks only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from ...column_note import say_note
from ...schema import Column
from .kind import CLASSIFICATION, Kind

#: In fewer rows everything can be a coincidence.
_MIN_ROWS = 20


def find_suspects(
    features: pd.DataFrame, columns: Sequence[Column], target: NDArray[Any], kind: Kind
) -> dict[str, str]:
    """Return column → why a person should look at it; nothing is changed because of it."""
    if len(features) < _MIN_ROWS:
        return {}
    return {column.name: why + say_note(column) for column, why in _find(features, columns, target, kind)}


def _find(
    features: pd.DataFrame, columns: Sequence[Column], target: NDArray[Any], kind: Kind
) -> Iterator[tuple[Column, str]]:
    advice = "it may tell it by itself; if so, name it in `drop_columns`"
    for column in columns:
        values = features[column.name]
        if kind != CLASSIFICATION:
            if _tells_number(values, column, target):
                yield column, f"It rises and falls with the target exactly; {advice}."
        elif _tells_class(values, column, target):
            yield column, f"Each of its values stands for one class of the target; {advice}."
        elif _parts_classes(values, column, target):
            yield column, f"Its values alone tell the classes of the target apart without a mistake; {advice}."


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


def _parts_classes(values: pd.Series, column: Column, target: NDArray[Any]) -> bool:
    """Whether the values of each class lie in a range of their own."""
    if column.type not in {"integer", "number", "date", "timestamp"} or values.isna().any():
        return False
    ranges = values.groupby(target).agg(["min", "max"]).sort_values("min")
    if values.groupby(target).size().min() < _MIN_ROWS:
        return False
    return bool((ranges["max"].to_numpy()[:-1] < ranges["min"].to_numpy()[1:]).all())


def _tells_number(values: pd.Series, column: Column, target: NDArray[Any]) -> bool:
    """Whether the target follows from it: as a line, or, where its values are many, as any curve that only rises or falls."""
    if column.type not in {"integer", "number"}:
        return False
    is_there = values.notna().to_numpy()
    numbers, targets = values.to_numpy(dtype=float)[is_there], target[is_there].astype(float)
    if len(numbers) < _MIN_ROWS or not numbers.std() or not targets.std():
        return False
    if abs(np.corrcoef(numbers, targets)[0, 1]) > 0.9999:
        return True
    if len(np.unique(numbers)) < len(numbers) / 2:
        return False
    ranks = rankdata(numbers), rankdata(targets)
    return bool(abs(np.corrcoef(*ranks)[0, 1]) > 0.9999)
