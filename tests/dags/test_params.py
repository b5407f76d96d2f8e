"""The forms: what Airflow checks, and what it leaves to the worker."""

from __future__ import annotations

import json
import subprocess

import pytest
from airflow.sdk import ParamsDict
from airflow.sdk.exceptions import ParamValidationError

from pipeline.stage.params import SCHEMA_FILE, make_request_params, make_rerun_params, read_request_schema
from tests.weed import VENVS

NAMES = [
    *("data_source", "data_format", "input_schema_version", "dataset", "ingestion_config", "target_column"),
    *(
        "drop_columns",
        "keep_columns",
        "data_validation",
        "task",
        "model_name",
        "metric",
        "model_version",
        "hyperparameters",
    ),
    *("refit", "threshold", "training_scenario", "time_column", "group_column"),
    *("test_size", "random_state", "tuning", "target_output_path"),
]


def test_every_parameter_is_in_the_form():
    """The form has a field for each parameter of the request, and for how to run a stage again."""
    assert sorted(make_request_params()) == sorted(NAMES)
    assert list(make_rerun_params()) == ["run_key", "overrides", "again", "cascade"]


def test_nothing_is_given_by_default():
    """Every field is null until a person fills it in, is valid so, and says what the default is."""
    params = ParamsDict({**make_request_params(), **make_rerun_params("another section")})
    assert set(params.validate().values()) == {None}
    for name in params:
        param = params.get_param(name)
        assert None in param.schema.get("enum", [None]), name
        assert "Default:" in param.description, name
        # What `ingest` needs stands open at the top; everything else lies in a named section.
        is_first = "ingest" in read_request_schema()["properties"].get(name, {}).get("x-stages", [])
        assert bool(param.schema.get("section")) != is_first, name


def test_what_a_later_stage_needs_stands_open():
    """The form of a Dag that only runs a stage again folds nothing away."""
    assert not any(param.schema.get("section") for param in make_rerun_params().values())


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("data_source", "s3://drops/_sources/a.csv", 7),
        ("data_format", "csv", "docx"),
        ("test_size", 0.3, 1.5),
        ("test_size", 0.3, "0.3"),
        ("random_state", 1, -1),
        ("drop_columns", ["a"], "a"),
        ("drop_columns", ["a"], [1]),
        ("data_validation", {"min_row_count": 3}, "3"),
        ("hyperparameters", {"max_iter": 5}, [5]),
        ("model_version", "1.0", "../1"),
        ("tuning", True, "true"),
        ("tuning", {"n_trials": 50, "search_space": {"C": [0.1, 1]}}, 50),
        ("again", True, "true"),
        ("again", True, 1),
        ("cascade", False, 0),
        ("run_key", "penguins.20260131T120000Z.1a2b3c4d", 1),
        ("overrides", {"test_size": 0.3}, "test_size=0.3"),
    ],
)
def test_shapes(name, good, bad):
    """Airflow refuses a value of the wrong shape when the run is triggered."""
    ParamsDict({**make_request_params(), **make_rerun_params()})[name] = good
    with pytest.raises(ParamValidationError):
        ParamsDict({**make_request_params(), **make_rerun_params()})[name] = bad


def test_defaults_are_stated():
    """The default of a parameter stands in its description, as the worker applies it."""
    params = make_request_params()
    assert "Default: `0.2`." in params["test_size"].description
    assert "Default: `holdout`." in params["training_scenario"].description
    assert "Default: none." in params["hyperparameters"].description


def test_schema_is_the_worker_s():
    """The exported schema is what the worker exports now; otherwise the form and the worker disagree."""
    python = VENVS / "worker" / "bin" / "python"
    exported = subprocess.run(
        [str(python), "-m", "pipeline_worker.request"],
        env={"PYTHONPATH": str(SCHEMA_FILE.parents[2] / "worker" / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    assert json.loads(exported.stdout) == read_request_schema(), (
        "run: PYTHONPATH=worker/src .state/venvs/worker/bin/python -m pipeline_worker.request > dags/pipeline/stage/request.schema.json"
    )
