"""The rows of a large dataset whose value may stand elsewhere too, so that whether it does can be looked at without the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...dataset_rows import read_pieces

#: 64 bits for each row, of its value.
_Digests = npt.NDArray[np.uint64]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Repeatable:
    """Some rows of a column; all that have one value are among them.

    :param positions: where they are in the dataset, counted from 0.
    :param single: values that are nowhere else, and left out here.
    """

    table: pa.Table
    positions: list[int]
    single: int


def read_repeatable(file: pq.ParquetFile, name: str, *, rows_at_once: int, most: int) -> Iterator[Repeatable]:
    """Yield the rows of the column *name* whose value may be repeated, about *most* at a time; at least once, of no row even.

    Values of which no other has the digest are told apart by that; of those that share one, the values themselves decide.
    """
    digests, is_there = _take_digests(file, name, rows_at_once)
    is_shared = _find_shared(digests, is_there)
    groups = max(1, -(-int(is_shared.sum()) // most))
    for group in range(groups):
        wanted = is_shared if groups == 1 else is_shared & (digests % groups == group)
        single = int(is_there.sum() - is_shared.sum()) if group == 0 else 0
        yield Repeatable(_read_rows(file, name, wanted, rows_at_once), np.flatnonzero(wanted).tolist(), single)


def _take_digests(file: pq.ParquetFile, name: str, rows_at_once: int) -> tuple[_Digests, _Mask]:
    from pandas.util import hash_pandas_object

    rows = file.metadata.num_rows
    digests, is_there = np.empty(rows, np.uint64), np.empty(rows, np.bool_)
    before = 0
    for table in read_pieces(file, [name], rows_at_once):
        values: Any = _number(table.column(name)).to_pandas()
        here = slice(before, before + len(table))
        digests[here] = hash_pandas_object(values, index=False, categorize=False)
        is_there[here] = values.notna()
        before += len(table)
    return digests, is_there


def _number(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return *values* so that those that are equal have one digest: 0.0 and -0.0 have two."""
    return pc.add(values, pa.scalar(0.0, values.type)) if pa.types.is_floating(values.type) else values


def _find_shared(digests: _Digests, is_there: _Mask) -> _Mask:
    ordered = np.sort(digests[is_there])
    shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if not len(shared):
        return np.zeros(len(digests), np.bool_)
    nearest = np.minimum(np.searchsorted(shared, digests), len(shared) - 1)
    is_shared: _Mask = is_there & (shared[nearest] == digests)
    return is_shared


def _read_rows(file: pq.ParquetFile, name: str, wanted: _Mask, rows_at_once: int) -> pa.Table:
    before, tables = 0, [file.schema_arrow.empty_table().select([name])]
    for table in read_pieces(file, [name], rows_at_once) if wanted.any() else ():
        tables.append(table.filter(pa.array(wanted[before : before + len(table)])))
        before += len(table)
    return pa.concat_tables(tables)
