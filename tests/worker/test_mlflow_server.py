"""Calls to an MLflow server that is there, is not there, or is something else."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline_worker.errors import ParameterInvalid, TrackingUnavailable
from pipeline_worker.mlflow_server import MlflowRefusal, MlflowServer
from pipeline_worker.settings import read_settings
from tests.ports import free_ports
from tests.worker.conftest import Mlflow


def connect(uri: str, **settings: str) -> MlflowServer:
    return MlflowServer(read_settings({"MLFLOW_TRACKING_URI": uri} | settings, store_folder=Path("/nowhere")))


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_is_up_answers(mlflow_server: Mlflow) -> None:
    """A refusal carries MLflow's own name of the reason."""
    server = connect(mlflow_server.uri + "/")
    server.check()
    assert server.call("GET", "experiments/get", {"experiment_id": "0"})["experiment"]["name"] == "Default"
    with pytest.raises(MlflowRefusal) as raised:
        server.call("GET", "registered-models/get", {"name": "nobody"})
    assert raised.value.code == "RESOURCE_DOES_NOT_EXIST"


def test_a_dead_server_is_noticed_at_once() -> None:
    """Nobody waits four minutes for a server that is not there."""
    began = time.monotonic()
    with pytest.raises(TrackingUnavailable, match="does not answer"):
        connect(f"http://127.0.0.1:{free_ports(1)[0]}").check()
    assert time.monotonic() - began < 60


def test_a_server_that_takes_connections_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging server is told from a slow one by a bound of seconds."""
    monkeypatch.setattr("pipeline_worker.mlflow_server._TIMEOUT", (1, 1))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(TrackingUnavailable, match="no answer within"):
            connect(f"http://127.0.0.1:{silent.getsockname()[1]}").check()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, "boom", "answers 500"),
        (503, "<html>No server is available", "MLflow does not answer: 503 Service Unavailable."),
        (429, json.dumps({"error_code": "REQUEST_LIMIT_EXCEEDED"}), "answers 429"),
        (403, "Invalid Host header", "refuses the worker"),
        (401, "who are you", "refuses the worker"),
        (404, "<html>no such page", "answers 404"),
        (400, json.dumps({"error_code": "BAD_REQUEST", "message": "(IntegrityError) UNIQUE"}), "database refuses"),
        (200, "<html>welcome", "answers 200"),
        (200, "[]", "answers 200"),
    ],
)
def test_answers_that_are_not_mlflows_are_worth_a_retry(status: int, body: str, message: str) -> None:
    """Something else on the port, an overload and a refused host are said as what they are."""
    with answering(status, body) as uri, pytest.raises(TrackingUnavailable, match=message):
        connect(uri).call("GET", "experiments/get")


@pytest.mark.parametrize("uri", ["", "sqlite:///x.db", "./mlruns"])
def test_without_a_server_it_is_said_how_to_start_one(uri: str) -> None:
    """On a laptop, too, there has to be a server, and the message has the command."""
    with pytest.raises(ParameterInvalid, match="MLflow server") as raised:
        connect(uri)
    assert "mlflow server" in raised.value.fix


def test_a_password_in_the_address_is_never_said() -> None:
    """Errors and links name the server without its password."""
    server = connect(f"http://someone:hush@127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(TrackingUnavailable) as raised:
        server.check()
    assert "hush" not in str(raised.value)
    assert "hush" not in server.link_run("1", "2")


def test_links_are_for_the_address_that_people_use() -> None:
    """Names are quoted, so that a link with a space works."""
    server = connect("http://mlflow:5000", MLFLOW_PUBLIC_URL="https://models.example/")
    assert server.link_version("my data", "3").startswith("https://models.example/#/models/my%20data/versions/3?")
    assert server.link_run("1", "ab").startswith("https://models.example/#/experiments/1/runs/")
