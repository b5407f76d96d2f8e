"""The stages of a run, one after the other in this process, on a store in a folder."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_contract.records import FAILURE_MARK
from pipeline_contract.run_key import make_run_key
from pipeline_worker.run.attempt import Attempt, Outcome
from pipeline_worker.run.begin import Invocation
from pipeline_worker.run.manifest import Manifest, read_committed
from pipeline_worker.run.stage import CommandOutput, run_stage
from pipeline_worker.settings import Settings, read_settings
from pipeline_worker.stages.ingest.stage import ingest
from pipeline_worker.stages.publish.stage import publish
from pipeline_worker.stages.train.stage import train
from pipeline_worker.store.base import open_store

if TYPE_CHECKING:
    import pandas as pd


#: What the libraries warn of among themselves: for a test module that lets a model be kept in MLflow.
LIBRARY_WARNINGS = [
    # skrub and scikit-learn load `sre_constants`, which Python 3.11 deprecates.
    pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning"),
    # MLflow 3.17 warns of its own type hints while it is loaded,
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    # and compares an example's columns with a range, which pandas 3 deprecates.
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]

SUMMARY = {
    "satisfied": True,
    "rows": 150,
    "rules": [{"rule": "min_row_count", "expected": "at least 10", "found": "150 rows", "satisfied": True}],
}


def validate(attempt: Attempt) -> Outcome:
    """Stand in for `validate`, whose libraries take seconds to load: every rule holds."""
    saved = attempt.save("summary.json", json.dumps(SUMMARY).encode())
    return Outcome({"summary": saved}, {}, "every rule holds", saved.uri)


WORK = {"ingest": ingest, "validate": validate, "train": train, "publish": publish}


class Line:
    """A store in *folder*, and runs of *dataset* on it."""

    def __init__(self, folder: Path, mlflow_uri: str, dataset: str) -> None:
        self.folder = folder
        environ = {"PIPELINE_SCRATCH_DIR": str(folder / "scratch"), "MLFLOW_TRACKING_URI": mlflow_uri}
        self.settings: Settings = read_settings(environ, store_folder=folder)
        self.store = open_store(self.settings)
        self.dataset = dataset
        self.attempts = 0

    def begin(self, table: pd.DataFrame, day: str = "2026-01-01", **params: Any) -> str:
        """Ingest *table* as of *day*, let `validate` pass, and return the run key."""
        source = f"s3://drops/_sources/{day}/data.csv"
        self.store.put(source, table.to_csv(index=False).encode())
        run_key = str(make_run_key(self.dataset, datetime.fromisoformat(day).replace(tzinfo=UTC), self.dataset))
        for stage, given in (("ingest", {"data_source": source, "dataset": self.dataset} | params), ("validate", {})):
            ended = self.run(stage, run_key, **given)
            assert ended.exit_code == 0, ended.stdout
        return run_key

    def run(self, stage: str, run_key: str, *, again: bool = True, **params: Any) -> CommandOutput:
        """Run an attempt of *stage*."""
        self.attempts += 1
        name = f"attempt-{self.attempts}"
        return run_stage(Invocation(stage, run_key, name, name, again, params), WORK[stage], self.store, self.settings)

    def committed(self, stage: str, run_key: str) -> Manifest:
        """Return what *stage* committed."""
        found = read_committed(self.store, self.settings.layout.run(run_key), stage)
        assert found is not None
        return found.manifest

    def train(self, table: pd.DataFrame, day: str = "2026-01-01", **params: Any) -> str:
        """Bring *table* up to a trained model, and return the run key."""
        run_key = self.begin(table, day, **params)
        ended = self.run("train", run_key)
        assert ended.exit_code == 0, ended.stdout
        return run_key


def failure_of(ended: CommandOutput) -> dict[str, Any]:
    """Return the failure record that an attempt ended with."""
    assert ended.stdout[-1].startswith(FAILURE_MARK), ended.stdout
    record: dict[str, Any] = json.loads(ended.stdout[-1].removeprefix(FAILURE_MARK))
    return record
