"""What a column of a CSV file can still be: a type is dropped by the first value that is against it."""

from __future__ import annotations

from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from ...wording import shorten
from .column_type import Booleans, CellMisfitError, Reading, strip_zeros
from .date_format import ANY_DATE
from .dates import Dates, list_date_formats
from .missing_words import MISSING_WORDS, PANDAS_WORDS, GivenWords, Seen, WordSet
from .native_cells import write_values
from .number_form import NumberForm
from .number_format import Numbers, WholeNumbers, has_leading_zero, read_plain
from .setting_line import LONGEST_WORD, MOST_WORDS, write_setting
from .times import Durations, Times

#: Values that are looked at first, so that most types are dropped without a look at a whole block.
_GLANCE = 256
#: A text column of which at least so many values were something else is worth a note; with a few words between numbers
#: so many are enough.
_NEARLY, _HALF = 0.9, 0.5
_FEW_WORDS = 3


class Guess:
    """What one column can still be, after the values that it was shown.

    :param name: the column's name, for its notes.
    :param decimal: the decimal sign, where it is known.
    :param given: what the request says of missing words.
    :param kind: the type that the request gives; then it can be nothing else.
    :param date_order: the order of dates that the request gives.
    """

    def __init__(
        self,
        decimal: str | None,
        name: str = "",
        given: GivenWords | None = None,
        kind: str | None = None,
        date_order: str | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.given = given or GivenWords()
        decimals = (decimal,) if decimal else (".", ",")
        is_number = kind in {None, "integer", "number"}
        self.numbers: list[WholeNumbers | Numbers] = [WholeNumbers(), *map(Numbers, decimals)] if is_number else []
        self.forms = [NumberForm(sign) for sign in decimals] if is_number else []
        dates = list_date_formats(date_order if kind in {"date", "timestamp"} else None)
        others: list[Booleans | Times | Durations | Dates] = [Booleans(), Times(), Durations(), *dates]
        kinds = {"boolean": Booleans, "time": Times, "number": Durations, "date": Dates, "timestamp": Dates}
        self.others = [each for each in others if kind is None or (kind in kinds and isinstance(each, kinds[kind]))]
        self.seen = Seen()
        self.has_labels = False
        self.has_values = False
        self._words = WordSet(self.given.typed)
        self._watched = WordSet((*MISSING_WORDS, *PANDAS_WORDS, *self.given.words))
        self._seen = 0
        self._nearest = 0.0
        self._near: tuple[str, int, str, list[str]] | None = None
        # Whether each value is a number with one decimal sign or the other, and the first that is none with a sign.
        self._signed = (Numbers("."), Numbers(",")) if kind is None else ()
        self._unsigned: dict[str, tuple[str, int]] = {}
        self._misfits: list[tuple[int, int, str, Reading]] = []

    @property
    def is_open(self) -> bool:
        """Whether it can still be anything but text."""
        return bool(self.numbers or self.others or self.forms)

    def can_be(self, reading: Reading) -> bool:
        """Whether *reading* is one of those that are left."""
        return any(each is reading for each in (*self.numbers, *self.forms, *self.others))

    def look(self, texts: pa.Array, first_row: int) -> pa.Array | None:
        """Drop what the cells *texts*, which begin with row *first_row*, do not fit, and count the words among them.

        They can be values that are no text in their file. Where it comes by the way, return what the cells are as values of what the column can be now: where all are there, and no
        word is among them.

        :raises CellMisfitError: a cell is not of the type that the request gives.
        """
        if not types.is_string(texts.type):
            if self._takes(texts):
                return texts
            texts = write_values(texts)
        plain = self._read_plain(texts)
        if plain is not None:
            self._seen += len(texts)
            self.has_values = self.has_labels = True
            return plain
        values, has_words = self._count_words(texts)
        if not self.is_open:
            return None if has_words else values
        count = len(values) - values.null_count
        if not count:
            return None
        self.has_values = True
        if self.kind in {"integer", "number"}:
            values = strip_zeros(values)
        if not self._seen:
            first = values[:_GLANCE]
            self._drop_dates(first)
            if len(values) > _GLANCE:
                self._drop(first, first_row, values)
        self._drop(values, first_row, values)
        self._seen += count
        return None

    def _takes(self, values: pa.Array) -> bool:
        """Whether *values* that are no text in their file are what their text would be read as; then count them."""
        first = self._find_plain()
        if first is None or first.arrow_type != values.type or not self.has_values:
            return False
        self._seen += len(values) - values.null_count
        if values.null_count:
            self.seen.cells[""] += values.null_count
        return True

    def _count_words(self, texts: pa.Array) -> tuple[pa.Array, bool]:
        """Count the words among *texts*; return the cells without blanks around them, nulls for missing ones, and whether any is one."""
        trimmed = pc.utf8_trim_whitespace(texts)
        if not self.seen.has_blanks:
            before, after = (pc.sum(pc.binary_length(each)).as_py() for each in (texts, trimmed))
            self.seen.has_blanks = before != after
        is_word = self._watched.find(trimmed)
        if is_word is None:
            self.has_labels |= len(texts) > 0
            return trimmed, False
        counted = pc.value_counts(texts.filter(is_word))
        for word, count in zip(counted.field(0), counted.field(1), strict=True):
            self.seen.cells[word.as_py()] += count.as_py()
        self.has_labels |= not pc.all(is_word).as_py()
        return (self._words.leave_out(trimmed) if self.is_open else trimmed), True

    def _read_plain(self, texts: pa.Array) -> pa.Array | None:
        """Return *texts* as numbers, dates or booleans where all are there and fit the first of what is left; otherwise None."""
        first = self._find_plain()
        if first is None:
            return None
        if isinstance(first, Dates | Booleans):
            return first.read_plain(texts)
        plain = read_plain(texts, first.arrow_type)
        if plain is None or has_leading_zero(texts):
            return None
        self.others = []
        return plain

    def _find_plain(self) -> WholeNumbers | Numbers | Dates | Booleans | None:
        """Return the first of what is left, where it is known enough to read plain cells without a look for words."""
        if self._words.has_numbers:
            return None
        if self.numbers:
            first = self.numbers[0]
            is_open = isinstance(first, Numbers) and (
                len(self.numbers) > 1 or not first.has_decimals or first.decimal != "."
            )
            return None if is_open else first
        if self.forms or len(self.others) != 1 or self.given.words:
            return None
        (only,) = self.others
        return only if isinstance(only, Dates | Booleans) else None

    def _drop_dates(self, values: pa.Array) -> None:
        """Drop all formats of dates at once where *values* are like none of them, as most text is."""
        if self.kind is None and pc.all(pc.invert(pc.match_substring_regex(values, ANY_DATE))).as_py():
            self.others = [each for each in self.others if not isinstance(each, Dates)]

    def _drop(self, values: pa.Array, first_row: int, block: pa.Array) -> None:
        """Drop what *values* do not fit, which are all of a *block* or the first of it."""
        if len(values) == values.null_count:
            return
        self._misfits.clear()
        whole = [each for each in self.numbers if isinstance(each, WholeNumbers)]
        if whole and self._fits(whole[0], values, first_row):
            # Whole numbers are numbers in every notation, and nothing else.
            self.others = []
            return
        for each in self.numbers:
            each.is_beyond_int64 |= any(other.is_beyond_int64 for other in whole)
        earlier = [each for each in self.numbers if isinstance(each, Numbers)]
        self.numbers = [each for each in earlier if self._fits(each, values, first_row)]
        if self.numbers:
            self.others = []
            signs = {each.decimal for each in self.numbers if isinstance(each, Numbers)}
            self.forms = [each for each in self.forms if each.decimal in signs]
            return
        self._find_other_numbers(values)
        if self._seen:
            for form in self.forms:
                for before in earlier:
                    if before.decimal == form.decimal:
                        form.absorb(before, self._seen)
        self.forms = [each for each in self.forms if self._fits(each, values, first_row)]
        self.others = [each for each in self.others if self._fits(each, values, first_row)]
        if self.kind is not None and not self.is_open:
            _, row, value, reading = min(self._misfits, key=lambda each: each[:2])
            wrong = block.filter(reading.find_misfits(block))
            words = list(dict.fromkeys([*self._list_missing(), *pc.unique(wrong)[: MOST_WORDS + 1].to_pylist()]))
            is_any_right = self._seen > 0 or len(wrong) < len(block) - block.null_count
            raise CellMisfitError(row, value, words, is_any_right=is_any_right)

    def _list_missing(self) -> list[str]:
        """Return the words that mean missing already, which a list for the column would take the place of."""
        usual = [] if self.given.is_all else [word for word in self.seen.words if word in MISSING_WORDS]
        return [*self.given.words, *usual]

    def _fits(self, reading: Reading, values: pa.Array, first_row: int) -> bool:
        misfits = reading.find_misfits(values)
        if misfits is None:
            return True
        count = len(values) - values.null_count
        bad = pc.sum(misfits).as_py() or 0
        position = pc.indices_nonzero(misfits)[0].as_py()
        value, row = values[position].as_py(), first_row + position
        self._misfits.append((bad, row, value, reading))
        if isinstance(reading, Numbers):
            self._unsigned[reading.decimal] = (value, row)
        share = (self._seen + count - bad) / (self._seen + count)
        if share > self._nearest and share >= _HALF:
            words = [each.as_py() for each in pc.unique(values.filter(misfits))[: _FEW_WORDS + 1]]
            is_few = len(words) <= _FEW_WORDS and isinstance(reading, WholeNumbers | Numbers | NumberForm)
            if share >= _NEARLY or (is_few and not any(any(map(str.isdigit, word)) for word in words)):
                self._nearest = share
                self._near = (value, row, reading.what, words)
        return False

    def _find_other_numbers(self, values: pa.Array) -> None:
        """Find out whether *values*, which are no numbers with a single decimal sign, are all numbers with one or the other."""
        if self._signed:
            point, comma = (each.find_misfits(values) for each in self._signed)
            if point is not None and comma is not None and pc.any(pc.and_(point, comma)).as_py():
                self._signed = ()

    @property
    def near(self) -> str | None:
        """A sentence on what the column nearly was, or None."""
        if self._signed and self.has_values:
            return self._say_signs()
        if self._near is None:
            return None
        value, row, what, words = self._near
        shown = shorten(value)
        digits = value.lstrip("+-")
        if what == "whole numbers" and digits.isdecimal() and digits.startswith("0"):
            setting = write_setting("column_types", self.name, "integer")
            return f"Text, because of leading zeros: {shown!r} in row {row}; if they are numbers, give {setting}."
        said = f"Text, because of {shown!r} in row {row}: the values around it are {what}"
        if len(words) > _FEW_WORDS or any(len(word) > LONGEST_WORD or any(map(str.isdigit, word)) for word in words):
            return f"{said}."
        setting = write_setting("missing_values", self.name, list(dict.fromkeys([*self._list_missing(), *words])))
        listed = " and ".join(f"`{shorten(word)}`" for word in words)
        return f"{said}; if {listed} {'means' if len(words) == 1 else 'mean'} missing, give {setting}."

    def _say_signs(self) -> str:
        """Return a sentence on a column of numbers, not all of which have the decimal sign of the others, or that which is given."""
        listed = " and ".join(
            f"{shorten(value)!r} in row {row}" for value, row in sorted(self._unsigned.values(), key=itemgetter(1))
        )
        if len(self._unsigned) > 1:
            return f"Text, because its numbers are written in two ways: {listed}; to have them read, write all of them with one decimal sign."
        (given,) = self._unsigned
        return f"Text, because of {listed}: `ingestion_config.decimal` is `{given}`; if these are numbers, leave it out or give the other."
