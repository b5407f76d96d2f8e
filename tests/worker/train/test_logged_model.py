"""A published model in the hands of somebody who has only MLflow's address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline_worker.request import Request
from tests.worker.conftest import ROOT
from tests.worker.line import LIBRARY_WARNINGS, Line
from tests.worker.tables import ingest_table, make_hires, make_penguins

pytestmark = [*LIBRARY_WARNINGS, pytest.mark.slow("trains models")]

UV = ROOT / ".state/venvs/tools/bin/uv"

PREDICT = """
import json, pickle, sys
import mlflow, pandas
name, csv, pickled, target = sys.argv[1:]
model = mlflow.pyfunc.load_model(f"models:/{name}@newest")
rows = pandas.read_csv(csv)
found = {"csv": model.predict(rows), "shuffled": model.predict(rows[rows.columns[::-1]])}
records = [{key: None if pandas.isna(value) else value for key, value in row.items()} for row in rows.to_dict("records")]
found["dicts"] = model.predict(records[:9])
found["dict"] = model.predict(records[0])
found["json"] = model.predict(json.loads(json.dumps(records[:9])))
with open(pickled, "rb") as file:
    found["pickle"] = pickle.load(file).predict(rows)
lacking = {key: value for key, value in records[0].items() if key not in (target, sys.argv[0])}
lacking.pop(model.metadata.get_input_schema().input_names()[0])
try:
    model.predict(lacking)
except mlflow.exceptions.MlflowException as error:
    found["missing"] = str(error)
found = {key: value if isinstance(value, str) else [each.item() if hasattr(each, "item") else each for each in value]
         for key, value in found.items()}
assert not [module for module in sys.modules if module.startswith("pipeline_worker")]
print(json.dumps(found))
"""


@pytest.mark.long("installs packages")
@pytest.mark.skipif(not UV.exists(), reason="uv, which makes the fresh environment, is not installed")
@pytest.mark.timeout(900)
def test_a_fresh_environment_made_of_what_mlflow_recorded_predicts(line: Line, tmp_path: Path) -> None:
    """Rows as `pandas.read_csv` gives them, dicts and the published file all predict what the worker does."""
    import mlflow

    mlflow.set_tracking_uri(line.settings.mlflow_tracking_uri)
    birds = make_penguins().assign(is_heavy=lambda table: table["body_mass_g"].fillna(0) > 4200)
    environment = tmp_path / "fresh"
    for number, (table, params) in enumerate(
        [
            (birds, {"target_column": "species", "drop_columns": ["is_heavy"]}),
            (birds, {"target_column": "is_heavy", "model_name": "RandomForestClassifier", "drop_columns": ["species"]}),
            (make_hires(), {"target_column": "hires", "model_name": "LinearRegression"}),
        ]
    ):
        target = str(params["target_column"])
        dataset, line.dataset = line.dataset, f"{line.dataset} {target}"
        run_key = line.train(table, **params)
        assert line.run("publish", run_key).exit_code == 0
        facts = line.committed("publish", run_key).facts
        requirements = mlflow.artifacts.download_artifacts(
            f"models:/{line.dataset}@newest/requirements.txt", dst_path=str(tmp_path / str(number))
        )
        if not environment.exists():
            make_environment(environment, Path(requirements))
        table.to_csv(tmp_path / "rows.csv", index=False)
        (tmp_path / "model.pkl").write_bytes(line.store.read(facts["location"])[0])
        command = [
            *(str(environment / "bin/python"), "-c", PREDICT, line.dataset, str(tmp_path / "rows.csv")),
            *(str(tmp_path / "model.pkl"), target),
        ]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "MLFLOW_"))}
        environ = clean | {"MLFLOW_TRACKING_URI": str(line.settings.mlflow_tracking_uri)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        found = json.loads(done.stdout.splitlines()[-1])
        here = mlflow.pyfunc.load_model(f"models:/{line.dataset}@newest").predict(table)
        wanted = np.asarray(here).tolist()
        for kind in ("csv", "shuffled", "pickle"):
            assert_alike(found[kind], wanted)
        for kind in ("dicts", "json"):
            assert_alike(found[kind], wanted[:9])
        assert_alike(found["dict"], wanted[:1])
        assert "lack a column that the model needs" in found["missing"]
        line.dataset = dataset


def assert_alike(found: list[object], wanted: list[object]) -> None:
    assert [type(each) for each in found] == [type(each) for each in wanted]
    assert found == (pytest.approx(wanted) if isinstance(wanted[0], float) else wanted)


def make_environment(folder: Path, requirements: Path) -> None:
    """Make a virtual environment of nothing but *requirements*."""
    environ = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    for arguments in (
        ["venv", "--quiet", "--python", sys.executable, str(folder)],
        ["pip", "install", "--quiet", "--python", str(folder / "bin/python"), "-r", str(requirements)],
    ):
        subprocess.run([str(UV), *arguments], env=environ, check=True)


def test_the_example_reads_like_the_file(tmp_path: Path) -> None:
    """Dates and times are text, missing values are null."""
    import pandas as pd

    from pipeline_worker.stages.train.logged_model import make_example
    from pipeline_worker.stages.train.table import read_table

    parquet, schema = ingest_table(make_hires().assign(temperature=[None] + [1.5] * 239), tmp_path)
    table = read_table(parquet, schema, Request(target_column="hires"))
    example = make_example(table.features, table.columns)
    assert example[0]["day"] == "2023-03-01"
    assert example[0]["opened"] == "07:00:00"
    assert example[0]["temperature"] is None
    assert example[1]["temperature"] == 1.5
    assert pd.api.types.is_datetime64_any_dtype(table.features["day"])
