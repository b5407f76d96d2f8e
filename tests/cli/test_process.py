"""Programs are started, found and ended by process id and time of birth, children included, and nobody else's."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from cli.settings import StackSettings, read_settings
from cli.stacks.process import (
    Record,
    find_process,
    find_session,
    log_path,
    read_record,
    start_process,
    stop_process,
    write_record,
)
from cli.stacks.service import Service, make_environment

# A program with a child; both ignore a polite request for as long as a test may take.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"])
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    """Give settings with a state folder of the test's own."""
    return read_settings({"PIPELINE_STATE_DIR": str(tmp_path), "PIPELINE_ENV_FILE": str(tmp_path / ".env")})


Start = Callable[..., psutil.Process]


@pytest.fixture
def start(settings: StackSettings) -> Iterator[Start]:
    """Give a function that starts a command as the service `one`; what is left of it is killed with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start_command(*argv: str) -> psutil.Process:
        started.append(start_process(settings, make_service(*argv)))
        return psutil.Process(started[-1].pid)

    yield start_command
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def make_service(*argv: str) -> Service:
    return Service(name="one", argv=argv, environment={}, is_healthy=lambda _: True)


def start_stubborn(settings: StackSettings, start: Start) -> psutil.Process:
    main = start(sys.executable, "-c", STUBBORN)
    end = time.monotonic() + 10
    while "ready" not in log_path(settings, "one").read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    return main


def record_of(settings: StackSettings) -> Record:
    record = read_record(settings, "one")
    assert record is not None
    return record


def is_alive(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def test_a_stubborn_program_is_ended_with_its_children(settings: StackSettings, start: Start) -> None:
    """What ignores the stop signal is killed after the grace, children first; the record goes."""
    start_stubborn(settings, start)
    processes = find_session(record_of(settings))
    assert len(processes) == 2
    assert stop_process(settings, "one", signal.SIGTERM, 0.1, patience_seconds=0.1) is True
    assert not [process for process in processes if is_alive(process)]
    assert read_record(settings, "one") is None


def test_children_of_a_killed_program_are_found_and_ended(settings: StackSettings, start: Start) -> None:
    """A program that was killed from outside leaves children; stopping it ends them."""
    killed = start_stubborn(settings, start)
    killed.kill()
    killed.wait(60)
    assert find_process(record_of(settings)) is None
    (left,) = find_session(record_of(settings))
    assert stop_process(settings, "one", signal.SIGTERM, 0.1, patience_seconds=0.1) is True
    assert not is_alive(left)


@pytest.mark.skipif(
    not psutil.LINUX, reason="where the time of day at which a process began is noted once, no clock moves it"
)
def test_a_clock_that_is_set_hides_no_program(
    settings: StackSettings, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs is found, and ended, also when the machine's clock was set meanwhile, as after a sleep."""
    process = start("sleep", "60")
    seen = process.create_time()
    moved = tmp_path / "proc"
    moved.mkdir()
    stat = Path("/proc/stat").read_text()
    (moved / "stat").write_text(
        re.sub(r"(?<=^btime )\d+", lambda found: str(int(found[0]) + 3600), stat, flags=re.MULTILINE)
    )
    for name in (str(process.pid), str(os.getpid()), "self"):
        (moved / name).symlink_to(f"/proc/{name}")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(moved))
    assert psutil.Process(process.pid).create_time() == pytest.approx(seen + 3600)
    assert find_process(record_of(settings)) == process
    assert stop_process(settings, "one", signal.SIGKILL, 0) is True


def test_another_program_with_the_same_id_is_left_alone(settings: StackSettings, start: Start) -> None:
    """Ids are used again: a process that was born at another time is not ours, nor are its children."""
    process = start("sleep", "60")
    write_record(settings, "one", replace(record_of(settings), born=record_of(settings).born - 60))
    assert find_process(read_record(settings, "one")) is None
    assert stop_process(settings, "one", signal.SIGKILL, 0) is False
    assert is_alive(process)


def test_a_record_of_before_a_reboot_counts_for_nothing(settings: StackSettings, start: Start) -> None:
    """After a reboot no program of the stack can be alive, whatever has its id now."""
    start("sleep", "60")
    write_record(settings, "one", replace(record_of(settings), boot="another"))
    assert read_record(settings, "one") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_half_a_record_counts_for_nothing(settings: StackSettings, text: str) -> None:
    """A record that a power cut left unfinished is no reason to fail."""
    path = settings.state / "run" / "one.json"
    path.parent.mkdir()
    path.write_text(text)
    assert read_record(settings, "one") is None
    assert stop_process(settings, "one", signal.SIGTERM, 0) is False


def test_a_service_is_known_by_a_digest_of_its_settings() -> None:
    """Whether a service runs with older settings can be told, and no setting be read from what is kept for that."""
    services = [
        replace(make_service("sleep"), environment={"PASSWORD": word}) for word in ("hidden", "other", "hidden")
    ]
    one, other, again = (service.fingerprint for service in services)
    assert one == again != other
    assert "hidden" not in one


def test_a_service_inherits_no_setting_of_the_terminal(
    settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's AWS keys, Python path or Airflow settings stay in their shell; servers here are not asked through a proxy."""
    for name in ("AWS_ACCESS_KEY_ID", "PYTHONPATH", "AIRFLOW__CORE__DAGS_FOLDER", "PGPASSWORD"):
        monkeypatch.setenv(name, "the person's")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setenv("NO_PROXY", "intranet")
    environment = make_environment(settings)
    assert "the person's" not in environment.values()
    assert environment["NO_PROXY"] == environment["no_proxy"] == "intranet,127.0.0.1,localhost"
    assert environment["HOME"].startswith(str(settings.state))
