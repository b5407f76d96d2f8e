"""How large the sheets of a workbook are: seen before one is read, as a reader holds each cell between the first and the last."""

from __future__ import annotations

import string
import zipfile
import zlib
from pathlib import Path

from ...errors import DataUnreadable
from ...limits import Limits
from .old_sheet_texts import check_old_texts
from .sheet_texts import check_texts
from .workbook_file import refuse_workbook
from .workbook_xml import has_element, make_parser, parse_member

#: Cells of a sheet, empty ones between others included; each takes 24 bytes and more.
MOST_CELLS = 20_000_000
#: Bytes of all that is in a workbook.
_MOST_BYTES = 1 << 30
#: Each sheet of Excel has it, whatever it is called and wherever it lies.
_SHEET = "sheetData"
_ODS_CELLS = {"table:table-cell", "table:covered-table-cell"}


def check_sheets(path: Path, name: str, limits: Limits) -> None:
    """Refuse a workbook with a sheet that is too large to be held.

    :param path: the workbook.
    :param name: what people know it as.
    :param limits: how large a table may be.
    :raises DataUnreadable: it has one, or is damaged.
    """
    try:
        if not zipfile.is_zipfile(path):
            # An old workbook has room for few cells, though not for few texts.
            check_old_texts(path, name)
            return
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            size = sum(each.file_size for each in members)
            if size > _MOST_BYTES:
                raise DataUnreadable(
                    f"Unpacked, the workbook has {size:,} bytes, and {_MOST_BYTES:,} are the most for one: it is read into memory as a "
                    "whole.",
                    where=name,
                    fix="Write the table as CSV or Parquet, and drop that.",
                    details={"bytes": size, "most_bytes": _MOST_BYTES},
                )
            for content in (each for each in members if each.filename == "content.xml"):
                for rows, columns in _measure_ods(archive, content, name):
                    _check(rows, columns, name, limits)
            sheets = [each for each in members if has_element(archive, each, _SHEET)]
            sharing = 0
            for sheet in sheets:
                rows, columns, more = _measure_xlsx(archive, sheet, name)
                _check(rows, columns, name, limits)
                sharing += more
            check_texts(archive, sheets, sharing, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise refuse_workbook(name, error) from error


def _check(rows: int, columns: int, name: str, limits: Limits) -> None:
    limits.check_columns(columns, name)
    # How many of its rows are of the table is known once its header is found.
    if rows * columns > MOST_CELLS:
        raise DataUnreadable(
            f"A sheet reaches to row {rows:,} and column {columns:,}: {rows * columns:,} cells, and {MOST_CELLS:,} are the most that are "
            "read.",
            where=name,
            fix="Remove what stands far from the table, or write the table as CSV or Parquet.",
            details={"rows": rows, "columns": columns, "most_cells": MOST_CELLS},
        )


def _measure_xlsx(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> tuple[int, int, int]:
    """Return the last row and the last column of a sheet that has a cell, and how many cells have a shared text."""
    rows = columns = sharing = 0
    # A row, and a cell, that does not say where it is stands behind the one before.
    row = unplaced = 0
    number = letters = ""
    known = set()

    def start(element: str, attributes: dict[str, str]) -> None:
        # This is called for each cell and its value: what most of them need comes first.
        nonlocal rows, columns, sharing, row, unplaced, number, letters
        if element == "v":
            return
        kind = element if element == "c" else element.rpartition(":")[2]
        if kind == "c":
            if attributes.get("t") == "s":
                sharing += 1
            place = attributes.get("r")
            if place:
                letters, unplaced = place.rstrip(string.digits), 0
                if letters not in known:
                    known.add(letters)
                    columns = max(columns, _count_columns(letters))
                if place[len(letters) :] != number:
                    number = place[len(letters) :]
                    rows = max(rows, _read_number(number, row))
            else:
                unplaced += 1
                rows, columns = max(rows, row), max(columns, _count_columns(letters) + unplaced)
        elif kind == "row":
            row = _read_number(attributes.get("r", "").lstrip(string.ascii_letters), row + 1)
            letters, unplaced = "", 0

    parse_member(archive, member, make_parser(start), name)
    return rows, columns, sharing


def _read_number(digits: str, otherwise: int) -> int:
    return int(digits[:20]) if digits.isdecimal() else otherwise


def _count_columns(letters: str) -> int:
    number = 0
    for letter in letters.upper()[:20]:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _measure_ods(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> list[tuple[int, int]]:
    """Return the rows and the columns up to the last cell with a value, of each sheet."""
    sizes: list[tuple[int, int]] = []
    row = rows = columns = cell = repeated = 0
    has_value = False

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal row, rows, columns, cell, repeated, has_value
        if element in _ODS_CELLS:
            cell += _count_repeats(attributes, "columns")
            if any(each.startswith("office:") or each == "table:formula" for each in attributes):
                has_value, columns = True, max(columns, cell)
        elif element == "table:table-row":
            cell, has_value, repeated = 0, False, _count_repeats(attributes, "rows")
        elif element == "table:table":
            row = rows = columns = 0

    def end(element: str) -> None:
        nonlocal row, rows
        if element == "table:table-row":
            row += repeated
            rows = row if has_value else rows
        elif element == "table:table":
            sizes.append((rows, columns))

    parse_member(archive, member, make_parser(start, end), name)
    return sizes


def _count_repeats(attributes: dict[str, str], what: str) -> int:
    return _read_number(attributes.get(f"table:number-{what}-repeated", ""), 1)
