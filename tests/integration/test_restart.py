"""The stack starts again from whatever state it was left in: kills, a reboot, other passwords and ports, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from botocore.exceptions import ClientError

from cli.settings import PROJECT, read_settings
from cli.stacks.local import make_services
from cli.stacks.process import find_process, read_record
from cli.stacks.storage import make_client
from cli.stacks.supervision import NAME as SUPERVISOR
from tests.e2e.pipeline import wait_until
from tests.ports import choose_ports
from tests.stack import Stack, is_alive, open_stack, run_stack

pytestmark = pytest.mark.slow("starts and stops stacks")

CHANGED = ("POSTGRES_PASSWORD", "OBJECT_STORAGE_SECRET_KEY")


@dataclass(frozen=True)
class Restarted:
    """A stack that runs, and what was before: as what it was started first, its processes, and how it was stopped, twice."""

    stack: Stack
    first: Stack
    processes: list[psutil.Process]
    stops: list[subprocess.CompletedProcess[str]]
    old_version: str


@pytest.fixture(scope="module")
def restarted() -> Iterator[Restarted]:
    """Give a stack of what keeps data, without Airflow, that was stopped and started with other secrets on other ports."""
    with run_stack("mlflow", "storage") as first:
        leave_traces(first, "before-down")
        first.ask_postgres("CREATE TABLE traces AS SELECT 'kept' AS word")
        root = first.client("root")
        old = root.put_object(Bucket="drops", Key="a", Body=b"old")["VersionId"]
        root.put_object(Bucket="drops", Key="a", Body=b"new" * 100_000)
        processes = list(first.processes().values())
        # What a killed program leaves behind is ended by `down` as well.
        assert first.process("mlflow").children()
        first.kill_service("mlflow")
        stops = [first.run("down"), first.run("down")]
        text = first.settings.env_file.read_text()
        for name in CHANGED:
            text = text.replace(f"\n{name}={first.settings[name]}", f"\n{name}=another-{name}")
        first.settings.env_file.write_text(text)
        environment = {**first.environment, **choose_ports()}
        stack = Stack(environment, read_settings(environment))
        # MLflow takes longest to start, and comes with the reboot below.
        stack.up("postgres", "storage")
        yield Restarted(stack, first, processes, stops, old)


@pytest.fixture(scope="module")
def keepers(restarted: Restarted) -> Stack:
    """Give the stack of what keeps data as it runs."""
    return restarted.stack


def leave_traces(stack: Stack, name: str) -> None:
    """Leave something in the store, and, through MLflow, in the database."""
    stack.client("worker").put_object(Bucket="artifacts", Key=name, Body=b"kept" * 1000)
    url = f"{stack.settings.mlflow_url}/api/2.0/mlflow/experiments/create"
    httpx.post(url, json={"name": name}, trust_env=False, timeout=120).raise_for_status()


def check_traces(stack: Stack, name: str) -> None:
    """Find what was left, and the drop bucket still versioned."""
    assert stack.client("worker").get_object(Bucket="artifacts", Key=name)["Body"].read() == b"kept" * 1000
    url = f"{stack.settings.mlflow_url}/api/2.0/mlflow/experiments/get-by-name"
    httpx.get(url, params={"experiment_name": name}, trust_env=False, timeout=120).raise_for_status()
    assert stack.client("root").get_bucket_versioning(Bucket="drops")["Status"] == "Enabled"


def test_stopping_leaves_nothing_and_can_be_repeated(restarted: Restarted) -> None:
    """`down` leaves no process of ours and no socket behind, not of a killed program either; a second one has nothing to do."""
    first, second = restarted.stops
    assert first.returncode == second.returncode == 0
    assert "Nothing was running" in second.stdout
    assert restarted.processes
    assert not [process for process in restarted.processes if is_alive(process)]
    inner = restarted.first.settings.internal_ports
    ports = [port for listener, port in inner.items() if listener.endswith(".grpc")]
    assert ports
    assert not [path for port in ports for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock")]  # noqa: S108


def test_a_start_on_other_ports_finds_all_data(restarted: Restarted) -> None:
    """Ports are a matter of taste: objects, versions and the database are found after every one of them changed."""
    old, new = restarted.first.settings, restarted.stack.settings
    for name in ("MLFLOW_PORT", "OBJECT_STORAGE_PORT", "OBJECT_STORAGE_INTERNAL_PORT"):
        assert old[name] != new[name]
    assert restarted.stack.ask_postgres("SELECT word FROM traces") == "kept"
    root = restarted.stack.client("root")
    assert root.get_bucket_versioning(Bucket="drops")["Status"] == "Enabled"
    assert root.get_object(Bucket="drops", Key="a", VersionId=restarted.old_version)["Body"].read() == b"old"
    assert root.get_object(Bucket="drops", Key="a")["Body"].read() == b"new" * 100_000


def test_a_changed_secret_is_taken_at_the_next_start(restarted: Restarted) -> None:
    """Another secret in `.env` is all that it takes to change one, of the database and of the store; the old ones open nothing."""
    stack, first = restarted.stack, restarted.first
    assert [stack.settings[name] for name in CHANGED] == [f"another-{name}" for name in CHANGED]
    assert stack.ask_postgres("SELECT 1") == "1"
    with pytest.raises(subprocess.CalledProcessError) as refused:
        first.ask_postgres("SELECT 1")
    assert "password authentication failed" in refused.value.stderr
    stack.client("worker").list_objects_v2(Bucket="artifacts")
    old = {**stack.settings.values, "OBJECT_STORAGE_SECRET_KEY": first.settings["OBJECT_STORAGE_SECRET_KEY"]}
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        make_client(replace(stack.settings, values=old), "worker").list_objects_v2(Bucket="artifacts")


def test_a_reboot_in_between_harms_nobody(keepers: Stack) -> None:
    """Records and lock files of before a reboot name processes of others now: these are left alone, and all starts."""
    keepers.client("worker").put_object(Bucket="artifacts", Key="before-reboot", Body=b"kept" * 1000)
    for process in keepers.processes().values():
        process.send_signal(signal.SIGKILL)
    stranger = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        lock = keepers.settings.state / "postgres" / "data" / "postmaster.pid"
        lock.write_text("\n".join([str(stranger.pid), *lock.read_text().splitlines()[1:]]) + "\n")
        for service in (SUPERVISOR, *keepers.services()):
            path = keepers.settings.state / "run" / f"{service}.json"
            record = json.loads(path.read_text())
            # Whatever was noted before a reboot is older than who has its number now, as a service that began just now is not.
            path.write_text(json.dumps({**record, "pid": stranger.pid, "born": record["born"] - 60}))
        keepers.up("mlflow", "storage")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
    assert keepers.client("worker").get_object(Bucket="artifacts", Key="before-reboot")["Body"].read() == b"kept" * 1000
    # What MLflow had before the stop: it was not started since, and has another port now.
    check_traces(keepers, "before-down")


def test_killed_services_come_up_again_by_themselves_with_nothing_lost(keepers: Stack) -> None:
    """After SIGKILL of the store and the database both are back with all that was acknowledged, and nobody did anything."""
    keepers.up("mlflow", "storage")
    leave_traces(keepers, "before-kill")
    before = {name: keepers.process(name).pid for name in ("mlflow", "storage", "postgres")}
    for service in ("storage", "postgres"):
        keepers.kill_service(service)
    wait_until(lambda: is_back(keepers, before, "storage", "postgres") or None, "the store and the database to be back")
    check_traces(keepers, "before-kill")
    assert keepers.process("mlflow").pid == before["mlflow"], "what was not killed goes on"


def is_back(stack: Stack, before: dict[str, int], *names: str) -> bool:
    """Return whether services run in other processes than before, and are healthy."""
    services = {service.name: service for service in make_services(stack.settings)}
    records = {name: read_record(stack.settings, name) for name in names}
    return all(
        record and record.pid != before[name] and find_process(record) and services[name].is_healthy(0)
        for name, record in records.items()
    )


def test_what_a_killed_supervisor_kept_is_started_anew_by_up(keepers: Stack) -> None:
    """With the supervisor its services end; whatever is left is ended by `up`, which says so, and starts all with its data."""
    keepers.up("mlflow", "storage")
    leave_traces(keepers, "before-the-supervisor")
    processes = list(keepers.processes().values())
    keepers.kill_service(SUPERVISOR)
    said = keepers.up("mlflow", "storage")
    assert not [process for process in processes if is_alive(process)]
    # Where each of them is told of its parent's end nothing may be left to be said.
    assert "the supervisor is gone" in said or shutil.which("setpriv")
    check_traces(keepers, "before-the-supervisor")


def test_a_hung_process_is_seen_in_status(keepers: Stack) -> None:
    """A server that was stopped and not ended is alive and answers nobody: `status` says that it is not healthy."""
    keepers.up("storage")
    storage = keepers.process("storage")
    storage.suspend()
    try:
        assert re.search(r"! storage +not healthy", keepers.run("status").stdout)
    finally:
        storage.resume()


def test_a_busy_port_is_named_with_the_setting_that_changes_it() -> None:
    """Nothing starts when a port is taken; the message has port, program, and setting."""
    with open_stack() as stack, socket.socket() as other:
        port = int(stack.settings["MLFLOW_PORT"])
        other.bind(("127.0.0.1", port))
        other.listen()
        done = stack.run("up")
        assert done.returncode == 1
        for word in (f"Port {port}", "mlflow", "MLFLOW_PORT", f"process {os.getpid()}", str(stack.settings.env_file)):
            assert word in done.stderr
        assert stack.services() == []


def test_a_path_that_is_too_long_for_a_socket_is_named(tmp_path: Path) -> None:
    """A deep clone gets the reason and the setting that helps, before anything is made of Postgres."""
    with open_stack() as stack:
        deep = tmp_path / ("deep" * 30)
        done = stack.run("up", "postgres", PIPELINE_STATE_DIR=str(deep))
        assert done.returncode == 2
        assert "PIPELINE_STATE_DIR" in done.stderr


@pytest.fixture(scope="module")
def started_twice() -> Iterator[tuple[Stack, list[str]]]:
    """Give a stack that two `up` started at the same time, and what each of them said."""
    with open_stack() as stack:
        command = [sys.executable, "-m", "cli", "up", "storage"]
        both = [
            subprocess.Popen(
                command, cwd=PROJECT, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for _ in range(2)
        ]
        said = [process.communicate(timeout=120)[0] for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        yield stack, said


def test_two_ups_at_once_start_everything_once(started_twice: tuple[Stack, list[str]]) -> None:
    """A second `up` waits for the first, and then has nothing to do."""
    _, said = started_twice
    assert sum("up already" in text for text in said) == 1
    assert sum("Everything is up (" in text for text in said) == 1


def test_clean_asks_and_deletes_only_what_the_stack_made(started_twice: tuple[Stack, list[str]]) -> None:
    """Without a yes nothing goes; with it, the data goes, and settings and a stranger's file stay."""
    stack, _ = started_twice
    state = stack.settings.state
    (state / "a-persons.txt").write_text("mine")
    there = sorted(path.name for path in state.iterdir())
    assert stack.run("clean").returncode == 1
    assert stack.process("storage").is_running()
    assert sorted(path.name for path in state.iterdir()) == there
    assert stack.run("clean", CONFIRM="yes").returncode == 0
    assert sorted(path.name for path in state.iterdir()) == [".env", "a-persons.txt"]
    assert (state / "a-persons.txt").read_text() == "mine"


def test_an_interrupted_start_is_taken_up_again() -> None:
    """After Ctrl-C in the middle of a start, the next `up` makes what was missing, buckets included."""
    with open_stack() as stack:
        started = subprocess.Popen(
            [sys.executable, "-m", "cli", "up", "storage"],
            cwd=PROJECT,
            env=stack.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            end = time.monotonic() + 120
            while not stack.services():
                assert started.poll() is None, "`up` ended before anything was started"
                assert time.monotonic() < end, "`up` started nothing in two minutes"
                time.sleep(0.01)
            started.send_signal(signal.SIGINT)
            started.wait(120)
        finally:
            started.kill()
            started.wait()
        stack.up("storage")
        assert {bucket["Name"] for bucket in stack.client("root").list_buckets()["Buckets"]} == {
            "drops",
            "artifacts",
            "mlflow",
            "airflow-logs",
        }
