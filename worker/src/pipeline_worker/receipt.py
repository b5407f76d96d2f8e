"""What a person sees of a run, and what is kept of a failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .errors import StageError
from .layout import Layout
from .manifest import Committed, StageSummary, read_committed
from .store import Store


def now_text() -> str:
    """Return the time now in UTC, in whole seconds, as receipts and records spell it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def describe_failure(
    error: StageError, *, run_key: str | None, dataset: str | None, stage: str, attempt: str | None, ask: str | None
) -> dict[str, Any]:
    """Return the failure record of *error*."""
    return {
        "run_key": run_key,
        "dataset": dataset,
        "stage": stage,
        "attempt": attempt,
        "ask": ask,
        "exit": error.exit_code,
        "error": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "fix": error.fix,
        "runbook": error.runbook,
        "details": error.details,
        "at": now_text(),
    }


def mark_failure(record: Mapping[str, Any]) -> str:
    """Return the line of stdout that tells a failure *record* where the store could not take it."""
    return "PIPELINE-FAILURE " + json.dumps(record, ensure_ascii=False, default=str)


def put_receipt(
    store: Store,
    layout: Layout,
    *,
    dataset: str,
    file: str,
    state: str,
    stage: str,
    summaries: Mapping[str, StageSummary],
    links: Mapping[str, str],
    facts: Mapping[str, Any],
    failure: Mapping[str, Any] | None = None,
) -> None:
    """Write the receipt of a run, over the one that is there.

    What the run has published stays told, whatever becomes of a stage that runs again: it is still what people use.

    :param file: the URI of what landed.
    :param summaries: the stages so far, in order.
    :param failure: the failure record that is the reason for *state*, if there is one.
    """
    reason = {name: failure[name] for name in ("what", "where", "fix", "runbook", "details")} if failure else None
    receipt = {
        "run_key": layout.run_key,
        "dataset": dataset,
        "file": file,
        "state": state,
        "stage": stage,
        "reason": reason,
        "links": dict(links),
        "facts": dict(facts),
        "stages": {name: summary.model_dump() for name, summary in summaries.items()},
        "published": _describe_published(read_committed(store, layout, "publish")),
        "updated_at": now_text(),
    }
    content = json.dumps(receipt, indent=1, ensure_ascii=False, default=str).encode()
    store.put(layout.receipt(dataset), content, content_type="application/json")


def _describe_published(committed: Committed | None) -> dict[str, Any] | None:
    """Return what a receipt says of the model that its run has published."""
    if committed is None:
        return None
    manifest = committed.manifest
    return {
        "attempt": manifest.attempt,
        "at": manifest.finished_at,
        "facts": manifest.facts,
        "links": manifest.links,
    }
