"""A JSON document, read value by value, so that a long array in it is never held whole."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any, TextIO

from ...errors import DataUnreadable
from .json_records import TOO_MANY_DIGITS, RepeatedNameError, make_record, refuse_nested, refuse_repeated, say_broken

_CHUNK_CHARACTERS = 1 << 20
#: A value that is longer would take too much memory, at ten times its length and more.
_LONGEST_VALUE = 64 << 20
_MEND = "Mend it there, or let a program write the file again (Python: `json.dump`)."
_BLANKS = re.compile(r"[ \t\r\n]*")


def decode_head(head: bytes) -> str:
    """Return the first bytes of a file as text, as far as they are some."""
    utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return head.decode("utf-16" if utf16 else "utf-8-sig", errors="ignore")


class JsonText:
    """The text of a document, from its beginning.

    :param name: what people know the file as.
    """

    def __init__(self, file: TextIO, name: str) -> None:
        self.name = name
        self._file = file
        self._buffer = ""
        self._at = 0
        self._lines = 1
        self._is_whole = False
        self._decode = json.JSONDecoder(object_pairs_hook=make_record).raw_decode

    def peek(self, *, behind: bool = False) -> str:
        """Return the next character that is no blank, or nothing at the end; or the one *behind* that, once it was looked at."""
        while True:
            at = _BLANKS.match(self._buffer, self._at + behind).end()  # type: ignore[union-attr]  # none is a match too
            if not behind:
                self._at = at
            if at < len(self._buffer):
                return self._buffer[at]
            if not self._fill():
                return ""

    def skip(self, sign: str) -> bool:
        """Go on behind *sign*, if it comes next."""
        if self.peek() != sign:
            return False
        self._at += 1
        return True

    def expect(self, *signs: str) -> str:
        """Go on behind the one of *signs* that comes next, and return it.

        :raises DataUnreadable: none does.
        """
        found = self.peek()
        if found not in signs or not found:
            raise self.refuse(f"{' or '.join(signs)} should come next, and not {found or 'the end'}")
        self._at += 1
        return found

    def read_value(self) -> Any:
        """Return the next value.

        :raises DataUnreadable: there is none, or it is too long.
        """
        self.peek()
        while True:
            begun = self._at
            try:
                value, end = self._decode(self._buffer, begun)
            except RepeatedNameError as error:
                raise refuse_repeated(str(error), f"{self.name}, from line {self.line} on") from error
            except RecursionError as error:
                raise refuse_nested(self.line, self.name) from error
            except json.JSONDecodeError as error:
                if self._fill():
                    continue
                # Reading on has cut off what is before the value.
                self._at += max(0, error.pos - begun)
                raise self.refuse(say_broken(error)) from error
            except ValueError as error:
                raise self.refuse(TOO_MANY_DIGITS) from error
            # A number at the end of what is here may go on.
            if end == len(self._buffer) and self._fill():
                continue
            self._at = end
            return value

    @property
    def line(self) -> int:
        """The line that comes next."""
        return self._lines + self._buffer.count("\n", 0, self._at)

    def refuse(self, reason: str, fix: str | None = None) -> DataUnreadable:
        """Return the error for what comes next."""
        is_cut = not self.peek() or reason.startswith("Unterminated")
        usual = "Its end is missing, as if its transfer broke off: send it again." if is_cut else _MEND
        return DataUnreadable(
            f"The JSON is broken in line {self.line}: {reason}.",
            where=f"{self.name}, line {self.line}",
            fix=fix or usual,
            details={"line": self.line},
        )

    def _fill(self) -> bool:
        """Read on; False at the end of the file."""
        if self._is_whole:
            return False
        self._lines += self._buffer.count("\n", 0, self._at)
        kept = self._buffer[self._at :]
        if len(kept) > _LONGEST_VALUE:
            raise DataUnreadable(
                f"A value that begins in line {self._lines} is longer than {_LONGEST_VALUE >> 20} million characters, the most that "
                "is held at once.",
                where=f"{self.name}, line {self._lines}",
                fix="Write the records as JSON lines, each on a line of its own, or as an array of objects.",
            )
        # Twice as much each time: a long value is decoded anew from its beginning.
        more = self._file.read(max(_CHUNK_CHARACTERS, len(kept)))
        self._is_whole = not more
        self._buffer, self._at = kept + more, 0
        return bool(more)
