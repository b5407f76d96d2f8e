"""The docker runner in Airflow's own hands: a stage's Dag is kept in the database, and its run is recorded as always."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.compose.conftest import PROJECT, STACK
from tests.dags.conftest import make_environment
from tests.dags.test_in_airflow import _RUN, KEY

RUNS = {
    "alone": ("validate", {"run_key": KEY, "cascade": False}),
    "goes on": ("validate", {"run_key": KEY}),
    "too long": ("publish", {"run_key": KEY, "overrides": {"faults": {"seconds": 60}}}),
}


def test_runs(weed, network, faulty_image, engine, tmp_path):
    """A run in a container emits its event; one that takes too long fails at once, and no container is left."""
    environment = {
        **make_environment(weed, Path("/nonexistent"), tmp_path),
        "ML_PIPELINE_RUNNER": "docker",
        "ML_TASK_IMAGE": faulty_image,
        "ML_TASK_NETWORK": network.name,
        "ML_TASK_STACK": STACK,
        "ML_PIPELINE_PUBLISH_TIMEOUT_SECONDS": "10",
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "pipeline.log_host.name_log_host",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "PYTHONPATH": str(PROJECT / "dags"),
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", _RUN], env=environment | {"RUNS": json.dumps(RUNS)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    told = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    found = dict(json.loads(line) for line in told)
    assert found.keys() == RUNS.keys(), done.stdout[-4000:]
    assert (found["alone"]["state"], found["alone"]["events"]) == ("success", [])
    assert [event[:2] for event in found["goes on"]["events"]] == [["validated", KEY]]
    assert (found["too long"]["state"], found["too long"]["tasks"]) == ("failed", {"save_results": ["failed", 1]})
    assert "ML_PIPELINE_PUBLISH_TIMEOUT_SECONDS" in done.stdout
    assert environment["OBJECT_STORAGE_SECRET_KEY"] not in done.stdout
    assert engine.containers.list(all=True, filters={"label": f"ml-pipeline.stack={STACK}"}) == []
