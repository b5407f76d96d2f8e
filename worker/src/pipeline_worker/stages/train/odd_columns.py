"""Columns that a model is not to see, and those that a person should look at. Cheap looks only.

The former tell nothing, or nothing that holds for rows to come; the latter give the target away.
"""

from __future__ import annotations

import json
import re
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
_GLANCE = 200
#: Names of identifiers and of row numbers: `id`, `customer_id`, `PassengerId`, `Unnamed: 0`, `row`.
_IDENTIFIER = re.compile(
    r"(?:^|[_\W])(?i:id|ids|idx|index|uuid|guid|key|row|row_?n(?:r|o|um|umber)|rownames?)$|[a-z]I[dD]$|^Unnamed: \d+$"
)


def find_useless(
    features: pd.DataFrame, columns: Sequence[Column], kept: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return column → why it is left out, for those of *columns* that are constant, identify a row, or number the rows.

    Where nothing else would be left, nothing is left out, and the second says the same of those that were kept.

    :param features: the rows that have a target.
    :param kept: columns that a person wants the model to see all the same.
    """
    found = list(_find_useless(features, [column for column in columns if column.name not in kept]))
    if len(found) == len(columns):
        return {}, {
            column.name: f"Kept only as no other column is left: {why}. Add columns that tell more.{say_note(column)}"
            for column, why in found
        }
    return {
        column.name: f"Left out: {why}. To use it all the same, give "
        f'{{"keep_columns": {json.dumps([*kept, column.name], ensure_ascii=False)}}}.{say_note(column)}'
        for column, why in found
    }, {}


def _find_useless(features: pd.DataFrame, columns: Sequence[Column]) -> Iterator[tuple[Column, str]]:
    for column in columns:
        values = features[column.name]
        # Without any value it is told of after the fit, as one that has none in the rows to learn from.
        if values.isna().any():
            continue
        if (values == values.iloc[0]).all():
            yield column, "it has the same value in each row"
        elif len(features) >= _MIN_ROWS and values.is_unique:
            # 0, 1, 2 … or 1, 2, 3 …, a few left out; years and the like begin elsewhere.
            if column.type == "integer" and values.min() in {0, 1} and values.max() < 1.1 * len(values):
                yield column, "it numbers the rows"
            elif _identifies_rows(values, column):
                yield column, "it has another value in each row, and reads like an identifier"


def _identifies_rows(values: pd.Series, column: Column) -> bool:
    if column.type == "integer":
        return bool(_IDENTIFIER.search(column.name))
    # Free text differs from row to row as well, but has words.
    return column.type == "text" and not values.head(_GLANCE).str.strip().str.contains(r"\s").any()


def find_suspects(
    features: pd.DataFrame, columns: Sequence[Column], target: NDArray[Any], kind: Kind
) -> dict[str, str]:
    """Return column → why a person should look at it; nothing is changed because of it."""
    if len(features) < _MIN_ROWS:
        return {}
    return {column.name: why + say_note(column) for column, why in _find_suspects(features, columns, target, kind)}


def _find_suspects(
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
