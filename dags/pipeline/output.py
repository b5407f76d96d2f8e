"""What a command writes while it runs: its log is said line by line as it comes, its stdout is kept for the result."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable

from pipeline.attempt import Exit, Log
from pipeline.ending import read_marked_line

#: How many lines of stdout and of the log are kept, and how long a line may become, in bytes.
_KEPT_LINES = 1000
_LONGEST_LINE = 64 * 1024
#: How the worker writes its log.
_WORKER_LINE = re.compile(r"\d\d:\d\d:\d\d (?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) +(?P<text>.*)")


class Lines:
    """Takes the bytes of a stream apart into lines."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._rest = b""

    def add(self, chunk: bytes) -> None:
        """Take what came, whether it ends with a line or not."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._take(line.decode(errors="replace").rstrip("\r"))

    def finish(self) -> None:
        """Take the rest, which no line end followed."""
        if self._rest:
            self._take(self._rest.decode(errors="replace"))
        self._rest = b""


class Output:
    """Both streams of one command: *stderr* goes into the task's log, *stdout* is kept."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._result: deque[str] = deque(maxlen=_KEPT_LINES)
        self._words: deque[str] = deque(maxlen=20)
        self.stdout = Lines(self._result.append)
        self.stderr = Lines(self._say)

    def end(self, code: int, *, is_stopped: bool = False) -> Exit:
        """Return the exit of the command, which ended with *code*."""
        self.stdout.finish()
        self.stderr.finish()
        record = next((record for line in reversed(self._result) if (record := read_marked_line(line))), None)
        last = next((line for line in reversed(self._result) if line.strip()), "")
        return Exit(code, record, last, "\n".join(self._words), is_stopped=is_stopped)

    def _say(self, line: str) -> None:
        self._words.append(line)
        # The time and the level of the worker's own lines become those of the task's log.
        found = _WORKER_LINE.match(line)
        level, text = (found["level"], found["text"]) if found else ("INFO", line)
        self._log.log(logging.getLevelNamesMapping()[level], "%s", text)
