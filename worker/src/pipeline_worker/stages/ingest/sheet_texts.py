"""How much text the cells of an Excel workbook have: a text that many share is written once, and held for each of them."""

from __future__ import annotations

import zipfile
from array import array
from collections.abc import Sequence

from ...errors import DataUnreadable
from .workbook_xml import make_parser, parse_member

SHARED = "xl/sharedStrings.xml"
#: Bytes of the texts of all cells.
MOST_BYTES = 1 << 30


def check_texts(archive: zipfile.ZipFile, sheets: Sequence[zipfile.ZipInfo], sharing: int, name: str) -> None:
    """Refuse a workbook of which the cells have more text than can be held.

    :param sheets: the members that are its sheets.
    :param sharing: how many cells have a shared text.
    :param name: what people know it as.
    :raises DataUnreadable: they have.
    """
    members = [each for each in archive.infolist() if each.filename.replace("\\", "/").lower() == SHARED.lower()]
    for member in members if sharing else []:
        sizes = _measure(archive, member, name)
        longest = max(sizes, default=0)
        if longest * sharing <= MOST_BYTES:
            continue
        for sheet in sheets:
            _check_sheet(archive, sheet, sizes, name)


def _check_sheet(archive: zipfile.ZipFile, sheet: zipfile.ZipInfo, sizes: array[int], name: str) -> None:
    size = 0
    is_shared = is_value = False
    number = ""

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal is_shared, is_value, number
        kind = element.rpartition(":")[2]
        if kind == "c":
            is_shared = attributes.get("t") == "s"
        is_value = is_shared and kind == "v"
        number = ""

    def read(text: str) -> None:
        nonlocal number
        number += text if is_value else ""

    def end(_: str) -> None:
        nonlocal size, is_value
        if is_value and number.strip().isdecimal() and int(number) < len(sizes):
            size += sizes[int(number)]
        is_value = False
        if size > MOST_BYTES:
            raise refuse_texts(max(sizes), name)

    parser = make_parser(start, end)
    parser.CharacterDataHandler = read
    parse_member(archive, sheet, parser, name)


def refuse_texts(longest: int, name: str) -> DataUnreadable:
    """Return the error for a workbook with too much text, of which the *longest* has so many bytes."""
    return DataUnreadable(
        f"The texts of its cells have more than {MOST_BYTES:,} bytes together, the most of a workbook that are held; the longest "
        f"has {longest:,}.",
        where=name,
        fix="Leave the column with the long texts out, or write the table as CSV or Parquet.",
    )


def _measure(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> array[int]:
    """Return the size of each text, markup included."""
    sizes = array("q")
    begun = 0

    def start(element: str, _: dict[str, str]) -> None:
        nonlocal begun
        if element.rpartition(":")[2] == "si":
            begun = parser.CurrentByteIndex

    def end(element: str) -> None:
        if element.rpartition(":")[2] == "si":
            sizes.append(parser.CurrentByteIndex - begun)

    parser = make_parser(start, end)
    parse_member(archive, member, parser, name)
    return sizes
