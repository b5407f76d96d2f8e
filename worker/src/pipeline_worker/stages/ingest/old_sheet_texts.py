"""How much text the cells of an old Excel workbook have: a text that many share is written once, and held for each of them.

Records and texts as in [MS-XLS], Microsoft's description of the format: 2.4.265 (SST), 2.5.293 (texts), 2.4.149 (LabelSst).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import olefile  # type: ignore[import-untyped]  # ships no types

from .sheet_texts import MOST_BYTES, refuse_texts

#: What a workbook of Excel 97 and later is called among the parts of its file; older ones share no texts.
_STREAM = "Workbook"
#: Kinds of record.
_TEXTS, _CONTINUED, _CELL_OF_TEXT = 0x00FC, 0x003C, 0x00FD
#: Bits of what says how a text is written.
_IS_WIDE, _HAS_MORE, _HAS_FORMATS = 0x01, 0x04, 0x08


def check_old_texts(path: Path, name: str) -> None:
    """Refuse an old workbook of which the cells have more text than can be held.

    :param name: what people know it as.
    :raises DataUnreadable: they have.
    :raises OSError, ValueError: it is damaged.
    """
    if not olefile.isOleFile(path):
        return
    with olefile.OleFileIO(path) as parts:
        if not parts.exists(_STREAM):
            return
        content = parts.openstream(_STREAM).read()
    size, longest = measure_texts(content)
    if size > MOST_BYTES:
        raise refuse_texts(longest, name)


def measure_texts(content: bytes) -> tuple[int, int]:
    """Return the bytes of the texts of all cells, and of the longest text.

    :param content: the records of a workbook, its shared texts before the cells, as Excel has them.
    """
    sizes: array[int] = array("q")
    texts: list[bytes] = []
    size = 0
    for kind, body in _read_records(content):
        if kind == _TEXTS or (texts and kind == _CONTINUED):
            texts.append(body)
            continue
        if texts:
            sizes, texts = array("q", _measure(texts)), []
        if kind == _CELL_OF_TEXT:
            number = int.from_bytes(body[6:10], "little")
            size += sizes[number] if number < len(sizes) else 0
    return size, max(sizes, default=0)


def _read_records(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(content):
        kind, length = (int.from_bytes(content[start : start + 2], "little") for start in (at, at + 2))
        yield kind, content[at + 4 : at + 4 + length]
        at += 4 + length


def _measure(texts: list[bytes]) -> Iterator[int]:
    """Yield the bytes of each text; what ends too early has no more of them.

    :param texts: the body of the record of texts, and of those that continue it: a text may go on in the next one, where one byte
        says anew how it is written; how it begins never does.
    """
    part, at = 0, 8

    def skip(size: int) -> None:
        nonlocal part, at
        at += size
        while part < len(texts) and at > len(texts[part]):
            at -= len(texts[part])
            part += 1

    while part < len(texts):
        if at == len(texts[part]):
            part, at = part + 1, 0
            continue
        head = texts[part][at : at + 9]
        if len(head) < 3:
            return
        characters, how = int.from_bytes(head[:2], "little"), head[2]
        at += 3
        behind = 0
        if how & _HAS_FORMATS:
            behind += 4 * int.from_bytes(texts[part][at : at + 2], "little")
            at += 2
        if how & _HAS_MORE:
            behind += int.from_bytes(texts[part][at : at + 4], "little")
            at += 4
        size = 0
        while characters and part < len(texts):
            width = 2 if how & _IS_WIDE else 1
            here = min(characters, (len(texts[part]) - at) // width)
            size += here * width
            characters -= here
            at += here * width
            if characters:
                part, at = part + 1, 1
                how = texts[part][0] if part < len(texts) and texts[part] else 0
        yield size
        skip(behind)
