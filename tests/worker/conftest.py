"""What the worker's tests share: a real MLflow server, and the line of stages on a store in a folder."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.ports import free_ports
from tests.worker.line import Line

# Before anything loads OpenMP, as the stage itself does it.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

# As the commands do, and for the same reason: the large libraries make millions of objects that live to the end.
gc.set_threshold(200_000, 20, 50)

ROOT = Path(__file__).parents[2]
#: Inputs after public bug reports, and files that no library writes any more.
REPORTS, FILES = ROOT / "tests/worker/reports", ROOT / "tests/worker/files"


@dataclass(frozen=True)
class Mlflow:
    """A running MLflow server."""

    uri: str


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    """Give a real MLflow server on SQLite, one for the whole session, that serves artifacts from a folder."""
    python = ROOT / ".state/venvs/mlflow/bin/python"
    if not python.exists():
        pytest.skip("the environment of the MLflow server is not installed: `make up` or `make test` installs it")
    folder = tmp_path_factory.mktemp("mlflow")
    (port,) = free_ports(1)
    # What `mlflow server` starts, with what it tells it: `mlflow/server/constants.py`. The command itself loads all of MLflow
    # once more, for as long again.
    command = [
        str(python),
        "-m",
        "uvicorn",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "mlflow.server.fastapi_app:app",
    ]
    environ = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/mlflow.db",
        "_MLFLOW_SERVER_REGISTRY_STORE": f"sqlite:///{folder}/mlflow.db",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"),
    }
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environ, start_new_session=True)
    try:
        wait_until_up(port, server, folder / "log")
        # Its database is made with the first call, which must not be several at once.
        urlopen(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id=0", timeout=60).close()
        yield Mlflow(f"http://127.0.0.1:{port}")
    finally:
        # Its own session, so that whatever it has started ends with it.
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@pytest.fixture
def line(tmp_path: Path, mlflow_server: Mlflow, request: pytest.FixtureRequest) -> Line:
    """Give stages on a store of their own; the dataset is named after the test, as the MLflow server is shared."""
    return Line(tmp_path / "lake", mlflow_server.uri, dataset=request.node.name.replace("/", "-").replace(":", "-"))


def wait_until_up(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server takes connections."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the MLflow server did not start:\n{log.read_text()[-3000:]}")
