"""Values that rules name, brought to the type of the column that they are about."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from ...schema import Column

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?\Z", re.ASCII
)
_TIME = re.compile(r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?\Z", re.ASCII)

#: What a value for a column of each type looks like.
_EXAMPLES = {
    "integer": "a number such as 12",
    "number": "a number such as 1.5",
    "boolean": "true or false",
    "text": "text",
    "date": 'a date such as "2024-01-31"',
    "timestamp": 'a time such as "2024-01-31T12:30:00"',
    "time": 'a time of day such as "12:30"',
}


def parse_value(value: bool | float | str, column: Column) -> Any:
    """Return *value* as the values of *column* are when rules are evaluated.

    Numbers stay numbers; dates and timestamps become datetimes, in UTC where the column is; times of day become
    microseconds since midnight. Numbers for text columns become text.

    :raises ValueError: *value* means nothing there.
    """
    try:
        return _PARSERS[column.type](value, column)
    except ValueError as error:
        raise ValueError(f"{error}; `{column.name}` is {column.type}: give {_EXAMPLES[column.type]}") from None


def find_inexact(bound: Any) -> str | None:
    """Return why values cannot be held against *bound*, a whole number of which Great Expectations makes a float, or None."""
    if not isinstance(bound, int) or int(float(bound)) == bound:
        return None
    near = int(float(bound))
    other = int(math.nextafter(near, math.inf if near < bound else -math.inf))
    return f"bounds are 64-bit floats, and {bound} is none: give {min(near, other)} or {max(near, other)}"


def _parse_number(value: bool | float | str, column: Column) -> float:
    try:
        number = float("nan") if isinstance(value, bool) else _read_number(value)
        is_finite = math.isfinite(number)
        if column.parquet_type == "float":
            # In 32 bits 0.1 is another number than in 64.
            number = float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        raise ValueError(f"{_shorten(value)} is too large a number for this column") from None
    except ValueError:
        is_finite = False
    if not is_finite:
        raise ValueError(f"{_shorten(value)} is no finite number")
    return number


def _shorten(value: bool | float | str) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text)} characters)"


def _read_number(value: float | str) -> float:
    if isinstance(value, int | float):
        return value
    return int(value) if value.strip().lstrip("+-").isdecimal() else float(value)


def _parse_boolean(value: bool | float | str, _: Column) -> bool:
    found = {"true": True, "false": False}.get(str(value).lower())
    if found is None:
        raise ValueError(f"{value!r} is neither true nor false")
    return found


def _parse_text(value: bool | float | str, _: Column) -> str:
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004 - as for any other value that means nothing there
    return str(value)


def _parse_date(value: bool | float | str, _: Column) -> datetime:
    if not isinstance(value, str) or not _DATE.match(value):
        raise ValueError(f"{value!r} is no date")
    return datetime.combine(date.fromisoformat(value), time())


def _parse_timestamp(value: bool | float | str, column: Column) -> datetime:
    if not isinstance(value, str) or not _TIMESTAMP.match(value):
        raise ValueError(f"{value!r} is no date with a time")
    parsed = datetime.fromisoformat(value)
    if "tz=" in column.parquet_type:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    if parsed.tzinfo is not None:
        raise ValueError(f"{value!r} has a time zone, and the column has none")
    return parsed


def _parse_time(value: bool | float | str, _: Column) -> int:
    if not isinstance(value, str) or not _TIME.match(value):
        raise ValueError(f"{value!r} is no time of day")
    parsed = time.fromisoformat(value)
    seconds = (parsed.hour * 60 + parsed.minute) * 60 + parsed.second
    return seconds * 1_000_000 + parsed.microsecond


_PARSERS: dict[str, Callable[[bool | float | str, Column], Any]] = {
    "integer": _parse_number,
    "number": _parse_number,
    "boolean": _parse_boolean,
    "text": _parse_text,
    "date": _parse_date,
    "timestamp": _parse_timestamp,
    "time": _parse_time,
}
