"""What people are told of a text that is no valid UTF-8: where it is damaged, or what was made of it, or could be."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from ...errors import DataUnreadable
from .east_asian import EAST_ASIAN, read_beyond_ascii
from .setting_line import write_config

_CHUNK_BYTES = 1 << 20
#: A line is looked at as far as that.
_LONGEST_LINE = 1 << 16
_LONGEST_WORD = 30
#: Ranges of characters that do occur where UTF-8 is valid; those between are also `É»` and the like in a Western text.
_USUAL = ((0x80, 0x180), (0x370, 0x3F0), (0x400, 0x480), (0x800, 0x110000))
_REPLACED = 0xFFFD
_WORD = re.compile(r"[^\s,;|\"]*[^\W\d_a-zA-Z][^\s,;|\"]*")
_BEYOND_ASCII = re.compile(r"[^\s,;|\"]*[^\x00-\x7f][^\s,;|\"]*")
_NAMES = {"cp1252": "Windows-1252", "latin-1": "Latin-1"} | EAST_ASIAN
#: A character of two bytes that were each written as UTF-8 again. `Ã` before a no-break space or `»` does occur at the end of a word.
_TWICE = re.compile(rb"\xc3[\x82\x83]\xc2[\xa1-\xaa\xac-\xba\xbc-\xbf]")
_UNDECODED = re.compile("[\udc80-\udcff]")
#: What else a text taken for a Western one may be in, and for which languages.
_OTHERS = {
    "cp1250": "Central European",
    "cp1251": "Cyrillic",
    "koi8_r": "Cyrillic",
    "cp1253": "Greek",
    "cp1254": "Turkish",
}


def count_utf8(path: Path) -> tuple[int, int]:
    """Return how many characters beyond ASCII are valid UTF-8, and how many bytes are not."""
    # Arrow has loaded it anyway.
    import numpy as np

    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    valid = invalid = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            characters = np.frombuffer(decoder.decode(chunk).encode("utf-32-le"), np.uint32)
            beyond = characters[characters > ord("\x7f")]
            bad = int((beyond == _REPLACED).sum())
            invalid += bad
            valid += sum(int(((beyond >= first) & (beyond < end)).sum()) for first, end in _USUAL) - bad
    return valid, invalid


def refuse_damaged(path: Path, codec: str, line: int, name: str, why: str, others: Sequence[str]) -> DataUnreadable:
    """Return the error for a text that is not valid in *line*.

    :param why: what tells the encoding, where no line is wholly valid.
    :param others: encodings that it may be in instead.
    """
    # Other codecs cannot read on behind what is not valid.
    valid, damaged = _count_lines(path) if codec == "utf-8" else (0, 0)
    what = f"This is {codec.upper()} text ({why}), but"
    if valid:
        are = "is" if valid == 1 else "are"
        what = (
            f"The file is in two encodings, or damaged: of {valid + damaged:,} lines with characters beyond ASCII {valid:,} {are} "
            "UTF-8, but"
        )
    fix = "Write all of the file as UTF-8: a part in another encoding may begin there."
    other = next((other for other in others if _is_valid(path, other)), None)
    if other is not None:
        fix += f" If it is in another one throughout, say so, for instance {write_config(encoding=other)}"
    return DataUnreadable(
        f"{what} line {line} is not valid{_show_bad(path, codec, line)}.",
        where=f"{name}, line {line}",
        fix=fix,
        details={"line": line},
    )


def refuse_doubtful(path: Path, found: Sequence[str], name: str) -> DataUnreadable:
    """Return the error for a text that reads well in several encodings."""
    readings = "; ".join(f"`{_find_word(path, codec)[0]}` in {codec}, {_NAMES[codec]}" for codec in found)
    return DataUnreadable(
        f"This is no UTF-8 text, and too short to tell which of {len(found)} encodings it is in: {readings}.",
        where=name,
        fix=f"Save the file as UTF-8, or say which of them reads right: if the first does, give {write_config(encoding=found[0])}",
        details={"encodings": list(found)},
    )


def say_what_was_made(path: Path, codec: str) -> str:
    """Return the note on a text that was taken to be in *codec*."""
    word, line = _find_word(path, codec)
    made = f"The file is no UTF-8 text, and was taken for {codec}, {_NAMES[codec]}: line {line} has `{word}`."
    if codec in EAST_ASIAN:
        # None of them reads well, so that one is enough.
        likely = [*islice((other for other in EAST_ASIAN if other != codec and _is_valid(path, other)), 1)]
    else:
        likely = _list_likely(path)
    written = word.encode(codec)
    readings = {other: written.decode(other, errors="replace") for other in likely}
    names = _OTHERS | EAST_ASIAN
    others = {other: read for other, read in readings.items() if read != word}
    read_as = ", ".join(f"`{read}` in {other} ({names[other]})" for other, read in others.items())
    could = f" It would be {read_as}." if read_as else ""
    # One that reads the word alike would leave it wrong, and no note would say so.
    another = f", or give another, such as {write_config(encoding=next(iter(others)))}" if others else "."
    return f"{made}{could} If that is wrong, save it as UTF-8{another}"


def say_what_utf8_was_made(path: Path, codec: str) -> str:
    """Return the note on a text with characters of UTF-8 that was read in *codec*, as it was given."""
    word, line = _find_valid_word(path)
    read = word.encode().decode(codec, errors="replace")
    return (
        f"The file was read in {codec}, as `ingestion_config.encoding` says, but it seems to be UTF-8: line {line} has "
        f"`{read}`, which is `{word}` in UTF-8. If that is wrong, leave `encoding` out, or write all of the file as UTF-8."
    )


def say_what_was_written_twice(head: bytes) -> str | None:
    """Return the note on a text that begins with the bytes *head*, and was written as UTF-8 twice; None where it was not."""
    twice = _TWICE.search(head)
    if twice is None:
        return None
    read, line = twice[0].decode(), head.count(b"\n", 0, twice.start()) + 1
    return (
        f"Line {line} has `{read}`, which seems to be `{read.encode('latin-1').decode()}`, "
        "written as UTF-8 twice. It is read as it stands; if that is wrong, write the file as UTF-8 once."
    )


def _list_likely(path: Path) -> list[str]:
    """Return the other encodings of a byte for each character that all of the file is valid in, what reads like text first."""
    from charset_normalizer import from_bytes

    present = bytearray()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            present += bytes(set(chunk.translate(None, present)))
    possible = [other for other in _OTHERS if "\ufffd" not in present.decode(other, errors="replace")]
    if not possible:
        return []
    found = from_bytes(read_beyond_ascii(path), cp_isolation=possible, threshold=1)
    return [other for each in found for other in each.could_be_from_charset]


def _is_valid(path: Path, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _count_lines(path: Path) -> tuple[int, int]:
    """Return how many lines with characters beyond ASCII are valid UTF-8, and how many are not."""
    valid = damaged = 0
    for _, text in _read_lines(path, "utf-8", "surrogateescape"):
        if not text.isascii():
            is_damaged = _UNDECODED.search(text) is not None
            damaged += is_damaged
            valid += not is_damaged
    return valid, damaged


def _show_bad(path: Path, codec: str, line: int) -> str:
    """Return the word of *line* that is not valid, with its bytes written out."""
    for number, text in _read_lines(path, codec, "backslashreplace"):
        if number == line and (word := re.search(r"[^\s,;|\"]*\\x[89a-f][0-9a-f][^\s,;|\"]*", text)):
            return f": `{word[0][:_LONGEST_WORD]}`"
        if number > line:
            break
    return ""


def _find_word(path: Path, codec: str) -> tuple[str, int]:
    """Return the first word with a letter beyond ASCII, or else with a sign beyond it, and its line."""
    for pattern in (_WORD, _BEYOND_ASCII):
        for number, text in _read_lines(path, codec, "replace"):
            if not text.isascii() and (word := pattern.search(text)):
                return word[0][:_LONGEST_WORD], number
    return "", 1


def _find_valid_word(path: Path) -> tuple[str, int]:
    """Return the first word with a character beyond ASCII in a line that is UTF-8, and that line."""
    for number, text in _read_lines(path, "utf-8", "surrogateescape"):
        if not text.isascii() and not _UNDECODED.search(text) and (word := _BEYOND_ASCII.search(text)):
            return word[0][:_LONGEST_WORD], number
    return "", 1


def _read_lines(path: Path, codec: str, errors: str) -> Iterator[tuple[int, str]]:
    with path.open(encoding=codec, errors=errors) as file:
        number = 1
        while text := file.readline(_LONGEST_LINE):
            yield number, text
            number += text.endswith("\n")
