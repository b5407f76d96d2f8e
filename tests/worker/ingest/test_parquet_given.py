"""What a person says of the columns of a Parquet file holds, for the dataset and for the model."""

# ruff: noqa: DTZ001 - columns hold times without a zone
from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import DataFormat

MOMENT = dt.datetime(2024, 1, 31, 10, 0, 0, 250_000)
MIDNIGHT = dt.datetime(2024, 1, 31)


def ingest(
    folder: Path, table: pa.Table, drop_columns: tuple[str, ...] = (), **config: Any
) -> tuple[Converted, pa.Table]:
    """Return what `ingest` makes of a Parquet file with *table*."""
    path, target = folder / "raw.parquet", folder / "dataset.parquet"
    pq.write_table(table, path)
    settings = IngestionConfig(**config)
    converted = convert(path, target, "x.parquet", DataFormat("parquet", "given"), settings, drop_columns)
    return converted, pq.read_table(target)


#: Values of a column → the type that is given, and what they become.
GIVEN: list[tuple[pa.Array, str, list[Any]]] = [
    (pa.array([7.0, 2.5, None, 1e-7, 1e15]), "text", ["7", "2.5", None, "1e-07", "1" + "0" * 15]),
    (pa.array([7.0, 2.5], pa.float32()), "text", ["7", "2.5"]),
    (pa.array([7, None]), "text", ["7", None]),
    (pa.array([Decimal("1.10"), Decimal("7.00")]), "text", ["1.1", "7"]),
    (pa.array([True, False, None]), "text", ["true", "false", None]),
    (pa.array([True, False]), "text", ["true", "false"]),
    (pa.array([dt.date(2024, 1, 31), None]), "text", ["2024-01-31", None]),
    (pa.array([MOMENT, MIDNIGHT, None]), "text", ["2024-01-31T10:00:00.25", "2024-01-31T00:00:00", None]),
    (
        pa.array([MOMENT, MIDNIGHT], pa.timestamp("ns", "Europe/Berlin")),
        "text",
        ["2024-01-31T10:00:00.25Z", "2024-01-31T00:00:00Z"],
    ),
    (
        pa.array([1_706_695_200_000_000_120, None]).cast(pa.timestamp("ns")),
        "text",
        ["2024-01-31T10:00:00.00000012", None],
    ),
    (pa.array([dt.time(9, 30), dt.time(9, 30, 0, 5)]), "text", ["09:30:00", "09:30:00.000005"]),
    (pa.array([dt.timedelta(seconds=90), dt.timedelta(seconds=0.5)]), "text", ["90", "0.5"]),
    (pa.array(["a", " b ", ""]), "text", ["a", "b", None]),
    (pa.array([7.0, None, -3.0, float("nan")]), "integer", [7, None, -3, None]),
    (pa.array([Decimal("7.00"), Decimal("1.00")]), "integer", [7, 1]),
    (pa.array([7, None, 2**53 + 1, 2**53]), "number", [7.0, None, 2.0**53, 2.0**53]),
    (pa.array([2**53 + 1, 2**53]), "integer", [2**53 + 1, 2**53]),
    (pa.array([0, 1, None]), "boolean", [False, True, None]),
    (pa.array([0.0, 1.0, None]), "boolean", [False, True, None]),
    (pa.array([dt.date(2024, 1, 31), None]), "timestamp", [MIDNIGHT, None]),
    (pa.array([MIDNIGHT, None]), "date", [dt.date(2024, 1, 31), None]),
    (pa.array([2**64 - 1, 1], pa.uint64()), "number", [float(2**64), 1.0]),
    (pa.nulls(2), "number", [None, None]),
    # Text, as the same column of a CSV file.
    (pa.array(["1.234,5", "7", "NA", "", None]), "number", [1234.5, 7.0, None, None, None]),
    (pa.array(["$1,234.50", " 2.00 ", "-"]), "number", [1234.5, 2.0, 0.0]),
    (pa.array(["007", "12", "?"]), "integer", [7, 12, None]),
    (pa.array(["12", "7", "12"]).dictionary_encode(), "integer", [12, 7, 12]),
    (pa.array(["TRUE", "false", None]), "boolean", [True, False, None]),
    (pa.array(["31.01.2024", "1.2.2024"]), "date", [dt.date(2024, 1, 31), dt.date(2024, 2, 1)]),
    (pa.array(["2024-01-31 10:00:00.25", "2024-01-31", None]), "timestamp", [MOMENT, MIDNIGHT, None]),
    (pa.array(["9:30", ""]), "time", [dt.time(9, 30), None]),
]


@pytest.mark.parametrize(("values", "kind", "wanted"), GIVEN)
def test_a_given_type_holds(tmp_path: Path, values: pa.Array, kind: str, wanted: list[Any]) -> None:
    """Any plain column can be text, text can be anything that its cells are, and the rest changes where nothing is lost."""
    converted, table = ingest(tmp_path, pa.table({"x": values}), column_types={" x ": kind})
    assert converted.schema.columns[0].type == kind
    assert table.column("x").to_pylist() == wanted
    assert converted.schema.columns[0].nullable == (None in wanted)


@pytest.mark.parametrize(
    ("values", "config", "wanted"),
    [
        (pa.array(["NA", "unknown", "a", None]), {"missing_values": ["unknown"]}, ["NA", None, "a", None]),
        (pa.array(["NA", "unknown", "a"]), {"missing_values": {"x": ["NA "]}}, [None, "unknown", "a"]),
        (pa.array(["NA", "unknown", "a"]), {"missing_values": {"n": ["NA"]}}, ["NA", "unknown", "a"]),
        (pa.array([1, -999, None]), {"missing_values": ["-999", "unknown"]}, [1, None, None]),
        (pa.array([1, -999]), {"missing_values": {"n": []}}, [1, -999]),
        (pa.array([1.5, -9.9, -999]), {"missing_values": {"x": ["-9.9"]}}, [1.5, None, -999]),
        (pa.array([1.5, -9.9], pa.float32()), {"missing_values": {"x": ["-9.9"]}}, [1.5, None]),
        (pa.array([Decimal("1.5"), Decimal("-9.9")]), {"missing_values": {"x": ["-9.9"]}}, [1.5, None]),
        (pa.array([1, 2]), {"missing_values": {"x": ["1.5"]}}, [1, 2]),
        (
            pa.array([1, 0, -9]),
            {"missing_values": {"x": ["-9"]}, "column_types": {"x": "boolean"}},
            [True, False, None],
        ),
        (pa.array([1.5, -9]), {"missing_values": {"x": ["-9"]}, "column_types": {"x": "text"}}, ["1.5", None]),
        (pa.array(["1,5", "-9"]), {"missing_values": ["-9"], "column_types": {"x": "number"}}, [1.5, None]),
        (
            pa.array(["1", "-", "2"]),
            {"missing_values": {"x": ["-"]}, "column_types": {"x": "integer"}},
            [1, None, 2],
        ),
        (pa.array(["1.234", "2"]), {"decimal": ",", "column_types": {"x": "number"}}, [1234.0, 2.0]),
    ],
)
def test_given_words_are_missing(tmp_path: Path, values: pa.Array, config: dict[str, Any], wanted: list[Any]) -> None:
    """Words in text, and numbers in columns of numbers; those of one column are those of no other."""
    table = pa.table({"x": values, "n": pa.array([5.0] * len(values))})
    converted, read = ingest(tmp_path, table, **config)
    assert read.column("x").to_pylist() == pytest.approx(wanted)
    assert read.column("n").null_count == 0
    is_list = isinstance(config.get("missing_values"), list)
    assert (converted.schema.columns[1].missing_words is None) == (
        not is_list or config["missing_values"] == ["unknown"]
    )


@pytest.mark.parametrize(
    ("values", "kind", "row", "value"),
    [
        (pa.array([1.0, None, 2.5]), "integer", 3, "2.5"),
        (pa.array([1.0, float("inf")]), "integer", 2, "inf"),
        (pa.array([1.0, 2.0**63]), "integer", 2, str(2**63)),
        (pa.array([1, 0, 2]), "boolean", 3, "2"),
        (pa.array([MIDNIGHT, MOMENT]), "date", 2, "2024-01-31T10:00:00.25"),
        (pa.array(["1", None, "a lot"]), "number", 3, "a lot"),
        (pa.array(["1"] * 70_000 + ["1.5"]), "integer", 70_001, "1.5"),
        (pa.array([1.0] * 70_000 + [1.5]), "integer", 70_001, "1.5"),
        (pa.array(["2024-01-31", "soon"]), "date", 2, "soon"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(tmp_path: Path, values: pa.Array, kind: str, row: int, value: str) -> None:
    """The error is that of a CSV file; a column that no model will see is read as it is."""
    table = pa.table({"x": values, "n": pa.array([1] * len(values))})
    with pytest.raises(DataUnreadable, match="is to be of the type") as raised:
        ingest(tmp_path, table, column_types={"x": kind})
    assert raised.value.details == {"column": "x", "row": row, "value": value}
    converted, _ = ingest(tmp_path, table, ("x",), column_types={"x": kind})
    assert converted.schema.names() == ["x", "n"]


@pytest.mark.parametrize(
    ("values", "kind", "ways"),
    [
        (pa.array([MIDNIGHT]), "number", "text or date"),
        (pa.array([MIDNIGHT], pa.timestamp("us", "UTC")), "date", "text"),
        (pa.array([True]), "integer", "text"),
        (pa.array([1]), "date", "text or number or boolean"),
        (pa.array([dt.time(9, 30)]), "timestamp", "text"),
    ],
)
def test_a_type_that_a_column_cannot_have_is_refused(tmp_path: Path, values: pa.Array, kind: str, ways: str) -> None:
    """What would be lost, or mean nothing, is no change that is made; the types that it can have are named."""
    with pytest.raises(ParameterInvalid, match=f"`x` is to be of the type {kind}") as raised:
        ingest(tmp_path, pa.table({"x": values}), column_types={"x": kind})
    assert raised.value.fix == f"Give {ways}, or leave it out."


@pytest.mark.parametrize("config", [{"missing_values": {"y": []}}, {"column_types": {"y": "text"}}])
def test_a_column_that_is_not_there_is_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    """As in a CSV file; one that is left out is there."""
    with pytest.raises(ParameterInvalid, match="names `y`, and there is no such column"):
        ingest(tmp_path, pa.table({" x": [1]}), **config)
    ingest(tmp_path, pa.table({" x": [1], "y ": [b"a"]}), **config)


def test_words_for_dates_are_said_to_be_unused(tmp_path: Path) -> None:
    """Nobody is left to believe that they hold; beside text and numbers there is nothing to say."""
    table = pa.table({"when": [MOMENT, MIDNIGHT], "is": [True, False], "n": [1, 2]})
    words = {"when": ["2024-01-31"], "is": ["false"], "n": ["2"]}
    converted, read = ingest(tmp_path, table, missing_values=words)
    assert converted.notes == ["`missing_values` is for text and numbers, and was not used for `when` and `is`."]
    assert [each.null_count for each in read.columns] == [0, 0, 1]
    converted, _ = ingest(tmp_path, table, missing_values={"is": ["false"]}, column_types={"is": "text"})
    assert converted.notes == []
    with pytest.raises(DataUnreadable) as raised:
        ingest(tmp_path, table, column_types={"when": "date"})
    assert raised.value.fix == "Mend the cell, or give another type."


def test_settings_for_csv_files_alone_are_named(tmp_path: Path) -> None:
    """What was used is not among them."""
    table = pa.table({"x": ["1", "2"]})
    converted, _ = ingest(tmp_path, table, separator=";", decimal=",", missing_values=["?"])
    assert len(converted.notes) == 1
    assert converted.notes[0].startswith(
        "`separator` and `decimal` of `ingestion_config` are for CSV files, and were not"
    )
    converted, _ = ingest(tmp_path, table, decimal=",", column_types={"x": "number"})
    assert converted.notes == []


def test_what_is_in_doubt_is_told(tmp_path: Path) -> None:
    """Labels that differ by case, and a number far from all others, with the line that makes it missing."""
    table = pa.table({"x": ["a", "A", "b"], "n": [1, 2, -999], "m": [-998, -999, -997], "t": ["a", "b", "c"]})
    converted, _ = ingest(tmp_path, table)
    assert len(converted.notes) == 2
    assert "`x`: Labels that differ only by case are different labels: `A` and `a`." in converted.notes[0]
    assert "1 cell says -999, far from all others (1 to 2)" in converted.notes[1]
    setting = json.loads(re.findall(r"\{.*\}", converted.notes[1])[0])["ingestion_config"]
    converted, read = ingest(tmp_path, table, **setting)
    assert read.column("n").to_pylist() == [1, 2, None]
    assert len(converted.notes) == 1


@pytest.mark.slow("loads pandas")
@pytest.mark.parametrize(
    ("values", "config"),
    [
        *((values, {"column_types": {"x": kind}}) for values, kind, _ in GIVEN),
        (pa.array(["NA", "unknown", "a", None]), {"missing_values": ["unknown"]}),
        (pa.array(["NA", "unknown", "a"]), {"missing_values": {"x": ["NA"]}}),
        (pa.array([1, -999, 3]), {"missing_values": ["-999"]}),
        (pa.array([1, -999, None], pa.int64()), {"missing_values": ["-999"]}),
        (pa.array([1.5, -9.9], pa.float32()), {"missing_values": ["-9.9"]}),
        (pa.array([Decimal("1.50"), Decimal("-9.90")]), {"missing_values": ["-9.9"]}),
        (pa.array([1, 0, -9]), {"missing_values": ["-9"], "column_types": {"x": "boolean"}}),
        (pa.array([1.5, -9]), {"missing_values": ["-9"], "column_types": {"x": "text"}}),
        (pa.array([True, False]), {"missing_values": ["false"], "column_types": {"x": "text"}}),
        (pa.array(["1.234,5", "-9,9"]), {"missing_values": ["-9,9"], "column_types": {"x": "number"}}),
        (pa.array([1, 2]), {"missing_values": {"x": ["-999"]}}),
    ],
)
def test_a_model_reads_the_file_as_ingest_did(tmp_path: Path, values: pa.Array, config: dict[str, Any]) -> None:
    """The rows that the report's call gives, and the dataset, are the same values to a model."""
    import pandas as pd
    import pyarrow.compute as pc

    from pipeline_worker.serving import rules

    converted, table = ingest(tmp_path, pa.table({"x": values}), **config)
    schema = converted.schema
    if schema.columns[0].type == "time":
        table = table.set_column(0, "x", pc.cast(pc.cast(table.column("x"), "int64"), "duration[us]"))
    typed, raw = table.to_pandas(date_as_object=False), pd.read_parquet(tmp_path / "raw.parquet")
    is_text = schema.columns[0].type == "text"
    reader = rules.make_reader(schema.columns, typed[["x"]] if is_text else typed[[]])
    found = reader(raw)["x"]
    is_time = schema.columns[0].type in {"date", "timestamp", "time"}
    pd.testing.assert_series_equal(found, reader(typed)["x"], check_dtype=not is_time)
    assert found.isna().tolist() == typed["x"].isna().tolist()
    if is_text:
        assert found.dropna().tolist() == typed["x"].dropna().tolist()


@pytest.mark.slow("loads pandas")
def test_booleans_stay_as_a_csv_file_writes_them(tmp_path: Path) -> None:
    """A label `True` of a CSV file is what pandas reads as a boolean; only text made of booleans is `true`."""
    import pandas as pd

    from pipeline_worker.schema import Column
    from pipeline_worker.serving import rules

    rows = pd.DataFrame({"x": [True, False]})
    found = []
    for how in (None, "true"):
        column = Column(name="x", type="text", parquet_type="string", nullable=False, format=how)
        found.append(rules.Reader([rules.describe_rules(column)])(rows)["x"].tolist())
    assert found == [["True", "False"], ["true", "false"]]


def test_the_order_of_dates_holds_for_text_that_is_to_be_dates(tmp_path: Path) -> None:
    """It is used then, and else is said not to be."""
    table = pa.table({"x": ["01/04/2024", "02/03/2024"]})
    converted, found = ingest(tmp_path, table, column_types={"x": "date"}, date_order="dmy")
    assert found.column("x").to_pylist() == [dt.date(2024, 4, 1), dt.date(2024, 3, 2)]
    assert not any("not used" in note for note in converted.notes)
    converted, _ = ingest(tmp_path, table, date_order="dmy")
    assert "`date_order` of `ingestion_config` is for CSV files, and was not used" in converted.notes[0]
