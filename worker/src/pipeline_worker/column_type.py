"""The type of a text column, from every one of its values: a type is dropped by the first value that is against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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


def settle(guesses: Sequence[Guess], separator: str) -> list[Typed]:
    """Return the type of each column, once all rows were looked at.

    What one column leaves open (is `1,234` a thousand, is `03/04` in March?) is decided by the others of the file.
    """
    decimal = _find_decimal(guesses)
    order = _find_order(guesses)
    return [_settle_one(guess, decimal, order, separator) for guess in guesses]


def _settle_one(guess: Guess, decimal: str | None, order: str | None, separator: str) -> Typed:
    if guess.numbers and guess.others:
        # Nothing was dropped, so there was no value to look at.
        return _as_text("Text: all of its values are missing.")
    if guess.numbers:
        first = guess.numbers[0]
        if not isinstance(first, WholeNumbers):
            return _settle_numbers([each for each in guess.numbers if isinstance(each, Numbers)], decimal, separator)
        if first.is_beyond_int64:
            return _as_text("Text: some of its whole numbers are too large for 64 bits.")
        return Typed("integer", pa.int64(), first)
    if not guess.others:
        return _as_text(guess.near)
    first_other = guess.others[0]
    if isinstance(first_other, Dates):
        return _settle_dates([each for each in guess.others if isinstance(each, Dates)], order)
    return Typed(first_other.type, first_other.arrow_type, first_other)


def _as_text(note: str | None) -> Typed:
    return Typed("text", pa.string(), note=note)


def _settle_dates(readings: list[Dates], order: str | None) -> Typed:
    chosen, note = readings[0], None
    if len(readings) > 1:
        labels = " or ".join(each.label for each in readings)
        same = [each for each in readings if each.order == order]
        if not same:
            return _as_text(f"Text: its dates could be {labels}. Write them as 2024-01-31.")
        chosen = same[0]
        note = f"Read as {chosen.label}, like other dates of the file; by itself it could be {labels}."
    label = None if chosen.label == "YYYY-MM-DD" else chosen.label
    return Typed(chosen.type, chosen.arrow_type, chosen, format=label, note=note)


def _settle_numbers(readings: list[Numbers], decimal: str | None, separator: str) -> Typed:
    note = None
    chosen = readings[0]
    if len(readings) > 1 and any(each.has_decimals for each in readings):
        # Only one kind of sign, and always three digits after it: `1,234` or `1.234`.
        sign = "." if readings[0].has_decimals else ","
        wanted = decimal or ("," if sign == "," and separator == ";" else ".")
        chosen = next(each for each in readings if each.decimal == wanted)
        meaning = "the decimal sign" if wanted == sign else "a sign between thousands"
        note = (
            f"`{sign}` was taken for {meaning}, {'like elsewhere in the file' if decimal else 'which is not certain'}"
            '; to settle it, give {"ingestion_config": {"decimal": "' + wanted + '"}} (or the other sign).'
        )
    example = {("number", ","): "1.234,5", ("integer", "."): "1,234", ("integer", ","): "1.234"}
    return Typed(chosen.type, chosen.arrow_type, chosen, format=example.get((chosen.type, chosen.decimal)), note=note)


def _find_decimal(guesses: Sequence[Guess]) -> str | None:
    """Return the decimal sign of the columns that leave no doubt, if they agree."""
    signs = {
        each.decimal
        for guess in guesses
        for each in guess.numbers
        if len(guess.numbers) == 1 and isinstance(each, Numbers)
    }
    return signs.pop() if len(signs) == 1 else None


def _find_order(guesses: Sequence[Guess]) -> str | None:
    """Return whether the dates that leave no doubt have day or month first, if they agree."""
    orders: Counter[str] = Counter()
    for guess in guesses:
        dates = [each for each in guess.others if isinstance(each, Dates)]
        if len(dates) == 1 and not guess.numbers and ("/" in dates[0].label or "-" in dates[0].label):
            orders[dates[0].order] += 1
    orders.pop("ymd", None)
    return next(iter(orders)) if len(orders) == 1 else None


def _say_near(reading: Reading, value: str, row: int) -> str:
    shown = value if len(value) <= 40 else value[:37] + "..."
    digits = value.lstrip("+-")
    if reading.what == "whole numbers" and digits.isdecimal() and digits.startswith("0"):
        return f"Text, because of leading zeros: {shown!r} in row {row}."
    return f"Text, because of {shown!r} in row {row}: the values around it are {reading.what}."
