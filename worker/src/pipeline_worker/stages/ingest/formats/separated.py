"""CSV, TSV and other separated text: rows are lines, and cells are text."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ....errors import DataUnreadable
from ....limits import Limits
from ....request import IngestionConfig
from ..arrow_text import EMPTY
from ..bad_lines import LeftOut, check_quotes, leave_out_bad_lines, may_close_early
from ..bad_rows import explain_long_row
from ..blank_runs import BlankRuns
from ..converted import Converted, leave_types_open
from ..csv_format import CsvFormat, find_csv_format, name_columns
from ..csv_rows import RowTooLongError, read_batches
from ..extra_lines import Body, find_body
from ..separator import split_rows
from ..text_table import convert_body
from .file_format import FileFormat

#: Text in a block; rows longer than one are read in the larger blocks. What is held at once is a few of them.
_BLOCK_BYTES = (2 << 20, 32 << 20)
#: A wide table gets larger blocks, so that a block has enough rows to be worth the work on each column.
_BLOCK_BYTES_PER_COLUMN = 8 << 10
#: What is said where a separator ends each row, and the column behind it, without a name and without a value, is left out.
END_NOTE = "Each row ends with a separator, and nothing is ever behind it: that column without a name is left out."
_GIVEN_SIGNS = {".": "decimal sign point (given)", ",": "decimal sign comma (given)"}


def _convert(
    path: Path,
    target: Path,
    name: str,
    config: IngestionConfig,
    drop_columns: Collection[str],
    limits: Limits,
    data_format: str = "csv",
) -> Converted:
    csv_format = find_csv_format(path, name, config, data_format)
    config = leave_types_open(config, drop_columns)
    limits.check_columns(len(csv_format.header), name)
    if csv_format.encoding.lines <= csv_format.header_line:
        raise _no_rows(name)
    if csv_format.is_aligned:
        copy = target.with_name("with-tabs.csv")
        BlankRuns(csv_format.quote, csv_format.escape).write(path, copy, csv_format.encoding.codec, name)
        path = copy
    left_out = LeftOut(path)
    if config.max_bad_lines:
        copy = target.with_name("without-bad-lines.csv")
        left_out = leave_out_bad_lines(path, copy, _expect_end(csv_format), name, config.max_bad_lines)
    elif csv_format.is_doubtful or may_close_early(path, csv_format):
        # A quote that is never closed, or only an inch sign inside a cell; or one that closes in the middle of a cell.
        check_quotes(path, csv_format, name)
    smallest = min(max(_BLOCK_BYTES[0], len(csv_format.header) * _BLOCK_BYTES_PER_COLUMN), _BLOCK_BYTES[1])
    for block_bytes in (smallest, _BLOCK_BYTES[1]):
        with contextlib.suppress(RowTooLongError):
            return _convert_blocks(left_out, target, name, csv_format, config, block_bytes, drop_columns, limits)
    raise explain_long_row(left_out.path, csv_format, name, _BLOCK_BYTES[1])


def _convert_blocks(
    left_out: LeftOut,
    target: Path,
    name: str,
    csv_format: CsvFormat,
    config: IngestionConfig,
    block_bytes: int,
    drop_columns: Collection[str],
    limits: Limits,
) -> Converted:
    path = left_out.path
    expected = _expect_end(csv_format)
    if expected is not csv_format:
        with_end = read_batches(path, expected, name, block_bytes, with_end=True)
        csv_format = _settle_end(csv_format, expected, with_end, name)

    def read(unquoted: tuple[str, ...] = ()) -> Iterator[pa.RecordBatch]:
        batches = read_batches(path, csv_format, name, block_bytes, unquoted)
        hint = "Look whether a quote is never closed there; shorten the text"
        most = csv_format.encoding.lines - csv_format.header_line
        return limits.watch(batches, names, name, most, drop_columns, hint)

    names, notes = name_columns(csv_format.header)
    if csv_format.has_end:
        notes.append(END_NOTE)
    body = find_body(read, csv_format, names, config, name, target)
    rows = body.columns.rows
    if not rows:
        raise _no_rows(name)
    # Blank lines and line breaks inside cells only ever add lines, so equal counts mean a line for each row.
    is_line_a_row = csv_format.encoding.lines == csv_format.header_line + body.left_out + rows
    if not is_line_a_row and csv_format.encoding.quotes[csv_format.quote]:
        # Two quotes that are never closed look like one cell with line breaks, and would swallow the rows in between.
        check_quotes(path, csv_format, name)
    converted = convert_body(body, csv_format, names, target, name, body.first_line if is_line_a_row else None)
    decimal = _GIVEN_SIGNS[csv_format.decimal] if csv_format.decimal else f"{converted.found} (found)"
    return replace(
        converted,
        found=f"{csv_format.describe()}, {decimal}",
        pandas_call=("read_csv", _list_pandas_options(csv_format, body, left_out)),
        notes=[*csv_format.list_notes(), *left_out.notes, *notes, *converted.notes],
    )


def _expect_end(csv_format: CsvFormat) -> CsvFormat:
    """Return how the file is written if each row ends with a separator as the first and the last do; else *csv_format* itself."""
    header, first, cells = csv_format.header, csv_format.first_row, len(csv_format.first_row)
    rows = split_rows(csv_format.encoding.last_line, csv_format.separator, csv_format.quote, csv_format.escape)
    last = rows[-1] if rows else []
    if len(header) < 2 or len(last) != cells or first[-1].strip() or last[-1].strip():
        return csv_format
    if cells != len(header) + 1 and (cells != len(header) or header[-1].strip()):
        return csv_format
    return replace(csv_format, header=header[: cells - 1], last_row=last[:-1], has_end=True)


def _settle_end(found: CsvFormat, expected: CsvFormat, rows: Iterator[pa.RecordBatch], name: str) -> CsvFormat:
    """Return which of both the file is, after a look at all of its rows.

    :param expected: what :func:`_expect_end` made of *found*.
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
            at = values[0].as_py()
            row, cell = before + at + 1, cells[at].as_py()
            raise DataUnreadable(
                f"Row {row} has {expected.width} cells, the last of them {cell[:40]!r}, but the header has {len(expected.header)}. In the "
                "rows before it the last cell is empty.",
                where=f"{name}, row {row}",
                fix="Write a name for the last column into the header, or take the separator at the end of each row out.",
                details={"row": row, "value": cell[:200]},
            )
        before += batch.num_rows
    return expected


def _list_pandas_options(csv_format: CsvFormat, body: Body, left_out: LeftOut) -> dict[str, Any]:
    options = csv_format.list_pandas_options() | body.pandas_options
    if left_out.records:
        before = options.get("skiprows", 0)
        options["skiprows"] = [*(range(before) if isinstance(before, int) else before), *left_out.records]
    return options


def _no_rows(name: str) -> DataUnreadable:
    return DataUnreadable(
        "The file has a header line, but no rows.", where=name, fix="Drop it again with the rows below the header."
    )


CSV = FileFormat("csv", "a CSV file", (".csv",), _convert, unused=frozenset({"sheet"}), is_text=True)
TSV = FileFormat(
    "tsv",
    "a TSV file",
    (".tsv", ".tab"),
    partial(_convert, data_format="tsv"),
    unused=frozenset({"sheet"}),
    is_text=True,
)
