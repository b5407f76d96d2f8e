"""The stub of benchmarks/stub_worker puts what the Dags look for, where they look for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pipeline_contract.layout import Layout
from pipeline_contract.stages import STAGES
from pipeline_worker.settings import read_settings
from pipeline_worker.store.base import open_store
from tests.s3_client import open_client
from tests.weed import Weed
from tests.worker.conftest import ROOT

STUB = ROOT / "benchmarks" / "stub_worker"
RUN = "penguins.20260101T000000Z.aaaaaaaa"
LAYOUT = Layout("s3://stub-artifacts/an odd prefix").run(RUN)


def run_stub(stage: str, environ: dict[str, str], attempt: str) -> str:
    """Run a command of the stub as a task does, and return the last line of its stdout."""
    command = [sys.executable, "-m", f"pipeline_worker.cli.{STAGES[stage].command}", f"--run={RUN}"]
    return subprocess.run(
        [*command, f"--attempt={attempt}", "--ask=me", "--again", '--params={"test_size": 0.3}'],
        env={**environ, "PYTHONPATH": os.pathsep.join([str(STUB), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout.splitlines()[-1]  # fmt: skip


@pytest.mark.slow("starts processes")
def test_the_stub_commits_as_a_worker_does(weed: Weed) -> None:
    """Over what is there, and over what an earlier attempt committed; the last stage takes the marker away."""
    open_client(weed).create_bucket(Bucket="stub-artifacts")
    environ = {
        "OBJECT_STORAGE_ENDPOINT_URL": weed.endpoint_url,
        "OBJECT_STORAGE_ACCESS_KEY": weed.access_key,
        "OBJECT_STORAGE_SECRET_KEY": weed.secret_key,
        "ML_PIPELINE_ARTIFACT_BUCKET": "stub-artifacts",
        "ML_PIPELINE_ARTIFACT_PREFIX": "an odd prefix",
    }
    store = open_store(read_settings(environ))
    store.put(LAYOUT.marker, b"")
    for attempt in ("first", "second"):
        assert run_stub("publish", environ, attempt) == LAYOUT.manifest("publish", attempt)
        manifest = json.loads(store.read(LAYOUT.committed("publish"))[0])
        assert (manifest["attempt"], manifest["overrides"]) == (attempt, {"test_size": 0.3})
        assert json.loads(store.read(LAYOUT.started("publish", attempt))[0])["ask"] == "me"
    assert store.head(LAYOUT.marker) is None
