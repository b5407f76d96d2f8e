"""The `process` runner: a command in the worker's virtual environment on this machine."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from pipeline.runners.output import Output
from pipeline.runners.scratch import build_environment, open_scratch
from pipeline.settings import get_settings
from pipeline.stage.attempt import CommandExit, make_environment
from pipeline.stage.operator import StageOperator
from pipeline_contract.exit_code import NOT_FOUND

#: How long a command has to end by itself, in seconds. Airflow kills the task 5 s after it asked.
GRACE_SECONDS = 3.0


class ProcessOperator(StageOperator):
    """Runs the command as a process in a session of its own.

    The process ends with its operator, however that ends: told by signals when Airflow stops the task or it takes too
    long, and by the end of its stdin, whose other end only this process holds, when Airflow's worker is killed.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def run_command(self, arguments: Sequence[str]) -> CommandExit:
        """Run the worker's Python with *arguments*, in a scratch folder that is gone afterwards."""
        settings = get_settings()
        python = settings.worker_python or ""
        if not os.access(python, os.X_OK):
            return CommandExit(
                NOT_FOUND, last_words=f"ML_PIPELINE_WORKER_PYTHON is `{python}`, which cannot be started."
            )
        with open_scratch(settings.scratch) as scratch:
            self._process = subprocess.Popen(
                [python, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=scratch,
                env=build_environment(make_environment(settings), scratch),
                start_new_session=True,
            )
            try:
                return self._follow(self._process)
            finally:
                end_session(self._process)

    def on_kill(self) -> None:
        """Ask the command to end. Airflow calls this within a signal handler, so who waits already goes on waiting."""
        self._is_stopped = True
        if self._process is not None and self._process.returncode is None:
            _signal_session(self._process.pid, signal.SIGTERM)

    def _follow(self, process: subprocess.Popen[bytes]) -> CommandExit:
        """Return the exit of *process*; its log is said line by line as it comes, its stdout is kept."""
        with contextlib.closing(Output(self.log)) as output, selectors.DefaultSelector() as selector:
            for stream, lines in ((process.stdout, output.stdout), (process.stderr, output.stderr)):
                if stream is not None:
                    selector.register(stream, selectors.EVENT_READ, lines)
            self._read_streams(process, selector)
            if self._is_stopped:
                end_session(process)
            return output.end(process.wait(), is_stopped=self._is_stopped)

    def _read_streams(self, process: subprocess.Popen[bytes], selector: selectors.BaseSelector) -> None:
        """Read until both streams have ended, or the process has, or Airflow has waited long enough for it."""
        deadline = None
        while selector.get_map():
            ready = selector.select(timeout=0.5)
            for key, _ in ready:
                if chunk := os.read(key.fd, 65536):
                    key.data.add(chunk)
                else:
                    selector.unregister(key.fileobj)
            if self._is_stopped:
                deadline = deadline or time.monotonic() + GRACE_SECONDS
            # A process that it left behind may hold the streams open.
            if not ready and (process.poll() is not None or (deadline and time.monotonic() > deadline)):
                break


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End *process* and everything that it started: ask, wait for the grace, then kill."""
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        _signal_session(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_session(process.pid, signal.SIGKILL)
            process.wait()
    # What it left behind is in its session, which is named after it.
    _signal_session(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _signal_session(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return
