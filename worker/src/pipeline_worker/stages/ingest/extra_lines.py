"""Lines of a table of text that are no rows of it: one of units below the header, and one of totals at its end.

They are left out only where all of the file shows that they are none, and a note says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from ...request import IngestionConfig
from .column_type import Typed
from .csv_columns import CsvColumns, find_columns
from .guess import Guess
from .missing_words import GivenWords
from .setting_line import write_setting
from .text_format import TextFormat
from .totals import TOTAL_WORDS, find_totals, is_number
from .unquoted import Read

#: Rows below a line of words that show whether their columns have anything but text.
_GLANCE = 256
#: A unit has a letter or a sign of its own, and does not begin with a number.
_UNIT = re.compile(r"(?![+-]?[.,]?[0-9]).*(?:[^\W\d_]|[%‰°$€£¥])")
_WITHOUT_UNIT = {"", "-", "1"}
_NUMBERS = {"integer", "number"}


@dataclass(frozen=True)
class Body:
    """The rows of a table of text.

    :param columns: what its columns are.
    :param read: reads the rows, without the lines that are none.
    :param first_line: the line of the file that its first row stands in.
    :param left_out: how many lines below the header are no rows.
    :param pandas_options: what pandas has to be told to leave them out.
    """

    columns: CsvColumns
    read: Read
    first_line: int
    left_out: int = 0
    pandas_options: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_body(
    read: Read, text_format: TextFormat, names: Sequence[str], config: IngestionConfig, name: str, target: Path
) -> Body:
    """Return the rows of a table with the columns *names*, and what these are.

    :param name: what people know the file as.
    :param target: where its dataset is to be.
    :raises DataUnreadable: a cell is not of the type that the request gives.
    :raises ParameterInvalid: the request names a column that the file lacks.
    """
    first = [cell.strip() for cell in text_format.first_row]
    last = [cell.strip() for cell in text_format.last_row]
    words = _find_total_words(last, names, config)
    has_total = bool(words) and all(
        position in words or cell in GivenWords.of(config, names[position]).typed or is_number(cell)
        for position, cell in enumerate(last)
    )
    has_units = _may_be_units(first, _leave_out(read, first=True, last=has_total), names, config)
    totals: dict[int, str] = {}
    while True:
        kept = _leave_out(read, first=has_units, last=has_total)
        columns = find_columns(kept, text_format, names, config, name, target)
        if has_units and not _are_units(first, columns.typed):
            has_units = False
        elif has_total and not (totals := find_totals(kept, columns.typed, last, words)):
            has_total = False
        else:
            break
    notes, options = [], dict[str, Any]()
    if has_units:
        notes.append(_say_units(first, f"{text_format.line} {text_format.first_row_line}", names, columns))
        # pandas counts from 0, blank lines too, and a header over several lines once.
        line = text_format.lines_before + text_format.first_row_line - text_format.header_line
        options["skiprows"] = [*range(text_format.lines_before), line]
    if words:
        place, word = f"{text_format.line} {text_format.last_row_line}", last[words[0]]
        notes.append(
            _say_totals(place, word, names[words[0]], {names[position]: what for position, what in totals.items()})
        )
    if has_total:
        options["nrows"] = columns.rows
    return Body(
        columns=columns,
        read=kept,
        first_line=text_format.header_line + 1 + has_units,
        left_out=has_units + has_total,
        pandas_options=options,
        notes=tuple(notes),
    )


def _leave_out(read: Read, *, first: bool, last: bool) -> Read:
    """Return *read* without the first row, or the last."""
    if not (first or last):
        return read

    def read_others(unquoted: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        skipped = int(first)
        waiting: pa.RecordBatch | None = None
        for batch in read(unquoted):
            if waiting is not None:
                yield waiting
            waiting = batch.slice(skipped) if batch.num_rows > skipped else None
            skipped = 0
        if waiting is not None and waiting.num_rows > last:
            yield waiting.slice(0, waiting.num_rows - last)

    return read_others


def _may_be_units(cells: Sequence[str], others: Read, names: Sequence[str], config: IngestionConfig) -> bool:
    """Whether the first row can be one of units, by a look at *others*, those below it."""
    if len(cells) != len(names):
        return False
    given = [GivenWords.of(config, name) for name in names]
    words = [position for position, cell in enumerate(cells) if _is_unit(cell, given[position])]
    if len(words) < 2 or any(cell not in _WITHOUT_UNIT for at, cell in enumerate(cells) if at not in words):
        return False
    batch = next(others(()), None)
    if batch is None:
        return False
    for position, cell in enumerate(cells):
        below = batch.column(position)[:_GLANCE]
        if cell == "1" and below[0].as_py().strip() == "2":
            # It counts the rows, and this is the first of them.
            return False
        kind = (config.column_types or {}).get(names[position])
        if position in words and kind is None:
            guess = Guess(config.decimal, names[position], given[position])
            guess.look(below, 2)
            if not guess.is_open:
                return False
    return True


def _is_unit(cell: str, given: GivenWords) -> bool:
    return cell not in given.typed and _UNIT.match(cell) is not None


def _are_units(cells: Sequence[str], typed: Sequence[Typed]) -> bool:
    """Whether all words among *cells* stand above what is no text, and at least two of them above numbers."""
    kinds = [each.type for cell, each in zip(cells, typed, strict=True) if cell not in _WITHOUT_UNIT]
    return "text" not in kinds and sum(kind in _NUMBERS for kind in kinds) > 1


def _say_units(cells: Sequence[str], line: str, names: Sequence[str], columns: CsvColumns) -> str:
    listed = ", ".join(f"`{cell}` (`{name}`)" for cell, name in zip(cells, names, strict=True) if cell)
    missing = {
        name: [*words, cell]
        for cell, name, words in zip(cells, names, columns.words, strict=True)
        if cell not in _WITHOUT_UNIT
    }
    setting = json.dumps({"ingestion_config": {"missing_values": missing}}, ensure_ascii=False)
    return (
        f"{line}, below the header, has units and no values, and is left out: {listed}. Rows are counted from the line "
        f"below it. If it is a row without these values, give {setting}."
    )


def _find_total_words(cells: Sequence[str], names: Sequence[str], config: IngestionConfig) -> list[int]:
    """Return the positions of a total's words among *cells*; in a column that is given as text they are labels."""
    given = config.column_types or {}
    return [
        position
        for position, cell in enumerate(cells)
        if cell.rstrip(":").strip().casefold() in TOTAL_WORDS and given.get(names[position]) != "text"
    ]


def _say_totals(line: str, word: str, column: str, totals: dict[str, str]) -> str:
    if not totals:
        return (
            f"{line}, the last, says `{word}` (`{column}`), and is read as a row: its numbers are not the sum or the mean of "
            "those above it. If it is no row, take it out of the file."
        )
    found = ", ".join(f"its `{name}` is the {what}" for name, what in totals.items())
    setting = write_setting("column_types", column, "text")
    return (
        f"{line}, the last, says `{word}` (`{column}`), and is left out, as it is no row: {found} of the cells above it. "
        f"If it is a row, give {setting}."
    )
