"""CSV, TSV and other separated text: rows are lines, and cells are text."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from ...errors import DataUnreadable
from ...request import IngestionConfig
from ..converted import Converted, leave_types_open
from ..csv_format import CsvFormat, find_csv_format, name_columns
from ..csv_rows import RowTooLongError, check_quotes, read_batches
from ..extra_lines import find_body
from ..text_table import convert_body
from .file_format import FileFormat

#: Text in a block; rows longer than one are read in the larger blocks. What is held at once is a few of them.
_BLOCK_BYTES = (2 << 20, 32 << 20)
#: A wide table gets larger blocks, so that a block has enough rows to be worth the work on each column.
_BLOCK_BYTES_PER_COLUMN = 8 << 10


def _convert_csv(
    path: Path, target: Path, name: str, config: IngestionConfig, drop_columns: Collection[str]
) -> Converted:
    return _convert(
        path, target, name, find_csv_format(path, name, config, "csv"), leave_types_open(config, drop_columns)
    )


def _convert_tsv(
    path: Path, target: Path, name: str, config: IngestionConfig, drop_columns: Collection[str]
) -> Converted:
    return _convert(
        path, target, name, find_csv_format(path, name, config, "tsv"), leave_types_open(config, drop_columns)
    )


def _convert(path: Path, target: Path, name: str, csv_format: CsvFormat, config: IngestionConfig) -> Converted:
    if csv_format.encoding.lines <= csv_format.header_line:
        raise _no_rows(name)
    if csv_format.encoding.quotes[csv_format.quote] % 2:
        # A quote that is never closed, or only an inch sign inside a cell.
        check_quotes(path, csv_format, name)
    smallest = min(max(_BLOCK_BYTES[0], len(csv_format.header) * _BLOCK_BYTES_PER_COLUMN), _BLOCK_BYTES[1])
    for block_bytes in (smallest, _BLOCK_BYTES[1]):
        with contextlib.suppress(RowTooLongError):
            return _convert_blocks(path, target, name, csv_format, config, block_bytes)
    raise DataUnreadable(
        f"A row is longer than {_BLOCK_BYTES[1] >> 20} MiB.",
        where=name,
        fix="Look for a quote that is never closed, or for a separator that does not fit.",
    )


def _convert_blocks(
    path: Path, target: Path, name: str, csv_format: CsvFormat, config: IngestionConfig, block_bytes: int
) -> Converted:
    def read(unquoted: tuple[str, ...] = ()) -> Iterator[pa.RecordBatch]:
        return read_batches(path, csv_format, name, block_bytes, unquoted)

    names, notes = name_columns(csv_format.header)
    body = find_body(read, csv_format, names, config, name)
    rows = body.columns.rows
    if not rows:
        raise _no_rows(name)
    # Blank lines and line breaks inside cells only ever add lines, so equal counts mean a line for each row.
    is_line_a_row = csv_format.encoding.lines == csv_format.header_line + body.left_out + rows
    if not is_line_a_row and csv_format.encoding.quotes[csv_format.quote]:
        # Two quotes that are never closed look like one cell with line breaks, and would swallow the rows in between.
        check_quotes(path, csv_format, name)
    converted = convert_body(body, csv_format, names, target, name, body.first_line if is_line_a_row else None)
    return replace(
        converted,
        found=f"{csv_format.describe()}, {converted.found} ({'given' if 'decimal' in csv_format.given else 'found'})",
        pandas_call=("read_csv", csv_format.list_pandas_options() | body.pandas_options),
        notes=[*notes, *converted.notes],
    )


def _no_rows(name: str) -> DataUnreadable:
    return DataUnreadable(
        "The file has a header line, but no rows.", where=name, fix="Drop it again with the rows below the header."
    )


CSV = FileFormat("csv", "a CSV file", (".csv",), _convert_csv, unused=frozenset({"sheet"}), is_text=True)
TSV = FileFormat("tsv", "a TSV file", (".tsv", ".tab"), _convert_tsv, unused=frozenset({"sheet"}), is_text=True)
