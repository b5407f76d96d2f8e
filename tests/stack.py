"""A local stack for tests: a state folder of its own on free ports, the virtual environments shared, ended with the tests."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]

from cli.credentials import write_env_file
from cli.dev.test import make_environ
from cli.runs.airflow_api import open_airflow
from cli.settings import PROJECT, StackSettings, read_settings
from cli.setup.environments import FOLDER as VENVS
from cli.stacks.local import end_service, list_recorded
from cli.stacks.postgres import PORT, program, socket_folder
from cli.stacks.process import find_process, find_session, read_record
from cli.stacks.storage import make_client
from cli.stacks.supervision import NAME as SUPERVISOR
from tests.ports import choose_ports

if TYPE_CHECKING:
    import httpx
    from mypy_boto3_s3 import S3Client

#: The worker, but that only the examples are validated and trained for real.
STUB = PROJECT / "tests" / "stub_worker"


@dataclass(frozen=True)
class Stack:
    """A stack that runs. `environment` is what a command needs to work on this stack and no other."""

    environment: dict[str, str] = field(repr=False)
    settings: StackSettings
    # Not handed on by `replace`: a stack with other keys needs other clients.
    _clients: dict[str, S3Client] = field(default_factory=dict, init=False, repr=False)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m cli` with these arguments on this stack; the test looks at code and output."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=PROJECT,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def up(self, *services: str) -> str:
        """Start what does not run, and return what was said; only some services, and what they need, when named."""
        done = self.run("up", *services)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def client(self, identity: str) -> S3Client:
        """Return the S3 client with the key of `root`, `watch`, `worker`, `mlflow` or `drop`; to make one takes 0.1 s."""
        if identity not in self._clients:
            self._clients[identity] = make_client(self.settings, identity)
        return self._clients[identity]

    def airflow(self) -> contextlib.AbstractContextManager[httpx.Client]:
        """Give a client of Airflow's REST API that is logged in."""
        return open_airflow(self.settings)

    def ask_postgres(self, statement: str) -> str:
        """Return what Postgres answers its administrator in Airflow's database; the password goes by the environment."""
        where = [f"--host={socket_folder(self.settings)}", f"--port={PORT}", "--username=postgres", "--dbname=airflow"]
        return subprocess.run(
            [program(self.settings, "psql"), *where, "--tuples-only", "--no-align", "--command", statement],
            env={"PGPASSWORD": self.settings["POSTGRES_PASSWORD"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def kill_service(self, name: str) -> None:
        """Kill a service's own process, as a crash would; it is started again, at the latest by `up`."""
        self.process(name).kill()

    def stop_service(self, name: str) -> None:
        """End a service; it stays down until it is started."""
        end_service(self.settings, name, None)

    def start_service(self, name: str) -> None:
        """Start one that was ended."""
        self.up(name)

    def find_command(self, run_key: str, command: str) -> psutil.Process | None:
        """Return the process of a run's command, if it runs."""
        for process in self.processes().values():
            # Processes come and go while they are looked at; whoever waits for one looks again.
            children = []
            with contextlib.suppress(psutil.Error):
                children = [process, *process.children(recursive=True)]
            for child in children:
                with contextlib.suppress(psutil.Error):
                    words = child.cmdline()
                    if f"--run={run_key}" in words and f"pipeline_worker.cli.{command}" in words:
                        return child
        return None

    def services(self) -> list[str]:
        """Return the names of the services that have a record, without the supervisor."""
        return list_recorded(self.settings)

    def process(self, service: str) -> psutil.Process:
        """Return the process of a service that runs."""
        process = find_process(read_record(self.settings, service))
        assert process is not None, f"{service} does not run"
        return process

    def processes(self) -> dict[int, psutil.Process]:
        """Return all processes of the stack, by id: the supervisor, which would start the others again, first."""
        members = [find_session(read_record(self.settings, name)) for name in (SUPERVISOR, *self.services())]
        return {process.pid: process for session in members for process in session}


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process does anything; a zombie only waits for its parent to look."""
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def make_stack_environment(folder: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a stack with its settings file in a folder of a short path, and nothing of this one's."""
    # Stacks run beside each other and beside other tests: one that waits takes little of the machine.
    changes = {"AIRFLOW_SCHEDULER_SLEEP_SECONDS": "1"} | changes
    env_file = folder / ".env"
    if not env_file.exists():
        write_env_file(env_file, {**choose_ports(), **changes})
    return {**make_environ(), "PIPELINE_STATE_DIR": str(folder), "PIPELINE_ENV_FILE": str(env_file)}


def make_stack(folder: Path, **changes: str) -> Stack:
    """Return a local stack that was not started."""
    environment = make_stack_environment(folder, **changes)
    return Stack(environment, read_settings(environment))


@contextlib.contextmanager
def open_stack(**changes: str) -> Iterator[Stack]:
    """Give a stack that was not started; what a test starts of it is ended, whatever happens, and its folder goes."""
    # Not pytest's temporary folder: a Unix socket's path has 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="stack-"))
    stack = make_stack(folder, **changes)
    try:
        yield stack
    finally:
        processes = list(stack.processes().values())
        try:
            stack.run("down")
        finally:  # also when a person interrupts this
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def run_stub_stack() -> Iterator[Stack]:
    """Give a stack that runs, with the stub as worker."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "python"
        worker = VENVS / "worker" / "bin" / "python"
        python.write_text(f'#!/bin/sh\nPYTHONPATH="{STUB}" exec "{worker}" "$@"\n')
        python.chmod(0o755)
        with run_stack(ML_PIPELINE_WORKER_PYTHON=str(python)) as stack:
            yield stack


@contextlib.contextmanager
def run_stack(*services: str, **changes: str) -> Iterator[Stack]:
    """Give a stack that runs; only some services of it, and what they need, when named."""
    with open_stack(**changes) as stack:
        stack.up(*services)
        yield stack
