"""Parquet files: plain columns are brought to few types, everything else is refused by name."""

# ruff: noqa: DTZ001 - columns hold times without a zone
from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_worker.errors import DataUnreadable
from pipeline_worker.ingestion.convert import Converted, convert
from pipeline_worker.ingestion.data_format import DataFormat
from pipeline_worker.request import IngestionConfig


def convert_file(path: Path) -> tuple[Converted, pa.Table]:
    target = path.parent / "dataset.parquet"
    converted = convert(path, target, "x.parquet", DataFormat("parquet", "by its name"), IngestionConfig())
    return converted, pq.read_table(target)


def convert_table(folder: Path, table: pa.Table, **options: Any) -> tuple[Converted, pa.Table]:
    path = folder / "raw-data"
    pq.write_table(table, path, **options)
    return convert_file(path)


@pytest.mark.parametrize(
    ("values", "kind", "parquet_type", "expected"),
    [
        (pa.array([1, None], pa.int8()), "integer", "int64", [1, None]),
        (pa.array([1, 2], pa.uint32()), "integer", "int64", [1, 2]),
        (pa.array([1, 2**63 - 1], pa.uint64()), "integer", "int64", [1, 2**63 - 1]),
        (pa.array([1, 2**63], pa.uint64()), "text", "string", ["1", str(2**63)]),
        (pa.array([1.5, float("nan"), None]), "number", "double", [1.5, None, None]),
        (pa.array([1.5, 2], pa.float32()), "number", "float", [1.5, 2.0]),
        (pa.array(np.array([1.5, 2], "float16")), "number", "float", [1.5, 2.0]),
        (pa.array([decimal.Decimal("1.25")], pa.decimal128(10, 2)), "number", "double", [1.25]),
        (pa.array([decimal.Decimal(7)], pa.decimal128(10, 0)), "integer", "int64", [7]),
        (
            pa.array([decimal.Decimal(0), None, decimal.Decimal(-1)], pa.decimal128(38, 0)),
            "integer",
            "int64",
            [0, None, -1],
        ),
        (pa.array([decimal.Decimal(7)], pa.decimal256(76, 0)), "integer", "int64", [7]),
        (pa.array([decimal.Decimal(10**20), None], pa.decimal128(38, 0)), "text", "string", [str(10**20), None]),
        (pa.array([2**53, 2**53 + 1]), "text", "string", [str(2**53), str(2**53 + 1)]),
        (pa.array([2**53 + 1, 2**53], pa.uint64()), "text", "string", [str(2**53 + 1), str(2**53)]),
        (pa.array([-(2**60), 2**60, None]), "integer", "int64", [-(2**60), 2**60, None]),
        (pa.array([True, None]), "boolean", "bool", [True, None]),
        (pa.array(["a", None]), "text", "string", ["a", None]),
        (pa.array(["a", ""], pa.large_string()), "text", "string", ["a", ""]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "text", "string", ["a", "b", "a"]),
        (pa.nulls(2), "text", "string", [None, None]),
        (pa.array([dt.date(2024, 1, 31)]), "date", "date32[day]", [dt.date(2024, 1, 31)]),
        (pa.array([dt.date(2024, 1, 31)], pa.date64()), "date", "date32[day]", [dt.date(2024, 1, 31)]),
        (
            pa.array([dt.datetime(2024, 1, 31, 5)], pa.timestamp("ms")),
            "timestamp",
            "timestamp[us]",
            [dt.datetime(2024, 1, 31, 5)],
        ),
        (
            pa.array([dt.datetime(2024, 1, 31, 5)], pa.timestamp("us", "Europe/Berlin")),
            "timestamp",
            "timestamp[us, tz=UTC]",
            [dt.datetime(2024, 1, 31, 5, tzinfo=dt.UTC)],
        ),
        (pa.array([dt.time(9, 30)], pa.time32("s")), "time", "time64[us]", [dt.time(9, 30)]),
        (pa.array([34_200_000_000_123, None]).cast(pa.time64("ns")), "time", "time64[us]", [dt.time(9, 30), None]),
        (
            pa.array([dt.date.min, dt.date.max, None]),
            "date",
            "date32[day]",
            [dt.date.min, dt.date.max, None],
        ),
    ],
)
def test_plain_columns_are_brought_to_few_types(
    tmp_path: Path, values: pa.Array, kind: str, parquet_type: str, expected: list[Any]
) -> None:
    """Nothing is lost but nanoseconds of a time of day, and NaN is missing, as pandas means it."""
    converted, table = convert_table(tmp_path, pa.table({"x": values}))
    column = converted.schema.columns[0]
    assert (column.type, column.parquet_type) == (kind, parquet_type)
    assert column.nullable == (None in expected)
    assert table.column("x").to_pylist() == expected
    assert converted.schema.first_row_line is None


def test_unsigned_numbers_beyond_64_bits_are_said(tmp_path: Path) -> None:
    """The column is text, as it would be in a CSV file, with the reason."""
    converted, _ = convert_table(tmp_path, pa.table({"x": pa.array([2**64 - 1], pa.uint64())}))
    assert converted.notes == ["`x`: Text: some of its whole numbers are too large for 64 bits with a sign."]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([[1, 2]]), "list<"),
        (pa.array([{"a": 1}]), "struct<"),
        (pa.array([b"\x00\xff"]), "binary"),
        (pa.array([dt.timedelta(seconds=1)]), "duration"),
    ],
)
def test_columns_without_plain_values_are_refused_by_name(tmp_path: Path, values: pa.Array, kind: str) -> None:
    """All of them are listed with their type; none is dropped."""
    table = pa.table({"x": values, "y": [1], "z": values})
    with pytest.raises(DataUnreadable, match="2 of 3 columns hold no plain values: `x`") as raised:
        convert_table(tmp_path, table)
    assert list(raised.value.details["columns"]) == ["x", "z"]
    assert kind in raised.value.details["columns"]["x"]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 2_932_897], pa.int32()).cast(pa.date32()),
        pa.array([-719_163], pa.int32()).cast(pa.date32()),
        pa.array([2_932_897 * 86_400_000]).cast(pa.date64()),
        pa.array([2_932_897 * 86_400_000_000]).cast(pa.timestamp("us")),
        pa.array([2_932_897 * 86_400_000]).cast(pa.timestamp("ms", "UTC")),
        pa.array([2**61]).cast(pa.timestamp("ms")),
    ],
)
def test_dates_that_no_calendar_has_are_named(tmp_path: Path, values: pa.Array) -> None:
    """The file is whole, and no stage could say what the date is."""
    with pytest.raises(DataUnreadable, match="`x` has dates before the year 1 or after the year 9999"):
        convert_table(tmp_path, pa.table({"y": [1] * len(values), "x": values}))


def test_repeated_names_are_refused(tmp_path: Path) -> None:
    """Parquet allows them; a column could not be told from the other by its name."""
    with pytest.raises(DataUnreadable, match="More than one column is called `x`"):
        convert_table(tmp_path, pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]))


@pytest.mark.parametrize("table", [pa.table({"x": pa.array([], pa.int64())}), pa.table({})])
def test_file_without_rows_is_unreadable(tmp_path: Path, table: pa.Table) -> None:
    """As a CSV file with a header alone."""
    with pytest.raises(DataUnreadable, match="no rows"):
        convert_table(tmp_path, table)


@pytest.mark.slow("loads pandas")
def test_row_labels_of_pandas_are_left_out_and_said(tmp_path: Path) -> None:
    """Pandas writes them as a column when rows were filtered; they are no data."""
    import pandas as pd

    frame = pd.DataFrame({"x": [1, 2, 3, 4]})
    frame[frame["x"] != 3].to_parquet(tmp_path / "raw-data")
    converted, table = convert_file(tmp_path / "raw-data")
    assert table.column_names == ["x"]
    assert converted.notes == ["`__index_level_0__` was left out: it holds the row labels of a pandas table."]


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.99])
def test_file_that_was_cut_off_is_unreadable(tmp_path: Path, keep: float) -> None:
    """The end of a Parquet file holds its schema; without it nothing can be read."""
    path = tmp_path / "raw-data"
    pq.write_table(pa.table({"x": list(range(10_000))}), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DataUnreadable, match="damaged or was cut off"):
        convert_file(path)


def test_file_with_damaged_values_is_unreadable(tmp_path: Path) -> None:
    """Damage in the middle shows only while the rows are read."""
    path = tmp_path / "raw-data"
    pq.write_table(pa.table({"x": [str(number) for number in range(50_000)]}), path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[2000:4000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(DataUnreadable, match="damaged or was cut off"):
        convert_file(path)


def test_text_that_is_no_text_is_unreadable(tmp_path: Path) -> None:
    """Bytes that are called text and are not UTF-8 would stop a later stage without a reason."""
    bad = pa.array([b"\xff\xfe"]).cast(pa.binary()).view(pa.string())
    with pytest.raises(DataUnreadable, match="UTF8"):
        convert_table(tmp_path, pa.table({"x": bad}))


def test_many_row_groups_are_read(tmp_path: Path) -> None:
    """Rows keep their order over row groups and blocks."""
    converted, table = convert_table(tmp_path, pa.table({"x": list(range(200_000))}), row_group_size=1000)
    assert converted.schema.rows == 200_000
    assert table.column("x").to_pylist() == list(range(200_000))
