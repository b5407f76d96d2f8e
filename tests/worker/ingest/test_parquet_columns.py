"""Parquet files: plain columns are brought to few types, everything else is left out by name."""

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
from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import DataFormat


def convert_file(path: Path, drop_columns: tuple[str, ...] = ()) -> tuple[Converted, pa.Table]:
    target = path.parent / "dataset.parquet"
    data_format = DataFormat("parquet", "by its name")
    converted = convert(path, target, "x.parquet", data_format, IngestionConfig(), drop_columns)
    return converted, pq.read_table(target)


def convert_table(
    folder: Path, table: pa.Table, drop_columns: tuple[str, ...] = (), **options: Any
) -> tuple[Converted, pa.Table]:
    path = folder / "raw-data"
    pq.write_table(table, path, **options)
    return convert_file(path, drop_columns)


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
        # Each is the nearest number: 4.56, not 4.5600000000000005.
        (pa.array([decimal.Decimal("4.56"), None], pa.decimal128(10, 2)), "number", "double", [4.56, None]),
        (pa.array([decimal.Decimal("0.0000000012")], pa.decimal256(50, 10)), "number", "double", [1.2e-9]),
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
        (pa.array(["a", ""], pa.large_string()), "text", "string", ["a", None]),
        (pa.array([" a", "", None], pa.string_view()), "text", "string", ["a", None, None]),
        (pa.array([dt.timedelta(hours=39, seconds=0.5), None]), "number", "double", [140_400.5, None]),
        (pa.array([-1500, 0], pa.duration("ms")), "number", "double", [-1.5, 0.0]),
        (pa.array([90_000, 0], pa.int32()).cast(pa.time32("s")), "number", "double", [90_000.0, 0.0]),
        (pa.array([-1, None]).cast(pa.time64("us")), "number", "double", [-1e-6, None]),
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


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.dictionary(pa.int32(), pa.int64())])
def test_the_call_of_the_report_keeps_great_whole_numbers_apart(tmp_path: Path, kind: pa.DataType) -> None:
    """Where one is missing, pandas makes floats of whole numbers, and two accounts would be one."""
    import pandas as pd

    accounts = pa.array([2**53, 2**53 + 1, None]).cast(kind.value_type if pa.types.is_dictionary(kind) else kind)
    accounts = accounts.dictionary_encode() if pa.types.is_dictionary(kind) else accounts
    converted, table = convert_table(tmp_path, pa.table({"x": accounts, "y": [1, 2, 3]}))
    function, options = converted.pandas_call
    found = getattr(pd, function)(tmp_path / "raw-data", **options)
    assert found["x"].dropna().astype(str).tolist() == table.column("x").drop_null().to_pylist()
    converted, _ = convert_table(tmp_path, pa.table({"x": accounts[:2], "y": [1, None]}))
    assert converted.pandas_call == ("read_parquet", {})


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
        (pa.array([b"a"]).dictionary_encode(), "dictionary<"),
        (
            pa.array([{f"a rather long name {number}": 1 for number in range(9)}]),
            "struct<a rather long name 0: int64, a",
        ),
    ],
)
def test_columns_without_plain_values_are_left_out_and_said(tmp_path: Path, values: pa.Array, kind: str) -> None:
    """Each has a note with its type; the rest of the file is read, and with nothing else in it the file is refused."""
    converted, table = convert_table(tmp_path, pa.table({"x": values, "y": [1], "z": values}))
    assert table.column_names == ["y"]
    assert list(converted.schema.left_out) == ["x", "z"]
    assert converted.notes[0].startswith(f"`x` was left out: it holds {kind}")
    assert len(converted.notes[0]) < 150
    with pytest.raises(DataUnreadable, match=r"No column of the file can be used\. `x`: it holds") as raised:
        convert_table(tmp_path, pa.table({"x": values}))
    assert list(raised.value.details["columns"]) == ["x"]


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (pa.array([1], pa.duration("s")), "`x`: Durations, read as seconds."),
        (
            pa.array([90_000_000_000]).cast(pa.time64("us")),
            "`x`: Times, read as seconds since midnight: some are beyond",
        ),
        (pa.array([86_399_999_999]).cast(pa.time64("us")), None),
    ],
)
def test_the_unit_of_durations_is_said(tmp_path: Path, values: pa.Array, note: str | None) -> None:
    """A number alone does not say whether it is seconds or days; a time of day is none of these."""
    converted, _ = convert_table(tmp_path, pa.table({"x": values}))
    assert [each.startswith(note) for each in converted.notes] == [True] if note else converted.notes == []


def test_blanks_around_names_and_texts_are_left_out_and_said(tmp_path: Path) -> None:
    """A database pads text to a width; ` a ` is `a` in each format, as it will be when the model predicts."""
    table = pa.table({" x ": ["a  ", "a", " b c", "  ", "", None], "n": [1] * 6})
    converted, read = convert_table(tmp_path, table)
    assert read.column("x").to_pylist() == ["a", "a", "b c", None, None, None]
    assert converted.notes == [
        "Blanks around column names were left out: `x`.",
        "Blanks around cells were left out in `x`.",
        "`x`: 2 of its texts are empty, and read as missing.",
    ]
    assert converted.schema.columns[0].nullable
    converted, _ = convert_table(tmp_path, pa.table({"x": ["a b", None], "n": [1] * 2}))
    assert converted.notes == []


BAD_TEXT = pa.array([b"\xff\xfe"]).cast(pa.binary()).view(pa.string())


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (pa.array([2_932_897], pa.int32()).cast(pa.date32()), "has dates before the year 1 or after the year 9999"),
        (BAD_TEXT, "UTF8"),
        (pa.array([[1]]), "it holds list<"),
    ],
)
def test_a_dropped_column_is_no_reason_to_refuse_a_file(tmp_path: Path, values: pa.Array, why: str) -> None:
    """It is left out, and said; one that can be read stays, as rules may be about it."""
    table = pa.table({"x": values, "y": [1], "z": [2]})
    converted, read = convert_table(tmp_path, table, ("x", "z"))
    assert read.to_pydict() == {"y": [1], "z": [2]}
    assert why in converted.schema.left_out["x"]
    assert why in converted.notes[0]


def test_a_dropped_name_may_be_repeated(tmp_path: Path) -> None:
    """No column is told from the other by it, and none has to be."""
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["x", " x", "y"])
    converted, read = convert_table(tmp_path, table, ("x",))
    assert read.to_pydict() == {"y": [3]}
    assert list(converted.schema.left_out) == ["x"]
    with pytest.raises(DataUnreadable, match="More than one column is called `x`"):
        convert_table(tmp_path, table)


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


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.99])
def test_file_that_was_cut_off_is_unreadable(tmp_path: Path, keep: float) -> None:
    """The end of a Parquet file holds its schema; without it nothing can be read."""
    path = tmp_path / "raw-data"
    pq.write_table(pa.table({"x": list(range(10_000))}), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DataUnreadable, match=r"damaged or was cut off: its end is missing[.]"):
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
    with pytest.raises(DataUnreadable, match="UTF8"):
        convert_table(tmp_path, pa.table({"x": BAD_TEXT}))


def test_many_row_groups_are_read(tmp_path: Path) -> None:
    """Rows keep their order over row groups and blocks."""
    converted, table = convert_table(tmp_path, pa.table({"x": list(range(200_000))}), row_group_size=1000)
    assert converted.schema.rows == 200_000
    assert table.column("x").to_pylist() == list(range(200_000))
