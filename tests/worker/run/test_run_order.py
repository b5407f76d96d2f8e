"""Which of two runs is the later one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from pipeline_worker.run.run_order import tell_order


def test_runs_are_sorted_by_time_then_by_place_then_by_claim() -> None:
    """A text stands for each run, and those of the later runs are greater, whatever a time's zone and exactness."""
    time = datetime(2026, 1, 1, tzinfo=UTC)
    claimed = [time + timedelta(seconds=seconds) for seconds in (7, 8, 9)]
    in_order = [
        # Three versions of one listing, and one that landed in their second and was claimed after them,
        tell_order(time, 10, claimed[1]),
        tell_order(time, 2, claimed[1]),
        tell_order(time, 0, claimed[1]),
        tell_order(time, 0, claimed[2]),
        # then what landed later, as little as it may be, whenever it was claimed, and what was not claimed at all.
        tell_order((time + timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=-2))), 5, claimed[0]),
        tell_order(time + timedelta(milliseconds=1)),
        tell_order(time + timedelta(milliseconds=10), 1),
        tell_order(time + timedelta(seconds=1)),
    ]
    assert sorted(in_order) == in_order
    assert len(set(in_order)) == len(in_order)
