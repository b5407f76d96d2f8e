"""What the columns of a table of text are: every row is looked at, and words for missing are told from labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from ...errors import DataUnreadable, ParameterInvalid, near_miss, quote_name
from ...request import IngestionConfig
from ...wording import shorten
from .column_type import CellMisfitError, Typed
from .draft import Draft, Looked, write_draft
from .guess import Guess
from .missing_words import MISSING_WORDS, GivenWords, Verdict, WordSet, judge_words, note_typed_words, say_typed_words
from .number_form import NumberForm
from .resolve import settle
from .setting_line import LONGEST_WORD, MOST_WORDS, write_setting
from .text_format import TextFormat
from .unquoted import Read, find_unquoted, take_samples

#: A number that is no whole one, in the way that most files write it.
_FRACTION = re.compile(r"[+-]?\d*\.\d+")


@dataclass(frozen=True)
class CsvColumns:
    """The columns of a table of text.

    :param typed: what each is.
    :param words: for each, the words that are missing in it, as far as it has them.
    :param short: column → what its words are, in a few words.
    :param unread: column → why its cells, once pandas has read them as text, are not all that they were.
    :param trimmed: columns of text of which some cells have blanks around them.
    :param draft: the dataset, if it could be written on the way.
    """

    rows: int
    typed: list[Typed]
    words: list[list[str]]
    short: dict[str, str]
    unread: dict[str, str]
    trimmed: list[str]
    draft: Draft | None


def find_columns(
    read: Read, text_format: TextFormat, names: Sequence[str], config: IngestionConfig, name: str, target: Path
) -> CsvColumns:
    """Return what the columns *names* of a table of text are.

    :param name: what people know the file as.
    :param target: where its dataset is to be.
    :raises DataUnreadable: a cell is not of the type that the request gives.
    :raises ParameterInvalid: the request names a column that the file lacks.
    """
    check_names(names, config)
    types = config.column_types or {}
    guesses = [
        Guess(text_format.find_decimal(each), each, GivenWords.of(config, each), types.get(each), config.date_order)
        for each in names
    ]
    if not text_format.has_quotes:
        for guess in guesses:
            guess.seen.unquoted = guess.seen.cells

    def find_types() -> list[Typed] | None:
        with suppress(ParameterInvalid):
            typed = settle(guesses, text_format.separator, config.date_order)
            return [apply_words(*each) for each in zip(guesses, typed, _judge(guesses, typed), strict=True)]
        return None

    looked = _look(read(()), guesses, text_format, name)
    # Columns that share a name are refused later, once it is known that the first row is a header.
    rows, draft = write_draft(target, guesses, looked, find_types if len(set(names)) == len(names) else lambda: None)
    typed = settle(guesses, text_format.separator, config.date_order)
    open_words = {
        guess.name
        for guess, each in zip(guesses, typed, strict=True)
        if each.type == "text" and not guess.given.is_all and set(guess.seen.words) & set(MISSING_WORDS)
    }
    if text_format.has_quotes and open_words:
        find_unquoted(read, guesses, open_words)
    elif text_format.has_quotes:
        for guess in guesses:
            guess.seen.unquoted = guess.seen.cells
    verdicts = _judge(guesses, typed)
    judged = [apply_words(*each) for each in zip(guesses, typed, verdicts, strict=True)]
    return CsvColumns(
        rows=rows,
        typed=judged,
        words=[
            [word for word in guess.seen.words if word in _list_missing(each)]
            for guess, each in zip(guesses, judged, strict=True)
        ],
        short={
            guess.name: verdict.short if each.type == "text" else say_typed_words(guess.seen, each.words.words)
            for guess, each, verdict in zip(guesses, judged, verdicts, strict=True)
        },
        unread={
            guess.name: f"{words} is a label in quotes, and missing without them"
            for guess, each in zip(guesses, judged, strict=True)
            if (words := " and ".join(f"`{word}`" for word in dict.fromkeys(map(str.strip, each.unquoted_cells))))
        },
        trimmed=[
            guess.name
            for guess, each in zip(guesses, judged, strict=True)
            if each.type == "text" and guess.seen.has_blanks
        ],
        draft=draft,
    )


def _look(
    batches: Iterator[pa.RecordBatch], guesses: Sequence[Guess], text_format: TextFormat, name: str
) -> Iterator[Looked]:
    """Show *batches* to *guesses*, and yield each with the values that this gave by the way."""
    rows = 0
    for batch in batches:
        values = []
        for guess, texts in zip(guesses, batch.columns, strict=True):
            try:
                values.append(guess.look(texts, rows + 1))
            except CellMisfitError as error:
                raise refuse_cell(guess.name, guess.kind or "", error, name) from error
            if text_format.has_quotes and not guess.seen.samples:
                guess.seen.samples = take_samples(texts, text_format)
        rows += batch.num_rows
        yield batch, values


def _list_missing(typed: Typed) -> set[str]:
    """Return the words that are missing in a column, wherever they stand or without quotes alone."""
    return {*typed.words.words, *(cell.strip() for cell in typed.unquoted_cells)}


def refuse_cell(
    column: str, kind: str, error: CellMisfitError, name: str, *, can_be_missing: bool = True
) -> DataUnreadable:
    """Return the error for a cell that is not of the type that the request gives for its column.

    :param can_be_missing: whether the cell can be one of `missing_values`.
    """
    words = error.words
    fix = "Mend the cell, or give another type."
    if kind == "integer" and words and all(map(_FRACTION.fullmatch, words)):
        fix = f"Mend the cell, or give {write_setting('column_types', column, 'number')}."
    elif not error.is_any_right:
        fix = f"No cell around it is of that type either: give another, such as {write_setting('column_types', column, 'text')}."
    elif can_be_missing and len(words) <= MOST_WORDS and all(len(word) <= LONGEST_WORD for word in words):
        mean = "it means" if words == [error.value] else f"{' and '.join(f'`{word}`' for word in words)} mean"
        fix = f"Mend the cell, or give another type; if {mean} missing, give {write_setting('missing_values', column, words)}."
    return DataUnreadable(
        f"`{column}` is to be of the type {kind}, by `ingestion_config.column_types`, but row {error.row} has {shorten(error.value)!r}.",
        where=f"{name}, column `{column}`, row {error.row}",
        fix=fix,
        details={"column": column, "row": error.row, "value": error.value[:LONGEST_WORD]},
    )


def check_names(names: Sequence[str], config: IngestionConfig) -> None:
    """Refuse a *config* that names a column which is none of *names*.

    :raises ParameterInvalid: it does.
    """
    words = config.missing_values
    for parameter, given in (
        ("missing_values", words if isinstance(words, dict) else {}),
        ("column_types", config.column_types or {}),
    ):
        for column in given:
            if column not in names:
                raise ParameterInvalid(
                    f"`ingestion_config.{parameter}` names `{column}`, and there is no such column."
                    f"{near_miss(column, names)}",
                    where=f"ingestion_config.{parameter}",
                    fix=f"Use one of the columns: {', '.join(map(quote_name, names))}.",
                    details={"parameter": f"ingestion_config.{parameter}", "column": column, "columns": list(names)},
                )


def _judge(guesses: Sequence[Guess], typed: Sequence[Typed]) -> list[Verdict]:
    number_columns: dict[str, str] = {}
    numbers = [guess for guess, each in zip(guesses, typed, strict=True) if each.type in {"integer", "number"}]
    zeros = {guess.name for guess, each in zip(guesses, typed, strict=True) if _has_zeros(guess, each)}
    texts = [guess for guess, each in zip(guesses, typed, strict=True) if each.type == "text"]
    sampled = [guess for guess in numbers if guess.seen.samples]
    are_numbers_quoted = bool(sampled) and all(map(_is_quoted, sampled))
    for guess in numbers:
        for word in guess.seen.words:
            if word == "-" and guess.name in zeros:
                continue
            if are_numbers_quoted or guess.seen.count(word, unquoted=True):
                number_columns.setdefault(word, guess.name)
    is_all_text_quoted = any(map(_is_quoted, texts)) and not any(guess.seen.sampled_unquoted for guess in texts)
    return [
        judge_words(
            guess.name,
            guess.seen,
            guess.given,
            is_without_labels=not guess.has_labels,
            number_columns=number_columns,
            are_numbers_quoted=are_numbers_quoted,
            is_text_quoted=_is_quoted(guess) or (not guess.seen.samples and is_all_text_quoted),
        )
        if each.type == "text"
        else Verdict(guess.given.typed)
        for guess, each in zip(guesses, typed, strict=True)
    ]


def _is_quoted(guess: Guess) -> bool:
    return bool(guess.seen.samples) and not guess.seen.sampled_unquoted


def apply_words(guess: Guess, typed: Typed, verdict: Verdict) -> Typed:
    """Return *typed* with its words, and a note on them."""
    # A column that has nothing but words has values all the same where one of them is a label.
    notes = [None if verdict.labels and not guess.has_values else typed.note, *verdict.notes]
    is_account = _has_zeros(guess, typed)
    if typed.type != "text":
        zeros = guess.seen.count("-") if is_account else 0
        notes.append(note_typed_words(guess.name, typed.type, guess.seen, guess.given, zeros))
    note = " ".join(each for each in notes if each)
    missing = WordSet([word for word in verdict.missing if not (is_account and word == "-")])
    unquoted = tuple(cell for cell in guess.seen.cells if cell.strip() in verdict.missing_unquoted)
    return replace(typed, note=note or None, words=missing, unquoted_cells=unquoted)


def _has_zeros(guess: Guess, typed: Typed) -> bool:
    """Whether `-` is zero in a column."""
    is_account = isinstance(typed.reading, NumberForm) and typed.reading.has_zero_dash
    return is_account and "-" not in guess.given.words
