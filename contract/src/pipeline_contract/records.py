"""What is kept of a run as JSON: how each record is written, and how it is read.

A record that has not its form raises :class:`RecordInvalid`. Names that a record does not know are left out, so that a record of a later
version can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from .drop_key import choose_receipt_dataset
from .times import write_time

#: What a command prints before its failure record, on a line of its own.
FAILURE_MARK = "PIPELINE-FAILURE "
TRIGGER, DROP = "trigger", "drop"


class RecordInvalid(ValueError):
    """What lies there is no record of ours."""


@dataclass(frozen=True)
class Sidecar:
    """The parameters that came with one file; *text* is None where they were too large to be parameters."""

    key: str
    version: str | None
    text: str | None


@dataclass(frozen=True)
class DropRecord:
    """`drop.json`: the object that a run began with.

    *origin* is `drop` for a file that landed and `trigger` for a manual trigger, whose *payload* is kept here so that the run can be
    repeated by its key alone. *last_modified* is as exact as the store gives it, *place* how many newer versions of the key were listed
    with it, *claimed_at* when this record was made; old records lack the last two.
    """

    run_key: str
    dataset: str
    origin: str
    bucket: str
    key: str
    version: str | None
    etag: str
    size: int
    last_modified: datetime
    place: int = 0
    claimed_at: datetime | None = None
    sidecar: Sidecar | None = None
    payload: Mapping[str, Any] | None = None

    @property
    def uri(self) -> str:
        """Where it lay."""
        return f"s3://{self.bucket}/{self.key}"

    def write(self) -> bytes:
        """Return the record as JSON."""
        claimed_at = self.claimed_at and write_time(self.claimed_at, "auto")
        times = {"last_modified": write_time(self.last_modified, "auto"), "claimed_at": claimed_at}
        return write_json({**asdict(self), **times})

    @classmethod
    def read(cls, content: bytes) -> DropRecord:
        """Return the record that is written in *content*."""
        values = read_json(content)
        sidecar = values.get("sidecar")
        try:
            return cls(
                **{name: _take(values, name, str) for name in ("run_key", "dataset", "bucket", "key", "etag")},
                origin=_take(values, "origin", str),
                version=_take(values, "version", str, None),
                size=_take(values, "size", int),
                last_modified=_read_time(values["last_modified"]),
                place=_take(values, "place", int, 0) or 0,
                claimed_at=_read_time(values["claimed_at"]) if values.get("claimed_at") else None,
                sidecar=Sidecar(
                    _take(sidecar, "key", str), _take(sidecar, "version", str, None), _take(sidecar, "text", str, None)
                )
                if sidecar
                else None,
                payload=_take(values, "payload", dict, None),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordInvalid(f"no drop.json of ours: {error!r}") from error


@dataclass(frozen=True)
class StageSummary:
    """One stage of a run in a line, handed on so that a receipt can tell of all of them.

    *seconds* are those of its work alone; *notes* the first of what a person should know, *more_notes* how many are left out.
    """

    state: str
    attempt: str
    at: str = ""
    seconds: float | None = None
    headline: str = ""
    notes: Sequence[str] = ()
    more_notes: int = 0


@dataclass(frozen=True)
class Reason:
    """Why a run stopped, or waits: what happened, where, and what a person can do."""

    what: str
    where: str
    fix: str
    runbook: str = "runbooks/stage-crashed.md"
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Receipt:
    """What people see of a run; a stage never reads it.

    *state* is `claimed`, what the last stage reached, `waiting`, `refused` or `failed`. *published* is what the run has published, with
    facts and links: it stays while a stage of the run runs again.
    """

    run_key: str
    dataset: str
    file: str
    state: str
    stage: str | None = None
    reason: Reason | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    stages: Mapping[str, StageSummary] = field(default_factory=dict)
    published: Mapping[str, Any] | None = None
    updated_at: str = field(default_factory=write_time)

    def write(self) -> bytes:
        """Return the receipt as JSON."""
        return write_json(asdict(self))

    @classmethod
    def read(cls, content: bytes) -> Receipt:
        """Return the receipt that is written in *content*; what is not in it is empty."""
        values = read_json(content)
        try:
            stages = {name: _read_summary(summary) for name, summary in (values.get("stages") or {}).items()}
            return cls(
                run_key=_take(values, "run_key", str),
                dataset=_take(values, "dataset", str),
                file=values.get("file") or "",
                state=_take(values, "state", str),
                stage=values.get("stage"),
                reason=_read_reason(values["reason"]) if values.get("reason") else None,
                links=_take(values, "links", dict, None) or {},
                facts=_take(values, "facts", dict, None) or {},
                stages=stages,
                published=_take(values, "published", dict, None),
                updated_at=values.get("updated_at") or "",
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise RecordInvalid(f"no receipt of ours: {error!r}") from error


@dataclass(frozen=True)
class Failure:
    """The failure record: why an attempt refused or failed.

    *exit* is the command's exit code, *error* the name of the fault, *params* what it was asked with, where that is known.
    """

    run_key: str | None
    dataset: str | None
    stage: str
    attempt: str | None
    ask: str | None
    exit: int
    error: str
    what: str
    where: str
    fix: str
    runbook: str
    details: Mapping[str, Any] = field(default_factory=dict)
    at: str = field(default_factory=write_time)
    params: Mapping[str, Any] | None = None

    @property
    def reason(self) -> Reason:
        """What a receipt says of it."""
        return Reason(self.what, self.where, self.fix, self.runbook, self.details)

    def write(self) -> bytes:
        """Return the record as JSON."""
        values = asdict(self)
        if self.params is None:
            del values["params"]
        return write_json(values)

    def mark(self) -> str:
        """Return the line of stdout that tells it where the store could not take it; without what may be large."""
        told = {name: value for name, value in asdict(self).items() if name not in {"details", "params"}}
        return FAILURE_MARK + json.dumps(told, ensure_ascii=False, default=str)

    def is_of(self, run_key: str, stage: str, attempt: str) -> bool:
        """Return whether it is that of one attempt, and names a dataset that a receipt can lie under.

        Whatever runs in the worker's process can print a line or put an object. What it says of another run counts for nothing.
        """
        is_named = self.dataset is None or choose_receipt_dataset(self.dataset, run_key) == self.dataset
        return (self.run_key, self.stage, self.attempt) == (run_key, stage, attempt) and is_named

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Failure:
        """Return the record that the JSON object *values* is."""
        try:
            return cls(
                **{name: _take(values, name, str, None) for name in ("run_key", "dataset", "attempt", "ask")},
                **{name: _take(values, name, str) for name in ("stage", "error", "what", "where", "fix", "runbook")},
                exit=_take(values, "exit", int),
                details=_take(values, "details", dict, None) or {},
                at=_take(values, "at", str, None) or "",
                params=_take(values, "params", dict, None),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise RecordInvalid(f"no failure record of ours: {error!r}") from error

    @classmethod
    def read_line(cls, line: str) -> Failure | None:
        """Return the record on a marked *line* of a command's stdout, or None where there is none."""
        if not line.startswith(FAILURE_MARK):
            return None
        try:
            return cls.read(read_json(line.removeprefix(FAILURE_MARK).encode()))
        except RecordInvalid:
            return None


@dataclass(frozen=True)
class Started:
    """`started.json`, which an attempt puts first: with neither manifest nor failure record beside it, it ended without a word."""

    ask: str
    started_at: str = field(default_factory=lambda: write_time(timespec="milliseconds"))
    params: Mapping[str, Any] = field(default_factory=dict)

    def write(self) -> bytes:
        """Return the record as JSON."""
        return write_json(asdict(self))


def describe_published(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a receipt says of the model that the committed *manifest* of the last stage has published."""
    return {
        "attempt": manifest["attempt"],
        "at": manifest["finished_at"],
        "facts": manifest["facts"],
        "links": manifest["links"],
    }


def write_json(value: object) -> bytes:
    """Return *value* as JSON that a person can read."""
    # Half of a pair, which has no UTF-8, is written as JSON escapes it.
    return json.dumps(value, indent=1, ensure_ascii=False, default=str).encode(errors="backslashreplace")


def read_json(content: bytes) -> dict[str, Any]:
    """Return the JSON object in *content*.

    :raises RecordInvalid: it holds none.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecordInvalid(f"no JSON: {error}") from error
    if not isinstance(value, dict):
        raise RecordInvalid("no JSON object")
    return value


_REQUIRED: Any = object()


def _take(values: Mapping[str, Any], name: str, kind: type, default: Any = _REQUIRED) -> Any:
    """Return the value called *name*, which has to be of this *kind*; the *default* where it is missing or null."""
    value = values.get(name)
    if value is None and default is not _REQUIRED:
        return default
    # true is an int to Python, and to nobody else.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"`{name}` is {value!r}")
    return value


def _read_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return time


def _read_reason(values: Mapping[str, Any]) -> Reason:
    what, where, fix, runbook = (str(values.get(name) or "") for name in ("what", "where", "fix", "runbook"))
    return Reason(what, where, fix, runbook, values.get("details") or {})


def _read_summary(values: Mapping[str, Any]) -> StageSummary:
    return StageSummary(
        state=values.get("state") or "",
        attempt=values.get("attempt") or "",
        at=values.get("at") or "",
        seconds=values.get("seconds"),
        headline=values.get("headline") or "",
        notes=values.get("notes") or (),
        more_notes=values.get("more_notes") or 0,
    )
