"""The East Asian encodings: which of them a text that is no UTF-8 can be in."""

from __future__ import annotations

import re
from pathlib import Path

#: As Python calls them, and what people call them. Each holds those that it came from: Shift-JIS, GBK, Big5, EUC-KR.
EAST_ASIAN = {
    "cp932": "Japanese (Shift-JIS)",
    "euc_jp": "Japanese (EUC-JP)",
    "gb18030": "Chinese (GBK, GB 18030)",
    "cp950": "Chinese (Big5)",
    "cp949": "Korean (EUC-KR)",
}

_SAMPLE_BYTES = 64 << 10
#: What charset-normalizer calls chaos, of a text in a wrong encoding. Measured on lists of words in the five encodings: with three
#: words or more the right one was always below, and in files of 300 rows no other was; Western, Greek and Russian texts of five
#: rows or more had more in all five.
_MOST_CHAOS = 0.1
#: Bytes that stand for nothing, or for signs that no Western text has, in Windows-1252. Katakana are such a byte and an ASCII one.
_NOT_WESTERN = re.compile(rb"[\x81-\x84\x86-\x89\x8b\x8d\x8f\x90\x98\x9b\x9d\x9f]")
_MOST_NOT_WESTERN = 0.1
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")


def find_east_asian(path: Path) -> list[str]:
    """Return the encodings that the lines beyond ASCII of the file at *path* read well in, the best first."""
    # Only files that are no UTF-8 need this import.
    from charset_normalizer import from_bytes

    content = read_beyond_ascii(path)
    if _is_western(content):
        return []
    found = from_bytes(content, cp_isolation=list(EAST_ASIAN))
    return [each.encoding for each in found if each.chaos <= _MOST_CHAOS and _has_characters(content, each.encoding)]


def read_beyond_ascii(path: Path) -> bytes:
    """Return the first lines of the file at *path* that have bytes beyond ASCII."""
    sample = bytearray()
    with path.open("rb") as file:
        while len(sample) < _SAMPLE_BYTES and (line := file.readline(_SAMPLE_BYTES)):
            if not line.isascii():
                sample += line
    return bytes(sample)


def _is_western(content: bytes) -> bool:
    """Whether letters beyond ASCII mostly stand alone, as in `café` and `25°`; to charset-normalizer `°` alone is Japanese."""
    runs = _BEYOND_ASCII.findall(content)
    size = sum(map(len, runs))
    alone = sum(len(run) == 1 for run in runs)
    return alone * 2 >= size and len(_NOT_WESTERN.findall(content)) < _MOST_NOT_WESTERN * size


def _has_characters(content: bytes, codec: str) -> bool:
    """Whether there are at least two characters beyond ASCII: of a single one nobody can tell what it is."""
    return len({each for each in content.decode(codec, errors="ignore") if not each.isascii()}) > 1
