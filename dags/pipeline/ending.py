"""How an attempt ended, by its exit code and its failure record; one table for every runner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pipeline.run_key import choose_receipt_dataset

#: What a command prints before its failure record, on a line of its own.
FAILURE_MARK = "PIPELINE-FAILURE "
#: Exit codes that Python or a shell use as well, so that they count only with a failure record.
_NEEDS_RECORD = (1, 2, 75)


class Kind(Enum):
    """The ways in which an attempt ends."""

    DONE = "done"
    DATA = "the data is at fault"
    REQUEST = "the request is at fault"
    OUTSIDE = "something outside is down"
    CRASH = "it crashed"
    TIMEOUT = "it took too long"
    STOPPED = "Airflow stopped it"


@dataclass(frozen=True)
class Ending:
    """The end of one attempt.

    :param code: the exit code; 128 + n where signal n ended it; None where it was not an exit that ended it.
    :param record: the failure record that the command left, or what we say in its place.
    :param has_record: whether the command left it.
    """

    kind: Kind
    code: int | None
    record: Mapping[str, Any]
    has_record: bool

    def __str__(self) -> str:
        return f"{self.record.get('what')} Where: {self.record.get('where')}. What to do: {self.record.get('fix')}"


def judge_exit(code: int, record: Mapping[str, Any] | None, *, last_words: str = "") -> Ending:
    """Return how an attempt ended that exited with *code*.

    :param code: negative where a signal ended it, as Python's `subprocess` gives it.
    :param record: the failure record of this attempt, where there is one.
    :param last_words: the last lines of its log, kept where nothing better is known.
    """
    code = code if code >= 0 else 128 - code
    kinds = {0: Kind.DONE, 1: Kind.DATA, 2: Kind.REQUEST, 75: Kind.OUTSIDE}
    kind = kinds.get(code, Kind.CRASH)
    if code in _NEEDS_RECORD and (record is None or record.get("exit") != code):
        kind, record = Kind.CRASH, None
    if kind is not Kind.DONE and record is None:
        return Ending(kind, code, _describe_crash(code, last_words), has_record=False)
    return Ending(kind, code, record or {}, has_record=record is not None)


def is_record_of(record: Mapping[str, Any], run_key: str, stage: str, attempt: str) -> bool:
    """Return whether a failure record is that of one attempt, in the form in which the worker writes one.

    Whatever runs in the worker's process can print a line or put an object. What it says of another run counts for nothing.
    """
    dataset = record.get("dataset")
    return (
        (record.get("run_key"), record.get("stage"), record.get("attempt")) == (run_key, stage, attempt)
        and type(record.get("exit")) is int
        and all(isinstance(record.get(name), str) for name in ("error", "what", "where", "fix", "runbook"))
        and isinstance(record.get("details", {}), dict)
        and (dataset is None or (isinstance(dataset, str) and choose_receipt_dataset(dataset, run_key) == dataset))
    )


def describe(
    what: str, *, where: str, fix: str, runbook: str = "runbooks/stage-crashed.md", **details: Any
) -> dict[str, Any]:
    """Return what a failure record says to a person."""
    return {"what": what, "where": where, "fix": fix, "runbook": runbook, "details": details}


def read_marked_line(line: str) -> dict[str, Any] | None:
    """Return the failure record on a line of a command's stdout, or None where it holds none."""
    if not line.startswith(FAILURE_MARK):
        return None
    try:
        record = json.loads(line.removeprefix(FAILURE_MARK))
    except ValueError:
        return None
    return record if isinstance(record, dict) and "exit" in record else None


def _describe_crash(code: int, last_words: str) -> dict[str, Any]:
    if code == 137:
        what = "The command ran out of memory or was killed (exit 137)."
        fix = "Give the machine or the container more memory, or use less data; if someone killed it, run the stage again."
    elif code in (125, 126, 127):
        why = last_words.strip().rpartition("\n")[2]
        what = f"The command could not be started (exit {code})" + (f": {why}" if why else ".")
        fix = (
            "Mend what the message names; check ML_PIPELINE_WORKER_PYTHON (or the image) and that the worker is installed "
            "there, the room in PIPELINE_SCRATCH_DIR, and that the parameters are shorter than 128 KiB."
        )
    elif code > 128:
        what = f"The command was ended by signal {code - 128} (exit {code}) and left no failure record."
        fix = "If someone stopped it, run the stage again; else read the log above."
    else:
        what = f"The command ended with exit {code} and left no failure record."
        fix = "Read the log above: the worker may not be installed where ML_PIPELINE_WORKER_PYTHON points to."
    return describe(what, where="the command's own log", fix=fix, exit=code, last_words=last_words)
