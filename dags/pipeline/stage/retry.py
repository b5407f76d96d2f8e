"""When a task is tried again, and after how long; one policy for every runner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.sdk import Context, RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException, AirflowTaskTimeout

from pipeline.stage.verdict import Kind, Verdict
from pipeline_contract.s3 import StoreRefused, StoreUnavailable

#: Enough for the longest row of the table: 10, 20, 40, 80, 160 s, then 5 min each is an hour and 20 minutes in all.
RETRIES = 20
#: `watch` waits for the store as long as it takes; the number only has to be finite.
WATCH_RETRIES = 1_000_000

_FIRST_DELAY = timedelta(seconds=10)
_LONGEST_DELAY = timedelta(minutes=5)
_LONGEST_WATCH_DELAY = timedelta(seconds=30)


@dataclass(frozen=True)
class NextTry:
    """Whether an attempt is followed by another: after *delay*, or not at all where it is None."""

    delay: timedelta | None
    reason: str

    @property
    def is_retry(self) -> bool:
        """Whether there will be another attempt."""
        return self.delay is not None


class StageFailed(AirflowException):
    """An attempt ended without its result; the message is what a person should read."""

    def __init__(self, verdict: Verdict, decision: NextTry) -> None:
        super().__init__(f"{verdict.kind.value}. {verdict}")
        self.verdict = verdict
        self.decision = decision


def decide(kind: Kind, *, try_of_ask: int, earlier_crashes: int) -> NextTry:
    """Return what follows the end of an attempt.

    :param try_of_ask: 1 for the first try that this ask made, counted on over its retries.
    :param earlier_crashes: how many tries of this ask crashed before this one.
    """
    if kind in (Kind.DATA, Kind.REQUEST):
        return NextTry(None, f"{kind.value}: another try would end in the same way")
    if kind is Kind.TIMEOUT:
        return NextTry(None, "it took too long: another try would take as long")
    if try_of_ask > RETRIES:
        return NextTry(None, f"given up after {try_of_ask} tries")
    if kind is Kind.CRASH and earlier_crashes:
        return NextTry(None, f"it crashed {earlier_crashes + 1} times")
    if kind is Kind.CRASH:
        return NextTry(_FIRST_DELAY, "it crashed: tried once more")
    return NextTry(_grow(_FIRST_DELAY, try_of_ask, _LONGEST_DELAY), f"{kind.value}: tried again")


def count_tries(try_number: int, max_tries: int) -> int:
    """Return which try of its ask this is: clearing a task raises both numbers, and an ask begins with a clear."""
    return try_number - (max_tries - RETRIES)


class StageRetryPolicy(RetryPolicy):
    """The table of exit codes, as Airflow asks for it. The operator has judged the end already."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,  # noqa: ARG002 - Airflow names them
    ) -> RetryDecision:
        """Return whether and when Airflow tries again; what is no end of an attempt is a fault of ours, a crash."""
        if isinstance(exception, StageFailed):
            decision = exception.decision
        else:
            kind = Kind.OUTSIDE if isinstance(exception, (StoreUnavailable, StoreRefused)) else Kind.CRASH
            kind = Kind.TIMEOUT if isinstance(exception, AirflowTaskTimeout) else kind
            tries = count_tries(try_number, max_tries)
            decision = decide(kind, try_of_ask=tries, earlier_crashes=tries - 1)
        if decision.delay is None:
            return RetryDecision.fail(decision.reason)
        return RetryDecision.retry(decision.delay, decision.reason)


class WatchRetryPolicy(RetryPolicy):
    """`watch` never gives up: a store that is down, or a key that is refused, is tried again with back-off."""

    def evaluate(
        self,
        exception: BaseException,  # noqa: ARG002 - Airflow names them
        try_number: int,
        max_tries: int,
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Return when Airflow tries again."""
        tries = try_number - (max_tries - WATCH_RETRIES)
        return RetryDecision.retry(_grow(timedelta(seconds=1), tries, _LONGEST_WATCH_DELAY), "the watch goes on")


#: What a task needs to be retried as said here. Of a task that was killed no policy is asked, so a delay is given as well.
STAGE_RETRY: dict[str, Any] = {
    "retries": RETRIES,
    "retry_policy": StageRetryPolicy(),
    "retry_delay": _FIRST_DELAY,
}
WATCH_RETRY: dict[str, Any] = {
    "retries": WATCH_RETRIES,
    "retry_policy": WatchRetryPolicy(),
    "retry_delay": timedelta(seconds=2),
}


def _grow(first: timedelta, tries: int, longest: timedelta) -> timedelta:
    """Return *first*, doubled with each try after it, up to *longest*."""
    return min(first * (1 << min(max(tries - 1, 0), 20)), longest)
