"""What a run began with: old records, and which of two runs is the later one."""

from __future__ import annotations

import json
from typing import Any

from pipeline_contract.records import DropRecord
from pipeline_worker.run.run_order import order_drop
from pipeline_worker.stages.publish.registry import Version

#: As `claim_drops` wrote it before it kept place and claim.
OLD: dict[str, Any] = {
    "run_key": "penguins.20260101T000000Z.aaaaaaaa",
    "dataset": "penguins",
    "origin": "drop",
    "bucket": "drops",
    "key": "penguins/a.csv",
    "version": "v1",
    "etag": "e",
    "size": 8,
    "last_modified": "2026-01-01T00:00:00Z",
    "sidecar": None,
    "payload": None,
}


def read(**changes: Any) -> DropRecord:
    return DropRecord.read(json.dumps(OLD | changes).encode())


def test_an_old_record_is_read() -> None:
    """Its run stands where a version of its model stands that was registered at that time, without an order."""
    drop = read()
    assert (drop.place, drop.claimed_at) == (0, None)
    assert Version(1, drop.run_key, order_drop(drop)).order == Version(1, drop.run_key).order


def test_the_later_of_two_drops() -> None:
    """Time, place and claim decide in this order, and a time that is whole is no later than one that is not."""
    first = read(last_modified="2026-01-01T00:00:00Z", place=0, claimed_at="2026-01-01T00:00:09.5Z")
    second = read(last_modified="2026-01-01T00:00:00.004Z", place=1, claimed_at="2026-01-01T00:00:02Z")
    third = read(last_modified="2026-01-01T00:00:00.004Z", place=0, claimed_at="2026-01-01T00:00:01.25Z")
    fourth = read(last_modified="2026-01-01T00:00:00.004Z", place=0, claimed_at="2026-01-01T00:00:01.5Z")
    orders = [order_drop(drop) for drop in (first, second, third, fourth)]
    assert sorted(set(orders)) == orders


def test_the_time_of_a_trigger_is_its_own() -> None:
    """Its source may be an old file, or one that was put after the trigger."""
    earlier = read(origin="trigger", last_modified="2026-02-02T00:00:00Z", claimed_at="2026-01-01T00:00:09Z")
    later = read(
        origin="trigger",
        run_key="penguins.20260101T000001Z.aaaaaaaa",
        last_modified="2025-01-01T00:00:00Z",
        claimed_at="2026-01-01T00:00:08Z",
    )
    assert order_drop(earlier) < order_drop(later)
