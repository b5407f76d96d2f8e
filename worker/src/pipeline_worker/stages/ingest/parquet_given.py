"""What the request says of the columns of a Parquet file: their types, and what is missing in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
from pyarrow import types

from ...errors import ParameterInvalid
from ...request import IngestionConfig
from .column_type import TRUTHS, CellMisfitError, Typed
from .csv_columns import apply_words, check_names, refuse_cell
from .guess import Guess
from .missing_words import GivenWords, Verdict, WordSet
from .parquet_columns import ParquetColumns
from .parquet_retyped import has_numbers
from .resolve import GIVEN_TYPES, settle

#: What a column that is no text can be made, beside text.
_CHANGES = {
    "integer": ("number", "boolean"),
    "number": ("integer", "boolean"),
    "date": ("timestamp",),
    "timestamp": ("date",),
}


def apply_given(columns: ParquetColumns, config: IngestionConfig) -> ParquetColumns:
    """Return *columns* with the types and the words for missing that *config* gives.

    A column of text is read as a CSV file's would be, of the same type; any other is changed where nothing is lost.

    :raises DataUnreadable: a cell is not of the type that *config* gives.
    :raises ParameterInvalid: *config* names a column that the file lacks, or gives a type that a column cannot have.
    """
    check_names([*columns.typed, *columns.left_out], config)
    kinds = {name: kind for name, kind in (config.column_types or {}).items() if name in columns.typed}
    texts = {name: kind for name, kind in kinds.items() if columns.typed[name].type == "text" and kind != "text"}
    found = {
        name: _give(name, typed, kinds.get(name), GivenWords.of(config, name))
        for name, typed in columns.typed.items()
        if name not in texts
    }
    words = {name: list(GivenWords.of(config, name).words) for name in found}
    if texts:
        for guess, typed in _read_texts(columns, texts, config):
            found[guess.name] = typed
            words[guess.name] = [word for word in guess.seen.words if word in typed.words.words]
    given = config.missing_values if isinstance(config.missing_values, dict) else {}
    unused = [f"`{name}`" for name in given if name in found and not _can_have_words(columns.plain[name], found[name])]
    notes = (
        [f"`missing_values` is for text and numbers, and was not used for {' and '.join(unused)}."] if unused else []
    )
    return replace(
        columns,
        notes=columns.notes + notes,
        typed={name: found[name] for name in columns.typed},
        words=[words[name] for name in columns.typed],
    )


def _can_have_words(plain: pa.DataType, typed: Typed) -> bool:
    return typed.type == "text" or not (types.is_temporal(plain) or types.is_boolean(plain))


def _give(name: str, typed: Typed, kind: str | None, given: GivenWords) -> Typed:
    """Return what the column *name* is where no text has to be read."""
    wanted = kind or typed.type
    if wanted == "text":
        # A model has to know that booleans were no text.
        how = TRUTHS if typed.type == "boolean" else None
        return replace(
            typed,
            type="text",
            arrow_type=pa.string(),
            format=how,
            words=WordSet(("", *given.words)) if given.words else typed.words,
            is_given=kind is not None,
        )
    words = WordSet(given.typed) if has_numbers(given.words, typed.arrow_type) else typed.words
    typed = replace(typed, words=words, is_given=kind is not None)
    if wanted == typed.type:
        return typed
    has_zone = types.is_timestamp(typed.arrow_type) and typed.arrow_type.tz is not None
    if wanted not in _CHANGES.get(typed.type, ()) or has_zone:
        raise ParameterInvalid(
            f"`{name}` is to be of the type {wanted}, by `ingestion_config.column_types`, and the file has it as "
            f"{typed.type}{' with a zone' if has_zone else ''}, which cannot become that.",
            where="ingestion_config.column_types",
            fix=f"Give {' or '.join(('text', *(() if has_zone else _CHANGES.get(typed.type, ()))))}, or leave it out.",
            details={"parameter": "ingestion_config.column_types", "column": name},
        )
    return replace(typed, type=wanted, arrow_type=GIVEN_TYPES[wanted])


def _read_texts(
    columns: ParquetColumns, kinds: Mapping[str, str], config: IngestionConfig
) -> list[tuple[Guess, Typed]]:
    """Return how the cells of the text columns *kinds* are read as the types that it gives, once all were looked at."""
    guesses = [
        Guess(config.decimal, name, GivenWords.of(config, name), kind, config.date_order)
        for name, kind in kinds.items()
    ]
    rows = 0
    for batch in columns.select(kinds).read():
        for guess, texts in zip(guesses, batch.columns, strict=True):
            try:
                guess.look(texts, rows + 1)
            except CellMisfitError as error:
                raise refuse_cell(guess.name, kinds[guess.name], error, columns.name) from error
        rows += batch.num_rows
    typed = settle(guesses, ",", config.date_order)
    return [
        (guess, apply_words(guess, each, Verdict(guess.given.typed)))
        for guess, each in zip(guesses, typed, strict=True)
    ]
