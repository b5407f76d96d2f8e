"""The columns of a dropped Parquet file, brought to the few types that the later stages know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from ..errors import DataUnreadable
from .column_type import EMPTY_CELL, Typed

_BATCH_CELLS = 2_000_000
_BUFFER_BYTES = 1 << 20
_LARGEST_INT64 = 2**63 - 1
#: Decimal digits of which every number fits.
_SURELY_INT64 = 18
#: The days that a calendar can name, counted from 1970-01-01; a Parquet file can hold others.
_FIRST_DAY, _LAST_DAY = (day.toordinal() - date(1970, 1, 1).toordinal() for day in (date.min, date.max))
_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
#: What pandas calls the row labels that it writes; it takes them back as labels, not as a column.
_INDEX = "__index_level_"


def read_parquet(
    path: Path, name: str, texts: Mapping[str, str]
) -> tuple[dict[str, Typed], Iterator[pa.RecordBatch], list[str]]:
    """Return the columns of the Parquet file at *path* with their types, its rows in blocks, and notes for people.

    :param name: what people know the file as.
    :param texts: columns that become text whatever they are → why, for people.
    :raises DataUnreadable: the file is damaged, has no rows, or has columns that are no plain values.
    """
    try:
        # With both of these a column of a row group is streamed; otherwise it is held whole, compressed.
        file = pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise _damaged(name, error) from error
    fields = [field for field in file.schema_arrow if not field.name.startswith(_INDEX)]
    left_out = [field.name for field in file.schema_arrow if field.name.startswith(_INDEX)]
    notes = [f"`{each}` was left out: it holds the row labels of a pandas table." for each in left_out]
    _refuse_unusable(fields, file.metadata.num_rows, name)
    columns = {
        field.name: Typed("text", pa.string(), note=texts[field.name], words=EMPTY_CELL)
        if field.name in texts
        else _choose_type(field, file, name)
        for field in fields
    }
    notes += [f"`{each}`: {typed.note}" for each, typed in columns.items() if typed.note]
    return columns, _read_batches(file, columns, name), notes


def _refuse_unusable(fields: list[pa.Field], rows: int, name: str) -> None:
    unusable = {field.name: str(field.type) for field in fields if _type_of(field.type) is None}
    if unusable:
        listed = ", ".join(f"`{each}` ({kind})" for each, kind in list(unusable.items())[:10])
        raise DataUnreadable(
            f"{len(unusable)} of {len(fields)} columns hold no plain values: {listed}.",
            where=name,
            fix="Leave these columns out, or flatten them to numbers, text, booleans, dates or times.",
            details={"columns": unusable},
        )
    names = [field.name for field in fields]
    if len(set(names)) != len(names):
        repeated = sorted({each for each in names if names.count(each) > 1})
        raise DataUnreadable(
            f"More than one column is called {', '.join(f'`{each}`' for each in repeated)}.",
            where=name,
            fix="Give each column a name of its own.",
            details={"columns": repeated},
        )
    if not rows or not fields:
        raise DataUnreadable("The file has no rows.", where=name, fix="Drop it again with its rows.")


def _type_of(kind: pa.DataType) -> tuple[str, pa.DataType] | None:
    """Return the type of a column for people, and what it becomes; None for what is no plain value."""
    if types.is_dictionary(kind):
        return _type_of(kind.value_type)
    if types.is_floating(kind):
        return "number", kind if types.is_float32(kind) else pa.float32() if types.is_float16(kind) else pa.float64()
    if types.is_decimal(kind):
        return ("integer", pa.int64()) if kind.scale == 0 else ("number", pa.float64())
    if types.is_timestamp(kind):
        unit = "ns" if kind.unit == "ns" else "us"
        return "timestamp", pa.timestamp(unit, tz="UTC" if kind.tz else None)
    table = (
        (types.is_boolean, "boolean", pa.bool_()),
        (types.is_integer, "integer", pa.int64()),
        (types.is_string, "text", pa.string()),
        (types.is_large_string, "text", pa.string()),
        (types.is_string_view, "text", pa.string()),
        (types.is_null, "text", pa.string()),
        (types.is_date, "date", pa.date32()),
        (types.is_time, "time", pa.time64("us")),
    )
    return next(((name, target) for is_kind, name, target in table if is_kind(kind)), None)


def _choose_type(field: pa.Field, file: pq.ParquetFile, name: str) -> Typed:
    found = _type_of(field.type)
    assert found is not None
    note = None
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    # What a database calls a number without a fraction often has room for 38 digits, and values of one.
    if types.is_uint64(kind) or (types.is_decimal(kind) and kind.scale == 0 and kind.precision > _SURELY_INT64):
        try:
            is_beyond = any(_is_beyond_int64(batch.column(0)) for batch in file.iter_batches(columns=[field.name]))
        except (pa.ArrowInvalid, OSError) as error:
            raise _damaged(name, error) from error
        if is_beyond:
            found = ("text", pa.string())
            note = "Text: some of its whole numbers are too large for 64 bits with a sign."
    typed = Typed(*found, note=note)
    return replace(typed, words=EMPTY_CELL) if typed.type == "text" else typed


def _is_beyond_int64(values: pa.Array) -> bool:
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    ends = pc.min_max(values)
    least, most = ends["min"].as_py(), ends["max"].as_py()
    return least is not None and not -_LARGEST_INT64 - 1 <= least <= most <= _LARGEST_INT64


def _read_batches(file: pq.ParquetFile, columns: dict[str, Typed], name: str) -> Iterator[pa.RecordBatch]:
    schema = pa.schema([pa.field(each, typed.arrow_type) for each, typed in columns.items()])
    size = max(1024, min(65536, _BATCH_CELLS // len(columns)))
    try:
        for batch in file.iter_batches(batch_size=size, columns=list(columns)):
            for each in columns:
                _refuse_odd_years(batch.column(each), each, name)
            arrays = [_bring_to(batch.column(each), typed.arrow_type) for each, typed in columns.items()]
            yield pa.record_batch(arrays, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise _damaged(name, error) from error


def _bring_to(values: pa.Array, target: pa.DataType) -> pa.Array:
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    # Decimals lose digits beyond 16, dates with a time of day their time, and times of day their nanoseconds: all of
    # that is what the column's type says.
    is_lossy = types.is_decimal(values.type) or types.is_date64(values.type) or types.is_time(values.type)
    values = pc.cast(values, target, safe=not is_lossy)
    if types.is_string(target):
        # The format does not promise that text is UTF-8.
        values.validate(full=True)
    if types.is_floating(target):
        # NaN is how pandas writes a missing number.
        is_nan = pc.is_nan(values)
        values = pc.if_else(is_nan, None, values) if pc.any(is_nan).as_py() else values
    return values


def _refuse_odd_years(values: pa.Array, column: str, name: str) -> None:
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if types.is_date32(kind):
        per_day, values = 1, pc.cast(values, pa.int32())
    elif types.is_date64(kind) or types.is_timestamp(kind):
        per_day = _PER_DAY["ms" if types.is_date64(kind) else kind.unit]
    else:
        return
    ends = pc.min_max(pc.cast(values, pa.int64()))
    least, most = ends["min"].as_py(), ends["max"].as_py()
    if least is not None and not (_FIRST_DAY * per_day <= least and most < (_LAST_DAY + 1) * per_day):
        raise DataUnreadable(
            f"`{column}` has dates before the year 1 or after the year 9999.",
            where=name,
            fix="Write the dates that are meant, or leave the cells empty; or write the column as text or numbers.",
            details={"column": column},
        )


def _damaged(name: str, error: Exception) -> DataUnreadable:
    return DataUnreadable(
        f"The Parquet file is damaged or was cut off: {str(error).splitlines()[0]}",
        where=name,
        fix="Write it again and drop it again; compare its size with that of the original.",
    )
