"""What the columns of a file are in the end, where one column alone leaves it open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import pyarrow as pa

from ...errors import ParameterInvalid
from .column_type import Typed, leave_text
from .date_format import DURATION_EXAMPLE
from .date_order import find_order, settle_dates
from .dates import Dates
from .guess import Guess
from .number_form import NumberForm
from .number_format import Numbers, WholeNumbers
from .setting_line import write_setting
from .times import Durations

_Signed = TypeVar("_Signed", Numbers, NumberForm)
#: The order of other dates of the file, and the one that the request gives.
_Orders = tuple[str | None, str | None]

#: What a column becomes whose type the request gives, where its cells alone would make it another.
GIVEN_TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "time": pa.time64("us"),
}


def settle(guesses: Sequence[Guess], separator: str, date_order: str | None) -> list[Typed]:
    """Return the type of each column, once all rows were looked at.

    What one column leaves open (is `1,234` a thousand, is `03/04` in March?) is decided by the others of the file.

    :param date_order: the order of dates that the request gives.
    """
    decimal = _find_decimal(guesses)
    found = find_order(_list_dates(guess) for guess in guesses if _list_dates(guess) and not guess.numbers)
    return [_settle_one(guess, decimal, (found, date_order), separator) for guess in guesses]


def _settle_one(guess: Guess, decimal: str | None, orders: _Orders, separator: str) -> Typed:
    if guess.kind is not None:
        return _settle_given(guess, guess.kind, decimal, orders, separator)
    if not guess.has_values and guess.is_open:
        # Nothing was dropped, so there was no value to look at.
        given = " and ".join(f"`{word}`" for word in guess.given.words if guess.seen.count(word))
        return leave_text(
            f"No row has a value{f', by `missing_values` {given} too' if given else ''}; its type is text."
        )
    if guess.numbers:
        return _settle_numbers(guess.numbers, decimal, separator)
    if guess.others:
        return _settle_others(guess, orders)
    return _settle_form(guess, decimal, separator) if guess.forms else leave_text(guess.near)


def _settle_given(guess: Guess, kind: str, decimal: str | None, orders: _Orders, separator: str) -> Typed:
    """Return the type that the request gives, and how the cells are read as that."""
    typed = Typed("text", pa.string())
    if not guess.has_values:
        reading = next(iter([*guess.numbers, *guess.others]), None)
        typed = Typed(kind, GIVEN_TYPES[kind], reading)
    elif guess.numbers:
        whole = guess.numbers[0]
        if kind == "integer" and isinstance(whole, WholeNumbers):
            typed = Typed(kind, GIVEN_TYPES[kind], whole)
        elif whole.is_beyond_int64:
            guess.numbers[-1].is_beyond_int64 = True
            typed = _settle_numbers(guess.numbers[-1:], decimal, separator)
        else:
            typed = _settle_numbers(guess.numbers, decimal, separator)
    elif guess.others:
        typed = _settle_others(guess, orders)
    elif guess.forms:
        chosen, note = _choose(guess.forms, decimal, separator)
        typed = Typed(chosen.type, chosen.arrow_type, chosen, format=chosen.label, note=note)
    if typed.type == "text" and kind != "text":
        raise ParameterInvalid(
            f"`{guess.name}` is to be of the type {kind}, by `ingestion_config.column_types`, but it is not sure how "
            f"its cells are to be read. {typed.note}",
            where="ingestion_config.column_types",
            fix="Write its cells so that they mean one thing only, or give another type.",
            details={"parameter": "ingestion_config.column_types", "column": guess.name},
        )
    if typed.type == kind:
        return replace(typed, is_given=True)
    return replace(typed, type=kind, arrow_type=GIVEN_TYPES[kind], is_given=True)


def _settle_others(guess: Guess, orders: _Orders) -> Typed:
    first = guess.others[0]
    if isinstance(first, Dates):
        return settle_dates(guess.name, _list_dates(guess), *orders, guess.kind)
    if isinstance(first, Durations):
        return _settle_durations(guess.name, first)
    return Typed(first.type, first.arrow_type, first)


def _list_dates(guess: Guess) -> list[Dates]:
    return [each for each in guess.others if isinstance(each, Dates)]


def _settle_durations(name: str, durations: Durations) -> Typed:
    fault = durations.find_fault()
    if fault is not None:
        return leave_text(f"Text, because {fault}.")
    text, seconds = DURATION_EXAMPLE
    setting = write_setting("column_types", name, "text")
    note = f"Durations, read as numbers of seconds: {text} is {seconds}; to keep them as text, give {setting}."
    return Typed(durations.type, durations.arrow_type, durations, format=durations.label, note=note)


def _settle_form(guess: Guess, decimal: str | None, separator: str) -> Typed:
    chosen, note = _choose(guess.forms, decimal, separator)
    fault = chosen.find_fault()
    if fault is not None:
        setting = write_setting("column_types", guess.name, "number")
        return leave_text(f"Text, because {fault}; if they are numbers, give {setting}.")
    setting = write_setting("column_types", guess.name, "text")
    said = f"Its numbers are written like {chosen.label}, which became {chosen.example}"
    note = " ".join(filter(None, (f"{said}; to keep them as text, give {setting}.", note)))
    return Typed(chosen.type, chosen.arrow_type, chosen, format=chosen.label, note=note)


def _settle_numbers(possible: Sequence[WholeNumbers | Numbers], decimal: str | None, separator: str) -> Typed:
    for each in possible:
        if isinstance(each, WholeNumbers):
            if each.is_beyond_int64:
                return leave_text("Text: some of its whole numbers are too large for 64 bits.")
            return Typed("integer", pa.int64(), each)
    chosen, note = _choose([each for each in possible if isinstance(each, Numbers)], decimal, separator)
    return Typed(chosen.type, chosen.arrow_type, chosen, format=_label_numbers(chosen), note=note)


def _choose(readings: Sequence[_Signed], decimal: str | None, separator: str) -> tuple[_Signed, str | None]:
    """Return the one of *readings* whose decimal sign is the likely one, and a sentence where it is not certain."""
    chosen, note = readings[0], None
    if len(readings) > 1 and any(each.has_decimals for each in readings):
        # Only one kind of sign, and always three digits after it: `1,234` or `1.234`.
        sign = "." if readings[0].has_decimals else ","
        wanted = decimal or ("," if sign == "," and separator == ";" else ".")
        chosen = next(each for each in readings if each.decimal == wanted)
        other = "," if wanted == "." else "."
        meaning = "the decimal sign" if wanted == sign else "a sign between thousands"
        note = (
            f"`{sign}` was taken for {meaning}, {'like elsewhere in the file' if decimal else 'which is not certain'}; "
            f'if that is wrong, give {{"ingestion_config": {{"decimal": "{other}"}}}}.'
        )
    return chosen, note


def _label_numbers(numbers: Numbers) -> str | None:
    """Return how the file writes *numbers*, or None where everything reads them as they are."""
    if numbers.type == "integer":
        return "1,234" if numbers.decimal == "." else "1.234"
    if numbers.decimal == ",":
        return "1.234,5"
    # Without this the model would take the text that `pandas.read_csv` makes of such a column for missing values.
    return "1,234.5" if numbers.has_groups else None


def _find_decimal(guesses: Sequence[Guess]) -> str | None:
    """Return the decimal sign of the columns that leave no doubt, if they agree."""
    signs = {
        each.decimal
        for guess in guesses
        for each in guess.numbers or ([] if guess.others else guess.forms)
        if len(guess.numbers or guess.forms) == 1 and isinstance(each, Numbers | NumberForm)
    }
    return signs.pop() if len(signs) == 1 else None
