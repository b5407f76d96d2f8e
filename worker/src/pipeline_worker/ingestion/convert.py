"""A file as it was dropped becomes Parquet with types: read twice, in blocks, and never held whole."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import DataUnreadable
from ..limits import USUAL, Limits
from ..request import IngestionConfig
from ..schema import Column, Schema
from .arrow_text import make_texts
from .bad_lines import LeftOut, check_quotes, explain_long_row, leave_out_bad_lines
from .blank_runs import BlankRuns
from .column_type import USUAL_WORDS, CellMisfitError, Typed
from .csv_columns import Read, refuse_cell
from .csv_format import CsvFormat, find_csv_format, name_columns
from .csv_rows import RowTooLongError, read_batches
from .data_format import PARQUET, DataFormat
from .doubts import Doubts
from .end_separator import NOTE, expect_end, settle_end
from .extra_lines import Body, find_body
from .merging import find_merging
from .missing_words import MISSING_WORDS
from .number_form import NumberForm
from .parquet_columns import ParquetColumns, find_parquet_columns
from .parquet_given import apply_given
from .trimmed import note_trimmed

#: Text in a block; rows longer than one are read in the larger blocks. What is held at once is a few of them.
_BLOCK_BYTES = (2 << 20, 32 << 20)
#: A wide table gets larger blocks, so that a block has enough rows to be worth the work on each column.
_BLOCK_BYTES_PER_COLUMN = 8 << 10
#: Typed values that make one row group of the Parquet file.
_GROUP_BYTES = 64 << 20
_GROUP_ROWS = 1_000_000
_MERGING = (
    "Text: its whole numbers are beyond 9,007,199,254,740,992 (2^53), where models, which compute with 64-bit floats, take some of them "
    "for the same."
)
#: What of `ingestion_config` holds for Parquet as well; the decimal sign does where text is to be numbers.
_FOR_PARQUET = {"column_types", "missing_values"}


@dataclass(frozen=True)
class Converted:
    """What became of a file.

    :param found: how the file was written, in words, for the log and the facts.
    :param pandas_call: the function of pandas that gives the rows for the model to read, and what it has to be told.
    :param pandas_unread: column → why that call does not give all that the file says, where it does not.
    :param reset_index: what `DataFrame.reset_index` has to be told after that call, where it makes columns an index.
    :param repeated: names that several columns of the file have.
    :param notes: what a person should know: columns that were renamed, types that were nearly another, words.
    :param words: column → which words for missing it has and what they were read as, in a few words.
    """

    schema: Schema
    found: str
    pandas_call: tuple[str, dict[str, Any]]
    pandas_unread: dict[str, str] = field(default_factory=dict)
    reset_index: dict[str, Any] | None = None
    repeated: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)


def convert(
    path: Path,
    target: Path,
    name: str,
    data_format: DataFormat,
    config: IngestionConfig,
    drop_columns: Collection[str] = (),
    limits: Limits = USUAL,
) -> Converted:
    """Write the table in the file *path* to *target* as Parquet, and return what it is.

    :param name: what people know the file as.
    :param config: how to read the file, as far as the request says.
    :param drop_columns: columns that are no reason to refuse the file, as no model will see them.
    :param limits: how large the table may be.
    :raises DataUnreadable: the file is no table of this format, has no rows, or is too large.
    :raises ParameterInvalid: *config* does not fit the file.
    """
    if data_format.name == PARQUET:
        return _convert_parquet(path, target, name, config, drop_columns, limits)
    csv_format = find_csv_format(path, name, config, data_format.name)
    limits.check_columns(len(csv_format.header), name)
    if csv_format.encoding.lines <= csv_format.header_line:
        raise _no_rows(name)
    if csv_format.is_aligned:
        copy = target.with_name("with-tabs.csv")
        BlankRuns(csv_format.quote, csv_format.escape).write(path, copy, csv_format.encoding.codec, name)
        path = copy
    left_out = LeftOut(path)
    if config.max_bad_lines:
        copy = target.with_name("without-bad-lines.csv")
        left_out = leave_out_bad_lines(path, copy, expect_end(csv_format), name, config.max_bad_lines)
    elif csv_format.is_doubtful:
        # A quote that is never closed, or only an inch sign inside a cell.
        check_quotes(path, csv_format, name)
    config = _leave_types_open(config, drop_columns)
    smallest = min(max(_BLOCK_BYTES[0], len(csv_format.header) * _BLOCK_BYTES_PER_COLUMN), _BLOCK_BYTES[1])
    for block_bytes in (smallest, _BLOCK_BYTES[1]):
        with contextlib.suppress(RowTooLongError):
            return _convert_csv(left_out, target, name, csv_format, config, block_bytes, drop_columns, limits)
    raise explain_long_row(left_out.path, csv_format, name, _BLOCK_BYTES[1])


def _convert_parquet(
    path: Path, target: Path, name: str, config: IngestionConfig, drop_columns: Collection[str], limits: Limits
) -> Converted:
    opened = _leave_types_open(config, drop_columns)

    def write(texts: Mapping[str, str]) -> tuple[ParquetColumns, int, list[int], list[str | None]]:
        found = apply_given(find_parquet_columns(path, name, texts, drop_columns, limits), opened)
        doubts = Doubts(found.typed)
        read = limits.watch(found.read(), [*found.typed], name, found.file.metadata.num_rows, drop_columns)
        rows, missing = _write(target, found.typed, doubts.watch(read))
        told = zip(found.tell(), doubts.tell(found.words), strict=True)
        return found, rows, missing, [" ".join(filter(None, each)) or None for each in told]

    found, rows, missing, told = write({})
    if merging := find_merging(target, _list_integers(found.typed)):
        found, rows, missing, told = write(dict.fromkeys(merging, _MERGING))
    schema = _describe(found.typed, missing, rows, told=told, left_out=found.left_out)
    notes = found.list_notes() + _list_column_notes(schema)
    notes += _note_unused(config, found.typed)
    return Converted(
        schema,
        "Parquet",
        ("read_parquet", {"dtype_backend": "numpy_nullable"} if found.is_rounded(missing) else {}),
        reset_index=found.reset_index,
        notes=notes,
    )


def _note_unused(config: IngestionConfig, columns: Mapping[str, Typed]) -> list[str]:
    # Text that a person gives a type is read as in a CSV file.
    used = _FOR_PARQUET | ({"decimal", "date_order"} if any(each.reading for each in columns.values()) else set())
    unused = [f"`{each}`" for each in config.model_dump(exclude_none=True, exclude=used)]
    if not unused:
        return []
    is_or_are, was_or_were = ("is", "was") if len(unused) == 1 else ("are", "were")
    listed = f"{' and '.join(unused)} of `ingestion_config` {is_or_are} for CSV files, and {was_or_were} not used"
    return [f"{listed}: Parquet says by itself how to read it."]


def _leave_types_open(config: IngestionConfig, drop_columns: Collection[str]) -> IngestionConfig:
    """Return *config* without the types that a cell of one of *drop_columns* could be against; all cells are text."""
    if config.column_types is None:
        return config
    kept = {name: kind for name, kind in config.column_types.items() if kind == "text" or name not in drop_columns}
    return config.model_copy(update={"column_types": kept})


def _convert_csv(
    left_out: LeftOut,
    target: Path,
    name: str,
    csv_format: CsvFormat,
    config: IngestionConfig,
    block_bytes: int,
    drop_columns: Collection[str],
    limits: Limits,
) -> Converted:
    path = left_out.path
    expected = expect_end(csv_format)
    if expected is not csv_format:
        with_end = read_batches(path, expected, name, block_bytes, with_end=True)
        csv_format = settle_end(csv_format, expected, with_end, name)

    def read(unquoted: tuple[str, ...] = ()) -> Iterator[pa.RecordBatch]:
        batches = read_batches(path, csv_format, name, block_bytes, unquoted)
        return limits.watch(batches, names, name, csv_format.encoding.lines - csv_format.header_line, drop_columns)

    names, notes = name_columns(csv_format.header)
    if csv_format.has_end:
        notes.append(NOTE)
    body = find_body(read, csv_format, names, config, name)
    found = body.columns
    if not found.rows:
        raise _no_rows(name)
    # Blank lines and line breaks inside cells only ever add lines, so equal counts mean a line for each row.
    is_line_a_row = csv_format.encoding.lines == csv_format.header_line + body.left_out + found.rows
    if not is_line_a_row and csv_format.encoding.quotes[csv_format.quote]:
        # Two quotes that are never closed look like one cell with line breaks, and would swallow the rows in between.
        check_quotes(path, csv_format, name)
    _refuse_missing_header(csv_format, found.typed, name)
    columns = dict(zip(names, found.typed, strict=True))

    def write() -> tuple[int, list[int], list[str | None]]:
        doubts = Doubts(columns)
        rows, missing = _write(target, columns, doubts.watch(_convert_batches(body.read, columns, name)))
        return rows, missing, doubts.tell(found.words)

    rows, missing, told = write()
    if merging := find_merging(target, _list_integers(columns)):
        columns |= {
            each: replace(columns[each], type="text", arrow_type=pa.string(), reading=None, note=_MERGING)
            for each in merging
        }
        rows, missing, told = write()
    schema = _describe(columns, missing, rows, body.first_line if is_line_a_row else None, told)
    has_comma = any((each.format or "") == "1.234,5" or _has_comma(each.reading) for each in columns.values())
    return Converted(
        schema=schema,
        found=csv_format.describe() + f", decimal sign {'comma' if has_comma else 'point'}"
        f" ({'given' if 'decimal' in csv_format.given else 'found'})",
        pandas_call=("read_csv", _list_pandas_options(csv_format, body, left_out)),
        pandas_unread=found.unread,
        repeated=frozenset(cell for cell, count in Counter(map(str.strip, csv_format.header)).items() if count > 1),
        notes=[
            *csv_format.list_notes(),
            *left_out.notes,
            *notes,
            *body.notes,
            *note_trimmed(found.trimmed),
            *_list_column_notes(schema),
        ],
        words=found.short,
    )


def _list_pandas_options(csv_format: CsvFormat, body: Body, left_out: LeftOut) -> dict[str, Any]:
    options = csv_format.list_pandas_options() | body.pandas_options
    if left_out.records:
        before = options.get("skiprows", 0)
        options["skiprows"] = [*(range(before) if isinstance(before, int) else before), *left_out.records]
    return options


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
        yield pa.record_batch(arrays, schema=_arrow_schema(columns))


def _write(target: Path, columns: dict[str, Typed], batches: Iterator[pa.RecordBatch]) -> tuple[int, list[int]]:
    """Write *batches* in row groups of a useful size; return the rows, and the missing values of each column."""
    missing = [0] * len(columns)
    rows = 0
    waiting: list[pa.RecordBatch] = []
    # Numbers rarely repeat, and trying a dictionary for each column costs as much time as writing it.
    texts = [name for name, each in columns.items() if each.type == "text"]
    schema = _arrow_schema(columns)
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1, use_dictionary=texts) as writer:
        for batch in batches:
            rows += batch.num_rows
            missing = [before + column.null_count for before, column in zip(missing, batch.columns, strict=True)]
            waiting.append(batch)
            if sum(each.nbytes for each in waiting) >= _GROUP_BYTES or sum(map(len, waiting)) >= _GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(waiting), row_group_size=_GROUP_ROWS)
                waiting.clear()
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting), row_group_size=_GROUP_ROWS)
    return rows, missing


def _has_comma(reading: object) -> bool:
    return isinstance(reading, NumberForm) and reading.has_decimals and reading.decimal == ","


def _describe(
    columns: dict[str, Typed],
    missing: list[int],
    rows: int,
    first_row_line: int | None = None,
    told: Sequence[str | None] = (),
    left_out: Mapping[str, str] | None = None,
) -> Schema:
    return Schema(
        rows=rows,
        first_row_line=first_row_line,
        left_out=dict(left_out or {}),
        columns=[
            Column.model_validate(
                {
                    "name": name,
                    "type": each.type,
                    "parquet_type": str(each.arrow_type),
                    "nullable": count > 0,
                    "format": each.format,
                    "missing_words": _list_unusual_words(each),
                    "note": " ".join(filter(None, (each.note, more))) or None,
                }
            )
            for (name, each), count, more in itertools.zip_longest(columns.items(), missing, told)
        ],
    )


def _list_unusual_words(typed: Typed) -> tuple[str, ...] | None:
    usual = ("",) if typed.type == "text" else MISSING_WORDS
    return None if typed.words is USUAL_WORDS or set(typed.words.words) == set(usual) else typed.words.words


def _list_column_notes(schema: Schema) -> list[str]:
    return [f"`{each.name}`: {each.note}" for each in schema.columns if each.note]


def _list_integers(columns: dict[str, Typed]) -> list[str]:
    return [name for name, each in columns.items() if each.type == "integer" and not each.is_given]


def _arrow_schema(columns: dict[str, Typed]) -> pa.Schema:
    return pa.schema([pa.field(name, each.arrow_type) for name, each in columns.items()])


def _no_rows(name: str) -> DataUnreadable:
    return DataUnreadable(
        "The file has a header line, but no rows.", where=name, fix="Drop it again with the rows below the header."
    )


def _refuse_missing_header(csv_format: CsvFormat, typed: list[Typed], name: str) -> None:
    """Refuse a first line that reads like the rows below it: its values would become the columns' names.

    Numbers are the mark of such a line. Names that are numbers do occur, above all years and positions (0, 1, 2, ...).
    """
    alike = []
    for cell, each in zip(csv_format.header, typed, strict=True):
        if each.type in {"integer", "number", "date", "timestamp"} and each.reading is not None and cell.strip():
            text = make_texts(cell.strip())
            if each.reading.find_misfits(text) is None:
                alike.append((cell.strip(), each.type))
    if not alike or _are_positions_or_years([cell for cell, _ in alike]):
        return
    raise DataUnreadable(
        f"The first line seems to be a row, not a header: it holds {alike[0][0]!r}, {_like(alike[0][1])} below it.",
        where=f"{name}, line {csv_format.header_line}",
        fix="Put a line with the names of the columns above it.",
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
