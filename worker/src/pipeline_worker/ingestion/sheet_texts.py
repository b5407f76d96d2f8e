"""How much text the cells of an Excel workbook have: a text that many share is written once, and held for each of them."""

from __future__ import annotations

import re
import zipfile
from array import array
from collections.abc import Iterator

from ..errors import DataUnreadable

SHARED = "xl/sharedStrings.xml"
#: Bytes of the texts of all cells.
_MOST_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 20
_END = re.compile(rb"</(?:\w+:)?si>")
#: As long as what ends a text, at least.
_OVERLAP_BYTES = 64
_SHARING = re.compile(rb't="s"[^>]*>\s*<(?:\w+:)?v>(\d+)<')


def check_texts(archive: zipfile.ZipFile, sheets: list[str], name: str) -> None:
    """Refuse a workbook of which the cells have more text than can be held.

    :param sheets: the members that are its sheets.
    :param name: what people know it as.
    :raises DataUnreadable: they have.
    """
    if SHARED not in archive.namelist():
        return
    longest = max(_measure(archive), default=0)
    sharing = sum(chunk.count(b't="s"') for sheet in sheets for chunk in _read(archive, sheet))
    if longest * sharing <= _MOST_BYTES:
        return
    sizes = array("q", _measure(archive))
    size = 0
    for sheet in sheets:
        end = b""
        for chunk in _read(archive, sheet):
            data = end + chunk
            last = 0
            for match in _SHARING.finditer(data):
                size += sizes[int(match[1])] if int(match[1]) < len(sizes) else 0
                last = match.end()
            if size > _MOST_BYTES:
                raise DataUnreadable(
                    f"The texts of its cells have more than {_MOST_BYTES:,} bytes together, the most of a workbook that are held; the longest "
                    f"has {longest:,}.",
                    where=name,
                    fix="Leave the column with the long texts out, or write the table as CSV or Parquet.",
                )
            end = data[max(last, len(data) - _OVERLAP_BYTES) :]


def _measure(archive: zipfile.ZipFile) -> Iterator[int]:
    """Yield the size of each text, markup included."""
    size = 0
    end = b""
    for chunk in _read(archive, SHARED):
        data = end + chunk
        last = 0
        for match in _END.finditer(data):
            yield size + match.start() - last
            size, last = 0, match.end()
        end = data[max(last, len(data) - _OVERLAP_BYTES) :]
        size += len(data) - last - len(end)


def _read(archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    with archive.open(member) as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
