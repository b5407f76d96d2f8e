"""Every way in which a stage can end badly, and the exit code that each means.

::

    StageError                     what, where, fix; details for a program
     ├── DataFault            1    the data is at fault: a person mends the file
     │    ├── DataUnreadable         not the format it should be, or empty
     │    └── RulesViolated          readable, but against `data_validation`
     ├── RequestFault         2    the request is at fault: a person mends the parameters
     │    ├── ParameterInvalid       unknown, mistyped, out of bounds, not there yet
     │    ├── ColumnMissing          a parameter names a column that the data lacks
     │    ├── RuleUnusable           a rule that cannot be evaluated on this data
     │    ├── LocationRefused        a source or a target lies where it may not
     │    ├── RunUnknown             the run key has no drop, or an earlier stage is missing
     │    └── TargetTaken            another object lies at the target already
     ├── Unavailable         75    something outside is down: worth a retry
     │    ├── StorageUnreachable
     │    │    └── StorageRefused    it answers, but not to this key, or has no such bucket
     │    ├── TrackingUnavailable
     │    │    └── TrackingConflict  its database took another worker's write first
     │    ├── CommitLost             another attempt committed first
     │    ├── LeftAlone              whoever started this command is gone
     │    └── ContractDiffers        it was started by another version of the pipeline
     └── Crash               70    a fault of ours
          └── AttemptsExhausted      two attempts of this ask ended without a word

Only :mod:`pipeline_worker.cli` turns one of these into an exit code.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from pipeline_contract.escape import escape
from pipeline_contract.exit_code import ExitCode

from .short_name import shorten_told

_SHOWN_NAMES = 30


class StageError(Exception):
    """A stage cannot go on.

    What these three say is escaped here, as names and values of data are among it.

    :param what: what happened, one sentence.
    :param where: the object, column or parameter that it is about.
    :param fix: what a person can do about it.
    :param details: facts for a program, JSON-serialisable.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.CRASH
    runbook: ClassVar[str] = "runbooks/stage-crashed.md"

    def __init__(self, what: str, *, where: str, fix: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(what)
        self.what, self.where, self.fix = (escape(shorten_told(each)) for each in (what, where, fix))
        self.details = dict(details or {})

    def __str__(self) -> str:
        return f"{self.what} (where: {self.where}; what to do: {self.fix})"


class DataFault(StageError):
    """The data is at fault; the same bytes will never pass."""

    exit_code = ExitCode.DATA
    runbook = "runbooks/data-unreadable.md"


class DataUnreadable(DataFault):
    """The bytes are not a table of the format that they should be."""


class RulesViolated(DataFault):
    """The table was read, and breaks rules of `data_validation`."""

    runbook = "runbooks/validation-blocks-good-data.md"


class RequestFault(StageError):
    """The parameters are at fault; the data may be fine."""

    exit_code = ExitCode.REQUEST
    runbook = "runbooks/request-refused.md"


class ParameterInvalid(RequestFault):
    """A parameter is unknown, of the wrong type, out of bounds, or not there yet."""


class ColumnMissing(RequestFault):
    """A parameter names a column that the table does not have."""


class RuleUnusable(RequestFault):
    """A rule cannot be evaluated on this table (a date bound on a text column, for instance)."""

    runbook = "runbooks/validation-blocks-good-data.md"


class LocationRefused(RequestFault):
    """A source or target URI lies outside the places that the settings allow."""


class RunUnknown(RequestFault):
    """The run key names no drop, or the stage before has committed nothing."""


class TargetTaken(RequestFault):
    """Another object lies at the target, and targets are never overwritten."""


class Unavailable(StageError):
    """Something outside this process does not answer; a later attempt may succeed."""

    exit_code = ExitCode.OUTSIDE
    runbook = "runbooks/storage-unreachable.md"


class StorageUnreachable(Unavailable):
    """The object store does not answer, or cannot do what it was asked."""


class StorageRefused(StorageUnreachable):
    """The object store answers, but knows no such bucket or lets the worker's key not do this."""


class TrackingUnavailable(Unavailable):
    """MLflow does not answer."""

    runbook = "runbooks/mlflow-unreachable.md"


class TrackingConflict(TrackingUnavailable):
    """MLflow's database did not take a write, as another worker wrote the same at that moment."""


class CommitLost(Unavailable):
    """Another attempt of this stage committed while this one worked."""

    runbook = "runbooks/stage-crashed.md"


class LeftAlone(Unavailable):
    """Whoever started this command is gone, so nobody waits for what it does."""

    runbook = "runbooks/stage-crashed.md"


class ContractDiffers(Unavailable):
    """Whoever started this command is of another version of the pipeline, so that the two may not understand each other."""

    runbook = "runbooks/stage-crashed.md"


class Crash(StageError):
    """A fault of ours."""


class AttemptsExhausted(Crash):
    """Two attempts of this ask ended without any record, so a third would too."""


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return ``' Did you mean `x`?'`` for the closest of *known*, or an empty string."""
    nearest = find_nearest(name, known)
    return f" Did you mean {quote_name(nearest)}?" if nearest is not None else ""


def quote_name(name: str) -> str:
    """Return a *name* that is not ours, so that nothing in it reads as its end, or as parameters to paste."""
    return json.dumps(name, ensure_ascii=False) if "`" in name or '"' in name else f"`{name}`"


def quote_names(names: Sequence[str]) -> str:
    """Return the first of *names* that are not ours, and how many there are where these are not all."""
    shown = ", ".join(map(quote_name, names[:_SHOWN_NAMES]))
    return shown + (f", ... ({len(names)} in all)" if len(names) > _SHOWN_NAMES else "")


def find_nearest(name: str, known: Iterable[str], least_alike: float = 0.6) -> str | None:
    """Return the one of *known* that *name* may have been meant to be, or None."""
    folded = {other.casefold(): other for other in known}
    matches = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=least_alike)
    return folded[matches[0]] if matches else None
