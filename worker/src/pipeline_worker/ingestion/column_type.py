"""The type of a text column, from every one of its values: a type is dropped by the first value that is against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_text import make_null, make_text, make_texts
from .date_format import Dates, Times, list_date_formats
from .number_format import LEADING_ZERO, Numbers, WholeNumbers, read_plain

#: Cells that mean "missing", with or without blanks around them. `None` is not one of them: it is a usual label.
MISSING_WORDS = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "#N/A")

#: Values that are looked at first, so that most types are dropped without a look at a whole block.
_GLANCE = 256
#: A text column of which at least so many values were something else is worth a note.
_NEARLY = 0.9

_MISSING = make_texts(*MISSING_WORDS)
_NULL = make_null(pa.string())


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


class Truths:
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


@dataclass(frozen=True)
class Typed:
    """What a column is, and how its text becomes that.

    :param reading: None leaves text as it is.
    """

    type: str
    arrow_type: pa.DataType
    reading: Reading | None = None
    format: str | None = None
    note: str | None = None

    def convert(self, texts: pa.Array) -> pa.Array:
        """Return the cells *texts* as values of this type, missing ones as nulls."""
        if self.reading is not None:
            plain = read_plain(texts, self.arrow_type)
            if plain is not None:
                return plain
            return pc.cast(self.reading.convert(find_values(texts)), self.arrow_type)
        is_missing = pc.is_in(pc.ascii_trim_whitespace(texts), value_set=_MISSING)
        return pc.if_else(is_missing, _NULL, texts) if pc.any(is_missing).as_py() else texts


def find_values(texts: pa.Array) -> pa.Array:
    """Return the cells *texts* without blanks around them, and nulls for those that are missing."""
    trimmed = pc.ascii_trim_whitespace(texts)
    is_missing = pc.is_in(trimmed, value_set=_MISSING)
    return pc.if_else(is_missing, _NULL, trimmed) if pc.any(is_missing).as_py() else trimmed


class Guess:
    """What one column can still be, after the values that it was shown.

    :param decimal: the decimal sign, where it is known.
    """

    def __init__(self, decimal: str | None) -> None:
        self.numbers: list[WholeNumbers | Numbers] = [WholeNumbers(), *map(Numbers, (decimal,) if decimal else ".,")]
        self.others: list[Truths | Times | Dates] = [Truths(), Times(), *list_date_formats()]
        self._seen = 0
        self.near: str | None = None
        self._nearest = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it can still be anything but text."""
        return bool(self.numbers or self.others)

    def look(self, texts: pa.Array, first_row: int) -> None:
        """Drop what the cells *texts*, which begin with row *first_row*, do not fit."""
        if self._fits_plainly(texts):
            self.others = []
            self._seen += len(texts)
            return
        values = find_values(texts)
        count = len(values) - values.null_count
        if not count:
            return
        if not self._seen and len(values) > _GLANCE:
            self._drop(values[:_GLANCE], first_row)
        self._drop(values, first_row)
        self._seen += count

    def _fits_plainly(self, texts: pa.Array) -> bool:
        """Whether all cells are there and fit the first kind of numbers, which is what most cells of tables are."""
        if not self.numbers:
            return False
        first = self.numbers[0]
        if isinstance(first, Numbers) and (len(self.numbers) > 1 or not first.has_decimals):
            return False
        plain = read_plain(texts, first.arrow_type)
        return plain is not None and not pc.any(pc.match_substring_regex(texts, LEADING_ZERO)).as_py()

    def _drop(self, values: pa.Array, first_row: int) -> None:
        if len(values) == values.null_count:
            return
        whole = [each for each in self.numbers if isinstance(each, WholeNumbers)]
        if whole and self._fits(whole[0], values, first_row):
            # Whole numbers are numbers in every notation, and nothing else.
            self.others = []
            return
        for each in self.numbers:
            each.is_beyond_int64 |= any(other.is_beyond_int64 for other in whole)
        self.numbers = [each for each in self.numbers if each not in whole and self._fits(each, values, first_row)]
        self.others = [] if self.numbers else [each for each in self.others if self._fits(each, values, first_row)]

    def _fits(self, reading: Reading, values: pa.Array, first_row: int) -> bool:
        misfits = reading.find_misfits(values)
        if misfits is None:
            return True
        count = len(values) - values.null_count
        bad = pc.sum(misfits).as_py() or 0
        share = (self._seen + count - bad) / (self._seen + count)
        if share >= _NEARLY and share > self._nearest:
            position = pc.indices_nonzero(misfits)[0].as_py()
            self._nearest = share
            self.near = _say_near(reading, values[position].as_py(), first_row + position)
        return False


def _say_near(reading: Reading, value: str, row: int) -> str:
    shown = value if len(value) <= 40 else value[:37] + "..."
    digits = value.lstrip("+-")
    if reading.what == "whole numbers" and digits.isdecimal() and digits.startswith("0"):
        return f"Text, because of leading zeros: {shown!r} in row {row}."
    return f"Text, because of {shown!r} in row {row}: the values around it are {reading.what}."
