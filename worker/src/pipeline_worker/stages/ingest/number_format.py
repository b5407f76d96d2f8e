"""Numbers as people write them: whole ones, and ones with a decimal point or a decimal comma."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_text import make_text

#: What may stand between groups of three digits, beside the other of `.` and `,`: apostrophes and no-break spaces.
GROUP_SIGNS = "'\u2019\u00a0\u202f"

#: `00123` is no number but a code, and `0x1f`, which Arrow would read, is text: both begin like this.
LEADING_ZERO = r"^[+-]?0[0-9xX]"
_WHOLE = r"^[+-]?(?:0|[1-9][0-9]*)$"
INFINITE = r"(?i)^[+-]?(?:inf|infinity)$"

#: More digits may not fit into 64 bits.
SAFE_DIGITS = 18


def read_plain(texts: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Return *texts* as numbers where Arrow can read every one, and none is missing or infinite; otherwise None.

    This is several times faster than to look for missing words and group signs first. Leading zeros pass.
    """
    if not (pa.types.is_int64(kind) or pa.types.is_float64(kind)):
        return None
    try:
        numbers = pc.cast(texts, kind)
    except pa.ArrowInvalid:
        return None
    return numbers if pc.all(pc.is_finite(numbers), skip_nulls=False).as_py() else None


def has_leading_zero(numbers: pa.Array) -> bool:
    """Whether any of *numbers*, all of which Arrow can read, begins as :data:`LEADING_ZERO` says.

    The pattern is slow, and in most columns `0` and `0.5` are all that begins with a zero.
    """
    for zero in ("0", "-0", "+0"):
        zeros = _count(pc.starts_with(numbers, zero))
        if zeros and zeros > _count(pc.starts_with(numbers, f"{zero}.")) + _count(pc.equal(numbers, make_text(zero))):
            return bool(pc.any(pc.match_substring_regex(numbers, LEADING_ZERO)).as_py())
    return False


def _count(mask: pa.Array) -> int:
    return pc.sum(mask).as_py() or 0


def list_numbers(words: Iterable[str], decimal: str = ".") -> list[float]:
    """Return the numbers among *words*, written with *decimal*: what a value that is no text has to be to mean such a word."""
    numbers = Numbers(decimal)
    return [
        float(re.sub(numbers.groups, "", word).replace(decimal, "."))
        for word in words
        if re.fullmatch(numbers.pattern, word)
    ]


class WholeNumbers:
    """Integers without group signs and leading zeros."""

    type: ClassVar[str] = "integer"
    what: ClassVar[str] = "whole numbers"
    arrow_type: ClassVar[pa.DataType] = pa.int64()

    def __init__(self) -> None:
        self.is_beyond_int64 = False

    def find_misfits(self, values: pa.Array) -> pa.Array | None:
        """Return which of *values* are no such numbers, or None if all are."""
        try:
            pc.cast(values, pa.int64())
        except pa.ArrowInvalid:
            misfits = pc.invert(pc.match_substring_regex(values, _WHOLE))
            if pc.any(misfits).as_py():
                return misfits
            try:
                self.convert(values)
            except pa.ArrowInvalid:
                self.is_beyond_int64 = True
            return None
        return pc.match_substring_regex(values, LEADING_ZERO) if has_leading_zero(values) else None

    def convert(self, values: pa.Array) -> pa.Array:
        """Return *values* as 64-bit integers."""
        try:
            return pc.cast(values, pa.int64())
        except pa.ArrowInvalid:
            return pc.cast(pc.replace_substring_regex(values, r"^\+", ""), pa.int64())


class Numbers:
    """Numbers with *decimal* as their decimal sign, with or without signs between groups of three digits.

    :param decimal: `.` or `,`; *has_decimals* says whether any value has it, *has_groups* whether any has signs between
        groups. *pattern* fits such a number, and *groups* such a sign, for Arrow and for Python alike.
    """

    def __init__(self, decimal: str) -> None:
        self.decimal = decimal
        self.has_decimals = False
        self.has_groups = False
        self.is_beyond_int64 = False
        self._has_exponents = False
        other = "," if decimal == "." else "."
        point = re.escape(decimal)
        groups = "|".join(f"(?:{re.escape(sign)}[0-9]{{3}})+" for sign in (other, *GROUP_SIGNS))
        # Nobody groups the digits of a number with an exponent: `4.968e-01` has no thousands.
        self.pattern = (
            rf"^[+-]?(?:(?:(?:0|[1-9][0-9]*)(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"
            rf"|[1-9][0-9]{{0,2}}(?:{groups})(?:{point}[0-9]*)?)$"
        )
        self.groups = f"[{re.escape(other)}{GROUP_SIGNS}]"

    @property
    def type(self) -> str:
        """The column's type: grouped digits without a fraction are integers."""
        return "number" if self.has_decimals or self._has_exponents or self.is_beyond_int64 else "integer"

    @property
    def arrow_type(self) -> pa.DataType:
        """What the column becomes."""
        return pa.float64() if self.type == "number" else pa.int64()

    @property
    def what(self) -> str:
        """What such values are called."""
        return "numbers" if self.decimal == "." else "numbers with a decimal comma"

    def find_misfits(self, values: pa.Array) -> pa.Array | None:
        """Return which of *values* are no such numbers, or None if all are."""
        plain = self._read_plain(values)
        misfits = self._find_misfits(values, plain)
        if misfits is None:
            if not self.has_decimals:
                self.has_decimals = bool(pc.any(pc.match_substring(values, self.decimal)).as_py())
            if not (self.has_decimals or self._has_exponents):
                self._has_exponents = bool(pc.any(pc.match_substring_regex(values, "[eEnN]")).as_py())
            if plain is None and not self.has_groups:
                self.has_groups = bool(pc.any(pc.match_substring_regex(values, self.groups)).as_py())
            if self.type == "integer":
                self.is_beyond_int64 = (pc.max(pc.utf8_length(values)).as_py() or 0) > SAFE_DIGITS
        return misfits

    def _find_misfits(self, values: pa.Array, plain: pa.Array | None) -> pa.Array | None:
        if plain is None:
            is_infinite = pc.match_substring_regex(values, INFINITE)
            misfits = pc.invert(pc.or_(pc.match_substring_regex(values, self.pattern), is_infinite))
            if pc.any(misfits).as_py():
                return misfits
        elif has_leading_zero(values):
            return pc.match_substring_regex(values, LEADING_ZERO)
        numbers = self._read(values) if plain is None else plain
        if pc.all(pc.is_finite(numbers)).as_py():
            return None
        # `1e999` would become infinite, and `nan` in odd spellings would become missing: neither is what it says.
        is_infinite = pc.match_substring_regex(values, INFINITE)
        misfits = pc.and_not(pc.invert(pc.is_finite(numbers)), is_infinite)
        return misfits if pc.any(misfits).as_py() else None

    def convert(self, values: pa.Array) -> pa.Array:
        """Return *values* as floats, or as integers where no value has a fraction."""
        if self.type == "integer":
            digits = pc.replace_substring_regex(values, rf"{self.groups}|^\+", "")
            return pc.cast(digits, pa.int64())
        numbers = self._read_plain(values)
        return self._read(values) if numbers is None else numbers

    def _read_plain(self, values: pa.Array) -> pa.Array | None:
        if self.decimal != ".":
            return None
        try:
            return pc.cast(values, pa.float64())
        except pa.ArrowInvalid:
            return None

    def _read(self, values: pa.Array) -> pa.Array:
        digits = pc.replace_substring_regex(values, self.groups, "")
        if self.decimal == ",":
            digits = pc.replace_substring(digits, ",", ".")
        return pc.cast(digits, pa.float64())
