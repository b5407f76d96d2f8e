"""Lines of a CSV file that are no rows: which they are and why, and a copy of the file without them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ..errors import DataUnreadable
from ..limits import Limits
from .csv_format import CsvFormat
from .separator import allow_long_cells, split_rows
from .setting_line import write_config

#: Bad lines that are named, at most.
_NAMED = 20
#: The bound of `max_bad_lines`.
_MOST_BAD_LINES = 1000
#: So many lines inside one cell, nearly all with as many cells as a row, are rows that a stray quote swallowed; with two columns
#: only so many more are, as a comma in each line is no rarity in texts.
_SWALLOWED = {2: 10}
_FEWEST_SWALLOWED = 3
_SWALLOWED_SHARE = 0.9


@dataclass(frozen=True)
class Row:
    """A row of the file, or what should have been one.

    :param first: the line that it begins in, counted from 1, and *last* the one that it ends in.
    :param record: which it is, as pandas counts: from 0, the header and blank lines too, and each row once.
    :param values: its cells; none where its quotes are at fault.
    :param fault: what is wrong with its quotes, as a sentence; None where nothing is.
    :param fix: what a person can do about that.
    """

    first: int
    last: int
    record: int
    values: list[str]
    fault: str | None = None
    fix: str = ""

    @property
    def cells(self) -> int:
        """How many cells it has."""
        return len(self.values)


@dataclass(frozen=True)
class LeftOut:
    """What became of a file's bad lines.

    :param path: the file, or its copy with blank lines in their place, so that all others keep their number.
    :param records: the rows that are not in the copy, as pandas counts them.
    """

    path: Path
    records: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def check_quotes(path: Path, csv_format: CsvFormat, name: str) -> None:
    """Refuse a file in which a quote is never closed, closes in the middle of a cell, or closes one that swallowed rows.

    All rows in between would become one cell without a word. Slow: only for files where that can have happened.

    :raises DataUnreadable: with the line in which the row begins.
    """
    for row in _read_rows(path, csv_format):
        if row.fault is not None:
            raise _refuse_quote(row, name)


def explain_rows(path: Path, csv_format: CsvFormat, name: str, reason: str) -> DataUnreadable:
    """Return the error that names the bad lines of a file: slow, and only done when it has some.

    :param reason: what to say where none is found.
    """
    bad: list[Row] = []
    rows = count = bad_lines = longer = 0
    for row in _read_rows(path, csv_format):
        rows += 1
        if _is_bad(row, csv_format):
            count += 1
            bad_lines += row.last - row.first + 1
            longer += row.cells == csv_format.width + 1
            if len(bad) < _NAMED:
                bad.append(row)
    if not bad:
        return DataUnreadable(
            f"The file cannot be read as CSV: {reason}",
            where=name,
            fix="Write it again as CSV, with quotes around cells that hold separators, quotes or line breaks.",
        )
    first = bad[0]
    if first.fault is not None:
        return _refuse_quote(first, name)
    expected = csv_format.width
    others = "each other row" if csv_format.has_end else "the header"
    details = {
        "expected_cells": expected,
        "rows": [{"line": row.first, "cells": row.cells} for row in bad],
        "row_count": count,
    }
    if longer == rows:
        return DataUnreadable(
            f"Every row has {_count(first.cells)}, one more than the header, which has {expected}.",
            where=f"{name}, line {csv_format.header_line}",
            fix=f"Write the name of the column that has none into the header. If it is the first one, as where R writes the names of "
            f"rows: begin the line with `row{csv_format.separator}`.",
            details=details,
        )
    return DataUnreadable(
        f"Line {first.first} has {_count(first.cells)}, but {others} has {expected}"
        f"{f' ({count} rows differ from the header)' if count > 1 else ''}.",
        where=f"{name}, {'lines' if len(bad) > 1 else 'line'} "
        + ", ".join(str(row.first) for row in bad[:5])
        + (", ..." if count > 5 else ""),
        fix="Put quotes around cells that hold the separator, add the missing cells, or remove lines that are no rows"
        " (titles, totals). Nothing was dropped or filled in."
        + (
            f" To have such lines left out, give {write_config(max_bad_lines=bad_lines)}"
            if bad_lines <= _MOST_BAD_LINES and count < rows
            else ""
        ),
        details=details,
    )


def explain_long_row(path: Path, csv_format: CsvFormat, name: str, most: int, limits: Limits) -> DataUnreadable:
    """Return the error for a file with a row of more than *most* bytes, which names the row's line: slow, as above."""
    for row in _read_rows(path, csv_format):
        if row.fault is not None:
            return _refuse_quote(row, name)
        sizes = [len(cell.encode()) for cell in row.values] if sum(map(len, row.values)) * 4 > most else [0]
        if sum(sizes) > most:
            longest = max(range(len(sizes)), key=sizes.__getitem__)
            column = csv_format.header[longest] if longest < len(csv_format.header) else f"column {longest + 1}"
            try:
                limits.check_cell(sizes[longest], f"line {row.first:,}", column.strip(), name)
            except DataUnreadable as error:
                return error
    return DataUnreadable(
        f"A row is longer than {most >> 20} MiB.",
        where=name,
        fix="Look for a quote that is never closed, or for a separator that does not fit.",
    )


def leave_out_bad_lines(path: Path, copy: Path, csv_format: CsvFormat, name: str, allowed: int) -> LeftOut:
    """Return the file without its bad lines; it is *copy* where it has some.

    :param allowed: how many lines may be left out, by `ingestion_config.max_bad_lines`.
    :raises DataUnreadable: there are more, or no others.
    """
    bad: list[Row] = []
    rows = lines = 0
    for row in _read_rows(path, csv_format):
        rows += 1
        if _is_bad(row, csv_format):
            bad.append(row)
            lines += row.last - row.first + 1
            if lines > allowed:
                raise explain_rows(path, csv_format, name, f"more than {allowed} lines are bad")
    if not bad:
        return LeftOut(path)
    if len(bad) == rows:
        raise explain_rows(path, csv_format, name, "all lines are bad")
    _blank_lines(path, copy, csv_format.encoding.codec, {at for row in bad for at in range(row.first, row.last + 1)})
    listed = "; ".join(_say_bad(row) for row in bad[:_NAMED]) + (
        f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    )
    are = "1 bad line was" if lines == 1 else f"{lines} bad lines were"
    note = (
        f"{are} left out (`max_bad_lines` allows {allowed}; the header has {_count(len(csv_format.header))}): {listed}."
    )
    return LeftOut(copy, tuple(row.record for row in bad), (note,))


def _is_bad(row: Row, csv_format: CsvFormat) -> bool:
    return row.fault is not None or row.cells != csv_format.width


def _say_bad(row: Row) -> str:
    if row.fault is not None:
        return f"line {row.first}: {row.fault.removesuffix('.')}"
    return f"line {row.first} has {_count(row.cells)}"


def _blank_lines(path: Path, copy: Path, codec: str, numbers: set[int]) -> None:
    with path.open(encoding=codec, newline="") as source, copy.open("w", encoding=codec, newline="") as target:
        for number, line in enumerate(source, start=1):
            target.write(line[len(line.rstrip("\r\n")) :] if number in numbers else line)


class _Lines:
    """The lines of a file, which tell whether a quote behind a backslash was among the last ones."""

    def __init__(self, file: TextIO, quote: str) -> None:
        self._file = file
        self._sign = f"\\{quote}"
        self.has_backslash = False

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.has_backslash |= self._sign in line
            yield line


def _read_rows(path: Path, csv_format: CsvFormat) -> Iterator[Row]:
    """Yield every row after the header."""
    allow_long_cells()
    with path.open(encoding=csv_format.encoding.codec, newline="") as file:
        for _ in range(csv_format.lines_before):
            file.readline()
        lines = _Lines(file, csv_format.quote)
        reader = csv.reader(iter(lines), strict=True, **csv_format.dialect)
        before, record = csv_format.lines_before, csv_format.lines_before
        while True:
            lines.has_backslash = False
            cells: list[str] = []
            problem = None
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = str(error)
            first, last = before + 1, csv_format.lines_before + reader.line_num
            if record > csv_format.lines_before and (cells or problem):
                fault, fix = _find_fault(problem, cells, first, last, csv_format, has_backslash=lines.has_backslash)
                yield Row(first, last, record, cells, fault, fix)
            before = last
            record += 1


def _find_fault(
    problem: str | None, cells: list[str], first: int, last: int, csv_format: CsvFormat, *, has_backslash: bool
) -> tuple[str | None, str]:
    """Return what is wrong with the quotes of a row, and what to do; None where nothing is.

    :param problem: what Python's `csv` says.
    """
    quote = f"quote ({csv_format.quote})"
    if problem is None:
        swallowing = _find_swallowing(cells, first, csv_format)
        if swallowing is None:
            return None, ""
        first, last = swallowing
        fault = f"A {quote} that opens in line {first} closes in line {last}: the rows between would be one cell."
    elif has_backslash and csv_format.escape is None:
        setting = write_config(escape="\\")
        fix = f"Programs such as Spark and MySQL write a backslash before it. To have the file read so, give {setting}"
        fault = (
            f"In the row of line {first} a {quote} stands behind a backslash, and closes its cell too early: in CSV, a quote inside "
            "a cell is written twice."
        )
        return fault, fix
    elif "unexpected end of data" in problem or "field larger" in problem:
        fault = f"In the row of line {first} a {quote} is never closed: all behind it would be one cell."
    elif last > first:
        fault = (
            f"A {quote} that opens in line {first} closes in line {last}, in the middle of a cell: the rows between would be "
            "one cell."
        )
    else:
        fault = f"In line {first} a {quote} closes in the middle of a cell."
        return fault, "Close it where the cell ends. A quote inside a quoted cell is written twice."
    fix = f"Look at line {first}: take the quote out, or close it where its cell ends. A quote inside a quoted cell is written twice."
    return fault, fix


def _find_swallowing(cells: list[str], first: int, csv_format: CsvFormat) -> tuple[int, int] | None:
    """Return the lines in which a quote opens and closes a cell that holds other rows, if one of *cells* does."""
    line = first
    for cell in cells:
        breaks = cell.count("\n") or cell.count("\r")
        if breaks > _FEWEST_SWALLOWED:
            inner = split_rows("\n".join(cell.splitlines()[1:-1]), csv_format.separator, csv_format.quote)
            alike = sum(len(row) == csv_format.width for row in inner)
            if alike >= max(_SWALLOWED.get(csv_format.width, _FEWEST_SWALLOWED), _SWALLOWED_SHARE * len(inner)):
                return line, line + breaks
        line += breaks
    return None


def _refuse_quote(row: Row, name: str) -> DataUnreadable:
    assert row.fault is not None
    return DataUnreadable(
        row.fault,
        where=f"{name}, line {row.first}",
        fix=row.fix,
        details={"line": row.first, "last_line": row.last},
    )


def _count(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"
