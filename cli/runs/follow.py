"""Follows a run to its end, and says what happens meanwhile."""

import time
from collections.abc import Callable
from datetime import datetime

from cli.errors import AirflowUnreachable
from cli.runs.airflow_api import Airflow, DagRun
from cli.runs.receipts import Receipts
from cli.runs.report import report_end
from cli.runs.run_status import FollowedRun, RunStatus, make_status
from cli.show import Show
from pipeline_contract.records import Receipt
from pipeline_contract.state import State

_LOOK_SECONDS = 0.4
_AIRFLOW_SECONDS = 1.5
_HINT_SECONDS = 20.0
_CLAIM_SECONDS = 300.0
_NO_OBSTACLE = "Nothing moves, and Airflow names no reason: it may be busy, or just started. Waiting goes on."
#: How long a Dag run that failed may take to show up in the receipt.
_PATIENCE_SECONDS = 5.0


class Hints:
    """Says, when nothing moves for a while, what may stand in the way; each thing once."""

    def __init__(self, airflow: Airflow, show: Show) -> None:
        self._airflow = airflow
        self._show = show
        self._moved = time.monotonic()
        self._said: set[str] = set()

    def move(self) -> None:
        """Something moved."""
        self._moved = time.monotonic()

    def look(self) -> None:
        """Say what stands in the way, where nothing has moved for so long."""
        if time.monotonic() - self._moved < _HINT_SECONDS:
            return
        self.move()
        obstacles = self._airflow.find_obstacles() or [_NO_OBSTACLE]
        for obstacle in obstacles:
            if obstacle not in self._said:
                self._said.add(obstacle)
                self._show.say("look", obstacle, "!", "yellow")


def wait_for_claim(
    dataset: str, digest: str, since: datetime, receipts: Receipts, airflow: Airflow, show: Show
) -> Receipt | None:
    """Return the first receipt of a drop, None where nothing picked it up in time."""
    hints = Hints(airflow, show)
    began = time.monotonic()
    while time.monotonic() - began < _CLAIM_SECONDS:
        show.wait_for("claimed   waits to be picked up by `watch`")
        receipt = receipts.find_drop(dataset, digest, since)
        if receipt is not None:
            return receipt
        hints.look()
        time.sleep(_LOOK_SECONDS)
    return None


def follow(followed: FollowedRun, receipts: Receipts, airflow: Airflow, show: Show) -> int:
    """Follow what was asked for, and say how it ended; return the exit code, also where a person stops looking."""
    try:
        return _follow_to_end(followed, receipts, airflow, show)
    except KeyboardInterrupt:
        return show.leave(f"make status RUN={followed.run_key}")


def _follow_to_end(followed: FollowedRun, receipts: Receipts, airflow: Airflow, show: Show) -> int:
    hints = Hints(airflow, show)
    read_runs = _make_reader(followed, airflow, show)
    last: RunStatus | None = None
    failed_at: float | None = None
    while True:
        runs = read_runs(_AIRFLOW_SECONDS)  # before the receipt: what is over in Airflow has left its last word there
        receipt = receipts.read(followed.dataset, followed.run_key)
        status = make_status(followed, receipt, runs)
        if status.end == State.FAILED and status.reason is None:
            # Airflow knew first. Only when no word follows is there none.
            failed_at = failed_at or time.monotonic()
            is_over = time.monotonic() - failed_at > _PATIENCE_SECONDS
        else:
            is_over = status.end is not None
        if is_over or status.end is None:
            show.update(status)
        if is_over:
            return report_end(followed, status, receipt, read_runs(0.0) or (), airflow, show)
        if status != last or (status.current and status.current.state in {State.RUNNING, State.WAITING}):
            hints.move()
        hints.look()
        last = status
        time.sleep(_LOOK_SECONDS)


def _make_reader(followed: FollowedRun, airflow: Airflow, show: Show) -> Callable[[float], list[DagRun] | None]:
    """Return what reads Airflow's runs where it last did so that many seconds ago; None while it does not answer."""
    runs: list[DagRun] | None = []
    read_at = 0.0
    was_told = False

    def read(oldest_seconds: float) -> list[DagRun] | None:
        nonlocal runs, read_at, was_told
        if time.monotonic() - read_at < oldest_seconds:
            return runs
        try:
            runs = airflow.find_runs(followed.run_key)
        except AirflowUnreachable as error:
            if not was_told:
                show.say("look", f"{error} Until then the receipt alone is followed.", "!", "yellow")
            runs, was_told = None, True
        read_at = time.monotonic()
        return runs

    return read
