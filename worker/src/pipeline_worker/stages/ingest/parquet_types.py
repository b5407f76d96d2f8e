"""The types of a dropped Parquet file's columns: what each becomes, and what is no plain value."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from ...errors import DataUnreadable
from .column_type import Typed
from .damage import say_damage
from .parquet_values import decode, is_beyond_day, is_beyond_int64

#: Decimal digits of which every number fits into 64 bits.
_SURELY_INT64 = 18


def find_type(kind: pa.DataType) -> tuple[str, pa.DataType] | None:
    """Return the type of a column for people, and what it becomes; None for what is no plain value."""
    if types.is_dictionary(kind):
        return find_type(kind.value_type)
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
        (is_text, "text", pa.string()),
        (types.is_null, "text", pa.string()),
        (types.is_date, "date", pa.date32()),
        (types.is_time, "time", pa.time64("us")),
        (types.is_duration, "number", pa.float64()),
    )
    return next(((name, target) for is_kind, name, target in table if is_kind(kind)), None)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column holds text, however long its cells may be."""
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def choose_type(field: pa.Field, found: tuple[str, pa.DataType], file: pq.ParquetFile, name: str) -> Typed:
    """Return what a column is: *found*, unless its values are beyond that.

    :param name: what people know the file as.
    :raises DataUnreadable: the file is damaged.
    """

    def has_any(is_such: Callable[[pa.Array], bool]) -> bool:
        try:
            return any(is_such(decode(batch.column(0))) for batch in file.iter_batches(columns=[field.name]))
        except (pa.ArrowInvalid, OSError) as error:
            raise damaged(name, error) from error

    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    note = "Durations, read as seconds." if types.is_duration(kind) else None
    # What a database calls a number without a fraction often has room for 38 digits, and values of one.
    is_wide = types.is_uint64(kind) or (types.is_decimal(kind) and kind.scale == 0 and kind.precision > _SURELY_INT64)
    if is_wide and has_any(is_beyond_int64):
        found = ("text", pa.string())
        note = "Text: some of its whole numbers are too large for 64 bits with a sign."
    elif types.is_time(kind) and has_any(is_beyond_day):
        found = ("number", pa.float64())
        note = "Times, read as seconds since midnight: some are beyond a day."
    return Typed(*found, note=note)


def damaged(name: str, error: Exception) -> DataUnreadable:
    """Return the error for a file that Arrow cannot read to its end."""
    return DataUnreadable(
        f"The Parquet file is damaged or was cut off: {say_damage(error)}.",
        where=name,
        fix="Write it again and drop it again; compare its size with that of the original.",
    )
