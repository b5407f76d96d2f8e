"""When an attempt is followed by another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowTaskTimeout

from pipeline.stage.retry import (
    RETRIES,
    WATCH_RETRIES,
    StageFailed,
    StageRetryPolicy,
    WatchRetryPolicy,
    count_tries,
    decide,
)
from pipeline.stage.verdict import Kind, Verdict
from pipeline_contract.records import Reason
from pipeline_contract.s3 import StoreRefused, StoreUnavailable


@pytest.mark.parametrize("kind", [Kind.DATA, Kind.REQUEST, Kind.TIMEOUT])
def test_never_retried(kind):
    """Bad data, a bad request and a stage that took too long would end in the same way again."""
    assert not decide(kind, try_of_ask=1, earlier_crashes=0).is_retry


def test_outside_is_retried_for_an_hour():
    """What is outside and down is waited for: 10 s, doubled up to 5 min, for more than an hour in all, and then no more."""
    delays = [decide(Kind.OUTSIDE, try_of_ask=number, earlier_crashes=0).delay for number in range(1, RETRIES + 1)]
    assert [delay.total_seconds() for delay in delays[:7]] == [10, 20, 40, 80, 160, 300, 300]
    assert sum(delays, timedelta()) == timedelta(hours=1, minutes=20, seconds=10)
    assert not decide(Kind.OUTSIDE, try_of_ask=RETRIES + 1, earlier_crashes=0).is_retry


def test_crash_is_retried_once():
    """A crash is tried once more, however many tries something else took before it."""
    assert decide(Kind.CRASH, try_of_ask=1, earlier_crashes=0).is_retry
    assert decide(Kind.CRASH, try_of_ask=9, earlier_crashes=0).is_retry
    assert not decide(Kind.CRASH, try_of_ask=2, earlier_crashes=1).is_retry


def test_tries_are_counted_from_the_clear():
    """Clearing raises Airflow's numbers, and begins a new ask with all its tries."""
    assert count_tries(1, RETRIES) == 1
    assert count_tries(3, RETRIES) == 3
    # Cleared after its third try: Airflow adds the tries made to max_tries.
    assert count_tries(4, RETRIES + 3) == 1
    assert count_tries(25, RETRIES + 23) == 2


def test_policy_says_what_the_operator_decided():
    """Airflow's question is answered with the decision that the operator has put into log and receipt."""
    policy = StageRetryPolicy()
    verdict = Verdict(Kind.OUTSIDE, 75, Reason("w", "x", "f"))
    failure = StageFailed(verdict, decide(Kind.OUTSIDE, try_of_ask=2, earlier_crashes=0))
    answer = policy.evaluate(failure, 2, RETRIES)
    assert (answer.action, answer.retry_delay) == (RetryAction.RETRY, timedelta(seconds=20))
    failure = StageFailed(verdict, decide(Kind.DATA, try_of_ask=1, earlier_crashes=0))
    assert policy.evaluate(failure, 1, RETRIES).action is RetryAction.FAIL


def test_policy_for_what_is_no_end_of_an_attempt():
    """A timeout is not retried; a fault of the operator's own is a crash, retried once."""
    policy = StageRetryPolicy()
    assert policy.evaluate(AirflowTaskTimeout(), 1, RETRIES).action is RetryAction.FAIL
    assert policy.evaluate(RuntimeError("ours"), 1, RETRIES).action is RetryAction.RETRY
    # Whether a run has begun could not be looked up, as the store is down or refuses the key.
    for fault in (StoreUnavailable, StoreRefused):
        answer = policy.evaluate(fault("down"), 9, RETRIES)
        assert (answer.action, answer.retry_delay) == (RetryAction.RETRY, timedelta(minutes=5))
    assert policy.evaluate(RuntimeError("ours"), 24, RETRIES + 23).action is RetryAction.RETRY, "the first of a new ask"
    for number in (2, 3):
        answer = policy.evaluate(RuntimeError("ours"), number, RETRIES)
        assert (answer.action, answer.reason) == (RetryAction.FAIL, f"it crashed {number} times")


def test_watch_never_gives_up():
    """The watch comes back within half a minute, however long the store was down."""
    policy = WatchRetryPolicy()
    answers = [policy.evaluate(OSError(), number, WATCH_RETRIES) for number in (1, 2, 3, 50, 100_000)]
    assert [answer.action for answer in answers] == [RetryAction.RETRY] * 5
    assert [answer.retry_delay.total_seconds() for answer in answers] == [1, 2, 4, 30, 30]
    # Cleared after its seventieth try.
    assert policy.evaluate(OSError(), 72, WATCH_RETRIES + 70).retry_delay == timedelta(seconds=2)
