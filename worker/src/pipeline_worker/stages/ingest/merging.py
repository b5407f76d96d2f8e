"""Whole numbers that are different, and that a 64-bit float cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

#: Up to here every whole number is a float of its own.
_LARGEST_EXACT = 2**53


def find_merging(path: Path, names: Sequence[str]) -> list[str]:
    """Return which of the integer columns *names* of the Parquet file *path* have fewer different values as floats.

    The file says the least and the greatest value of each column, so that only those are read that can be concerned.
    """
    if not names:
        return []
    file = pq.ParquetFile(path)
    # Each of these is made anew whenever it is asked for, and takes as long as there are columns.
    positions = {name: number for number, name in enumerate(file.schema_arrow.names)}
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    return [name for name in names if _is_beyond(groups, positions[name]) and _merges(file, name)]


def _is_beyond(groups: Sequence[pq.RowGroupMetaData], position: int) -> bool:
    for group in groups:
        found = group.column(position).statistics
        if found is None:
            return True
        if found.has_min_max and not -_LARGEST_EXACT <= found.min <= found.max <= _LARGEST_EXACT:
            return True
    return False


def _merges(file: pq.ParquetFile, name: str) -> bool:
    values = file.read(columns=[name]).column(0)
    floats = pc.cast(values, pa.float64(), safe=False)
    return bool(pc.count_distinct(values).as_py() > pc.count_distinct(floats).as_py())
