"""The stage `train`, against a real MLflow server."""

from __future__ import annotations

import json
import pickle
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline_contract.run_key import make_run_key
from pipeline_worker.mlflow_server import MlflowServer
from pipeline_worker.run.manifest import digest_of
from tests.ports import free_ports
from tests.worker.line import LIBRARY_WARNINGS, Line, failure_of
from tests.worker.tables import make_hires, make_penguins

pytestmark = [*LIBRARY_WARNINGS, pytest.mark.slow("trains models")]

#: Each family is fitted in `test_fit.py` or `test_preparation.py`; one of a kind shows what the stage makes of it.
LONG = pytest.mark.long("the same stage with another estimator")
ELSEWHERE_TOO = [pytest.param(name, marks=LONG) for name in ("RandomForestRegressor", "LinearRegression")]


def list_runs(line: Line) -> list[dict[str, Any]]:
    server = MlflowServer(line.settings)
    found = server.call("GET", "experiments/get-by-name", {"experiment_name": "ml-pipeline"})["experiment"]
    values = {"experiment_ids": [found["experiment_id"]], "filter": f"tags.dataset = '{line.dataset}'"}
    runs: list[dict[str, Any]] = server.call("POST", "runs/search", values).get("runs", [])
    return runs


def test_a_classifier_is_trained_measured_and_kept(line: Line, tmp_path: Path) -> None:
    """The model, its metrics beside the baseline's and the figures are in the store, and the same in MLflow."""
    run_key = line.train(make_penguins(), target_column="species", drop_columns=["is_tagged"])
    manifest = line.committed("train", run_key)
    facts = manifest.facts
    assert facts["target_kind"] == "classification"
    assert facts["rows"] == {"train": 120, "test": 30}
    assert facts["metrics"]["balanced_accuracy"] > facts["baseline"]["balanced_accuracy"] + 0.3
    assert facts["model_file"] == "HistGradientBoostingClassifier_v20260101T000000Z.pkl"
    assert manifest.outputs["model"].uri.endswith(f"/models/{facts['model_file']}")
    assert manifest.request["model_name"] == "HistGradientBoostingClassifier"
    assert manifest.request["model_version"] == "20260101T000000Z"
    assert {name for name in manifest.outputs if name.startswith("figure_")} == {
        "figure_confusion_matrix",
        "figure_importance",
    }
    metrics = json.loads(line.store.read(manifest.outputs["metrics"].uri)[0])
    assert metrics["model"] == facts["metrics"]
    assert set(metrics["importance"]) == {"island", "bill_length_mm", "body_mass_g", "seen_on"}

    (run,) = list_runs(line)
    assert run["info"]["status"] == "FINISHED"
    assert run["info"]["run_name"] == run_key
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert tags | {"run_key": run_key, "stage": "train", "attempt": manifest.attempt, "ask": manifest.ask} == tags
    assert tags["model_digest"] == facts["model_digest"] == manifest.outputs["model"].digest
    logged = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert logged["accuracy"] == facts["metrics"]["accuracy"]
    assert logged["baseline_accuracy"] == facts["baseline"]["accuracy"]
    params = {param["key"]: param["value"] for param in run["data"]["params"]}
    assert params["model_name"] == "HistGradientBoostingClassifier"
    assert params["min_samples_leaf"] == "12"
    assert params["drop_columns"] == '["is_tagged"]'
    assert run["inputs"]["dataset_inputs"][0]["dataset"]["name"] == line.dataset
    server = MlflowServer(line.settings)
    files = server.call("GET", "artifacts/list", {"run_id": facts["mlflow_run_id"]})["files"]
    assert {file["path"] for file in files} == {"figures", "metrics.json"}

    # What MLflow keeps and what is published are the same bytes.
    import mlflow

    mlflow.set_tracking_uri(line.settings.mlflow_tracking_uri)
    folder = mlflow.artifacts.download_artifacts(f"models:/{facts['mlflow_model_id']}", dst_path=str(tmp_path))
    assert digest_of(Path(folder) / "model.pkl") == facts["model_digest"]
    requirements = (Path(folder) / "requirements.txt").read_text().split()
    assert f"mlflow-skinny=={version('mlflow-skinny')}" in requirements
    assert not any("pipeline" in requirement for requirement in requirements)


@pytest.mark.parametrize("name", ["HistGradientBoostingRegressor", *ELSEWHERE_TOO])
def test_a_quantity_is_predicted_from_dates_times_text_and_numbers(line: Line, name: str) -> None:
    """Each regressor is far better than the mean, and says so in numbers and figures."""
    run_key = line.train(make_hires(), target_column="hires", model_name=name)
    manifest = line.committed("train", run_key)
    assert manifest.facts["metrics"]["r2"] > 0.6
    assert manifest.facts["metrics"]["rmse"] < 0.6 * manifest.facts["baseline"]["rmse"]
    assert {"mse", "mae", "median_ae", "mape"} < set(manifest.facts["metrics"])
    assert "figure_predictions" in manifest.outputs


@pytest.mark.parametrize("name", ["RandomForestClassifier", pytest.param("LogisticRegression", marks=LONG)])
def test_a_boolean_target_is_predicted_as_a_boolean(line: Line, name: str) -> None:
    """Predictions have the target's own type, and two classes have their curves."""
    table = make_penguins()
    table["is_heavy"] = table["body_mass_g"].fillna(4000) > 4200
    run_key = line.train(table, target_column="is_heavy", model_name=name, drop_columns=["body_mass_g"])
    manifest = line.committed("train", run_key)
    assert "figure_curves" in manifest.outputs
    assert manifest.facts["metrics"]["average_precision"] > 0.7
    pipeline = pickle.loads(line.store.read(manifest.outputs["model"].uri)[0])  # noqa: S301 - our own bytes
    predicted = pipeline.predict(table)
    assert predicted.dtype == bool
    assert (predicted == table["is_heavy"]).mean() > 0.8


def test_whole_number_labels_stay_whole_numbers(line: Line) -> None:
    """A label 3 is predicted as 3, not as 3.0 or as text."""
    table = make_penguins().assign(grade=np.tile([3, 5, 8], 50))
    table["bill_length_mm"] = table["grade"] * 2 + np.random.default_rng(0).normal(size=150)
    run_key = line.train(table, target_column="grade")
    pipeline = pickle.loads(line.store.read(line.committed("train", run_key).outputs["model"].uri)[0])  # noqa: S301
    assert pipeline.predict(table).dtype == "int64"
    assert set(pipeline.predict(table)) == {3, 5, 8}


def test_what_is_unusual_is_said(line: Line) -> None:
    """Rare classes, empty columns, identifiers and chosen defaults are in the facts, not only in a log."""
    table = make_penguins(60).assign(empty=None, number=range(60))
    table.loc[5, "species"] = "Emperor"
    facts = line.committed("train", line.train(table, target_column="species")).facts
    assert any("'Emperor'" in note for note in facts["notes"])
    assert any("`empty`" in note for note in facts["notes"])
    assert facts["unused_columns"] == ["empty"]
    assert set(facts["useless_columns"]) == {"number"}
    assert facts["fitted_on"] == "all rows"


def test_rows_without_a_target_are_left_out_and_counted(line: Line) -> None:
    """They are in the facts, the first line of the result, a note and MLflow, and in neither part of the rows."""
    table = make_penguins(60)
    table.loc[[5, 9], "species"] = None
    run_key = line.train(table, target_column="species")
    manifest = line.committed("train", run_key)
    assert manifest.facts["rows_without_target"] == 2
    assert sum(manifest.facts["rows"].values()) == 58
    assert any("rows 6, 10. " in note for note in manifest.facts["notes"])
    assert manifest.summaries["train"].headline.endswith("; 2 rows without a target left out")
    (run,) = list_runs(line)
    params = {param["key"]: param["value"] for param in run["data"]["params"]}
    assert params["rows_without_target"] == "2"
    dataset = run["inputs"]["dataset_inputs"][0]["dataset"]
    assert json.loads(dataset["profile"])["num_rows"] == 60


def test_the_smallest_table_that_can_be_trained_is(line: Line) -> None:
    """Ten rows, the fewest that validation lets through by default, make a model of either kind."""
    import pandas as pd

    tiny = pd.DataFrame({"x": range(10), "class": ["a", "b"] * 5})
    assert line.committed("train", line.train(tiny, "2026-01-01")).facts["rows"] == {"train": 8, "test": 2}
    numbers = pd.DataFrame({"x": range(10), "y": [0.5 * number for number in range(10)]})
    assert line.committed("train", line.train(numbers, "2026-01-02")).facts["target_kind"] == "regression"


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"hyperparameters": {"max_itr": 5}}, "ParameterInvalid", "Did you mean `max_iter`"),
        ({"hyperparameters": {"max_iter": "x"}}, "ParameterInvalid", "must be an int"),
        ({"model_name": "LinearRegression"}, "ParameterInvalid", "`LinearRegression` is for regression"),
        ({"drop_columns": ["iland"]}, "ColumnMissing", "Did you mean `island`"),
        ({"drop_columns": ["species"]}, "ParameterInvalid", "cannot be dropped"),
        ({"test_size": 0.999}, "ParameterInvalid", "leaves none to learn from"),
        ({"target_column": "seen_on"}, "ParameterInvalid", "dates or times"),
    ],
)
def test_a_request_that_does_not_fit_ends_before_anything_is_tracked(
    line: Line, params: dict[str, Any], error: str, message: str
) -> None:
    """Exit 2 with what to mend, and no failed run in MLflow for a slip of the pen."""
    run_key = line.begin(make_penguins(), target_column="species")
    ended = line.run("train", run_key, **params)
    assert ended.exit_code == 2
    record = failure_of(ended)
    assert record["error"] == error
    assert message in record["what"]
    assert record["fix"]
    assert list_runs(line) == []


def test_hyperparameters_that_only_the_fit_refuses_end_the_run_as_failed(line: Line) -> None:
    """Exit 2 as well, and MLflow does not show the run as running for ever."""
    run_key = line.begin(make_penguins(), target_column="species")
    wrong = {"model_name": "LogisticRegression", "hyperparameters": {"solver": "lbfgs", "l1_ratio": 0.5}}
    ended = line.run("train", run_key, **wrong)
    assert ended.exit_code == 2
    assert [run["info"]["status"] for run in list_runs(line)] == ["FAILED"]


def test_bad_data_is_the_datas_fault(line: Line) -> None:
    """Exit 1 for a target with one value, whatever rules were given."""
    ended = line.run("train", line.begin(make_penguins().assign(species="Adelie"), target_column="species"))
    assert ended.exit_code == 1
    assert "All 150 rows have the same value" in failure_of(ended)["what"]


def test_a_dead_server_is_an_outage_noticed_at_once(tmp_path: Path) -> None:
    """Exit 75 within seconds, before anything heavy is loaded or computed."""
    line = Line(tmp_path / "lake", f"http://127.0.0.1:{free_ports(1)[0]}", dataset="penguins")
    run_key = line.begin(make_penguins(), target_column="species")
    began = time.monotonic()
    ended = line.run("train", run_key)
    assert time.monotonic() - began < 60
    assert ended.exit_code == 75
    assert failure_of(ended)["runbook"] == "runbooks/mlflow-unreachable.md"


def test_without_a_server_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    """On a laptop `train` ends with the command to type."""
    line = Line(tmp_path / "lake", "", dataset="penguins")
    ended = line.run("train", line.begin(make_penguins(), target_column="species"))
    assert ended.exit_code == 2
    assert "mlflow server" in failure_of(ended)["fix"]


def test_training_again_gives_the_same_model_in_a_run_of_its_own(line: Line) -> None:
    """The same data, parameters and seed make the same bytes; MLflow keeps one run for each attempt."""
    run_key = line.train(make_penguins(), target_column="species")
    first = line.committed("train", run_key).facts
    line.run("train", run_key)
    second = line.committed("train", run_key).facts
    assert first["model_digest"] == second["model_digest"]
    assert first["mlflow_run_id"] != second["mlflow_run_id"]
    line.run("train", run_key, random_state=1)
    assert line.committed("train", run_key).facts["model_digest"] != first["model_digest"]


@pytest.mark.parametrize("ending", ["tsv", "parquet"])
def test_tsv_and_parquet_become_models_as_well(line: Line, tmp_path: Path, ending: str) -> None:
    """From the file to a model that predicts the rows of the same file, as `pandas` reads it."""
    import pandas as pd

    path, table = tmp_path / f"data.{ending}", make_penguins(60)
    if ending == "tsv":
        table.to_csv(path, index=False, sep="\t")
    else:
        table.to_parquet(path, index=False)
    source = f"s3://drops/_sources/data.{ending}"
    line.store.put(source, path)
    key = str(make_run_key(line.dataset, datetime(2026, 1, 1, tzinfo=UTC), line.dataset))
    given = {"target_column": "species", "model_name": "LogisticRegression", "input_schema_version": "v7 of the ward"}
    for stage, params in (
        ("ingest", {"data_source": source, "dataset": line.dataset} | given),
        ("validate", {}),
        ("train", {}),
    ):
        ended = line.run(stage, key, **params)
        assert ended.exit_code == 0, ended.stdout
    assert line.committed("ingest", key).facts["data_format"] == ending
    manifest = line.committed("train", key)
    assert manifest.facts["metrics"]["balanced_accuracy"] > manifest.facts["baseline"]["balanced_accuracy"] + 0.3
    pipeline = pickle.loads(line.store.read(manifest.outputs["model"].uri)[0])  # noqa: S301 - our own bytes
    rows = pd.read_csv(path, sep="\t") if ending == "tsv" else pd.read_parquet(path)
    assert (pipeline.predict(rows) == table["species"]).mean() > 0.7

    # The label for the layout of the data is with the run and with the model.
    assert manifest.request["input_schema_version"] == "v7 of the ward"
    (run,) = list_runs(line)
    model = MlflowServer(line.settings).call("GET", f"logged-models/{manifest.facts['mlflow_model_id']}")["model"]
    for params in (run["data"]["params"], model["data"]["params"]):
        assert {"key": "input_schema_version", "value": "v7 of the ward"} in params
