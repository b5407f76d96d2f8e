"""Columns that a model is not to see: they tell nothing, or nothing that holds for rows to come."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import pandas as pd

from ...column_note import say_note
from ...schema import Column

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
    found = list(_find(features, [column for column in columns if column.name not in kept]))
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


def _find(features: pd.DataFrame, columns: Sequence[Column]) -> Iterator[tuple[Column, str]]:
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
