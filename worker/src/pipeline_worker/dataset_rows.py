"""The rows of a dataset, read a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

#: Row groups are read together up to here. None has much more than those that `ingest` writes, however long its texts are.
_PIECE_BYTES = 16 << 20


def read_pieces(file: pq.ParquetFile, names: Sequence[str], most_rows: int) -> Iterator[pa.Table]:
    """Yield the rows of the columns *names*, at most *most_rows* at a time, and fewer where their texts are long.

    How many rows are little says nothing of their texts: those of 2,000 rows can have gigabytes. Small row groups are put
    together, as each piece costs.
    """
    waiting: list[pa.Table] = []
    for group in range(file.num_row_groups):
        rows = sum(map(len, waiting)) + file.metadata.row_group(group).num_rows
        if rows > most_rows or sum(each.nbytes for each in waiting) > _PIECE_BYTES:
            yield from _cut(waiting, most_rows)
            waiting = []
        waiting.append(file.read_row_group(group, columns=list(names)))
    yield from _cut(waiting, most_rows)


def _cut(tables: list[pa.Table], most_rows: int) -> Iterator[pa.Table]:
    if not tables:
        return
    # A single row group, which can be large, is not copied.
    table = pa.concat_tables(tables).combine_chunks() if len(tables) > 1 else tables[0]
    tables.clear()
    for start in range(0, len(table), most_rows):
        yield table.slice(start, most_rows)
