"""A separator at the end of each row of a CSV file: the column behind it has no name and no value, and is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from ...errors import DataUnreadable
from .arrow_text import EMPTY
from .csv_format import CsvFormat
from .separator import split_rows

#: What is said where it is left out.
NOTE = "Each row ends with a separator, and nothing is ever behind it: that column without a name is left out."


def expect_end(csv_format: CsvFormat) -> CsvFormat:
    """Return how the file is written if each row ends with a separator as the first and the last do; else *csv_format* itself."""
    header, first, cells = csv_format.header, csv_format.first_row, len(csv_format.first_row)
    rows = split_rows(csv_format.encoding.last_line, csv_format.separator, csv_format.quote, csv_format.escape)
    last = rows[-1] if rows else []
    if len(header) < 2 or len(last) != cells or first[-1].strip() or last[-1].strip():
        return csv_format
    if cells == len(header) + 1:
        return replace(csv_format, has_end=True)
    if cells == len(header) and not header[-1].strip():
        return replace(csv_format, header=header[:-1], has_end=True)
    return csv_format


def settle_end(found: CsvFormat, expected: CsvFormat, rows: Iterator[pa.RecordBatch], name: str) -> CsvFormat:
    """Return which of both the file is, after a look at all of its rows.

    :param expected: what :func:`expect_end` made of *found*.
    :param rows: the rows with the cell behind the last separator.
    :param name: what people know the file as.
    :raises DataUnreadable: a row has a value there, and the header no column for it.
    """
    before = 0
    for batch in rows:
        cells = pc.utf8_trim_whitespace(batch.column(batch.num_columns - 1))
        values = pc.indices_nonzero(pc.not_equal(cells, EMPTY))
        if len(values):
            if len(found.header) == expected.width:
                return found
            row = values[0].as_py()
            raise _refuse_value(before + row + 1, cells[row].as_py(), expected, name)
        before += batch.num_rows
    return expected


def _refuse_value(row: int, cell: str, expected: CsvFormat, name: str) -> DataUnreadable:
    return DataUnreadable(
        f"Row {row} has {expected.width} cells, the last of them {cell[:40]!r}, but the header has {len(expected.header)}. In the rows "
        "before it the last cell is empty.",
        where=f"{name}, row {row}",
        fix="Write a name for the last column into the header, or take the separator at the end of each row out.",
        details={"row": row, "value": cell[:200]},
    )
