"""The type of a column of a CSV file, and how its text becomes that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from .arrow_text import NULL, make_text, make_texts
from .dates import Dates
from .missing_words import MISSING_WORDS, WordSet
from .native_cells import write_values
from .number_form import NumberForm
from .number_format import Numbers, read_plain

_PADDED = r"^([+-]?)0+([0-9])"
_SPELLINGS = make_texts("true", "True", "TRUE", "false", "False", "FALSE")
_FIRST_FALSE = pc.index_in(make_text("false"), value_set=_SPELLINGS)


class CellMisfitError(Exception):
    """A cell is not of the type that the request gives for its column.

    :param row: the row that the first one stands in.
    :param words: all that would have to mean missing in the column, where that is known; otherwise *value*.
    :param is_any_right: whether any cell is of the type.
    """

    def __init__(self, row: int, value: str, words: Sequence[str] = (), *, is_any_right: bool = True) -> None:
        super().__init__(row, value)
        self.row = row
        self.value = value
        self.words = list(words) or [value]
        self.is_any_right = is_any_right


class Reading(Protocol):
    """One way to read the values of a text column."""

    @property
    def type(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def arrow_type(self) -> pa.DataType: ...
    def find_misfits(self, values: pa.Array) -> pa.Array | None: ...
    def convert(self, values: pa.Array) -> pa.Array: ...


class Booleans:
    """`true` and `false`, in any case. `yes` and `no` stay text: they are labels."""

    type: ClassVar[str] = "boolean"
    what: ClassVar[str] = "true or false"
    arrow_type: ClassVar[pa.DataType] = pa.bool_()

    def find_misfits(self, values: pa.Array) -> pa.Array | None:
        """Return which of *values* are neither, or None if all are one of them."""
        misfits = pc.invert(pc.match_substring_regex(values, "(?i)^(?:true|false)$"))
        return misfits if pc.any(misfits).as_py() else None

    def convert(self, values: pa.Array) -> pa.Array:
        """Return *values* as booleans."""
        return pc.equal(pc.utf8_lower(values), make_text("true"))

    def read_plain(self, texts: pa.Array) -> pa.Array | None:
        """Return *texts* as booleans where each is spelled as usual; otherwise None."""
        found = pc.index_in(texts, value_set=_SPELLINGS)
        return None if found.null_count else pc.less(found, _FIRST_FALSE)


#: How a column of text that the file has as booleans is written.
TRUTHS = "true"
#: What a column's words are where the file was not asked for them.
USUAL_WORDS = WordSet(MISSING_WORDS)


@dataclass(frozen=True)
class Typed:
    """What a column is, and how its text becomes that.

    :param reading: None leaves text as it is, but for blanks around it.
    :param words: the cells that are missing.
    :param unquoted_cells: cells that are missing only where they stand without quotes, blanks included.
    :param is_given: whether the request gives the type: then numbers may have leading zeros.
    """

    type: str
    arrow_type: pa.DataType
    reading: Reading | None = None
    format: str | None = None
    note: str | None = None
    words: WordSet = USUAL_WORDS
    unquoted_cells: tuple[str, ...] = ()
    is_given: bool = False

    def reads_like(self, other: Typed) -> bool:
        """Whether *other* makes the same of every cell."""
        return (
            (self.type, self.arrow_type, self.unquoted_cells, self.is_given)
            == (other.type, other.arrow_type, other.unquoted_cells, other.is_given)
            and self.reading is other.reading
            and set(self.words.words) == set(other.words.words)
        )

    def convert(self, texts: pa.Array, marked: pa.Array | None = None) -> pa.Array:
        """Return the cells *texts*, or values that are no text in their file, as values of this type, missing ones as nulls.

        :param marked: the same cells with nulls for *unquoted_cells* without quotes, where there are such cells.
        :raises CellMisfitError: a cell is not of the type that the request gives; its row is counted within *texts*.
        """
        if not types.is_string(texts.type):
            texts = write_values(texts)
        if self.reading is not None:
            plain = self._read_plain(texts)
            if plain is not None and plain.type == self.arrow_type:
                return plain
            return self._read(self._find_values(texts))
        values = self.words.leave_out(pc.utf8_trim_whitespace(texts))
        if self.unquoted_cells and marked is not None:
            # Of another column such a cell can be a label.
            is_own = pc.is_in(texts, value_set=make_texts(*self.unquoted_cells))
            values = pc.if_else(pc.and_(pc.is_null(marked), is_own), NULL, values)
        return values

    def _read_plain(self, texts: pa.Array) -> pa.Array | None:
        if self.words.has_numbers:
            return None
        if isinstance(self.reading, Dates):
            return self.reading.read_plain(texts)
        # Where the decimal sign is a comma, `1.234` is 1234 to us.
        is_comma = isinstance(self.reading, Numbers | NumberForm) and self.reading.decimal == ","
        return None if is_comma and pa.types.is_floating(self.arrow_type) else read_plain(texts, self.arrow_type)

    def _find_values(self, texts: pa.Array) -> pa.Array:
        trimmed = pc.utf8_trim_whitespace(texts)
        if isinstance(self.reading, NumberForm) and self.reading.has_zero_dash:
            # The missing words come first: where `-` was given as one of them, it is no zero.
            trimmed = pc.replace_substring_regex(self.words.leave_out(trimmed), "^-$", "0")
        values = self.words.leave_out(trimmed)
        return strip_zeros(values) if self.is_given and self.type in {"integer", "number"} else values

    def _read(self, values: pa.Array) -> pa.Array:
        try:
            return self._cast(values)
        except pa.ArrowInvalid:
            if not self.is_given:
                raise
        first, last = 0, len(values)
        while last - first > 1:
            middle = (first + last) // 2
            try:
                self._cast(values[first:middle])
                first = middle
            except pa.ArrowInvalid:
                last = middle
        raise CellMisfitError(first + 1, values[first].as_py())

    def _cast(self, values: pa.Array) -> pa.Array:
        assert self.reading is not None
        converted = self.reading.convert(values)
        found = pc.cast(converted, self.arrow_type)
        if pa.types.is_date32(found.type) and pa.types.is_timestamp(converted.type):
            # Arrow cuts the time of day off without a word.
            is_same = pc.equal(pc.cast(found, converted.type), converted)
            if not pc.all(is_same).as_py():
                raise pa.ArrowInvalid("a time of day would be lost")
        return found


def leave_text(note: str | None) -> Typed:
    """Return what a column of text is, with what people are told of it."""
    return Typed("text", pa.string(), note=note)


def strip_zeros(values: pa.Array) -> pa.Array:
    """Return the numbers *values* without leading zeros."""
    return pc.replace_substring_regex(values, _PADDED, r"\1\2")
