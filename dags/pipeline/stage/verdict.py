"""How an attempt ended, by its exit code and its failure record; one table for every runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pipeline_contract.exit_code import KILLED, NEED_RECORD, NOT_STARTED, ExitCode
from pipeline_contract.records import Failure, Reason


class Kind(Enum):
    """The ways in which an attempt ends."""

    DONE = "done"
    DATA = "the data is at fault"
    REQUEST = "the request is at fault"
    OUTSIDE = "something outside is down"
    CRASH = "it crashed"
    TIMEOUT = "it took too long"
    STOPPED = "Airflow stopped it"


#: What a command says itself of its end, by its exit code.
_KINDS: Mapping[int, Kind] = {
    ExitCode.DONE: Kind.DONE,
    ExitCode.DATA: Kind.DATA,
    ExitCode.REQUEST: Kind.REQUEST,
    ExitCode.OUTSIDE: Kind.OUTSIDE,
}


@dataclass(frozen=True)
class Verdict:
    """The end of one attempt.

    :param code: the exit code; 128 + n where signal n ended it; None where it was not an exit that ended it.
    :param reason: what a person is told; nothing of a success.
    :param record: the failure record that the command left.
    """

    kind: Kind
    code: int | None
    reason: Reason = field(default=Reason("", "", ""))
    record: Failure | None = None

    def __str__(self) -> str:
        return f"{self.reason.what} Where: {self.reason.where}. What to do: {self.reason.fix}"


def judge_exit(code: int, record: Failure | None, *, last_words: str = "") -> Verdict:
    """Return how an attempt ended that exited with *code*.

    :param code: negative where a signal ended it, as Python's `subprocess` gives it.
    :param record: the failure record of this attempt, where there is one.
    :param last_words: the last lines of its log, kept where nothing better is known.
    """
    code = code if code >= 0 else 128 - code
    kind = _KINDS.get(code, Kind.CRASH)
    if kind is Kind.DONE:
        return Verdict(kind, code)
    if code in NEED_RECORD and (record is None or record.exit != code):
        kind, record = Kind.CRASH, None
    return Verdict(kind, code, record.reason if record else _describe_crash(code, last_words), record)


def _describe_crash(code: int, last_words: str) -> Reason:
    if code == KILLED:
        what = f"The command ran out of memory or was killed (exit {code})."
        fix = "Give the machine or the container more memory, or use less data; if someone killed it, run the stage again."
    elif code in NOT_STARTED:
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
    return Reason(what, "the command's own log", fix, details={"exit": code, "last_words": last_words})
