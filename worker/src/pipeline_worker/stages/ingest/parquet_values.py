"""The values of a dropped Parquet file, brought to the few types that the later stages know."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from ...errors import DataUnreadable
from .arrow_text import EMPTY, NULL, make_null, make_text

#: The days that a calendar can name, counted from 1970-01-01; a Parquet file can hold others.
_FIRST_DAY, _LAST_DAY = (day.toordinal() - date(1970, 1, 1).toordinal() for day in (date.min, date.max))
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY_SECONDS = 86_400
_LARGEST_INT64 = 2**63 - 1


def bring_to(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Return *values* as *target*: NaN and text without a character are missing, durations are seconds.

    :raises pa.ArrowInvalid: a value is none of *target*, or text is no UTF-8.
    """
    if types.is_floating(target) and (types.is_duration(values.type) or types.is_time(values.type)):
        per_second = pc.cast(make_text(str(_PER_SECOND[values.type.unit])), target)
        return pc.divide(pc.cast(_count_units(values), target, safe=False), per_second)
    if types.is_decimal(values.type) and types.is_floating(target):
        # Arrow would multiply, and make 4.5600000000000005 of 4.56; by its digits it is the nearest number, as everywhere else.
        return pc.cast(pc.cast(values, pa.string()), target)
    # Decimals lose digits beyond 16, dates with a time of day their time, and times of day their nanoseconds: all of
    # that is what the column's type says.
    is_lossy = types.is_decimal(values.type) or types.is_date64(values.type) or types.is_time(values.type)
    values = pc.cast(values, target, safe=not is_lossy)
    if types.is_string(target):
        # The format does not promise that text is UTF-8.
        values.validate(full=True)
        values = pc.utf8_trim_whitespace(values)
        is_empty = pc.equal(values, EMPTY)
        values = pc.if_else(is_empty, NULL, values) if pc.any(is_empty).as_py() else values
    if types.is_floating(target):
        # NaN is how pandas writes a missing number.
        is_nan = pc.is_nan(values)
        values = pc.if_else(is_nan, make_null(target), values) if pc.any(is_nan).as_py() else values
    return values


def decode(values: pa.Array) -> pa.Array:
    """Return *values* without a dictionary, and text that is kept as views as text, of which Arrow can compute more."""
    values = values.dictionary_decode() if types.is_dictionary(values.type) else values
    return pc.cast(values, pa.large_string()) if types.is_string_view(values.type) else values


def is_beyond_int64(values: pa.Array) -> bool:
    """Whether any of the whole numbers *values* needs more than 64 bits with a sign."""
    ends = pc.min_max(values)
    least, most = ends["min"].as_py(), ends["max"].as_py()
    return least is not None and not -_LARGEST_INT64 - 1 <= least <= most <= _LARGEST_INT64


def is_beyond_day(values: pa.Array) -> bool:
    """Whether any of the times *values* is none of a day."""
    return _lies_outside(_count_units(values), 0, _DAY_SECONDS * _PER_SECOND[values.type.unit])


def refuse_odd_years(values: pa.Array, column: str, name: str) -> None:
    """Refuse dates that no calendar has: no stage could say what they are.

    :param name: what people know the file as.
    :raises DataUnreadable: there are such dates.
    """
    kind = values.type
    if types.is_date32(kind):
        per_day, values = 1, pc.cast(values, pa.int32())
    elif types.is_date64(kind) or types.is_timestamp(kind):
        per_day = _DAY_SECONDS * _PER_SECOND["ms" if types.is_date64(kind) else kind.unit]
    else:
        return
    if _lies_outside(pc.cast(values, pa.int64()), _FIRST_DAY * per_day, (_LAST_DAY + 1) * per_day):
        raise DataUnreadable(
            f"`{column}` has dates before the year 1 or after the year 9999.",
            where=name,
            fix="Write the dates that are meant, or leave the cells empty; or write the column as text or numbers; or name "
            "it in `drop_columns`, which leaves it out.",
            details={"column": column},
        )


def _count_units(values: pa.Array) -> pa.Array:
    return pc.cast(pc.cast(values, pa.int32()) if types.is_time32(values.type) else values, pa.int64())


def _lies_outside(numbers: pa.Array, least: int, end: int) -> bool:
    ends = pc.min_max(numbers)
    return ends["min"].is_valid and not least <= ends["min"].as_py() <= ends["max"].as_py() < end
