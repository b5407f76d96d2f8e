"""A table of text becomes Parquet with types, whatever format the text comes from."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from ...errors import DataUnreadable
from ...wording import list_phrases, note_trimmed
from .arrow_text import make_texts
from .column_type import TRUTHS, CellMisfitError, Typed
from .converted import (
    MERGING,
    Converted,
    arrow_schema,
    describe_schema,
    find_merging,
    list_column_notes,
    write_rows,
)
from .csv_columns import refuse_cell
from .doubts import Doubts
from .extra_lines import Body
from .number_form import NumberForm
from .text_format import TextFormat
from .unquoted import Read

_LISTED = 10


def convert_body(
    body: Body, text_format: TextFormat, names: Sequence[str], target: Path, name: str, first_line: int | None = None
) -> Converted:
    """Write the rows *body* to *target* as Parquet, and return what they are; how to read them again is not told yet.

    :param names: the columns' names.
    :param name: what people know the file as.
    :param first_line: the line of the file that its first row stands in, where each row is a line.
    :raises DataUnreadable: the header is a row, or several columns have one name.
    """
    found = body.columns
    _refuse_missing_header(text_format, found.typed, name)
    _refuse_repeated(names, name)
    # A model meets true and false in a column of text as they are.
    columns = {
        name: replace(each, format=TRUTHS) if each.type == "text" and bool in text_format.kinds.get(name, ()) else each
        for name, each in zip(names, found.typed, strict=True)
    }

    def write() -> tuple[int, list[int], list[str | None]]:
        draft = found.draft
        if draft is not None and draft.holds(list(columns.values())):
            return found.rows, draft.missing, draft.doubts.tell(found.words)
        doubts = Doubts(columns)
        rows, missing = write_rows(target, columns, doubts.watch(_convert_batches(body.read, columns, name)))
        return rows, missing, doubts.tell(found.words)

    rows, missing, notes = write()
    if merging := find_merging(target, columns):
        columns |= {
            each: replace(columns[each], type="text", arrow_type=pa.string(), reading=None, note=MERGING)
            for each in merging
        }
        rows, missing, notes = write()
    schema = describe_schema(columns, missing, rows, first_line, notes)
    has_comma = any((each.format or "") == "1.234,5" or _has_comma(each.reading) for each in columns.values())
    return Converted(
        schema=schema,
        found=f"decimal sign {'comma' if has_comma else 'point'}",
        pandas_call=("", body.pandas_options),
        pandas_unread=found.unread,
        notes=[*body.notes, *note_trimmed(found.trimmed), *list_column_notes(schema)],
        words=found.short,
    )


def _convert_batches(read: Read, columns: dict[str, Typed], name: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows with their types."""
    unquoted = tuple(dict.fromkeys(cell for each in columns.values() for cell in each.unquoted_cells))
    marked = read(unquoted) if unquoted else itertools.repeat(None)
    rows = 0
    for batch, nulls in zip(read(()), marked, strict=False):
        arrays = []
        for position, (column, each) in enumerate(columns.items()):
            try:
                arrays.append(each.convert(batch.column(position), nulls.column(position) if nulls else None))
            except CellMisfitError as error:
                raise refuse_cell(column, each.type, CellMisfitError(rows + error.row, error.value), name) from error
        rows += batch.num_rows
        yield pa.record_batch(arrays, schema=arrow_schema(columns))


def _has_comma(reading: object) -> bool:
    return isinstance(reading, NumberForm) and reading.has_decimals and reading.decimal == ","


def _refuse_repeated(names: Sequence[str], name: str) -> None:
    repeated = [each for each, count in Counter(names).items() if count > 1]
    if not repeated:
        return
    listed = list_phrases([f"`{each}`: {_list_positions(each, names)}" for each in repeated], _LISTED)
    raise DataUnreadable(
        f"More than one column has the same name ({listed}), so that nothing says which is meant.",
        where=name,
        fix="Give each column a name of its own. Blanks around names do not count.",
        details={"columns": repeated},
    )


def _list_positions(repeated: str, names: Sequence[str]) -> str:
    positions = [str(position) for position, each in enumerate(names, start=1) if each == repeated]
    return f"columns {', '.join(positions[:_LISTED])}" + (", ..." if len(positions) > _LISTED else "")


def _refuse_missing_header(text_format: TextFormat, typed: list[Typed], name: str) -> None:
    """Refuse a first line that reads like the rows below it: its values would become the columns' names.

    Numbers are the mark of such a line. Names that are numbers do occur, above all years and positions (0, 1, 2, ...).
    """
    if not text_format.header_line:
        return
    alike = []
    for cell, each in zip(text_format.header, typed, strict=True):
        if each.type in {"integer", "number", "date", "timestamp"} and each.reading is not None and cell.strip():
            text = make_texts(cell.strip())
            if each.reading.find_misfits(text) is None:
                alike.append((cell.strip(), each.type))
    if not alike or _are_positions_or_years([cell for cell, _ in alike]):
        return
    raise DataUnreadable(
        f"The first {text_format.line.lower()} seems to be a row, not a header: it holds {alike[0][0]!r}, {_like(alike[0][1])} below it.",
        where=f"{name}, {text_format.line.lower()} {text_format.header_line}",
        fix=f"Put a {text_format.line.lower()} with the names of the columns above it.",
        details={"cells": [cell for cell, _ in alike[:20]]},
    )


def _are_positions_or_years(cells: list[str]) -> bool:
    if len(set(cells)) != len(cells) or not all(cell.isascii() and cell.isdecimal() for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    is_counting = len(numbers) > 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] <= 1
    return is_counting or all(1800 <= number <= 2200 for number in numbers)


def _like(kind: str) -> str:
    return "a date like those" if kind in {"date", "timestamp"} else "a number like those"
