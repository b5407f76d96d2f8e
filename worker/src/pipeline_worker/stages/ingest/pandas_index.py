"""The index of a table that pandas wrote as Parquet: which of its columns it is, and the call that brings it back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

#: What pandas and Dask call a level of the index that has no name.
_UNNAMED = ("__index_level_", "__null_dask_index__")
_LOOKED_ROWS = 100_000


@dataclass(frozen=True)
class PandasIndex:
    """The index of a table; empty where there is none, or where it is no column of the file.

    :param names: column of the file → what it is called, where that is another name.
    :param left_out: column of the file → why it is left out.
    :param reset_index: what `DataFrame.reset_index` has to be told, so that the index that `pandas.read_parquet` makes is
        columns again; None where there is nothing to bring back.
    """

    names: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    reset_index: dict[str, Any] | None = None


def find_index(file: pq.ParquetFile) -> PandasIndex:
    """Return the index of the table in *file*.

    A level with a name is a column like any other. One without is left out where it is a running number, which tells a
    model nothing; otherwise it is called `index`.
    """
    columns = file.schema_arrow.names
    # An index that is a range is described here, and stands in no column.
    described = (file.schema_arrow.pandas_metadata or {}).get("index_columns", [])
    levels = [each for each in described if isinstance(each, str) and each in columns]
    unnamed = [each for each in columns if each.startswith(_UNNAMED)]
    left_out = {
        each: "it holds the row labels of a pandas table, which are a running number"
        for each in unnamed
        if _is_running(file, each)
    }
    if not set(levels) - left_out.keys():
        return PandasIndex(left_out=left_out)
    names: dict[str, str] = {}
    for each in levels:
        if each in unnamed:
            names[each] = _find_free("index", [*columns, *names.values()])
    options = {"names": [names.get(each, each) for each in levels]} if names else {}
    kept = {each: name for each, name in names.items() if each not in left_out}
    return PandasIndex(kept, left_out, options)


def note_index(name: str) -> str:
    """Return a sentence on the level without a name that became the column *name*."""
    return f"The row labels of a pandas table; to leave them out, give {json.dumps({'drop_columns': [name]})}."


def _find_free(name: str, taken: Sequence[str]) -> str:
    number = 0
    while (found := f"{name}.{number}" if number else name) in taken:
        number += 1
    return found


def _is_running(file: pq.ParquetFile, column: str) -> bool:
    """Whether the first values of *column* are whole numbers of which no two are the same."""
    if not pa.types.is_integer(file.schema_arrow.field(column).type):
        return False
    looked: list[pa.Array] = []
    for batch in file.iter_batches(columns=[column]):
        looked.append(batch.column(0))
        if sum(map(len, looked)) >= _LOOKED_ROWS:
            break
    values = pa.chunked_array(looked, file.schema_arrow.field(column).type)
    return not values.null_count and pc.count_distinct(values).as_py() == len(values)
