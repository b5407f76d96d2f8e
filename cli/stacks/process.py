"""Starts, finds and ends the programs of the stack, each by its process id *and* its time of birth."""

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types

from cli.settings import StackSettings
from cli.stacks.private_file import write_private
from cli.stacks.service import Service

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Record:
    """Who a service is while it runs: `<state>/run/<service>.json`."""

    pid: int
    born: float
    """When the process was made, by `find_birth`: tells it from a later one with the same id."""
    boot: str
    fingerprint: str
    is_ready: bool = False
    """Whether its start came to its end; a start that was interrupted is taken up again."""


def read_boot_id() -> str:
    """Return what changes with each start of the machine, empty where there is no such thing."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""


def record_path(settings: StackSettings, name: str) -> Path:
    """Return where the record of a service is kept."""
    return settings.state / "run" / f"{name}.json"


def log_path(settings: StackSettings, name: str) -> Path:
    """Return the log file of a service."""
    return settings.state / "logs" / f"{name}.log"


def read_record(settings: StackSettings, name: str) -> Record | None:
    """Return the record of a service, None when there is none from this boot of the machine."""
    try:
        record = Record(**json.loads(record_path(settings, name).read_text()))
    except (FileNotFoundError, ValueError, TypeError):  # a machine that lost power can leave half a file
        return None
    return record if record.boot == read_boot_id() else None


def find_birth(process: psutil.Process) -> float:
    """Return when a process was made, in seconds, by a clock that nobody sets.

    Linux counts from the boot of the machine: to make a time of day of it, psutil adds one that moves with the clock. Elsewhere the
    time of day is noted once.
    """
    return float(process.create_time() - (psutil.boot_time() if psutil.LINUX else 0))


def find_process(record: Record | None) -> psutil.Process | None:
    """Return the service's own process if it is alive."""
    if record is None:
        return None
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(record.pid)
        # Floats: the same to a hundredth, in which Linux counts.
        if abs(find_birth(process) - record.born) < 0.01 and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def find_session(record: Record | None) -> list[psutil.Process]:
    """Return all living processes of the service: each service has a session of its own, its children share it."""
    if record is None:
        return []
    if psutil.pid_exists(record.pid) and find_process(record) is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(record.pid).status() != psutil.STATUS_ZOMBIE:
                return []  # the id belongs to another program now, so nothing of ours is left
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getsid(pid) == record.pid:
                process = psutil.Process(pid)
                if find_birth(process) > record.born - 0.01 and process.status() != psutil.STATUS_ZOMBIE:
                    members.append(process)
    return members


def read_tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8192))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


@dataclass(frozen=True)
class Start:
    """What a service is started with: `<state>/run/<service>.start`, which only its owner can read."""

    argv: list[str]
    environment: dict[str, str]
    fingerprint: str


def write_start(settings: StackSettings, service: Service) -> None:
    """Write what a service is to be started with."""
    start = Start(service.command, dict(service.environment), service.fingerprint)
    write_private(settings.state / "run" / f"{service.name}.start", json.dumps(asdict(start)))


def read_start(settings: StackSettings, name: str) -> Start:
    """Return what a service is to be started with."""
    return Start(**json.loads((settings.state / "run" / f"{name}.start").read_text(encoding="utf-8")))


def start_process(settings: StackSettings, service: Service) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that it outlives the terminal, and write its record."""
    log = log_path(settings, service.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        started = subprocess.Popen(
            service.argv,
            env=dict(service.environment),
            cwd=settings.state,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    record_process(settings, service.name, started.pid, service.fingerprint)
    return started


def record_process(settings: StackSettings, name: str, pid: int, fingerprint: str, *, is_ready: bool = False) -> None:
    """Write the record of a process that leads a session, and is a service."""
    write_record(settings, name, Record(pid, find_birth(psutil.Process(pid)), read_boot_id(), fingerprint, is_ready))


def mark_ready(settings: StackSettings, name: str) -> None:
    """Note that the start of a service came to its end."""
    record = read_record(settings, name)
    if record:
        write_record(settings, name, replace(record, is_ready=True))


def write_record(settings: StackSettings, name: str, record: Record) -> None:
    """Write the record of a service."""
    write_private(record_path(settings, name), json.dumps(asdict(record)))


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal, unless the process ended meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def wait_until_gone(record: Record, seconds: float) -> bool:
    """Wait until the service's own process has ended; return whether it has."""
    end = time.monotonic() + seconds
    while find_process(record):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def stop_process(
    settings: StackSettings,
    name: str,
    number: signal.Signals | None,
    grace_seconds: float,
    patience_seconds: float = 10,
) -> bool:
    """End a service and all its children; return whether anything was alive.

    Its own process is asked first, by the signal; None: it was asked before. Children that are still there after the grace are
    killed, so that it need not wait for them; then it has some patience more to leave in order.
    """
    record = read_record(settings, name)
    if record is None:
        record_path(settings, name).unlink(missing_ok=True)
        return False
    main = find_process(record)
    if main:
        if number:
            send(main, number)
        if not wait_until_gone(record, grace_seconds):
            for child in find_session(record):
                if child.pid != record.pid:
                    send(child, signal.SIGKILL)
            wait_until_gone(record, patience_seconds)
    left = find_session(record)
    for process in left:
        send(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)
    record_path(settings, name).unlink(missing_ok=True)
    return main is not None or bool(left)
