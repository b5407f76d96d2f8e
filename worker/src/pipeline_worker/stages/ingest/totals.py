"""Whether the last line of a CSV file has the sums or means of the rows above it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_text import make_text, make_texts
from .column_type import Typed
from .number_form import NumberForm
from .number_format import Numbers
from .unquoted import Read

#: What such a line says, in any case, with or without a colon behind it.
TOTAL_WORDS = frozenset(
    {
        *("total", "totals", "sum", "grand total", "overall total"),
        *(
            "summe",
            "gesamt",
            "gesamtsumme",
            "insgesamt",
            "total general",
            "total général",
            "somme",
            "suma",
            "totale",
            "totaal",
        ),
    }
)

#: Sums of floats are as exact as this, by the sum of all amounts.
_RELATIVE = 1e-9
#: A mean, or a sum between the least and the greatest cell, could be any cell: it tells nothing unless it is written at least so finely.
_STEPS = 20


def is_number(cell: str) -> bool:
    """Whether *cell* is a number in any form."""
    return any(_read(cell))


def find_totals(read: Read, typed: Sequence[Typed], cells: Sequence[str], words: Sequence[int]) -> dict[int, str]:
    """Return the positions of those of *cells* that are totals of the rows that *read* gives → what they are, `sum` or `mean`.

    Each is of a column of numbers that is not constant.

    None is where a row above says the same word: there it is a label, or these are subtotals.

    :param words: the positions of a total's words among *cells*.
    """
    sums = {
        position: _Sum()
        for position, (each, cell) in enumerate(zip(typed, cells, strict=True))
        if each.type in {"integer", "number"} and is_number(cell)
    }
    for batch in read(()):
        for position in words:
            above = pc.utf8_lower(pc.utf8_trim_whitespace(batch.column(position)))
            if pc.any(pc.equal(above, make_text(cells[position].lower()))).as_py():
                return {}
        for position, each in sums.items():
            each.add(typed[position].convert(batch.column(position)))
    found = {position: each.compare(cells[position]) for position, each in sums.items()}
    return {position: what for position, what in found.items() if what}


class _Sum:
    """The cells of one column, summed up."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = self._amount = 0.0
        self._least, self._most = float("inf"), float("-inf")

    def add(self, values: pa.Array) -> None:
        numbers = pc.cast(values, pa.float64(), safe=False)
        numbers = numbers.filter(pc.is_finite(numbers))
        if not len(numbers):
            return
        self._count += len(numbers)
        self._sum += pc.sum(numbers).as_py()
        self._amount += pc.sum(pc.abs(numbers)).as_py()
        ends = pc.min_max(numbers)
        self._least, self._most = min(self._least, ends["min"].as_py()), max(self._most, ends["max"].as_py())

    def compare(self, cell: str) -> str | None:
        """Return what *cell* is of the cells above it, to rounding: their `sum`, their `mean`, or None."""
        spread = self._most - self._least
        if not self._count or not spread:
            return None
        for number, unit in _read(cell):
            could_be_any = self._least <= number <= self._most and unit * _STEPS > spread
            for what, wanted, amount in (
                ("sum", self._sum, self._amount),
                ("mean", self._sum / self._count, self._amount / self._count),
            ):
                if abs(number - wanted) <= unit / 2 + _RELATIVE * amount and not could_be_any:
                    return what
        return None


def _read(cell: str) -> Iterator[tuple[float, float]]:
    """Yield each number that *cell* can be, and one unit of the last digit that it is written with."""
    text = make_texts(cell)
    for decimal in (".", ","):
        for reading in (Numbers(decimal), NumberForm(decimal)):
            if reading.find_misfits(text) is None:
                digits = re.search(rf"(?:{re.escape(decimal)}([0-9]*))?(?:[eE]([+-]?[0-9]+))?[^0-9]*$", cell)
                assert digits is not None
                unit = 10.0 ** (int(digits[2] or 0) - len(digits[1] or ""))
                yield float(reading.convert(text)[0].as_py()), unit
