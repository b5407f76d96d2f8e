"""What is said of the lines of a CSV file that are no rows: slow, and only asked where there are some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import DataUnreadable
from .csv_format import CsvFormat
from .csv_lines import Row, is_bad, is_header, read_lines
from .separator import NAMES, find_separator, split_rows
from .setting_line import write_config

#: Bad lines that are named, at most.
MOST_NAMED = 20
#: The bound of `max_bad_lines`.
_MOST_BAD_LINES = 1000
#: So small a share of lines may be bad for that to be what a person wants.
_FEW = 0.1


@dataclass
class _BadRows:
    """What was seen of the bad rows of a file.

    :param all: how many rows it has, and *count* how many are bad, over so many *lines*.
    :param longer: how many have a cell more than the header, *shorter* a cell less, and *again* how many are the header.
    :param shown: the first of them.
    :param fault: the first one whose quotes are at fault; *swallows* whether such a one has other lines in it.
    """

    all: int = 0
    count: int = 0
    lines: int = 0
    longer: int = 0
    shorter: int = 0
    again: int = 0
    shown: list[Row] = field(default_factory=list)
    fault: Row | None = None
    swallows: bool = False

    def look(self, row: Row, csv_format: CsvFormat) -> None:
        """Count the bad *row*."""
        self.count += 1
        self.lines += row.last - row.first + 1
        self.longer += row.cells == csv_format.width + 1
        self.shorter += row.cells == csv_format.width - 1
        self.again += is_header(row.values, csv_format.header)
        if len(self.shown) < MOST_NAMED:
            self.shown.append(row)
        if row.fault is not None:
            self.fault = self.fault or row
            self.swallows |= row.last > row.first

    def describe(self) -> dict[str, Any]:
        """Return them for a program."""
        return {"rows": [{"line": row.first, "cells": row.cells} for row in self.shown], "row_count": self.count}


def explain_rows(path: Path, csv_format: CsvFormat, name: str, reason: str) -> DataUnreadable:
    """Return the error that names the bad lines of a file: slow, and only done when it has some.

    :param reason: what to say where none is found.
    """
    bad = _BadRows()
    for row in read_lines(path, csv_format):
        bad.all += 1
        if is_bad(row, csv_format):
            bad.look(row, csv_format)
    if not bad.count:
        return DataUnreadable(
            f"The file cannot be read as CSV: {reason}",
            where=name,
            fix="Write it again as CSV, with quotes around cells that hold separators, quotes or line breaks.",
        )
    # Lines that a quote swallowed are rows, and no reason to leave them out.
    is_few = bad.count <= max(1, _FEW * bad.all) and bad.count < bad.all and bad.lines <= _MOST_BAD_LINES
    is_worth_it = is_few and not bad.swallows
    leave_out = f" To have such lines left out, give {write_config(max_bad_lines=bad.lines)}" if is_worth_it else ""
    if bad.fault is not None:
        # It comes first wherever it is, as it may be the reason for the others.
        return _refuse_quote(bad.fault, name, "" if bad.fault.has_setting else leave_out)
    if bad.again == bad.count:
        more = f", and so are {bad.count - 1:,} more" if bad.count > 1 else ""
        return DataUnreadable(
            f"Line {bad.shown[0].first} is the header again{more}: files seem to have been joined, or pages.",
            where=_list_lines(bad, name),
            fix=f"Take these lines out of the file.{leave_out}",
            details=bad.describe(),
        )
    return _explain_widths(bad, csv_format, name, leave_out)


def _explain_widths(bad: _BadRows, csv_format: CsvFormat, name: str, leave_out: str) -> DataUnreadable:
    """Return the error for rows that have more or fewer cells than the header.

    :param leave_out: what to say of leaving them out.
    """
    first = next((row for row in bad.shown if not is_header(row.values, csv_format.header)), bad.shown[0])
    expected = csv_format.width
    details = {"expected_cells": expected, **bad.describe()}
    if bad.longer == bad.all:
        return DataUnreadable(
            f"Every row has {count_row_cells(first.cells)}, one more than the header, which has {expected}.",
            where=f"{name}, line {csv_format.header_line}",
            fix=f"Write the name of the column that has none into the header. If it is the first one, as where R writes the names of "
            f"rows: begin the line with `row{csv_format.separator}`.",
            details=details,
        )
    if bad.shorter == bad.all and not csv_format.header[-1].strip():
        return DataUnreadable(
            f"Every row has {count_row_cells(first.cells)}, one fewer than the header, which ends with a separator.",
            where=f"{name}, line {csv_format.header_line}",
            fix="Take that separator out of the header, or write a cell more in each row.",
            details=details,
        )
    others = "each other row" if csv_format.has_end else "the header"
    seems, fix = _explain_cells(first, bad.shown, csv_format, is_most=bad.count * 2 > bad.all)
    return DataUnreadable(
        f"Line {first.first} has {count_row_cells(first.cells)}, but {others} has {expected}"
        f"{f' ({bad.count} rows differ from the header)' if bad.count > 1 else ''}.{seems}",
        where=_list_lines(bad, name),
        fix=f"{fix} Nothing was dropped or filled in.{leave_out}",
        details=details,
    )


def explain_long_row(path: Path, csv_format: CsvFormat, name: str, most: int) -> DataUnreadable:
    """Return the error for a file with a row of more than *most* bytes, which names the row's line: slow, as above."""
    for row in read_lines(path, csv_format):
        if row.fault is not None:
            return _refuse_quote(row, name, "")
        sizes = [len(cell.encode()) for cell in row.values] if sum(map(len, row.values)) * 4 > most else [0]
        if sum(sizes) > most:
            longest = max(range(len(sizes)), key=sizes.__getitem__)
            column = csv_format.header[longest].strip() if longest < len(csv_format.header) else str(longest + 1)
            return DataUnreadable(
                f"A cell of `{column}` has {sizes[longest]:,} bytes, and its row {sum(sizes):,}: {most:,} can be read.",
                where=f"{name}, line {row.first}, column `{column}`",
                fix="Look whether a quote is never closed there; or shorten the text, or leave it out of the file.",
                details={"line": row.first, "column": column, "bytes": sizes[longest]},
            )
    return DataUnreadable(
        f"A row is longer than {most:,} bytes.",
        where=name,
        fix="Look for a quote that is never closed, or for a separator that does not fit.",
    )


def _explain_cells(first: Row, bad: Sequence[Row], csv_format: CsvFormat, *, is_most: bool) -> tuple[str, str]:
    """Return a sentence on what the *first* of rows with too few or too many cells seems to be, if any, and what to do.

    :param is_most: whether most rows are such.
    """
    if first.values == ["\x1a"]:
        return " It is the character Ctrl-Z (\\x1a) alone, with which DOS ended a file.", "Take it out of the file."
    if said := _say_other_separator(first, csv_format):
        return said, "Write all rows with the same separator."
    fix = "put quotes around cells that hold the separator, add the missing cells, or remove lines that are no rows (titles, totals)."
    if is_most:
        return "", f"Look whether this is a table, and its first line the header. If so, {fix}"
    after = next((row for row in bad if row.first == first.last + 1), None)
    if after is not None and first.cells + after.cells == csv_format.width + 1:
        return (
            f" With line {after.first} it would be a row: a line end (\\n or \\r) may stand inside a cell.",
            "Take that line end out, or put quotes around the cell; or add the missing cells.",
        )
    return "", fix.capitalize()


def _say_other_separator(row: Row, csv_format: CsvFormat) -> str:
    """Return a sentence on a *row* of one cell which is whole by another separator than the file's; none where it is not."""
    if row.cells != 1 or not row.values[0].strip():
        return ""
    found = find_separator(row.values[0], csv_format.quote, csv_format.escape)
    if found is None or len(split_rows(row.values[0], found, csv_format.quote)[0]) != csv_format.width:
        return ""
    return (
        f" It has as many with {NAMES[found]} between them: files may have been joined that were written in two ways."
    )


def _list_lines(bad: _BadRows, name: str) -> str:
    listed = ", ".join(str(row.first) for row in bad.shown[:5])
    return f"{name}, {'lines' if bad.count > 1 else 'line'} {listed}{', ...' if bad.count > 5 else ''}"


def _refuse_quote(row: Row, name: str, more: str) -> DataUnreadable:
    assert row.fault is not None
    return DataUnreadable(
        row.fault,
        where=f"{name}, line {row.first}",
        fix=row.fix + more,
        details={"line": row.first, "last_line": row.last},
    )


def count_row_cells(cells: int) -> str:
    """Return so many cells of a row in words."""
    return "1 cell" if cells == 1 else f"{cells} cells"
