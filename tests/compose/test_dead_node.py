"""What a Celery worker that starts gives back, by a real Redis."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import docker
import jwt
import pytest
from celery import Celery, states
from celery.contrib.testing.worker import start_worker
from redis.exceptions import RedisError

from pipeline import dead_node
from tests.compose.conftest import PROJECT

# Celery's own calls of its client.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")

#: This node, one that is gone, and one that answers.
MINE, GONE, ALIVE = "celery@mine", "celery@gone", "celery@alive"


def make_app(broker: str, backend: str) -> Celery:
    """Return Celery as Airflow has it by docker-compose.yaml."""
    app = Celery(broker=broker, backend=backend, set_as_current=False)
    app.conf.update(task_default_queue="default", task_acks_late=True, worker_hijack_root_logger=False)
    return app


@pytest.fixture(scope="module")
def app(engine: docker.DockerClient) -> Iterator[Celery]:
    """Give Celery with queue and results in a Redis of its own."""
    found = re.search(r"\$\{REDIS_IMAGE:-(\S+)\}", (PROJECT / "docker-compose.yaml").read_text())
    assert found
    container = engine.containers.run(
        found[1],
        ["redis-server", "--protected-mode", "no", "--save", ""],
        ports={"6379/tcp": ("127.0.0.1", None)},
        detach=True,
        remove=True,
    )
    try:
        container.reload()
        url = f"redis://127.0.0.1:{container.ports['6379/tcp'][0]['HostPort']}"
        app = make_app(f"{url}/0", f"{url}/1")
        end = time.monotonic() + 30
        while True:
            try:
                app.backend.client.ping()
                break
            except RedisError:
                assert time.monotonic() < end
                time.sleep(0.1)
        yield app
        app.close()
    finally:
        container.remove(force=True)


def begin(app: Celery, id_: str, node: str) -> None:
    """Let the result store say that a node has begun a task."""
    app.backend.store_result(id_, {"pid": 1, "hostname": node}, states.STARTED)


def send(app: Celery, id_: str, seconds: float) -> None:
    """Send a task as Airflow does, with a token that is good for so many seconds."""
    token = jwt.encode({"exp": time.time() + seconds}, "a key of thirty-two bytes, at least", algorithm="HS256")
    ti = {"dag_id": "train", "task_id": "train_model", "run_id": "r", "try_number": 1}
    app.send_task("execute_workload", [json.dumps({"token": token, "ti": ti})], task_id=id_)


def read_states(app: Celery, *ids: str) -> list[str]:
    """Return what the result store says of tasks."""
    return [app.backend.get_task_meta(id_, cache=False)["status"] for id_ in ids]


def test_what_dead_nodes_had_begun_has_failed(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that this node or a dead one had begun has failed, with the reason; a living node's goes on, and what ended stays so."""
    monkeypatch.setattr(dead_node, "PING_SECONDS", 0.5)
    for node in (MINE, GONE, ALIVE):
        begin(app, node, node)
    app.backend.store_result("ended", None, states.SUCCESS)
    other = make_app(app.conf.broker_url, app.conf.result_backend)
    with start_worker(other, hostname=ALIVE, perform_ping_check=False):
        assert dead_node.end_begun(app, MINE) == {MINE, GONE}
    assert read_states(app, MINE, GONE, ALIVE, "ended") == [
        states.FAILURE,
        states.FAILURE,
        states.STARTED,
        states.SUCCESS,
    ]
    assert "was killed" in str(app.backend.get_task_meta(GONE, cache=False)["result"])


def test_what_is_sent_again_is_left_out_of_the_queue(app: Celery) -> None:
    """A message whose token's time is over, or whose task has failed with its node, is run no more; others wait on."""
    send(app, "old", -1)
    send(app, "fresh", 30)
    send(app, "given back", 30)
    assert dead_node.forget_sent(app, {"given back"}, time.time()) == 2
    with closing(app.connection_for_write()) as connection:
        left: list[Any] = connection.default_channel.client.lrange("default", 0, -1)
    assert [json.loads(text)["headers"]["id"] for text in left] == ["fresh"]
