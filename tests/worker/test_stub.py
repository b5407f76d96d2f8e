"""The stub of tests/stub_worker leaves what the worker leaves: what is shown of the pipeline with it holds for the worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline_contract.stages import STAGES
from pipeline_worker.run.begin import Invocation
from pipeline_worker.run.stage import run_stage
from tests.worker.conftest import ROOT, Mlflow
from tests.worker.line import LIBRARY_WARNINGS, WORK, Line
from tests.worker.tables import make_penguins

pytestmark = LIBRARY_WARNINGS

#: What only a model that was fitted can have.
FITTED = ("figure_", "confusion", "split_in_time")
#: Objects and lists whose names and entries are the data's; that they are there is compared.
OF_THE_DATA = {"versions", "timings", "metrics", "baseline", "model", "per_class", "importance", "notes"}
OF_THE_DATA |= {
    "interval",
    "useless_columns",
    "defaults_chosen",
    "suspect_columns",
    "unused_columns",
    "less_is_better",
    "positive_class",
}


def run_real(line: Line, stage: str, run_key: str, params: dict[str, Any]) -> None:
    """Run a stage of the worker in this process, `validate` too."""
    from pipeline_worker.stages.validate.stage import validate

    work = validate if stage == "validate" else WORK[stage]
    ended = run_stage(
        Invocation(stage, run_key, "one", "one", again=True, params=params), work, line.store, line.settings
    )
    assert ended.exit_code == 0, ended.stdout


def run_stub(line: Line, stage: str, run_key: str, params: dict[str, Any], exit_code: int = 0) -> None:
    """Run a command of the stub."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", f"pipeline_worker.cli.{STAGES[stage].command}", "--run", run_key, "--attempt", "one"),
            *("--ask", "one", "--again", "--params", json.dumps(params), "--store", str(line.settings.store_folder)),
        ],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "stub_worker"), os.environ.get("PYTHONPATH", "")]),
            "MLFLOW_TRACKING_URI": str(line.settings.mlflow_tracking_uri),
            "PIPELINE_SCRATCH_DIR": str(line.settings.scratch),
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == exit_code, done.stderr


def describe(line: Line, run_key: str) -> dict[str, Any]:
    """Return what a run left, by form: names of objects and of what is in them, without values."""
    layout = line.settings.layout.run(run_key)
    root = layout.drop.rpartition("/")[0]
    found: dict[str, Any] = {}
    for info in [*line.store.list(f"{root}/"), *line.store.list(layout.receipt(line.dataset))]:
        name = info.uri.removeprefix(f"{root}/").replace(run_key, "KEY").replace(line.dataset, "DATASET")
        if not any(word in name for word in ("figures/", "receipts/")) and not name.endswith(".json"):
            found[name.partition("_v")[0]] = True
        elif name.endswith(".json"):
            found[name] = draw_form(json.loads(line.store.read(info.uri)[0]))
    return found


def draw_form(value: Any) -> Any:
    """Return a JSON value with its kind in the place of each leaf; of a list its first entry."""
    if isinstance(value, dict):
        return {
            name: "the data's" if name in OF_THE_DATA else draw_form(inner)
            for name, inner in value.items()
            if not name.startswith(FITTED)
        }
    if isinstance(value, list):
        return [draw_form(inner) for inner in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def test_the_stub_leaves_what_the_worker_leaves(tmp_path: Path, mlflow_server: Mlflow) -> None:
    """Objects, manifests, receipts and the version in MLflow have the same form; values are of nobody's business."""
    forms = []
    for kind, run in (("worker", run_real), ("stub", run_stub)):
        line = Line(tmp_path / kind, mlflow_server.uri, dataset=f"contract of {kind}")
        source = "s3://drops/_sources/data.csv"
        line.store.put(source, make_penguins().to_csv(index=False).encode())
        run_key = f"contract-of-{kind}.20260101T000000Z.aaaaaaaa"
        for stage in WORK:
            first = {"data_source": source, "dataset": line.dataset, "target_column": "species"}
            # Without a choice, which is of the data.
            first |= {"model_name": "LogisticRegression"}
            run(line, stage, run_key, first if stage == "ingest" else {})
        forms.append(describe(line, run_key))
    worker, stub = forms
    assert len(worker) > 10
    assert stub.keys() == worker.keys()
    for name, form in worker.items():
        assert stub[name] == form, name


def test_the_stub_refuses_as_the_worker_does(tmp_path: Path, mlflow_server: Mlflow) -> None:
    """Too few rows are refused by `validate` with 1; what `ingest` refuses it refuses itself."""
    line = Line(tmp_path, mlflow_server.uri, dataset="refused")
    source = "s3://drops/_sources/data.csv"
    line.store.put(source, make_penguins().to_csv(index=False).encode())
    run_key = "refused.20260101T000000Z.aaaaaaaa"
    run_stub(line, "ingest", run_key, {"data_source": source, "target_column": "speces"}, exit_code=2)
    asked = {"data_source": source, "target_column": "species", "data_validation": {"min_row_count": 1000}}
    run_stub(line, "ingest", "refused.20260101T000001Z.aaaaaaaa", asked)
    run_stub(line, "validate", "refused.20260101T000001Z.aaaaaaaa", {}, exit_code=1)
