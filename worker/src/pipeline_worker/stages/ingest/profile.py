"""`profile.json`: what the values of each column are like, in bounded memory."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from ...dataset_rows import read_pieces
from ...schema import Schema
from ...wording import shorten
from .arrow_text import make_texts

QUANTILES = (5, 25, 50, 75, 95)
#: Distinct values of a column that are counted exactly; a column with more is said to have at least so many.
MOST_DISTINCT = 200_000
#: Rows from which quantiles are exact; of more rows, every second, third, ... is taken.
MOST_SAMPLED = 1_000_000
_MOST_FREQUENT = 10
_LONGEST_TEXT = 200
#: Bytes of the longest text that is held to be counted; what stands for a longer one has fewer.
_LONGEST_HELD = 2000
#: Values that are held at once, of as many columns as this allows.
_HELD_VALUES = 8_000_000
#: Values that are counted at once: where most of them differ, counting stops after the first so many.
_COUNTED_ROWS = 262_144


def profile(path: Path, schema: Schema) -> dict[str, Any]:
    """Return the profile of the dataset in the Parquet file *path*.

    ``rows``, and for each of ``columns``: ``name``, ``type``, ``missing`` (and ``missing_percent``), ``distinct`` (with
    ``distinct_is_at_least`` where it is only a lower bound), ``most_frequent`` (up to ten values that occur more than
    once; null where there were too many to count). Numbers and dates have ``min``, ``max`` and ``quantiles`` (by
    per cent; ``quantiles_sampled`` where not every row was used), numbers and booleans ``mean``. Infinite numbers are
    counted as ``infinite`` and left out of these.
    """
    file = pq.ParquetFile(path)
    at_once = max(1, _HELD_VALUES // max(1, min(schema.rows, MOST_SAMPLED)))
    columns: list[dict[str, Any]] = []
    for first in range(0, len(schema.columns), at_once):
        some = schema.columns[first : first + at_once]
        found = [_Column(schema.rows, column.type) for column in some]
        for table in read_pieces(file, [column.name for column in some], _COUNTED_ROWS):
            for each, values in zip(found, table.columns, strict=True):
                for chunk in values.iterchunks():
                    each.look(chunk)
        columns += [
            {"name": column.name, "type": column.type, **each.describe()}
            for column, each in zip(some, found, strict=True)
        ]
    return {"format": 1, "rows": schema.rows, "columns": columns}


class _Column:
    """What was seen of one column."""

    def __init__(self, rows: int, kind: str) -> None:
        self._rows = rows
        self._kind = kind
        self._step = max(1, math.ceil(rows / MOST_SAMPLED))
        self._offset = 0
        self._missing = 0
        self._infinite = 0
        self._sum = 0.0
        self._sampled: list[pa.Array] = []
        self._ends: list[pa.Scalar] = []
        self._counts: list[pa.Table] = []
        self._is_countable = True

    def look(self, values: pa.Array) -> None:
        self._missing += values.null_count
        if self._is_countable:
            self._count(values)
        if types.is_floating(values.type):
            is_finite = pc.is_finite(values)
            if not pc.all(is_finite).as_py():
                self._infinite += pc.sum(pc.invert(is_finite)).as_py()
                values = values.filter(is_finite)
        if self._kind in {"integer", "number", "boolean"}:
            self._sum += float(pc.sum(pc.cast(values, pa.float64(), safe=False)).as_py() or 0)
        if self._kind in {"integer", "number", "date", "timestamp"}:
            ends = pc.min_max(values)
            self._ends += [ends["min"], ends["max"]] if ends["min"].is_valid else []
            self._sampled.append(_take_every(values, self._step, self._offset))
            self._offset = (self._offset - len(values)) % self._step

    def _count(self, values: pa.Array) -> None:
        counts = pc.value_counts(values.drop_null())
        names = ["value", "count"]
        values = _hold(counts.field(0)) if self._kind == "text" else counts.field(0)
        self._counts.append(pa.Table.from_arrays([values, counts.field(1)], names=names))
        # Merging costs, so it is put off until it could show that there are too many.
        if len(self._counts) > 1 and sum(len(each) for each in self._counts) > 2 * MOST_DISTINCT:
            self._counts = [_merge(self._counts)]
        if max(len(each) for each in self._counts) > MOST_DISTINCT:
            self._is_countable = False
            self._counts = []

    def describe(self) -> dict[str, Any]:
        there = self._rows - self._missing
        found: dict[str, Any] = {"missing": self._missing, "missing_percent": _percent(self._missing, self._rows)}
        counts = _merge(self._counts) if len(self._counts) > 1 else next(iter(self._counts), None)
        if counts is not None and len(counts) <= MOST_DISTINCT:
            found["distinct"] = len(counts)
            found["most_frequent"] = [
                {"value": value, "count": count, "percent": _percent(count, there)}
                for value, count in _find_most_frequent(counts)
            ]
        else:
            found |= {"distinct": MOST_DISTINCT, "distinct_is_at_least": True, "most_frequent": None}
        if self._infinite:
            found["infinite"] = self._infinite
        if self._ends:
            ends = [scalar.as_py() for scalar in map(_in_microseconds, self._ends)]
            found |= {"min": _plain(min(ends)), "max": _plain(max(ends)), "quantiles": self._find_quantiles()}
            if self._step > 1:
                found["quantiles_sampled"] = True
        if self._kind in {"integer", "number", "boolean"} and there > self._infinite:
            found["mean"] = _plain(self._sum / (there - self._infinite))
        return found

    def _find_quantiles(self) -> dict[str, Any]:
        values = pa.chunked_array(self._sampled)
        shares = [quantile / 100 for quantile in QUANTILES]
        if types.is_temporal(values.type):
            # Between two dates there is no value to interpolate: the earlier of the two is taken.
            kind = values.type
            numbers = pc.cast(pc.cast(values, pa.int32()) if types.is_date32(kind) else values, pa.int64())
            found = pc.quantile(numbers, q=shares, interpolation="lower")
            found = pc.cast(pc.cast(found, pa.int32()), kind) if types.is_date32(kind) else pc.cast(found, kind)
        else:
            found = pc.quantile(values, q=shares, interpolation="linear")
        return {
            str(quantile): _plain(_in_microseconds(scalar).as_py())
            for quantile, scalar in zip(QUANTILES, found, strict=True)
        }


def _hold(texts: pa.Array) -> pa.Array:
    """Return the different *texts* to be held for all of the counting: of a long one what is shown, and a digest."""
    lengths = pc.binary_length(texts)
    if (pc.max(lengths).as_py() or 0) <= _LONGEST_HELD:
        return texts
    held = []
    for each, length in zip(texts.to_pylist(), lengths.to_pylist(), strict=True):
        is_long = length > _LONGEST_HELD
        held.append(each[:_LONGEST_TEXT] + hashlib.sha256(each.encode()).hexdigest() if is_long else each)
    return make_texts(*held)


def _merge(counts: list[pa.Table]) -> pa.Table:
    merged = pa.concat_tables(counts).group_by("value").aggregate([("count", "sum")])
    return merged.select(["value", "count_sum"]).rename_columns(["value", "count"])


def _find_most_frequent(counts: pa.Table) -> Iterator[tuple[Any, int]]:
    """Yield up to ten values that occur more than once, most frequent first, equally frequent ones by value."""
    if not len(counts):
        return
    candidates = pc.select_k_unstable(counts, k=_MOST_FREQUENT, sort_keys=[("count", "descending")])
    least = counts["count"][candidates[-1].as_py()]
    often = counts.filter(pc.greater_equal(counts["count"], least))
    often = often.sort_by([("count", "descending"), ("value", "ascending")]).slice(0, _MOST_FREQUENT)
    for value, count in zip(often["value"], often["count"], strict=True):
        if count.as_py() > 1:
            yield _plain(_in_microseconds(value).as_py()), count.as_py()


def _take_every(values: pa.Array, step: int, offset: int) -> pa.Array:
    if step == 1:
        return values
    # By way of numpy, which Arrow has loaded anyway: Arrow itself has no stride.
    import numpy as np

    positions = np.arange(offset, len(values), step)
    return values.take(pa.Array.from_buffers(pa.int64(), len(positions), [None, pa.py_buffer(positions)]))


def _in_microseconds(value: pa.Scalar) -> pa.Scalar:
    # Nanoseconds become a pandas object in Python, microseconds a datetime.
    if types.is_timestamp(value.type) and value.type.unit == "ns":
        return value.cast(pa.timestamp("us", tz=value.type.tz), safe=False)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return shorten(value, _LONGEST_TEXT) if isinstance(value, str) else value


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
