"""The profile of a dataset."""

# ruff: noqa: DTZ001 - columns hold times without a zone
from __future__ import annotations

import datetime as dt
import json
import statistics
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_worker.schema import Column, Schema
from pipeline_worker.stages.ingest import profile as profile_module
from pipeline_worker.stages.ingest.profile import profile


def profile_column(folder: Path, values: Any, kind: str, *, group: int = 1_000_000) -> dict[str, Any]:
    """Return the profile of one column with *values*."""
    table = pa.table({"x": values})
    pq.write_table(table, folder / "dataset.parquet", row_group_size=group)
    column = Column.model_validate({"name": "x", "type": kind, "parquet_type": "any", "nullable": True})
    profiled = profile(folder / "dataset.parquet", Schema(rows=len(table), columns=[column]))
    json.dumps(profiled, allow_nan=False)
    assert profiled["rows"] == len(table)
    found: dict[str, Any] = profiled["columns"][0]
    return found


def test_numbers_have_range_mean_and_quantiles(tmp_path: Path) -> None:
    """They are those of the textbook, missing values left out."""
    values = [3.5, 1.0, None, 2.0, 10.0, 1.0]
    there = [value for value in values if value is not None]
    found = profile_column(tmp_path, values, "number")
    assert (found["missing"], found["missing_percent"], found["distinct"]) == (1, 16.67, 4)
    assert (found["min"], found["max"], found["mean"]) == (1.0, 10.0, statistics.mean(there))
    assert found["quantiles"]["50"] == statistics.median(there)
    assert list(found["quantiles"]) == ["5", "25", "50", "75", "95"]
    assert found["most_frequent"] == [{"value": 1.0, "count": 2, "percent": 40.0}]


def test_integers_stay_integers(tmp_path: Path) -> None:
    """The ends are not made floats."""
    found = profile_column(tmp_path, [2**60, 1, 2], "integer")
    assert (found["min"], found["max"]) == (1, 2**60)
    assert isinstance(found["max"], int)


def test_text_has_its_most_frequent_values(tmp_path: Path) -> None:
    """Most frequent first, equally frequent ones by value, at most ten, and none that occurs once."""
    found = profile_column(tmp_path, [*"bbaac", None, *"ccd"], "text")
    assert [(each["value"], each["count"]) for each in found["most_frequent"]] == [("c", 3), ("a", 2), ("b", 2)]
    assert found["distinct"] == 4
    assert "min" not in found
    many = profile_column(tmp_path, [chr(97 + number) for number in range(20)] * 2, "text")
    assert [each["value"] for each in many["most_frequent"]] == list("abcdefghij")


def test_long_text_is_cut(tmp_path: Path) -> None:
    """A profile is for people and stays small."""
    found = profile_column(tmp_path, ["x" * 5000] * 2, "text")
    assert len(found["most_frequent"][0]["value"]) == 200


def test_long_texts_that_are_alike_as_far_as_they_are_shown_are_counted_apart(tmp_path: Path) -> None:
    """Only their beginning and a digest are held, whatever piece they are read in."""
    texts = [f"{'é' * 2000}{number % 3}" for number in range(7)] + ["x" * 300] * 3
    found = profile_column(tmp_path, texts, "text", group=2)
    assert found["distinct"] == 4
    assert sorted(each["count"] for each in found["most_frequent"]) == [2, 2, 3, 3]
    assert {each["value"][:197] for each in found["most_frequent"]} == {"é" * 197, "x" * 197}


@pytest.mark.parametrize(
    ("values", "kind", "least", "middle"),
    [
        ([dt.date(2024, 1, day) for day in (3, 1, 2)], "date", "2024-01-01", "2024-01-02"),
        (
            [dt.datetime(2024, 1, day, 5) for day in (3, 1, 2)],
            "timestamp",
            "2024-01-01T05:00:00",
            "2024-01-02T05:00:00",
        ),
        (
            pa.array([dt.datetime(2024, 1, day) for day in (3, 1, 2)], pa.timestamp("ns", "UTC")),
            "timestamp",
            "2024-01-01T00:00:00+00:00",
            "2024-01-02T00:00:00+00:00",
        ),
    ],
)
def test_dates_have_range_and_quantiles(tmp_path: Path, values: Any, kind: str, least: str, middle: str) -> None:
    """As ISO text; they have no mean."""
    found = profile_column(tmp_path, values, kind)
    assert (found["min"], found["quantiles"]["50"]) == (least, middle)
    assert "mean" not in found


def test_booleans_have_a_share(tmp_path: Path) -> None:
    """The mean is the share of true."""
    found = profile_column(tmp_path, [True, False, True, True, None], "boolean")
    assert found["mean"] == 0.75
    assert found["most_frequent"][0] == {"value": True, "count": 3, "percent": 75.0}


def test_times_are_counted(tmp_path: Path) -> None:
    """Times of day have distinct and frequent values."""
    found = profile_column(tmp_path, [dt.time(9, 30)] * 2, "time")
    assert found["most_frequent"][0]["value"] == "09:30:00"


def test_infinite_numbers_are_counted_apart(tmp_path: Path) -> None:
    """They would make mean and quantiles useless, and JSON has no word for them."""
    found = profile_column(tmp_path, [1.0, 2.0, float("inf"), float("-inf")], "number")
    assert found["infinite"] == 2
    assert (found["min"], found["max"], found["mean"]) == (1.0, 2.0, 1.5)


@pytest.mark.parametrize("values", [pa.nulls(3, pa.int64()), pa.array([float("inf")])])
def test_column_without_finite_values_has_no_range(tmp_path: Path, values: pa.Array) -> None:
    """What is not there is left out."""
    found = profile_column(tmp_path, values, "number")
    assert not {"min", "max", "mean", "quantiles"} & found.keys()


def test_row_groups_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and quantiles are of the whole column, however it is read."""
    values = [number % 7 for number in range(1000)]
    expected = profile_column(tmp_path, values, "integer")
    monkeypatch.setattr(profile_module, "_COUNTED_ROWS", 50)
    assert profile_column(tmp_path, values, "integer", group=64) == expected
    assert profile_column(tmp_path, values, "integer", group=64) == profile_column(tmp_path, values, "integer")


@pytest.mark.parametrize("counted", [50, 64, 150, 2000])
def test_too_many_distinct_values_are_a_lower_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: int
) -> None:
    """Counting stops where it would take memory without end, and that is said."""
    monkeypatch.setattr(profile_module, "MOST_DISTINCT", 100)
    monkeypatch.setattr(profile_module, "_COUNTED_ROWS", counted)
    found = profile_column(tmp_path, list(range(1000)), "integer", group=64)
    assert (found["distinct"], found["distinct_is_at_least"], found["most_frequent"]) == (100, True, None)
    assert (found["min"], found["max"], found["mean"]) == (0, 999, 499.5)
    few = profile_column(tmp_path, [number % 90 for number in range(1000)], "integer", group=64)
    assert few["distinct"] == 90


def test_quantiles_of_many_rows_are_of_evenly_spread_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are taken over all row groups alike, and that it is a sample is said."""
    monkeypatch.setattr(profile_module, "MOST_SAMPLED", 100)
    monkeypatch.setattr(profile_module, "_COUNTED_ROWS", 50)
    found = profile_column(tmp_path, list(range(1050)), "integer", group=64)
    assert found["quantiles_sampled"] is True
    assert found["quantiles"]["50"] == pytest.approx(525, abs=11)
    assert found["quantiles"]["95"] == pytest.approx(997, abs=11)


def test_columns_stay_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns whose names begin alike are not mistaken for each other, however many are read at once."""
    monkeypatch.setattr(profile_module, "_HELD_VALUES", 4)
    names = ["a", "a.1", "A", "b"]
    pq.write_table(pa.table({name: [number, number] for number, name in enumerate(names)}), tmp_path / "d.parquet")
    columns = [Column(name=name, type="integer", parquet_type="int64", nullable=False) for name in names]
    found = profile(tmp_path / "d.parquet", Schema(rows=2, columns=columns))["columns"]
    assert [(each["name"], each["min"]) for each in found] == [("a", 0), ("a.1", 1), ("A", 2), ("b", 3)]
