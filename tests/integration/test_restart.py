"""The stack starts again from whatever state it was left in: kills, a reboot, other passwords and ports, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from local.ports import choose_ports
from local.settings import PROJECT, read_settings
from tests.stack import Stack, open_stack, run_stack


@pytest.fixture(scope="module")
def keepers() -> Iterator[Stack]:
    """Give a stack of what keeps data, Airflow left out: it starts and stops in seconds."""
    with run_stack("mlflow", "storage") as running:
        yield running


def leave_traces(stack: Stack, name: str) -> None:
    """Leave something in the store, and, through MLflow, in the database."""
    stack.client("worker").put_object(Bucket="artifacts", Key=name, Body=b"kept" * 1000)
    url = f"{stack.settings.mlflow_url}/api/2.0/mlflow/experiments/create"
    httpx.post(url, json={"name": name}, trust_env=False, timeout=30).raise_for_status()


def check_traces(stack: Stack, name: str) -> None:
    """Find what was left, and the drop bucket still versioned."""
    assert stack.client("worker").get_object(Bucket="artifacts", Key=name)["Body"].read() == b"kept" * 1000
    url = f"{stack.settings.mlflow_url}/api/2.0/mlflow/experiments/get-by-name"
    httpx.get(url, params={"experiment_name": name}, trust_env=False, timeout=30).raise_for_status()
    assert stack.client("root").get_bucket_versioning(Bucket="drops")["Status"] == "Enabled"


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process does anything; a zombie only waits for its parent to look."""
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def test_killed_services_come_up_again_with_nothing_lost(keepers: Stack) -> None:
    """After SIGKILL of the store and the database, `up` brings them back with all that was acknowledged."""
    leave_traces(keepers, "before-kill")
    mlflow = keepers.process("mlflow").pid
    for service in ("storage", "postgres"):
        keepers.process(service).send_signal(signal.SIGKILL)
    keepers.up("mlflow", "storage")
    check_traces(keepers, "before-kill")
    assert keepers.process("mlflow").pid == mlflow, "what was not killed goes on"


def test_a_killed_scheduler_leaves_no_children(stack: Stack) -> None:
    """The forked workers of a killed scheduler are ended by the next `up`, and by `down` too."""
    scheduler = stack.process("airflow-scheduler")
    children = scheduler.children(recursive=True)
    assert children
    scheduler.send_signal(signal.SIGKILL)
    scheduler.wait(5)
    stack.up()
    assert not [child for child in children if is_alive(child)]


def test_stopping_twice_and_starting_keeps_all(keepers: Stack) -> None:
    """`down` leaves no process of ours and no socket behind, a second `down` has nothing to do, `up` finds all data."""
    leave_traces(keepers, "before-down")
    processes = list(keepers.processes().values())
    first, second = keepers.run("down"), keepers.run("down")
    assert first.returncode == second.returncode == 0
    assert "Nothing was running" in second.stdout
    assert not [process for process in processes if is_alive(process)]
    ports = [port for listener, port in keepers.settings.internal_ports.items() if listener.endswith(".grpc")]
    assert not [path for port in ports for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock")]  # noqa: S108
    keepers.up("mlflow", "storage")
    check_traces(keepers, "before-down")


def test_a_reboot_in_between_harms_nobody(keepers: Stack) -> None:
    """Records and lock files of before a reboot name processes of others now: these are left alone, and all starts."""
    leave_traces(keepers, "before-reboot")
    for process in keepers.processes().values():
        process.send_signal(signal.SIGKILL)
    stranger = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        lock = keepers.settings.state / "postgres" / "data" / "postmaster.pid"
        lock.write_text("\n".join([str(stranger.pid), *lock.read_text().splitlines()[1:]]) + "\n")
        for service in keepers.services():
            path = keepers.settings.state / "run" / f"{service}.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), "pid": stranger.pid}))
        keepers.up("mlflow", "storage")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
    check_traces(keepers, "before-reboot")


def test_a_changed_password_is_taken_at_the_next_start() -> None:
    """Another secret in `.env` is all that it takes to change one, of the database and of the store."""
    with run_stack("postgres", "storage") as stack:
        stack.ask_postgres("CREATE TABLE traces AS SELECT 'kept' AS word")
        stack.client("worker").put_object(Bucket="artifacts", Key="traces", Body=b"kept")
        stack.run("down")
        text = stack.settings.env_file.read_text()
        for name in ("POSTGRES_PASSWORD", "OBJECT_STORAGE_SECRET_KEY"):
            text = text.replace(f"\n{name}={stack.settings[name]}", f"\n{name}=another-{name}")
        stack.settings.env_file.write_text(text)
        changed = Stack(stack.environment, read_settings(stack.environment))
        changed.up("postgres", "storage")
        assert changed.ask_postgres("SELECT word FROM traces") == "kept"
        assert changed.client("worker").get_object(Bucket="artifacts", Key="traces")["Body"].read() == b"kept"
        with pytest.raises(subprocess.CalledProcessError):
            stack.ask_postgres("SELECT 1")


def test_other_ports_keep_all_data() -> None:
    """Ports are a matter of taste: the store finds its objects and versions after every one of them changed."""
    with run_stack("storage") as stack:
        root = stack.client("root")
        old = root.put_object(Bucket="drops", Key="a", Body=b"old")["VersionId"]
        root.put_object(Bucket="drops", Key="a", Body=b"new" * 100_000)
        stack.run("down")
        environment = {**stack.environment, **choose_ports()}
        moved = Stack(environment, read_settings(environment))
        moved.up("storage")
        root = moved.client("root")
        assert root.get_object(Bucket="drops", Key="a", VersionId=old)["Body"].read() == b"old"
        assert root.get_object(Bucket="drops", Key="a")["Body"].read() == b"new" * 100_000


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


def test_clean_asks_and_deletes_only_what_the_stack_made() -> None:
    """Without a yes nothing goes; with it, the data goes, and settings and a stranger's file stay."""
    with open_stack() as stack:
        stack.up("storage")
        state = stack.settings.state
        (state / "a-persons.txt").write_text("mine")
        assert stack.run("clean").returncode == 1
        assert stack.process("storage").is_running()
        assert stack.run("clean", CONFIRM="yes").returncode == 0
        assert sorted(path.name for path in state.iterdir()) == [".env", "a-persons.txt"]


def test_two_ups_at_once_start_everything_once() -> None:
    """A second `up` waits for the first, and then has nothing to do."""
    with open_stack() as stack:
        command = [sys.executable, "-m", "local", "up", "storage"]
        both = [
            subprocess.Popen(
                command, cwd=PROJECT, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for _ in range(2)
        ]
        said = [process.communicate(timeout=60)[0] for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        assert sum("up already" in text for text in said) == 1


def test_an_interrupted_start_is_taken_up_again() -> None:
    """After Ctrl-C in the middle of a start, the next `up` makes what was missing, buckets included."""
    with open_stack() as stack:
        started = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "storage"],
            cwd=PROJECT,
            env=stack.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not stack.services():
            time.sleep(0.01)
        started.send_signal(signal.SIGINT)
        started.wait(30)
        stack.up("storage")
        assert {bucket["Name"] for bucket in stack.client("root").list_buckets()["Buckets"]} == {
            "drops",
            "artifacts",
            "mlflow",
            "airflow-logs",
        }
