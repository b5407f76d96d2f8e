"""What became of a file: its rows as Parquet with types, and what is told of them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...request import IngestionConfig
from ...schema import Column, Schema
from .column_type import USUAL_WORDS, Typed
from .missing_words import MISSING_WORDS

#: Typed values that make one row group of the Parquet file.
_GROUP_BYTES = 64 << 20
_GROUP_ROWS = 1_000_000
#: Up to here every whole number is a float of its own.
_LARGEST_EXACT = 2**53
#: Why whole numbers beyond 2^53 are text.
MERGING = (
    "Text: its whole numbers are beyond 9,007,199,254,740,992 (2^53), where models, which compute with 64-bit floats, take some of them "
    "for the same."
)


@dataclass(frozen=True)
class Converted:
    """What became of a file.

    :param found: how the file was written, in words, for the log and the facts.
    :param pandas_call: the function of pandas that gives the rows for the model to read, and what it has to be told.
    :param pandas_argument: what that function reads, as Python; `{file}` stands for the file, and for the file opened as text where
        *pandas_encoding* says how.
    :param pandas_unread: column → why that call does not give all that the file says, where it does not.
    :param reset_index: what `DataFrame.reset_index` has to be told after that call, where it makes columns an index.
    :param notes: what a person should know: columns that were renamed, types that were nearly another, words.
    :param words: column → which words for missing it has and what they were read as, in a few words.
    """

    schema: Schema
    found: str
    pandas_call: tuple[str, dict[str, Any]]
    pandas_argument: str = "{file}"
    pandas_encoding: str | None = None
    pandas_unread: dict[str, str] = field(default_factory=dict)
    reset_index: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)


def leave_types_open(config: IngestionConfig, drop_columns: Collection[str]) -> IngestionConfig:
    """Return *config* without the types that a cell of one of *drop_columns* could be against; all cells are text."""
    if config.column_types is None:
        return config
    kept = {name: kind for name, kind in config.column_types.items() if kind == "text" or name not in drop_columns}
    return config.model_copy(update={"column_types": kept})


def write_rows(target: Path, columns: dict[str, Typed], batches: Iterator[pa.RecordBatch]) -> tuple[int, list[int]]:
    """Write *batches* in row groups of a useful size; return the rows, and the missing values of each column."""
    missing = [0] * len(columns)
    rows = size = 0
    waiting: list[pa.RecordBatch] = []
    # Numbers rarely repeat, and trying a dictionary for each column costs as much time as writing it.
    texts = [name for name, each in columns.items() if each.type == "text"]
    schema = arrow_schema(columns)
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1, use_dictionary=texts) as writer:
        for batch in batches:
            rows += batch.num_rows
            missing = [before + column.null_count for before, column in zip(missing, batch.columns, strict=True)]
            waiting.append(batch)
            size += batch.nbytes
            if size >= _GROUP_BYTES or sum(map(len, waiting)) >= _GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(waiting), row_group_size=_GROUP_ROWS)
                waiting.clear()
                size = 0
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting), row_group_size=_GROUP_ROWS)
    return rows, missing


def find_merging(path: Path, columns: Mapping[str, Typed]) -> list[str]:
    """Return which *columns* of the Parquet file *path* have whole numbers that are different, and that a 64-bit float cannot tell apart.

    Those of which the request says that they are whole numbers are not looked at. The file says the least and the greatest value of
    each column, so that only those are read that can be concerned.
    """
    names = [name for name, each in columns.items() if each.type == "integer" and not each.is_given]
    if not names:
        return []
    file = pq.ParquetFile(path)
    # Each of these is made anew whenever it is asked for, and takes as long as there are columns.
    positions = {name: number for number, name in enumerate(file.schema_arrow.names)}
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    return [name for name in names if _is_beyond(groups, positions[name]) and _merges(file, name)]


def _is_beyond(groups: Sequence[pq.RowGroupMetaData], position: int) -> bool:
    for group in groups:
        found = group.column(position).statistics
        if found is None:
            return True
        if found.has_min_max and not -_LARGEST_EXACT <= found.min <= found.max <= _LARGEST_EXACT:
            return True
    return False


def _merges(file: pq.ParquetFile, name: str) -> bool:
    values = file.read(columns=[name]).column(0)
    floats = pc.cast(values, pa.float64(), safe=False)
    return bool(pc.count_distinct(values).as_py() > pc.count_distinct(floats).as_py())


def describe_schema(
    columns: dict[str, Typed],
    missing: list[int],
    rows: int,
    first_row_line: int | None = None,
    notes: Sequence[str | None] = (),
    left_out: Mapping[str, str] | None = None,
) -> Schema:
    """Return what is written of the typed *columns*.

    :param missing: how many values of each are.
    :param notes: for each, what else people should know.
    """
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
            for (name, each), count, more in itertools.zip_longest(columns.items(), missing, notes)
        ],
    )


def _list_unusual_words(typed: Typed) -> tuple[str, ...] | None:
    usual = ("",) if typed.type == "text" else MISSING_WORDS
    return None if typed.words is USUAL_WORDS or set(typed.words.words) == set(usual) else typed.words.words


def list_column_notes(schema: Schema) -> list[str]:
    """Return the notes of all columns, each with its column."""
    return [f"`{each.name}`: {each.note}" for each in schema.columns if each.note]


def arrow_schema(columns: dict[str, Typed]) -> pa.Schema:
    """Return the types of *columns* as Arrow has them."""
    return pa.schema([pa.field(name, each.arrow_type) for name, each in columns.items()])
