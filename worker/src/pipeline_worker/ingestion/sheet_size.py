"""How large the sheets of a workbook are: seen before one is read, as a reader holds each cell between the first and the last."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataUnreadable
from ..limits import Limits
from .sheet_texts import check_texts

#: Cells of a sheet, empty ones between others included; each takes 24 bytes and more.
MOST_CELLS = 20_000_000
#: Bytes of the sheets and their texts.
_MOST_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 20
#: An element that a chunk cuts in two is looked at with the next.
_OVERLAP_BYTES = 4096
_CELL = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_ODS = re.compile(
    rb"<table:(?P<kind>table-row|(?:covered-)?table-cell|table(?=[\s/>]))(?P<attributes>[^>]*)>|(?P<end></table:table-row>)"
)
_REPEATED = re.compile(rb'number-(?:rows|columns)-repeated="(\d+)"')


def check_sheets(path: Path, name: str, limits: Limits) -> None:
    """Refuse a workbook with a sheet that is too large to be held.

    :param path: the workbook, a zip file.
    :param name: what people know it as.
    :param limits: how large a table may be.
    :raises DataUnreadable: it has one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_bytes(sum(each.file_size for each in archive.infolist() if each.filename.endswith(".xml")), name)
            members = archive.namelist()
            if "content.xml" in members:
                sizes = _measure_ods(_read_chunks(archive, "content.xml"))
            else:
                sheets = [each for each in members if re.fullmatch(r"xl/worksheets/[^/]*\.xml", each)]
                check_texts(archive, sheets, name)
                sizes = (_measure_xlsx(archive, sheet) for sheet in sheets)
            for rows, columns in sizes:
                _check(rows, columns, name, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError):
        # What is damaged is found by whoever reads it.
        return


def _check_bytes(size: int, name: str) -> None:
    if size > _MOST_BYTES:
        raise DataUnreadable(
            f"Unpacked, the workbook has {size:,} bytes, and {_MOST_BYTES:,} are the most: it is held whole.",
            where=name,
            fix="Write the table as CSV or Parquet, and drop that.",
            details={"bytes": size, "most_bytes": _MOST_BYTES},
        )


def _check(rows: int, columns: int, name: str, limits: Limits) -> None:
    limits.check_columns(columns, name)
    limits.check_rows(rows, name)
    if rows * columns > MOST_CELLS:
        raise DataUnreadable(
            f"A sheet reaches to row {rows:,} and column {columns:,}: {rows * columns:,} cells, and {MOST_CELLS:,} are the most that are "
            "read.",
            where=name,
            fix="Remove what stands far from the table, or write the table as CSV or Parquet.",
            details={"rows": rows, "columns": columns, "most_cells": MOST_CELLS},
        )


def _read_chunks(archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """Yield the content in chunks, each with the end of the one before."""
    end = b""
    with archive.open(member) as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield end + chunk
            end = (end + chunk)[-_OVERLAP_BYTES:]


def _measure_xlsx(archive: zipfile.ZipFile, member: str) -> tuple[int, int]:
    """Return the last row and the last column of a sheet that has a cell."""
    rows = columns = 0
    for chunk in _read_chunks(archive, member):
        if found := _CELL.findall(chunk):
            letters, numbers = zip(*found, strict=True)
            rows = max(rows, *map(int, set(numbers)))
            columns = max(columns, *map(_count_columns, set(letters)))
    return rows, columns


def _count_columns(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _measure_ods(chunks: Iterator[bytes]) -> Iterator[tuple[int, int]]:
    """Yield the rows and the columns up to the last cell with a value, of each sheet."""
    row = rows = columns = cell = repeated = 0
    has_value = False
    seen = 0
    offset = 0
    for chunk in chunks:
        start = offset
        for match in _ODS.finditer(chunk):
            if start + match.start() < seen:
                continue
            seen = start + match.end()
            kind = match["kind"]
            if kind == b"table":
                yield rows, columns
                row = rows = columns = 0
            elif kind == b"table-row":
                cell, has_value, repeated = 0, False, _count_repeats(match["attributes"])
                if match["attributes"].endswith(b"/"):
                    row += repeated
            elif match["end"]:
                row += repeated
                rows = row if has_value else rows
            elif kind:
                cell += _count_repeats(match["attributes"])
                if b"value-type=" in match["attributes"]:
                    has_value, columns = True, max(columns, cell)
        offset = start + len(chunk) - min(_OVERLAP_BYTES, len(chunk))
    yield rows, columns


def _count_repeats(attributes: bytes) -> int:
    match = _REPEATED.search(attributes)
    return int(match[1]) if match else 1
