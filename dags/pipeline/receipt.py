"""The receipt of a run, where the worker could not write it: before the first stage, and after an attempt that left no word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipeline.layout import Layout
from pipeline.settings import Settings
from pipeline.store import AlreadyThere, Store, get_json, put_json


def tell_time(time: datetime | None = None, timespec: str = "seconds") -> str:
    """Return *time*, or the time now, in UTC, as records spell it: in whole seconds, or as exact as `auto` makes it."""
    return (time or datetime.now(UTC)).astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def put_first_receipt(
    store: Store, settings: Settings, *, run_key: str, dataset: str, file: str, reason: dict[str, Any] | None = None
) -> None:
    """Write the receipt of a drop: claimed, or with a *reason* set aside. One that is there already is left alone."""
    state, stage = ("failed", "watch") if reason else ("claimed", None)
    receipt = {
        "run_key": run_key,
        "dataset": dataset,
        "file": file,
        "state": state,
        "stage": stage,
        "reason": reason,
        "links": {},
        "facts": {},
        "stages": {},
        "published": None,
        "updated_at": tell_time(),
    }
    key = Layout(settings.prefix).receipt(dataset, run_key)
    try:
        put_json(store, settings.artifact_bucket, key, receipt, if_none_match=True)
    except AlreadyThere:
        return


def put_failed_receipt(
    store: Store,
    settings: Settings,
    *,
    run_key: str,
    dataset: str,
    stage: str,
    attempt: str,
    seconds: float,
    state: str,
    reason: dict[str, Any],
) -> None:
    """Write into the receipt of a run that an attempt ended, and why; what else it says stays.

    :param seconds: how long the attempt took.
    :param state: waiting, refused or failed.
    :param reason: what, where, fix, runbook, details.
    """
    key = Layout(settings.prefix).receipt(dataset, run_key)
    before = get_json(store, settings.artifact_bucket, key) or {}
    summary = {
        "state": state,
        "attempt": attempt,
        "at": tell_time(),
        "seconds": round(seconds, 3),
        "headline": reason["what"],
    }
    receipt = {
        "run_key": run_key,
        "dataset": dataset,
        "file": before.get("file"),
        "state": state,
        "stage": stage,
        "reason": reason,
        "links": before.get("links") or {},
        "facts": before.get("facts") or {},
        "stages": {**(before.get("stages") or {}), stage: summary},
        "published": before.get("published"),
        "updated_at": tell_time(),
    }
    put_json(store, settings.artifact_bucket, key, receipt)
