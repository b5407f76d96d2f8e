"""What an attempt begins with: which of the given parameters count, and which places they may name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline_contract.run_key import make_run_key
from pipeline_worker.request import DataValidation, IngestionConfig, Request
from pipeline_worker.run.manifest import digest_of
from tests.worker.line import Line, failure_of

SOURCE = "s3://drops/_sources/x.csv"
PARAMS, SIDECAR = "s3://drops/birds/_params.json", f"{SOURCE}.params.json"
PAYLOAD, OVERRIDES = "the trigger's payload", "overrides"
ROWS = b"id;mass;species\n1;1.5;'a;b'\n2;2.5;'c'\n"
KEY = str(make_run_key("birds", datetime(2026, 1, 1, tzinfo=UTC), "birds"))


@pytest.fixture
def line(tmp_path: Path) -> Line:
    made = Line(tmp_path / "lake", "", dataset="birds")
    made.store.put(SOURCE, ROWS)
    return made


def put_json(line: Line, uri: str, values: dict[str, Any]) -> None:
    line.store.put(uri, json.dumps(values).encode())


def test_of_five_layers_the_highest_that_gives_a_parameter_counts(line: Line) -> None:
    """The defaults, `_params.json`, the file's own parameters, the payload of the trigger, overrides; rules are merged."""
    layers: dict[str, dict[str, Any]] = {
        PARAMS: {
            "random_state": 1,
            "target_output_path": "s3://elsewhere/params",
            "model_version": "params",
            "input_schema_version": "params",
            "target_column": "mass",
            "hyperparameters": {"max_iter": 5, "learning_rate": 0.1},
            "data_validation": {
                "min_row_count": 1,
                "max_row_count": 50,
                "non_null_columns": ["mass"],
                "value_ranges": {"id": {"min": 1}, "mass": {"min": 1}},
            },
            "ingestion_config": {"separator": ";", "decimal": ","},
        },
        SIDECAR: {
            "target_output_path": "s3://elsewhere/sidecar",
            "model_version": "sidecar",
            "input_schema_version": "sidecar",
            "hyperparameters": {"max_iter": 6},
            "data_validation": {"max_row_count": 60, "unique_columns": ["id"]},
            "ingestion_config": {"quote": "'"},
        },
        PAYLOAD: {
            "model_version": "payload",
            "input_schema_version": "payload",
            "target_column": "species",
            "data_validation": {"unique_columns": ["mass"]},
            "ingestion_config": {"decimal": "."},
        },
        OVERRIDES: {
            "input_schema_version": "overrides",
            "data_validation": {"value_ranges": {"mass": {"min": 0}}},
        },
    }
    put_json(line, PARAMS, layers[PARAMS])
    put_json(line, SIDECAR, layers[SIDECAR])
    ended = line.run("ingest", KEY, data_source=SOURCE, dataset="birds", **layers[PAYLOAD])
    assert ended.exit_code == 0, ended.stdout
    wanted = {
        "test_size": 0.2,
        "random_state": 1,
        "target_output_path": "s3://elsewhere/sidecar",
        "hyperparameters": {"max_iter": 6},
        "model_version": "payload",
        "target_column": "species",
        "ingestion_config": IngestionConfig(separator=";", quote="'", decimal="."),
    }
    rules: dict[str, Any] = {
        "min_row_count": 1,
        "max_row_count": 60,
        "non_null_columns": ["mass"],
        "unique_columns": ["mass"],
        "value_ranges": {"id": {"min": 1}, "mass": {"min": 1}},
    }
    sources = {
        "random_state": PARAMS,
        "target_output_path": SIDECAR,
        "hyperparameters": SIDECAR,
        "model_version": PAYLOAD,
        "target_column": PAYLOAD,
    }
    before = wanted | {"input_schema_version": "payload", "data_validation": DataValidation.model_validate(rules)}
    assert_request(line, before, sources | {"input_schema_version": PAYLOAD})

    assert line.run("ingest", KEY, **layers[OVERRIDES]).exit_code == 0
    # Of the rules each name is replaced whole.
    rules["value_ranges"] = {"mass": {"min": 0}}
    after = wanted | {"input_schema_version": "overrides", "data_validation": DataValidation.model_validate(rules)}
    assert_request(line, after, sources | {"input_schema_version": OVERRIDES, "data_validation": OVERRIDES})


@pytest.mark.parametrize(
    ("given", "mended"),
    [
        ({"test_size": "0.2"}, {"test_size": 0.2}),
        ({"test_size": 20}, {"test_size": 0.2}),
        ({"ingestion_config": {"seperator": ";"}}, {"ingestion_config": {"seperator": None, "separator": ";"}}),
        ({"ingestion_config": {"missing_values": [-999]}}, {"ingestion_config": {"missing_values": ["-999"]}}),
        ({"drop_columns": "id", "refit": "true"}, {"drop_columns": ["id"], "refit": True}),
        (
            {"ingestion_config": {"column_types": {"mass": "Float"}, "quote": "'"}},
            {"ingestion_config": {"column_types": {"mass": "number"}}},
        ),
        (
            {
                "data_validation": {
                    "expectations": [{"expectation_type": "expect_column_to_exist", "kwargs": {"column": "id"}}]
                }
            },
            {"data_validation": {"expectations": [{"kwargs": {"column": "id"}, "type": "expect_column_to_exist"}]}},
        ),
        (
            {"data_validation": {"expectations": [{"type": "expect_column_to_exists", "kwargs": {"column": "id"}}]}},
            {"data_validation": {"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "id"}}]}},
        ),
    ],
)
def test_what_a_sidecar_has_wrong_is_mended_by_the_overrides_that_are_told(
    line: Line, given: dict[str, Any], mended: dict[str, Any]
) -> None:
    """It is not read again, so that mending the file alone would not help; the line to paste does."""
    put_json(line, SIDECAR, {"target_column": "species"} | given)
    record = failure_of(line.run("ingest", KEY, data_source=SOURCE, dataset="birds"))
    assert record["where"] == SIDECAR
    assert record["fix"] == (
        f"Correct {SIDECAR}, drop it again, and then the data file (or trigger `ingest` anew); or run `ingest` again with "
        f"{json.dumps(mended)}, if that is meant."
    )
    put_json(line, SIDECAR, {"target_column": "species"})
    assert line.run("ingest", KEY).exit_code == 2
    assert line.run("ingest", KEY, **mended).exit_code == 0


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (PARAMS, f"Mend it in {PARAMS}, and run `ingest` again."),
        (SIDECAR, "drop it again, and then the data file (or trigger `ingest` anew)"),
    ],
)
@pytest.mark.parametrize(
    "text", ['{"target_colum": 1}', '{"a":', '{"ingestion_config": {"token": 1}}', '{"test_size": 2}']
)
def test_each_source_is_mended_in_its_way(line: Line, uri: str, said: str, text: str) -> None:
    """What every attempt reads is mended there; what was kept when the run began takes a new run, or overrides."""
    line.store.put(uri, text.encode())
    record = failure_of(line.run("ingest", KEY, data_source=SOURCE, dataset="birds"))
    assert record["where"] == uri
    assert (said if "test_size" in text or uri == SIDECAR else "Then run `ingest` again.") in record["fix"]


def assert_request(line: Line, wanted: dict[str, Any], sources: dict[str, str]) -> None:
    manifest = line.committed("ingest", KEY)
    request = Request.model_validate(manifest.request)
    assert {name: getattr(request, name) for name in wanted} == wanted
    assert {name: manifest.request_from[name] for name in sources} == sources
    assert "test_size" not in manifest.request_from


@pytest.mark.parametrize("uri", [PARAMS, SIDECAR])
@pytest.mark.parametrize(("name", "value"), [("data_source", SOURCE), ("dataset", "birds")])
def test_what_a_file_beside_the_data_may_not_name_is_refused(line: Line, uri: str, name: str, value: str) -> None:
    """The folder is the dataset, and the file is the source, also where both would be the same as they are."""
    put_json(line, uri, {"target_column": "species", name: value})
    ended = line.run("ingest", KEY, data_source=SOURCE, dataset="birds")
    assert ended.exit_code == 2
    record = failure_of(ended)
    assert (record["error"], record["where"]) == ("ParameterInvalid", uri)
    assert record["what"] == f"`{name}` cannot be set in a file that is kept beside the data."
    assert record["fix"].startswith("Take it out: the folder is the dataset, and the file is the source. Then ")


@pytest.mark.parametrize(("name", "value"), [("data_source", "s3://drops/_sources/y.csv"), ("dataset", "cats")])
def test_overrides_exchange_neither_the_data_nor_the_dataset(line: Line, name: str, value: str) -> None:
    """They make a run what it is; at `ingest` and at any later stage it is said, and what is committed stays."""
    given = {"data_source": SOURCE, "dataset": "birds", "target_column": "species"}
    assert line.run("ingest", KEY, **given).exit_code == 0
    committed = line.committed("ingest", KEY)
    ended = line.run("ingest", KEY, **{name: value})
    assert ended.exit_code == 2
    record = failure_of(ended)
    assert (record["error"], record["where"]) == ("ParameterInvalid", "overrides")
    assert record["what"] == f"`{name}` cannot be changed for a run that has begun."
    assert record["fix"] == "Trigger `ingest` without a run key to start a new run."
    later = line.run("validate", KEY, **{name: value})
    assert later.exit_code == 2
    assert failure_of(later)["what"] == f"The stage `validate` does not use `{name}`; `ingest` does."
    assert line.committed("ingest", KEY) == committed


def test_a_source_in_the_artifact_bucket_is_taken(line: Line) -> None:
    """Data that another program has left there need not be copied, and stays where it is."""
    source = "s3://artifacts/exports/2026/x.csv"
    line.store.put(source, ROWS)
    ended = line.run("ingest", KEY, data_source=source, dataset="birds", target_column="species")
    assert ended.exit_code == 0, ended.stdout
    manifest = line.committed("ingest", KEY)
    assert manifest.facts["rows"] == 2
    assert manifest.artifacts["raw"].digest == digest_of(ROWS)
    assert line.store.read(source)[0] == ROWS
