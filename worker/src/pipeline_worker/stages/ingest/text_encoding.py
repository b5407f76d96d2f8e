"""The character encoding of a text file: its byte order mark, else UTF-8 if it is valid, else what reads well, and a note."""

from __future__ import annotations

import codecs
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import DataUnreadable, ParameterInvalid, near_miss
from .doubtful_encoding import (
    count_utf8,
    refuse_damaged,
    refuse_doubtful,
    say_what_utf8_was_made,
    say_what_was_made,
    say_what_was_written_twice,
)
from .east_asian import find_east_asian
from .setting_line import write_config

_CHUNK_BYTES = 1 << 20
#: The state of a decoder that waits for no rest of a character, or of a line end.
_AT_START = (b"", 0)
#: Of a longer last line only so much is kept.
_LONGEST_LINE = 1 << 18
#: No row is so long that it can be read, and what looks for a fault reads whole lines.
_MOST_CHARACTERS = 64 << 20
#: So small a share of characters can be valid UTF-8 by chance in a text that is none.
_FEW = 0.01

#: Byte order marks, longest first: UTF-32's little-endian one begins with UTF-16's.
_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: For near misses only; every text encoding that Python knows can be given.
_USUAL = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "iso-8859-15", "cp1250", "cp1251", "gbk")

#: What tells the order of bytes by a mark, which such a file may lack.
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
#: A text in one of them has a separator, a digit or a line end at least once in so many characters; where it would be valid
#: UTF-8 too, as with a stray NUL character, most are such.
_FEW_ASCII, _MOST_ASCII = 50, 2
#: What stands before Japanese characters in ISO-2022-JP, all bytes of which are ASCII.
_ESCAPES = (b"\x1b$B", b"\x1b$@")
_CONTROL = bytes([0, *range(4, 9), *range(14, 26)])
#: So large a share of control characters has no text; those that can part cells are not among them.
_MOST_CONTROL = 0.01

#: Encodings of Python that are no encodings of files.
_ODD = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"}


@dataclass(frozen=True)
class TextEncoding:
    """How the bytes of a file become characters.

    :param codec: name that Python knows; it leaves a byte order mark out.
    :param how: `given`, `by its byte order mark`, `valid throughout`, `by its characters` or `assumed`.
    :param lines: lines of the file, as an editor counts them.
    :param quotes: how often each of the texts of one or two characters that were asked for occurs.
    :param last_line: the last line that is not blank, and *last_line_number* which it is, counted from 1.
    :param has_returns: whether any line ends with a carriage return.
    :param note: what was made of the file, where another encoding could make something else of it.
    """

    codec: str
    how: str
    lines: int
    quotes: dict[str, int]
    last_line: str
    last_line_number: int
    has_returns: bool = False
    note: str | None = None

    @property
    def name(self) -> str:
        """The name as people write it."""
        return self.codec.removesuffix("-sig").upper() if self.codec.startswith("utf") else self.codec

    @property
    def is_plain(self) -> bool:
        """Whether the bytes are UTF-8 with line ends that need not be translated, but for a byte order mark."""
        return self.codec in {"utf-8", "utf-8-sig", "ascii"} and not self.has_returns


def find_encoding(path: Path, name: str, given: str | None = None, quotes: Sequence[str] = '"') -> TextEncoding:
    """Return the encoding of the text file at *path*, after one streamed pass over all of it.

    :param name: what people know the file as.
    :param given: the request's `ingestion_config.encoding`.
    :param quotes: texts of one or two characters to count.
    :raises DataUnreadable: damaged UTF-8, NUL characters, ISO-2022-JP, or UTF-16 or UTF-32 without a byte order mark.
    :raises ParameterInvalid: *given* is unknown, or does not fit the bytes.
    """
    with path.open("rb") as file:
        head = file.read(_CHUNK_BYTES)
    mark = next((codec for mark, codec in _MARKS if head.startswith(mark)), None)
    if given is not None:
        codec = _check_given(given, mark, name)
        try:
            return _check_taken(path, _scan(path, codec, "given", quotes, name), given, head, name)
        except _UndecodableError as error:
            raise ParameterInvalid(
                f"`ingestion_config.encoding` is `{given}`, but line {error.line} of the file is not valid in it.",
                where=name,
                fix="Leave it out to have it found, or give the encoding that the file was written in.",
                details={"parameter": "ingestion_config.encoding", "line": error.line},
            ) from error
    if mark is not None:
        try:
            found = _scan(path, mark, "by its byte order mark", quotes, name)
            return replace(found, note=say_what_was_written_twice(head)) if mark == "utf-8-sig" else found
        except _UndecodableError as error:
            codec = mark.removesuffix("-sig")
            raise refuse_damaged(path, codec, error.line, name, "by its byte order mark", ()) from error
    _refuse_unmarked(head, name)
    try:
        found = _scan(path, "utf-8", "valid throughout", quotes, name)
        return replace(found, note=say_what_was_written_twice(head))
    except _UndecodableError as error:
        _refuse_bytes(head, name)
        return _find_other(path, error.line, quotes, name)


def _find_other(path: Path, line: int, quotes: Sequence[str], name: str) -> TextEncoding:
    """Return the encoding of a text that is no valid UTF-8 in *line*."""
    valid, invalid = count_utf8(path)
    if valid > invalid:
        raise refuse_damaged(path, "utf-8", line, name, "most characters beyond ASCII are valid", ("cp1252",))
    readable: list[TextEncoding] = []
    for codec in find_east_asian(path):
        with suppress(_UndecodableError):
            readable.append(_scan(path, codec, "by its characters", quotes, name))
    if len(readable) > 1:
        raise refuse_doubtful(path, [each.codec for each in readable], name)
    if not readable and valid > _FEW * invalid:
        raise refuse_damaged(path, "utf-8", line, name, "some characters beyond ASCII are valid", ("cp1252",))
    found = readable[0] if readable else _scan_western(path, quotes, name)
    return replace(found, note=say_what_was_made(path, found.codec))


def _scan_western(path: Path, quotes: Sequence[str], name: str) -> TextEncoding:
    try:
        # Windows-1252 leaves five bytes undefined; a text that has them was written in something else.
        return _scan(path, "cp1252", "assumed", quotes, name)
    except _UndecodableError:
        return _scan(path, "latin-1", "assumed", quotes, name)


def _check_taken(path: Path, found: TextEncoding, given: str, head: bytes, name: str) -> TextEncoding:
    """Return what was *found* with a note where the file seems to be in another encoding than was *given*."""
    if found.codec in _WIDE and b"\0" not in head:
        # Two bytes at a time, those of any other text are characters too.
        raise ParameterInvalid(
            f"`ingestion_config.encoding` is `{given}`, in which the file has no line end and no other character of ASCII: it would "
            f"end with {found.last_line[-20:]!r}.",
            where=name,
            fix="Leave it out to have it found, or give the encoding that the file was written in.",
            details={"parameter": "ingestion_config.encoding"},
        )
    if found.codec.startswith("utf"):
        return found
    valid, invalid = count_utf8(path)
    if not valid or valid <= _FEW * invalid:
        return found
    return replace(found, note=say_what_utf8_was_made(path, found.codec))


class _UndecodableError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _scan(path: Path, codec: str, how: str, quotes: Sequence[str], name: str) -> TextEncoding:
    # Line ends are translated, so that counting `\n` counts the lines of all three kinds of files.
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec)("strict"), translate=True)
    breaks = line = 0
    counts = dict.fromkeys(quotes, 0)
    end = ""
    with path.open("rb") as file:
        is_final = False
        while not is_final:
            chunk = file.read(_CHUNK_BYTES)
            is_final = not chunk
            # Most of most files is ASCII, which is text as it is.
            is_ascii = codec == "utf-8" and chunk.isascii() and b"\r" not in chunk and decoder.getstate() == _AT_START
            try:
                text = chunk.decode("ascii") if is_ascii and chunk else decoder.decode(chunk, final=is_final)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(codec, errors="ignore")
                raise _UndecodableError(breaks + before.count("\n") + 1) from error
            except UnicodeError as error:
                # Some codecs do not say which byte it is.
                raise _UndecodableError(breaks + 1) from error
            if "\0" in text:
                before, _, after = text.partition("\0")
                rest = iter(lambda: file.read(_CHUNK_BYTES), b"")
                is_end = not after.strip("\0") and not any(more.strip(b"\0") for more in rest)
                _refuse_nul(breaks + before.count("\n") + 1, name, is_end=is_end)
            count = _count(text, "\n")
            breaks += count
            line = len(text) - text.rfind("\n") - 1 if count else line + len(text)
            if line > _MOST_CHARACTERS:
                raise DataUnreadable(
                    f"Line {breaks + 1} has more than {_MOST_CHARACTERS:,} characters.",
                    where=f"{name}, line {breaks + 1}",
                    fix="Look whether the file has line ends, and is a table at all; write each row as a line.",
                    details={"line": breaks + 1},
                )
            for quote in counts:
                # Most files have none of the first characters, which is quickly found.
                if quote[0] in text:
                    counts[quote] += _count(text, quote)
                if len(quote) > 1 and end[-1:] + text[:1] == quote:
                    counts[quote] += 1
            end = (end + text)[-_LONGEST_LINE:]
    last = end.rstrip("\n")
    lines = breaks + (end[-1:] not in {"", "\n"})
    last_number = lines - max(0, len(end) - len(last) - 1)
    has_returns = decoder.newlines not in {None, "\n"}
    return TextEncoding(codec, how, lines, counts, last.rpartition("\n")[2], last_number, has_returns)


def _count(text: str, sign: str) -> int:
    """Return how often *sign* stands in *text*; where it does often, numpy is ten times faster than Python."""
    if len(sign) > 1 or not text.isascii():
        return text.count(sign)
    return int(np.count_nonzero(np.frombuffer(text.encode(), np.uint8) == ord(sign)))


def _check_given(given: str, mark: str | None, name: str) -> str:
    try:
        codec = codecs.lookup(given).name
        "".encode(given)  # refuses codecs that are no text encodings, such as `zip`
    except (LookupError, UnicodeError, ValueError):
        codec = "undefined"
    if codec.replace("_", "-") in _ODD:
        raise ParameterInvalid(
            f"There is no character encoding `{given}`.{near_miss(given, _USUAL)}",
            where="ingestion_config.encoding",
            fix=f"Give one that Python knows, such as {', '.join(f'`{usual}`' for usual in _USUAL[:5])}, or leave it out.",
            details={"parameter": "ingestion_config.encoding"},
        )
    if mark is not None and not codec.startswith(mark.removesuffix("-sig")):
        raise ParameterInvalid(
            f"`ingestion_config.encoding` is `{given}`, but the file begins with the byte order mark of "
            f"{mark.removesuffix('-sig').upper()}.",
            where=name,
            fix="Leave `ingestion_config.encoding` out.",
            details={"parameter": "ingestion_config.encoding"},
        )
    if mark is None and codec in {"utf-16", "utf-32"}:
        raise ParameterInvalid(
            f"`ingestion_config.encoding` is `{given}`, but the file does not begin with the byte order mark of it.",
            where=name,
            fix="Leave `ingestion_config.encoding` out to have it found.",
            details={"parameter": "ingestion_config.encoding"},
        )
    return mark or codec


def _refuse_unmarked(head: bytes, name: str) -> None:
    """Refuse ISO-2022-JP, and UTF-16 and UTF-32 without a byte order mark; of all texts only these have NUL bytes."""
    if any(escape in head for escape in _ESCAPES) and _decode(head, "iso2022_jp") is not None:
        raise DataUnreadable(
            "This looks like Japanese text in ISO-2022-JP: it has escape sequences of that (ESC $ B).",
            where=name,
            fix=f"Give {write_config(encoding='iso2022_jp')}, or save the file as UTF-8.",
        )
    if b"\0" not in head:
        return
    least = _FEW_ASCII if _decode(head, "utf-8") is None else _MOST_ASCII
    codec = next((codec for codec in _WIDE if _can_be(head, codec, least)), None)
    if codec is not None:
        raise DataUnreadable(
            f"This looks like {codec.upper()} text without a byte order mark.",
            where=name,
            fix=f"Give {write_config(encoding=codec)}, or save the file as UTF-8.",
        )


def _can_be(head: bytes, codec: str, least: int) -> bool:
    text = _decode(head, codec)
    return text is not None and "\0" not in text and len(text.encode("ascii", "ignore")) * least >= len(text)


def _decode(head: bytes, codec: str) -> str | None:
    """Return the text of *head*, which may end within a character; None where it is not valid."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(head)
    except UnicodeDecodeError:
        return None


def _refuse_bytes(head: bytes, name: str) -> None:
    """Refuse what is no text in any encoding."""
    control = len(head) - len(head.translate(None, _CONTROL))
    if control > _MOST_CONTROL * len(head):
        raise DataUnreadable(
            f"This is no text: {control:,} of its first {len(head):,} bytes are control characters.",
            where=name,
            fix="Look whether it is the file that was meant, and drop the table; or write it again, if it was damaged on its way.",
        )


def _refuse_nul(line: int, name: str, *, is_end: bool) -> None:
    """Refuse a file with NUL characters, the first of them in *line*.

    :param is_end: whether nothing else follows.
    """
    raise DataUnreadable(
        f"The file ends with NUL characters, from line {line} on, as after a crash while it was written."
        if is_end
        else f"Line {line} has a NUL character, which no text file has.",
        where=name,
        fix="Write it again; or, if all rows are there, take these characters out."
        if is_end
        else "Look whether the file is CSV at all, or was cut off or damaged on its way; write it again.",
        details={"line": line},
    )
