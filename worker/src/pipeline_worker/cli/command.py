"""What the four commands share: their arguments, their log, their exit."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pipeline_contract.drop_key import dataset_of_request
from pipeline_contract.escape import escape
from pipeline_contract.exit_code import ExitCode
from pipeline_contract.run_key import make_run_key
from pipeline_contract.stages import FIRST, STAGES

from ..errors import ParameterInvalid, StageError
from ..run.attempt import Attempt, Outcome, Work
from ..run.begin import Invocation
from ..run.parameters import parse_layer
from ..run.receipt import describe_failure
from ..run.stage import StarterGone, run_stage
from ..settings import check_contract, read_settings
from ..short_name import shorten_told
from ..store.base import open_store

#: The exit of a command that was asked to end: 128 and the number of SIGTERM.
_STOPPED = 128 + signal.SIGTERM
_starter_gone = threading.Event()
#: How long a command has to end by itself, in seconds; who stops one waits for 3 s at least.
_GRACE_SECONDS = 2.0


def main(stage: str, description: str, example: str, argv: Sequence[str] | None = None) -> int:
    """Run the command of *stage* with *argv*, print its result, and return its exit code."""
    options = _make_parser(stage, description, example).parse_args(argv)
    # Importing the large libraries makes millions of objects that live to the end: looking for garbage among them as
    # often as Python does by default takes a fifth of the time that the imports take.
    gc.set_threshold(200_000, 20, 50)
    handler = logging.StreamHandler()
    handler.setFormatter(EscapedFormatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("pipeline_worker").setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, _stop)
    try:
        check_contract()
        settings = read_settings(store_folder=options.store)
        if settings.exit_with_stdin:
            threading.Thread(target=_exit_with_stdin, daemon=True).start()
        ended = run_stage(_read_invocation(stage, options), _make_work(stage), open_store(settings), settings)
    except StageError as error:
        # Refused before there was a run to keep a record in.
        print(f"{STAGES[stage].command}: {error}", file=sys.stderr)
        print(describe_failure(error, stage, options.run, options.attempt, options.ask).mark())
        return error.exit_code
    except SystemExit:
        # What was begun has ended by now, the run in MLflow too. The usual tear-down could outlast the grace.
        exit_quickly(_STOPPED)
    if _starter_gone.is_set():
        # Nobody reads what would be printed.
        os._exit(ended.exit_code)
    for text in ended.stdout:
        # JSON, over lines or in one, stays what it is: it is escaped as JSON does.
        print("\n".join(map(escape, text.split("\n"))))
    return ended.exit_code


class EscapedFormatter(logging.Formatter):
    """Writes out what cannot be seen, cuts long names, and indents all lines of a message but the first: no data can pass for a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or lines, of *record*."""
        first, *others = shorten_told(super().format(record)).split("\n")
        return "\n".join([escape(first), *(f"  {escape(line)}" for line in others)])


def exit_quickly(code: int) -> NoReturn:
    """Leave with *code*, without the second that the tear-down of the large libraries takes."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _make_parser(stage: str, description: str, example: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m pipeline_worker.cli.{STAGES[stage].command}",
        description=description,
        epilog=f"example, without Airflow, on a folder that stands in for S3:\n\n{example}\n\n"
        f"exit codes: {ExitCode.DONE} done; {ExitCode.DATA} the data is at fault; {ExitCode.REQUEST} the request is at fault; "
        f"{ExitCode.CRASH} a crash; {ExitCode.OUTSIDE} something outside is down, try again.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    is_first = stage == FIRST.name
    parser.add_argument(
        "--run",
        required=not is_first,
        metavar="KEY",
        help="run key, such as penguins.20260131T120000Z.1a2b3c4d" + (" (default: a new run)" if is_first else ""),
    )
    parser.add_argument(
        "--attempt", metavar="NAME", help="name of this attempt, never used before (default: made of the time)"
    )
    parser.add_argument("--ask", metavar="TEXT", help="who asked; retries are of the same ask (default: the attempt)")
    parser.add_argument("--again", action="store_true", help="do the work anew even if it is done already")
    parser.add_argument(
        "--params",
        default="{}",
        metavar="JSON",
        help="parameters as a JSON object: "
        + ("those of a new run, or overrides for one that has begun" if is_first else "overrides for this stage"),
    )
    parser.add_argument(
        "--store",
        type=Path,
        metavar="FOLDER",
        help="use FOLDER/<bucket>/<key> instead of the S3 that OBJECT_STORAGE_ENDPOINT_URL names",
    )
    return parser


def _read_invocation(stage: str, options: argparse.Namespace) -> Invocation:
    params = parse_layer(options.params, "--params").values
    now = datetime.now(UTC)
    attempt = options.attempt or f"by-hand-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    if not attempt.strip() or attempt in {".", ".."} or "/" in attempt:
        raise ParameterInvalid(
            "It cannot be the name of a folder.", where="--attempt", fix="Use letters, digits, `.`, `_` and `-`."
        )
    run_key = options.run
    if run_key is None:
        dataset = dataset_of_request(params.get("dataset"), params.get("data_source"))
        run_key = str(make_run_key(dataset, now, attempt))
        print(f"run key: {run_key}", file=sys.stderr)
    return Invocation(stage, run_key, attempt, options.ask or attempt, options.again, params)


def _make_work(stage: str) -> Work:
    def work(attempt: Attempt) -> Outcome:
        # Each stage loads its own libraries and no others, and none before there is work for them.
        with attempt.timed("imports"):
            module = import_module(f"pipeline_worker.stages.{stage}.stage")
        outcome: Outcome = getattr(module, stage)(attempt)
        return outcome

    return work


def _exit_with_stdin() -> None:
    """End this process as soon as the other end of stdin closes: whoever started it is gone."""
    while os.read(0, 4096):
        pass
    _starter_gone.set()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(_STOPPED)


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Let what was begun end: the run in MLflow as failed, the scratch folder as removed."""
    # Once is enough; another signal would cut that short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise StarterGone if _starter_gone.is_set() else SystemExit(_STOPPED)
