"""Parquet: it says by itself what its columns are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from ....limits import Limits
from ....request import IGNORED, IngestionConfig
from ..column_type import Typed
from ..converted import (
    MERGING,
    Converted,
    describe_schema,
    find_merging,
    leave_types_open,
    list_column_notes,
    write_rows,
)
from ..doubts import Doubts
from ..parquet_columns import ParquetColumns, find_parquet_columns
from ..parquet_given import apply_given
from .file_format import FileFormat

#: What of `ingestion_config` holds for Parquet as well; the decimal sign does where text is to be numbers.
_FOR_PARQUET = {"column_types", "missing_values", "member"}
_UNUSED = frozenset({"sheet"})


def _convert(
    path: Path, target: Path, name: str, config: IngestionConfig, drop_columns: Collection[str], limits: Limits
) -> Converted:
    opened = leave_types_open(config, drop_columns)

    def write(texts: Mapping[str, str]) -> tuple[ParquetColumns, int, list[int], list[str | None]]:
        found = apply_given(find_parquet_columns(path, name, texts, drop_columns, limits), opened)
        doubts = Doubts(found.typed)
        read = limits.watch(found.read(), [*found.typed], name, found.file.metadata.num_rows, drop_columns)
        rows, missing = write_rows(target, found.typed, doubts.watch(read))
        notes = zip(found.tell(), doubts.tell(found.words), strict=True)
        return found, rows, missing, [" ".join(filter(None, each)) or None for each in notes]

    found, rows, missing, column_notes = write({})
    if merging := find_merging(target, found.typed):
        found, rows, missing, column_notes = write(dict.fromkeys(merging, MERGING))
    schema = describe_schema(found.typed, missing, rows, notes=column_notes, left_out=found.left_out)
    notes = found.list_notes() + list_column_notes(schema)
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
    used = (
        _FOR_PARQUET
        | _UNUSED
        | IGNORED.keys()
        | ({"decimal", "date_order"} if any(each.reading for each in columns.values()) else set())
    )
    unused = [f"`{each}`" for each in config.model_dump(exclude_none=True, exclude=used)]
    if not unused:
        return []
    is_or_are, was_or_were = ("is", "was") if len(unused) == 1 else ("are", "were")
    listed = f"{' and '.join(unused)} of `ingestion_config` {is_or_are} for CSV files, and {was_or_were} not used"
    return [f"{listed}: Parquet says by itself how to read it."]


PARQUET = FileFormat("parquet", "a Parquet file", (".parquet", ".pq"), _convert, begins=(b"PAR1",), unused=_UNUSED)
