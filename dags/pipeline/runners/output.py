"""What a command writes while it runs: its log is said line by line as it comes, its stdout is kept for the result."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable

from pipeline.stage.attempt import CommandExit, Log
from pipeline_contract.escape import escape
from pipeline_contract.records import Failure

#: How many lines of stdout and of the log are kept, and how long a line may become, in bytes.
_KEPT_LINES = 1000
_LONGEST_LINE = 64 * 1024
#: What a person, and Airflow's server in one piece, can read of a log: so much from its beginning, and so much to its end.
_HEAD_LINES, _HEAD_BYTES = 40_000, 8 << 20
_TAIL_LINES, _TAIL_BYTES = 10_000, 2 << 20
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


class BoundedLog:
    """Says lines as they come, up to a length; of what comes then the last ones are kept, and said at the end."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lines = self._bytes = 0
        self._tail: deque[tuple[int, str, int]] = deque()
        self._tail_bytes = self._omitted = self._omitted_bytes = 0

    def say(self, level: int, text: str) -> None:
        """Say a line now or, where there were too many, perhaps at the end."""
        size = len(text.encode())
        if not self._tail and self._lines < _HEAD_LINES and self._bytes + size <= _HEAD_BYTES:
            self._lines += 1
            self._bytes += size
            self._log.log(level, "%s", text)
            return
        if not self._tail:
            self._log.warning(
                "The log is too long: of what follows the end alone is kept, and told when the command has ended."
            )
        self._tail.append((level, text, size))
        self._tail_bytes += size
        while len(self._tail) > _TAIL_LINES or self._tail_bytes > _TAIL_BYTES:
            omitted = self._tail.popleft()[2]
            self._tail_bytes -= omitted
            self._omitted += 1
            self._omitted_bytes += omitted

    def finish(self) -> None:
        """Say how much was left out, and the end of it all."""
        if self._omitted:
            self._log.warning("%d lines (%d bytes) of the log were left out here.", self._omitted, self._omitted_bytes)
        for level, text, _ in self._tail:
            self._log.log(level, "%s", text)
        self._tail.clear()
        self._omitted = self._omitted_bytes = 0


class Output:
    """Both streams of one command: *stderr* goes into the task's log, *stdout* is kept."""

    def __init__(self, log: Log) -> None:
        self._log = BoundedLog(log)
        self._result: deque[str] = deque(maxlen=_KEPT_LINES)
        self._words: deque[str] = deque(maxlen=20)
        self.stdout = Lines(self._result.append)
        self.stderr = Lines(self._say)

    def close(self) -> None:
        """Say all that came, however the command ended."""
        self.stdout.finish()
        self.stderr.finish()
        self._log.finish()

    def end(self, code: int, *, is_stopped: bool = False) -> CommandExit:
        """Return the exit of the command, which ended with *code*."""
        self.close()
        record = next((record for line in reversed(self._result) if (record := Failure.read_line(line))), None)
        last = next((line for line in reversed(self._result) if line.strip()), "")
        return CommandExit(code, record, last, "\n".join(self._words), is_stopped=is_stopped)

    def _say(self, line: str) -> None:
        line = escape(line)
        self._words.append(line)
        # The time and the level of the worker's own lines become those of the task's log.
        found = _WORKER_LINE.match(line)
        level, text = (found["level"], found["text"]) if found else ("INFO", line)
        self._log.say(logging.getLevelNamesMapping()[level], text)
