"""The rows of a CSV file with the lines that they stand in, read to find out what is wrong: slow, and exact about quotes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from .csv_format import CsvFormat
from .separator import allow_long_cells, split_rows
from .setting_line import write_config
from .totals import is_number

#: So many lines inside one cell, nearly all with as many cells as a row, are rows that a stray quote swallowed; with two columns
#: only so many more are, as a comma in each line is no rarity in texts.
_SWALLOWED = {2: 10}
_FEWEST_SWALLOWED = 3
_SWALLOWED_SHARE = 0.9
#: What a header may have around a name where it is repeated, beside blanks: the mark of a file that was joined to another.
_AROUND = "\ufeff\"' \t"


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
    def has_setting(self) -> bool:
        """Whether *fix* ends with the line to paste."""
        return self.fix.endswith("}")

    @property
    def cells(self) -> int:
        """How many cells it has."""
        return len(self.values)


def is_header(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Whether the *cells* of a row are the names of the columns, which are no numbers; a byte order mark may stand before them."""
    is_same = len(cells) >= len(header) and all(
        cell.strip(_AROUND) == name.strip(_AROUND) for cell, name in zip(cells, header, strict=False)
    )
    return is_same and any(map(str.strip, header)) and not any(map(is_number, header))


def is_bad(row: Row, csv_format: CsvFormat) -> bool:
    """Whether *row* is no row of the table: its quotes are at fault, it has another number of cells, or it is the header again."""
    return row.fault is not None or row.cells != csv_format.width or is_header(row.values, csv_format.header)


def read_lines(path: Path, csv_format: CsvFormat) -> Iterator[Row]:
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
