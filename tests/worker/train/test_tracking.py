"""MLflow runs of trainings, and how they end."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline_worker.errors import TrackingUnavailable
from pipeline_worker.mlflow_server import MlflowServer
from pipeline_worker.run.manifest import Artifact
from pipeline_worker.settings import read_settings
from pipeline_worker.stages.train.tracking import explain_mlflow, find_experiment, quiet_client, track_run
from tests.ports import free_ports
from tests.worker.conftest import Mlflow

KEY = "birds.20260101T000000Z.aaaaaaaa"


def connect(uri: str) -> MlflowServer:
    quiet_client()
    return MlflowServer(read_settings({"MLFLOW_TRACKING_URI": uri}, store_folder=Path("/nowhere")))


def read_run(server: MlflowServer, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = server.call("GET", "runs/get", {"run_id": run_id})["run"]
    return run


def test_a_run_is_named_and_tagged_and_ends_as_finished(mlflow_server: Mlflow) -> None:
    """It is found by its run key, and knows the data that it was made from."""
    server = connect(mlflow_server.uri)
    with track_run(server, "tracking", KEY, {"run_key": KEY, "attempt": "one"}) as run:
        assert read_run(server, run.run_id)["info"]["status"] == "RUNNING"
        tags = {"model_digest": "sha256:aa", "long": "x" * 9000, "groups": ["a"]}
        run.log_params({"solver": "lbfgs", "drop_columns": ["a"], "long": "x" * 9000, "none": None}, tags)
        run.log_dataset("birds", Artifact(uri="s3://b/k", digest="sha256:" + "ab" * 32, size=1), rows=3, columns=2)
    found = read_run(server, run.run_id)
    assert found["info"]["status"] == "FINISHED"
    assert found["info"]["run_name"] == KEY
    tags = {tag["key"]: tag["value"] for tag in found["data"]["tags"]}
    assert tags["run_key"] == KEY
    assert tags["model_digest"] == "sha256:aa"
    assert tags["groups"] == '["a"]'
    assert len(tags["long"]) == 6000
    params = {param["key"]: param["value"] for param in found["data"]["params"]}
    assert params["solver"] == "lbfgs"
    assert params["drop_columns"] == '["a"]'
    assert len(params["long"]) == 6000
    dataset = found["inputs"]["dataset_inputs"][0]["dataset"]
    assert dataset["name"] == "birds"
    assert dataset["source"] == '{"uri": "s3://b/k"}'
    assert f"/#/experiments/{run.experiment_id}/runs/{run.run_id}?" in run.url


@pytest.mark.parametrize("end", [ZeroDivisionError("a fault"), SystemExit(143)], ids=["fault", "stopped"])
def test_a_run_whose_attempt_fails_ends_as_failed(mlflow_server: Mlflow, end: BaseException) -> None:
    """Nothing that went wrong, or that Airflow stopped, looks finished or as if it still went on."""
    server = connect(mlflow_server.uri)
    with pytest.raises(type(end)), track_run(server, "tracking", KEY, {"run_key": KEY}) as run:
        raise end
    assert read_run(server, run.run_id)["info"]["status"] == "FAILED"


def test_runs_that_a_killed_attempt_left_are_ended(mlflow_server: Mlflow) -> None:
    """The next attempt of the same run ends them; runs of other keys go on."""
    server = connect(mlflow_server.uri)
    experiment = find_experiment(server, "killed")
    left = []
    for key in (KEY, KEY.replace("birds", "cats")):
        tags = [{"key": "run_key", "value": key}]
        left.append(
            server.call("POST", "runs/create", {"experiment_id": experiment, "tags": tags})["run"]["info"]["run_id"]
        )
    with track_run(server, "killed", KEY, {"run_key": KEY}):
        pass
    assert [read_run(server, run_id)["info"]["status"] for run_id in left] == ["KILLED", "RUNNING"]


def test_an_experiment_is_made_once_by_many_at_once(mlflow_server: Mlflow) -> None:
    """The first drops of a new installation train at the same moment."""
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: find_experiment(connect(mlflow_server.uri), "brand new"), range(6)))
    assert len(set(found)) == 1


def test_a_deleted_experiment_is_said_with_what_to_do(mlflow_server: Mlflow) -> None:
    """MLflow keeps the name of what was deleted, and takes nothing for it any more."""
    server = connect(mlflow_server.uri)
    experiment = find_experiment(server, "gone")
    server.call("POST", "experiments/delete", {"experiment_id": experiment})
    with pytest.raises(TrackingUnavailable, match="was deleted") as raised:
        find_experiment(server, "gone")
    assert f"restore -x {experiment}" in raised.value.fix


class Relay:
    """A way to a server that can be cut while it is used."""

    def __init__(self, uri: str) -> None:
        self._target = ("127.0.0.1", int(uri.rpartition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(65536):
                sink.sendall(content)
            sink.shutdown(socket.SHUT_WR)


def test_a_server_that_dies_during_the_fit_is_an_outage_noticed_soon(mlflow_server: Mlflow) -> None:
    """What was computed is lost with the attempt, but nobody waits minutes to be told."""
    relay = Relay(mlflow_server.uri)
    server = connect(relay.uri)
    began = 0.0
    with (
        pytest.raises(TrackingUnavailable, match="while the run was being kept"),
        track_run(server, "tracking", KEY, {"run_key": KEY}) as run,
    ):
        relay.cut()
        began = time.monotonic()
        run.log_params({"solver": "lbfgs"}, {})
    assert time.monotonic() - began < 60


@pytest.mark.slow("loads MLflow")
def test_a_server_that_goes_away_is_worth_a_retry_and_a_wrong_call_is_not() -> None:
    """What lies outside is told from a fault of ours."""
    import requests
    from mlflow.exceptions import MlflowException, RestException
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

    server = connect(f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(TrackingUnavailable, match="while the run was being kept"), explain_mlflow(server):
        raise MlflowException("API request failed with too many retries")
    with pytest.raises(TrackingUnavailable), explain_mlflow(server):
        raise requests.ConnectionError("reset")
    with pytest.raises(TrackingUnavailable), explain_mlflow(server):
        raise RestException({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "later"})
    with pytest.raises(MlflowException), explain_mlflow(server):
        raise MlflowException("no such thing", INVALID_PARAMETER_VALUE)
    with pytest.raises(RestException), explain_mlflow(server):
        raise RestException({"error_code": "INVALID_PARAMETER_VALUE", "message": "no such thing"})
    with pytest.raises(MlflowException, match="infer"), explain_mlflow(server):
        raise MlflowException("Failed to infer the signature, which no server was asked about")
