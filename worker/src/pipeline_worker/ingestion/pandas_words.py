"""What `pandas.read_csv` has to be told so that it finds the same cells missing as `ingest` did, and what it cannot be told."""

from __future__ import annotations

from typing import Any

from .column_type import Typed
from .dates import Dates
from .guess import Guess
from .missing_words import PANDAS_WORDS, Verdict
from .number_form import NumberForm
from .times import Durations


def list_missing(typed: Typed) -> set[str]:
    """Return the words that are missing in a column, wherever or without quotes."""
    return {*typed.words.words, *(cell.strip() for cell in typed.unquoted_cells)}


def list_missing_options(guesses: list[Guess], typed: list[Typed], verdicts: list[Verdict]) -> dict[str, Any]:
    """Return `keep_default_na` and `na_values`, where pandas' own words do not fit the file."""
    missing: dict[str, list[str]] = {}
    for guess, each in zip(guesses, typed, strict=True):
        words = list_missing(each)
        missing[guess.name] = [cell for cell in guess.seen.cells if cell.strip() in words and cell]
        # What was given is not among the words that are looked for in each column where it is a number.
        missing[guess.name] += [word for word in guess.given.words if word and word not in missing[guess.name]]
    labels = {word for verdict in verdicts for word in verdict.labels}
    if not labels & PANDAS_WORDS:
        more = {name: [cell for cell in cells if cell not in PANDAS_WORDS] for name, cells in missing.items()}
        first = next(iter(more.values()))
        if first and all(cells == first for cells in more.values()):
            return {"na_values": first}
        more = {name: cells for name, cells in more.items() if cells}
        return {"na_values": more} if more else {}
    listed = list(dict.fromkeys(["", *(cell for cells in missing.values() for cell in cells)]))
    is_one_list = not labels & set(listed) and not any(guess.given.words for guess in guesses)
    return {
        "keep_default_na": False,
        "na_values": listed if is_one_list else {name: ["", *cells] for name, cells in missing.items()},
    }


def list_unread(guesses: list[Guess], typed: list[Typed]) -> dict[str, str]:
    """Return column → why pandas reads it otherwise, whatever it is told."""
    unread = {}
    for guess, each in zip(guesses, typed, strict=True):
        if isinstance(each.reading, NumberForm):
            unread[guess.name] = f"its numbers are written like {each.format}"
        if isinstance(each.reading, Durations):
            unread[guess.name] = f"its durations are written like {each.format}"
        if isinstance(each.reading, Dates) and each.reading.has_short_years:
            unread[guess.name] = f"its dates are written like {each.format}"
        if each.unquoted_cells:
            listed = " and ".join(f"`{word}`" for word in dict.fromkeys(map(str.strip, each.unquoted_cells)))
            unread[guess.name] = f"{listed} is a label in quotes, and missing without them"
    return unread
