"""The `process` runner: a command in the worker's virtual environment on this machine."""

from __future__ import annotations

import logging
import os
import re
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO, Any

from pipeline.attempt import Exit
from pipeline.ending import read_marked_line
from pipeline.scratch import build_environment, open_scratch
from pipeline.settings import get_settings
from pipeline.stage_operator import StageOperator

#: How long a command has to end by itself, in seconds. Airflow kills the task 5 s after it asked.
GRACE_SECONDS = 3.0
#: How many lines of stdout and of the log are kept, and how long a line may become, in bytes.
_KEPT_LINES = 1000
_LONGEST_LINE = 64 * 1024
#: How the worker writes its log.
_WORKER_LINE = re.compile(r"\d\d:\d\d:\d\d (?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) +(?P<text>.*)")


class ProcessOperator(StageOperator):
    """Runs the command as a process in a session of its own.

    The process ends with its operator, however that ends: told by signals when Airflow stops the task or it takes too
    long, and by the end of its stdin, whose other end only this process holds, when Airflow's worker is killed.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def run_command(self, arguments: Sequence[str]) -> Exit:
        """Run the worker's Python with *arguments*, in a scratch folder that is gone afterwards."""
        settings = get_settings()
        python = settings.worker_python or ""
        if not os.access(python, os.X_OK):
            return Exit(127, last_words=f"ML_PIPELINE_WORKER_PYTHON is `{python}`, which cannot be started.")
        with open_scratch(settings.scratch) as scratch:
            self._process = subprocess.Popen(
                [python, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=scratch,
                env={**build_environment(settings.worker_values, scratch), "PIPELINE_EXIT_WITH_STDIN": "1"},
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

    def _follow(self, process: subprocess.Popen[bytes]) -> Exit:
        """Return the exit of *process*; its log is said line by line as it comes, its stdout is kept."""
        result: deque[str] = deque(maxlen=_KEPT_LINES)
        words: deque[str] = deque(maxlen=20)

        def say(line: str) -> None:
            words.append(line)
            # The time and the level of the worker's own lines become those of the task's log.
            found = _WORKER_LINE.match(line)
            level, text = (found["level"], found["text"]) if found else ("INFO", line)
            self.log.log(logging.getLevelNamesMapping()[level], "%s", text)

        with selectors.DefaultSelector() as selector:
            for stream, take in ((process.stdout, result.append), (process.stderr, say)):
                if stream is not None:
                    selector.register(stream, selectors.EVENT_READ, _Lines(stream, take))
            self._read_streams(process, selector)
        if self._is_stopped:
            end_session(process)
        code = process.wait()
        record = next((record for line in reversed(result) if (record := read_marked_line(line))), None)
        last = next((line for line in reversed(result) if line.strip()), "")
        return Exit(code, record, last, "\n".join(words), is_stopped=self._is_stopped)

    def _read_streams(self, process: subprocess.Popen[bytes], selector: selectors.BaseSelector) -> None:
        """Read until both streams have ended, or the process has, or Airflow has waited long enough for it."""
        deadline = None
        while selector.get_map():
            ready = selector.select(timeout=0.5)
            for key, _ in ready:
                if not key.data.read():
                    selector.unregister(key.fileobj)
            if self._is_stopped:
                deadline = deadline or time.monotonic() + GRACE_SECONDS
            # A process that it left behind may hold the streams open.
            if not ready and (process.poll() is not None or (deadline and time.monotonic() > deadline)):
                break
        for key in selector.get_map().values():
            key.data.finish()


class _Lines:
    """Takes what a stream gives apart into lines."""

    def __init__(self, stream: IO[bytes], take: Callable[[str], None]) -> None:
        self._stream = stream
        self._take = take
        self._rest = b""

    def read(self) -> bool:
        """Take what is there, and return whether more may come."""
        chunk = os.read(self._stream.fileno(), 65536)
        if not chunk:
            self.finish()
            return False
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._take(line.decode(errors="replace").rstrip("\r"))
        return True

    def finish(self) -> None:
        """Take the rest, which no line end followed."""
        if self._rest:
            self._take(self._rest.decode(errors="replace"))
        self._rest = b""


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
