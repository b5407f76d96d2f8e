"""A Python in which nothing of ours is imported yet, in a tenth of the time that it takes to start one.

To import Airflow takes seconds. One process does that and nothing else; each run is a fork of it, with an environment,
a folder and output of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DAGS = Path(__file__).parents[2] / "dags"


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    returncode: int
    output: str


class Interpreter:
    """The process that has imported Airflow; it runs one piece of code after the other."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._output = folder / "output"
        self._running = 0

    def start(self, code: str, environment: Mapping[str, str] | None = None) -> int:
        """Start to run *code*, which finds our Dag files, in an *environment* (else this one's); return the process id."""
        if self._running:
            # Left by a test that failed.
            os.kill(self._running, signal.SIGKILL)
            self.wait()
        asked = {
            "code": code,
            "environment": dict(os.environ if environment is None else environment),
            "output": str(self._output),
        }
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        self._running = self._read()
        return self._running

    def wait(self) -> Done:
        """Wait for the end of what was started last."""
        code, self._running = self._read(), 0
        return Done(code, self._output.read_text(encoding="utf-8", errors="replace"))

    def run(self, code: str, environment: Mapping[str, str] | None = None) -> Done:
        """Run *code* to its end; see :meth:`start`."""
        self.start(code, environment)
        return self.wait()

    def _read(self) -> int:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the interpreter has ended"
        return int(line)


@contextmanager
def open_interpreter(folder: Path, environment: Mapping[str, str]) -> Iterator[Interpreter]:
    """Give an interpreter whose Airflow is configured by *environment*, until the block ends."""
    command = [sys.executable, __file__]
    with subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
    ) as process:
        yield Interpreter(process, folder)
        assert process.stdin
        process.stdin.close()


def _serve() -> None:
    """Import Airflow's own parts, then fork for each line of stdin; answer with the process id, and later the exit."""
    # Names, as the module itself imports nothing; and an asset, for whose URI a provider is looked up.
    from airflow.sdk import Asset, BaseOperator, PartitionedAssetTimetable, RetryPolicy, chain, dag  # noqa: F401

    Asset("any", uri="s3://bucket/any")
    ours = {
        name
        for name in sys.modules
        if name.partition(".")[0] in {"pipeline", *(file.stem for file in DAGS.glob("*.py"))}
    }
    assert not ours, ours
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            answers.close()
            _run(**json.loads(line))
        print(child, file=answers, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)
    # What Airflow does when an interpreter ends takes seconds.
    os._exit(0)


def _run(code: str, environment: dict[str, str], output: str) -> None:
    """Run *code* as `python -c` would, and leave."""
    os.environ.clear()
    os.environ.update(environment)
    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for new, old in ((nothing, 0), (target, 1), (target, 2)):
        os.dup2(new, old)
    sys.path[:0] = [str(DAGS)]
    warnings.resetwarnings()
    status = 0
    try:
        exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})  # noqa: S102 - the tests' own code
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter itself ends
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
