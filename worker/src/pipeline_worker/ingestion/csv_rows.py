"""The rows of a CSV file as text, a block at a time, and the line of the file that a malformed row stands in."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv

from ..errors import DataUnreadable
from .csv_format import CsvFormat

#: Malformed rows that are named, at most.
_NAMED_ROWS = 20


class RowTooLongError(Exception):
    """A row does not fit into a block; reading with larger blocks may help."""


def read_batches(
    path: Path, csv_format: CsvFormat, name: str, block_bytes: int, unquoted: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield the rows below the header in blocks; the columns are named by their position, and all of them are text.

    Blank lines are left out. A row that has more or fewer cells than the header is an error, never padded or cut.

    :param name: what people know the file as.
    :param block_bytes: about how much text makes one block.
    :param unquoted: cells that come as nulls where they stand without quotes.
    :raises DataUnreadable: a row is malformed; its line is named.
    :raises RowTooLongError: a row is longer than a block.
    """
    names = [str(position) for position in range(len(csv_format.header))]
    is_utf8 = csv_format.encoding.codec in {"utf-8", "utf-8-sig", "ascii"}
    source = _Throttled(path)
    try:
        reader = arrow_csv.open_csv(
            source,
            read_options=arrow_csv.ReadOptions(
                column_names=names,
                # Whether it counts blank lines was tried: it does, and a header over two lines counts once.
                skip_rows=csv_format.lines_before,
                skip_rows_after_names=1,
                block_size=block_bytes,
                encoding="utf8" if is_utf8 else csv_format.encoding.codec,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=csv_format.separator, quote_char=csv_format.quote, newlines_in_values=True
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=list(unquoted),
                strings_can_be_null=bool(unquoted),
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            source.allow_another()
            if batch.num_rows:
                source.is_awaited = False
                yield batch
                source.is_awaited = True
    except pa.ArrowInvalid as error:
        if "straddling object" in str(error):
            raise RowTooLongError from error
        raise explain_rows(path, csv_format, name, str(error)) from error
    finally:
        source.close()


class _Throttled(io.RawIOBase):
    """A file that is read only a little ahead of the blocks that were used.

    Arrow reads 32 blocks ahead in a thread of its own, and has no setting for that: of a wide table, or one with long
    cells, it would hold a gigabyte.

    :ivar is_awaited: whether Arrow is to give a batch now, rather than one that it gave is in use.
    """

    _AHEAD = 3
    #: Should a block become no batch, reading goes on after so long. So it is where a row is longer than a block: Arrow says
    #: so only when its thread has read on.
    _LONGEST_WAIT_SECONDS = 0.5

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._blocks = threading.Semaphore(self._AHEAD)
        self.is_awaited = True

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while not self._blocks.acquire(timeout=self._LONGEST_WAIT_SECONDS) and not self.is_awaited:
            pass
        return b"" if self._file.closed else self._file.read(size)

    def allow_another(self) -> None:
        """Let one more block be read."""
        self._blocks.release()

    def close(self) -> None:
        """End it for the thread that reads ahead, too."""
        self._file.close()
        self.is_awaited = True
        self._blocks.release(self._AHEAD)
        super().close()


def check_quotes(path: Path, csv_format: CsvFormat, name: str) -> None:
    """Refuse a file in which a quote is never closed, or closes in the middle of a cell.

    All rows in between would become one cell without a word. Slow: only for files where that can have happened.

    :raises DataUnreadable: with the line in which the row begins.
    """
    for line, row in _read_rows(path, csv_format):
        if isinstance(row, str):
            raise DataUnreadable(
                f"In the row of line {line} a quote ({csv_format.quote}) {row}.",
                where=f"{name}, line {line}",
                fix="Close it where the cell ends. A quote inside a quoted cell is written twice.",
                details={"line": line},
            )


def explain_rows(path: Path, csv_format: CsvFormat, name: str, reason: str) -> DataUnreadable:
    """Return the error that names the malformed rows of a file by line: slow, and only done when it has some.

    :param reason: what to say where none is found.
    """
    expected = len(csv_format.header)
    found: list[dict[str, int]] = []
    count = 0
    for line, row in _read_rows(path, csv_format):
        if not isinstance(row, str) and len(row) != expected:
            count += 1
            if len(found) < _NAMED_ROWS:
                found.append({"line": line, "cells": len(row)})
    if not found:
        return DataUnreadable(
            f"The file cannot be read as CSV: {reason}",
            where=name,
            fix="Write it again as CSV, with quotes around cells that hold separators, quotes or line breaks.",
        )
    first = found[0]
    return DataUnreadable(
        f"Line {first['line']} has {_count(first['cells'])}, but the header has {expected}"
        f"{f' ({count} rows differ from the header)' if count > 1 else ''}.",
        where=f"{name}, {'lines' if len(found) > 1 else 'line'} "
        + ", ".join(str(row["line"]) for row in found[:5])
        + (", ..." if count > 5 else ""),
        fix="Put quotes around cells that hold the separator, add the missing cells, or remove lines that are no rows"
        " (titles, totals). Nothing was dropped or filled in.",
        details={"expected_cells": expected, "rows": found, "row_count": count},
    )


def _read_rows(path: Path, csv_format: CsvFormat) -> Iterator[tuple[int, list[str] | str]]:
    """Yield every row after the header with the line it begins in, or what is wrong with its quotes."""
    with path.open(encoding=csv_format.encoding.codec, newline="") as file:
        for _ in range(csv_format.lines_before):
            file.readline()
        reader = csv.reader(file, delimiter=csv_format.separator, quotechar=csv_format.quote, strict=True)
        before = 0
        while True:
            line = csv_format.lines_before + before + 1
            row: list[str] | str
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                is_open = "unexpected end of data" in str(error) or "field larger" in str(error)
                row = "is never closed" if is_open else "closes in the middle of a cell"
            if row and before:
                yield line, row
            before = reader.line_num


def _count(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"
