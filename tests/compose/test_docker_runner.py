"""The docker runner on a real engine: how a container ends is judged and said, and nothing of it is left."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from pipeline.runners.docker_operator import PipelineDockerOperator
from pipeline.settings import get_settings
from pipeline.stage.attempt import StageAttempt, build_arguments
from pipeline.stage.conf import Conf
from pipeline.stage.retry import StageFailed
from pipeline.stage.verdict import Kind
from pipeline_contract.layout import Layout
from pipeline_contract.stages import STAGES
from tests.compose.conftest import STACK
from tests.dags.conftest import make_drop

RUN = "penguins.20260131T120000Z.1a2b3c4d"
LOG = logging.getLogger("tests.docker")


def make_conf(*, try_number=1, dag_run="run-1", **faults):
    values = {"faults": faults} if faults else {}
    return Conf(RUN, f"{dag_run}/0", f"{dag_run}.{try_number}", values, is_again=False, is_cascading=True)


def make_arguments(**faults):
    return build_arguments(STAGES["validate"], make_conf(**faults))


def make_operator():
    return PipelineDockerOperator(task_id="validate_data", stage="validate")


@pytest.fixture(autouse=True)
def drop(store, settings):
    """Give the run a drop, as `watch` does."""
    store.put(settings.artifact_bucket, Layout("runs").run(RUN).drop, make_drop(RUN).write())


@pytest.fixture
def run(settings, store):
    """Give what runs an attempt whose command shows faults, and returns what it committed."""

    def run(**faults):
        conf = make_conf(**faults)
        number = int(conf.attempt.rpartition(".")[2])
        return StageAttempt(STAGES["validate"], conf, number, settings, store, LOG).run(make_operator().run_command)

    return run


@pytest.fixture
def find(engine):
    """Give what lists this stack's containers, running or not."""
    found = {"label": f"ml-pipeline.stack={STACK}"}
    # One that is just being made or removed can be listed and not be there.
    return lambda: engine.containers.list(all=True, filters=found, ignore_removed=True)


@pytest.fixture(autouse=True)
def _nothing_is_left(find):
    """Whatever a test did, no container of it is there at its end."""
    yield
    assert find() == []


def wait_for(found, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
    return value


def test_success(run, settings):
    """A command that commits gives its manifest, and its URI as the last line of stdout."""
    committed = run(say=["reads 3 rows"])
    assert committed.manifest["attempt"] == "run-1.1"
    assert committed.result == f"s3://{settings.artifact_bucket}/runs/{RUN}/validation/run-1.1/manifest.json"


@pytest.mark.parametrize(
    ("code", "kind", "is_retry"),
    [(1, Kind.DATA, False), (2, Kind.REQUEST, False), (75, Kind.OUTSIDE, True), (70, Kind.CRASH, True)],
)
@pytest.mark.parametrize("record", ["store", "line"])
def test_exit_with_a_record(run, code, kind, is_retry, record):
    """The exit codes of the table mean what they mean to the other runner."""
    with pytest.raises(StageFailed) as failure:
        run(exits=[code], record=record)
    assert (failure.value.verdict.kind, failure.value.decision.is_retry) == (kind, is_retry)
    assert "The fault of try 1." in str(failure.value)


@pytest.mark.parametrize(("code", "words"), [(1, "exit 1"), (3, "exit 3"), (-9, "was killed"), (-11, "signal 11")])
def test_exit_without_a_record(run, code, words):
    """Without a failure record any exit is a crash, with the last lines of the log in the receipt."""
    with pytest.raises(StageFailed) as failure:
        run(exits=[code], say=["last words"])
    assert failure.value.verdict.kind is Kind.CRASH
    assert words in str(failure.value)
    assert failure.value.verdict.reason.details["last_words"] == "last words"


def test_out_of_memory(run):
    """A command that takes more memory than a container gets is ended, and the setting is named."""
    with pytest.raises(StageFailed, match="more than the 128m") as failure:
        run(megabytes=500)
    assert failure.value.verdict.kind is Kind.CRASH
    assert "ML_TASK_MEMORY" in failure.value.verdict.reason.fix


def test_log_comes_as_it_is_written(settings, caplog, monkeypatch):
    """Lines are in the task's log before the command has ended, in order, with the worker's levels; stdout is not."""
    lines = [f"12:00:00 WARNING line {number}" for number in range(200)]
    # Airflow's own logger does not pass through Python's.
    monkeypatch.setattr(PipelineDockerOperator, "log", LOG)
    caplog.set_level(logging.INFO)
    ended = make_operator().run_command(make_arguments(say=lines, seconds=2, record="line", exits=[1]))
    done = time.time()
    said = [entry for entry in caplog.records if entry.getMessage().startswith("line ")]
    assert [entry.getMessage() for entry in said] == [f"line {number}" for number in range(200)]
    assert {entry.levelname for entry in said} == {"WARNING"}
    assert done - said[-1].created > 1.5
    assert ended.record.exit == 1
    assert "PIPELINE-FAILURE" not in caplog.text


def test_silent_container(settings):
    """A command that says nothing for longer than the engine's client waits for an answer is not cut off."""
    operator = make_operator()
    operator.timeout = 2
    assert operator.run_command(make_arguments(seconds=6, exits=[3])).code == 3


def test_what_is_shown(settings, engine, find):
    """Labels tell whose container it is, and neither they nor the command line hold a secret; a killed one is removed."""
    operator = make_operator()
    thread = threading.Thread(target=operator.run_command, args=[make_arguments(seconds=60)])
    thread.start()
    try:
        (container,) = wait_for(find)
        shown = engine.api.inspect_container(container.id)
        assert (
            container.labels.items()
            >= {
                "ml-pipeline.stack": STACK,
                "ml-pipeline.run": RUN,
                "ml-pipeline.stage": "validate",
                "ml-pipeline.attempt": "run-1.1",
            }.items()
        )
        assert (
            f"OBJECT_STORAGE_SECRET_KEY={settings.worker_values['OBJECT_STORAGE_SECRET_KEY']}" in shown["Config"]["Env"]
        )
        del shown["Config"]["Env"]
        assert "test-secret" not in json.dumps(shown)
        assert list(shown["NetworkSettings"]["Networks"]) == [settings.task_network]
        assert shown["Mounts"] == []
    finally:
        operator.on_kill()
        thread.join()


def test_containment(settings):
    """An image whose user is root runs as nobody's user, without capabilities, and writes to its scratch folder only."""
    probe = json.loads(make_operator().run_command(make_arguments(probe=True, exits=[3])).result)
    assert (probe["uid"], probe["gid"], probe["groups"]) == (10001, 10001, [10001])
    assert {int(mask, 16) for mask in probe["capabilities"]} == {0}
    assert probe["no_new_privileges"] == "1"
    assert probe["can_write"] == {"/": False, "/opt": False, "/var/tmp": False, "/scratch": True}  # noqa: S108 - tried


def test_environment(settings, monkeypatch):
    """The container gets the worker's settings, and nothing else of Airflow's environment."""
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "airflow-secret")
    environment = json.loads(make_operator().run_command(make_arguments(environment=True, exits=[3])).result)
    assert environment.items() >= settings.worker_values.items()
    assert not [name for name in environment if name.startswith("AIRFLOW") or "WATCH" in name]


@pytest.mark.parametrize("ignore_term", [False, True])
def test_stopped_by_airflow(settings, find, ignore_term):
    """When Airflow stops the task, in a signal handler as it does, the container is gone before Airflow loses patience."""
    operator = make_operator()
    previous = signal.signal(signal.SIGUSR1, lambda *_: operator.on_kill())
    began = []

    def stop():
        wait_for(lambda: [container for container in find() if container.status == "running"])
        time.sleep(0.5)
        began.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGUSR1)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        ended = operator.run_command(make_arguments(seconds=60, ignore_term=ignore_term))
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, previous)
    assert ended.is_stopped
    assert time.monotonic() - began[0] < 40


def test_timeout(settings, find):
    """A stage that takes too long leaves no container, and what Airflow does afterwards finds none."""
    operator = make_operator()

    def end(*_):
        raise AirflowTaskTimeout

    previous = signal.signal(signal.SIGUSR1, end)

    def stop():
        wait_for(lambda: [container for container in find() if container.status == "running"])
        os.kill(os.getpid(), signal.SIGUSR1)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        with pytest.raises(AirflowTaskTimeout):
            operator.run_command(make_arguments(seconds=60))
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, previous)
    assert find() == []
    operator.on_kill()


_HOLDER = """
import sys
sys.path[:0] = {paths!r}
from pipeline.runners.docker_operator import PipelineDockerOperator
PipelineDockerOperator(task_id="validate_data", stage="validate").run_command({arguments!r})
"""


def test_killed_airflow_worker(run, settings, find):
    """SIGKILL of the process that runs the task ends the command, and the next try removes the container."""
    code = _HOLDER.format(paths=[path for path in sys.path if path], arguments=make_arguments(seconds=300))
    holder = subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ))
    try:
        (container,) = wait_for(lambda: [found for found in find() if found.status == "running"])
        time.sleep(1)
    finally:
        holder.kill()
        holder.wait()
    wait_for(lambda: container.reload() or container.status == "exited")
    run(try_number=2)
    assert find() == []


def test_another_dag_run_is_waited_for(run, settings, find):
    """A stage of a run has one container at a time: a second Dag run's try leaves the first alone, and comes again later."""
    operator = make_operator()
    thread = threading.Thread(target=operator.run_command, args=[make_arguments(seconds=60, dag_run="other")])
    thread.start()
    try:
        (container,) = wait_for(lambda: [found for found in find() if found.status == "running"])
        with pytest.raises(StageFailed, match="under way already") as failure:
            run()
        assert (failure.value.verdict.kind, failure.value.decision.is_retry) == (Kind.OUTSIDE, True)
        container.reload()
        assert container.status == "running"
    finally:
        operator.on_kill()
        thread.join()
    run(try_number=2)


def test_out_of_memory_of_a_child(run):
    """A process of the command's that takes too much is the one that is ended; the setting is named all the same."""
    with pytest.raises(StageFailed, match="more than the 128m") as failure:
        run(megabytes_of_child=500, exits=[70])
    assert "(exit 70)" in failure.value.verdict.reason.what


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ML_TASK_IMAGE", "not-there:1", "docker build --file worker/Dockerfile --tag not-there:1 ."),
        ("ML_TASK_NETWORK", "not-there", "docker network create not-there"),
    ],
)
def test_what_is_missing_is_named(store, monkeypatch, name, value, words):
    """An image or a network that is not there is said with its setting and how to make it; tried once more."""
    monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    attempt = StageAttempt(STAGES["validate"], make_conf(), 1, get_settings(), store, LOG)
    with pytest.raises(StageFailed) as failure:
        attempt.run(make_operator().run_command)
    verdict = failure.value.verdict
    assert (verdict.kind, verdict.code, verdict.reason.where) == (Kind.CRASH, 125, name)
    assert words in verdict.reason.fix
    assert failure.value.decision.is_retry
