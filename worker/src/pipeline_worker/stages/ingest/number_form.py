"""Numbers with something around them: currency signs, parentheses, a minus behind, per cent, groups of two or by blanks.

Each form is read only where the whole column fits it: :meth:`NumberForm.find_fault` says what is against it.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_text import EMPTY, make_text, make_texts
from .number_format import GROUP_SIGNS, SAFE_DIGITS, Numbers, WholeNumbers

CURRENCY = r"(?:US\$|R\$|\p{Sc}|EUR|USD|GBP|CHF|kr)"
BLANK = "[ \u00a0\u202f]?"
#: Full-width characters and the mathematical minus → what they are in ASCII.
WIDE = {chr(0xFF10 + digit): str(digit) for digit in range(10)} | {
    "\uff0e": ".",
    "\uff0c": ",",
    "\uff0d": "-",
    "\uff0b": "+",
    "\uff05": "%",
    "\uff08": "(",
    "\uff09": ")",
    "\u2212": "-",
}
_ANY_WIDE = f"[{''.join(WIDE)}]"
_LEADING_MINUS = r"^[^0-9(]*-"
_TRAILING_MINUS = r"[^(]-$"


class NumberForm:
    """Numbers of one form with *decimal* as their decimal sign, and what was seen of the form."""

    def __init__(self, decimal: str) -> None:
        self.decimal = decimal
        self.has_decimals = False
        self.has_groups = False
        self.is_beyond_int64 = False
        self.is_wide = False
        self.currencies: set[str] = set()
        self.has_trailing_minus = False
        self.with_parentheses = 0
        self._cells = self._with_percent = self._with_currency = 0
        self._has_leading_minus = self._has_pairs = self._has_triples = False
        self._signs: set[str] = set()
        self._blanks: set[int] = set()
        other = "," if decimal == "." else "."
        self._other = other
        self.pattern = _write_pattern(decimal, other)

    @property
    def type(self) -> str:
        """The column's type: digits without a fraction are integers."""
        return "number" if self.has_decimals or self.is_beyond_int64 else "integer"

    @property
    def arrow_type(self) -> pa.DataType:
        """What the column becomes."""
        return pa.float64() if self.type == "number" else pa.int64()

    @property
    def what(self) -> str:
        """What such values are called."""
        return f"numbers like {self.label}" if self.label != "1" else "numbers"

    @property
    def has_zero_dash(self) -> bool:
        """Whether a lone `-` is 0, as it is in accounts."""
        return bool(self.currencies or self.with_parentheses)

    @property
    def label(self) -> str:
        """How such numbers are written, by an example."""
        group = next(iter(self._signs), "")
        whole = f"12{group}34{group}567" if self._has_pairs else f"1{group}234" if group else "1"
        text = whole + (f"{self.decimal}5" if self.has_decimals else "")
        if self._with_percent:
            text += "%"
        sign = min(self.currencies, default="")
        if self.with_parentheses:
            text = f"({text})"
        if sign:
            text = f"{sign}{text}"
        if self.has_trailing_minus:
            text += "-"
        elif self.is_wide:
            text = f"\u2212{text}"
        return text

    @property
    def example(self) -> str:
        """What the example of :attr:`label` becomes."""
        return f"{self.convert(make_texts(self.label))[0].as_py()}"

    def absorb(self, earlier: WholeNumbers | Numbers, cells: int) -> None:
        """Take over what was seen of *cells* cells before the first that has something around its number."""
        self._cells += cells
        self._blanks.add(0)
        if isinstance(earlier, Numbers):
            self.has_decimals |= earlier.has_decimals
            self.is_beyond_int64 |= earlier.is_beyond_int64
            if earlier.has_groups:
                self._signs.add(self._other)
        else:
            self.is_beyond_int64 |= earlier.is_beyond_int64

    def find_misfits(self, values: pa.Array) -> pa.Array | None:
        """Return which of *values* are no such numbers, or None if all are."""
        values = self._tidy(values)
        misfits = pc.invert(pc.match_substring_regex(values, self.pattern))
        if pc.any(misfits).as_py():
            return misfits
        self._look(values.drop_null())
        return None

    def _look(self, values: pa.Array) -> None:
        def count(pattern: str) -> int:
            return int(pc.sum(pc.match_substring_regex(values, pattern)).as_py() or 0)

        self._cells += len(values)
        self.with_parentheses += count(r"\(")
        self._with_percent += count("%")
        self._has_leading_minus |= count(_LEADING_MINUS) > 0
        self.has_trailing_minus |= count(_TRAILING_MINUS) > 0
        self.has_decimals |= count(re.escape(self.decimal)) > 0
        self._has_pairs |= count(r"[0-9],[0-9]{2},") > 0 and self.decimal == "."
        self._has_triples |= count(r"[0-9]{3},[0-9]{3}") > 0
        for sign in (self._other, " ", *GROUP_SIGNS):
            if count(f"[0-9]{re.escape(sign)}[0-9]"):
                self._signs.add(sign)
                self.has_groups = True
        blanks = pc.min_max(pc.count_substring_regex(values, "[0-9] [0-9]"))
        self._blanks |= {blanks["min"].as_py(), blanks["max"].as_py()}
        found = pc.struct_field(pc.extract_regex(values, f"(?P<sign>{CURRENCY})"), "sign").drop_null()
        self._with_currency += len(found)
        self.currencies |= {each.as_py() for each in pc.unique(found)}
        digits = pc.replace_substring_regex(values, "[^0-9]", "")
        self.is_beyond_int64 |= (pc.max(pc.utf8_length(digits)).as_py() or 0) > SAFE_DIGITS

    def find_fault(self) -> str | None:
        """Return what is against reading the column so, as a whole, or None."""
        sign = min(self.currencies, default="")
        ways_of_minus = (self.with_parentheses > 0) + self._has_leading_minus + self.has_trailing_minus
        is_like_an_identifier = " " in self._signs and not self.has_decimals and len(self._blanks) < 2
        faults = (
            (0 < self._with_percent < self._cells, "some of its numbers have `%`, and some have none"),
            (len(self.currencies) > 1, f"its amounts are in {' and '.join(sorted(self.currencies))}"),
            (0 < self._with_currency < self._cells, f"some of its numbers have {sign}, and some have none"),
            (self.with_parentheses == self._cells, "all of its numbers are in parentheses, so these mean no minus"),
            (ways_of_minus > 1, "its negative numbers are written in more than one way"),
            (len(self._signs) > 1, "more than one sign stands between the groups of its digits"),
            (self._has_pairs and self._has_triples, "its digits are in groups of two and of three"),
            (
                is_like_an_identifier,
                "all of its numbers have as many groups of digits as the others, like an identifier",
            ),
        )
        return next((fault for is_so, fault in faults if is_so), None)

    def convert(self, values: pa.Array) -> pa.Array:
        """Return *values* as floats, or as integers where no value has a fraction."""
        values = self._tidy(values)
        digits = pc.replace_substring_regex(values, f"[^0-9{re.escape(self.decimal)}]", "")
        if self.decimal == ",":
            digits = pc.replace_substring(digits, ",", ".")
        is_negative = pc.match_substring_regex(values, r"[(-]")
        negative = pc.binary_join_element_wise(make_text("-"), digits, EMPTY)
        return pc.cast(pc.if_else(is_negative, negative, digits), self.arrow_type)

    def _tidy(self, values: pa.Array) -> pa.Array:
        """Return *values* in ASCII, and an amount that is only a dash as 0."""
        if pc.any(pc.match_substring_regex(values, _ANY_WIDE)).as_py():
            self.is_wide = True
            for wide, plain in WIDE.items():
                values = pc.replace_substring(values, wide, plain)
        return pc.replace_substring_regex(values, f"^({CURRENCY}){BLANK}-$", r"\10")


def _write_pattern(decimal: str, other: str) -> str:
    point = re.escape(decimal)
    groups = "|".join(f"(?:{re.escape(sign)}[0-9]{{3}})+" for sign in (other, " ", *GROUP_SIGNS))
    pairs = "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}" if decimal == "." else ""
    number = rf"(?:(?:0|[1-9][0-9]*|[1-9][0-9]{{0,2}}(?:{groups}){pairs})(?:{point}[0-9]*)?|{point}[0-9]+)"
    before, behind, percent = f"{CURRENCY}{BLANK}", f"{BLANK}{CURRENCY}", f"{BLANK}%"
    return (
        "^(?:"
        + "|".join(
            (
                f"[+-]?(?:{before})?{number}",
                f"{before}[+-]{number}",
                f"[+-]?{number}(?:{behind}|{percent})",
                f"{number}(?:{behind}|{percent})?-",
                f"{before}{number}-",
                rf"(?:{before})?\({number}\)",
                rf"\({before}{number}\)",
                rf"\({number}(?:{behind}|{percent})\)",
                rf"\({number}\)(?:{behind}|{percent})",
            )
        )
        + ")$"
    )
