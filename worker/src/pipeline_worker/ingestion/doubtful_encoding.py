"""What people are told of a text that is no valid UTF-8: where it is damaged, or what was made of it, or could be."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import DataUnreadable
from .east_asian import EAST_ASIAN
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
#: What else a text taken for a Western one may be in, and for which languages.
_OTHERS = {"cp1250": "Central European", "cp1251": "Cyrillic", "cp1253": "Greek", "cp1254": "Turkish"}


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


def refuse_damaged(path: Path, codec: str, line: int, name: str, why: str) -> DataUnreadable:
    """Return the error for a text that is not valid in *line*."""
    return DataUnreadable(
        f"This is {codec.upper()} text ({why}), but line {line} is not valid{_show_bad(path, codec, line)}.",
        where=f"{name}, line {line}",
        fix="Mend the line, where a part in another encoding may begin: write all of the file as UTF-8. If it is in another one "
        f"throughout, say so, for instance {write_config(encoding='cp1252')}",
        details={"line": line},
    )


def refuse_doubtful(path: Path, found: Sequence[str], name: str) -> DataUnreadable:
    """Return the error for a text that reads well in several encodings."""
    readings = "; ".join(f"`{_find_word(path, codec)[0]}` in {codec}, {_NAMES[codec]}" for codec in found)
    return DataUnreadable(
        f"This is no UTF-8 text, and too short to tell which of {len(found)} encodings it is in: {readings}.",
        where=name,
        fix=f"Save the file as UTF-8, or say which it is, for instance {write_config(encoding=found[0])}",
        details={"encodings": list(found)},
    )


def say_what_was_made(path: Path, codec: str) -> str:
    """Return the note on a text that was taken to be in *codec*."""
    word, line = _find_word(path, codec)
    made = f"The file is no UTF-8 text, and was taken for {codec}, {_NAMES[codec]}: line {line} has `{word}`."
    if codec in EAST_ASIAN:
        others = [other for other in EAST_ASIAN if other != codec]
        return f"{made} If that is wrong, save it as UTF-8, or give another, such as {write_config(encoding=others[0])}"
    written = word.encode(codec)
    readings = {other: written.decode(other, errors="replace") for other in _OTHERS}
    told = [
        f"`{read}` in {other} ({_OTHERS[other]})"
        for other, read in readings.items()
        if read != word and "\ufffd" not in read
    ]
    could = f" It would be {', '.join(told)}." if told else ""
    return (
        f"{made}{could} If that is wrong, save it as UTF-8, or give another, such as {write_config(encoding='cp1250')}"
    )


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


def _read_lines(path: Path, codec: str, errors: str) -> Iterator[tuple[int, str]]:
    with path.open(encoding=codec, errors=errors) as file:
        number = 1
        while text := file.readline(_LONGEST_LINE):
            yield number, text
            number += text.endswith("\n")
