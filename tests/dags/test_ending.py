"""How an exit is judged."""

from __future__ import annotations

import pytest

from pipeline.stage.verdict import Kind, judge_exit
from pipeline_contract.records import Failure


@pytest.mark.parametrize(
    ("code", "recorded", "kind"),
    [
        (0, None, Kind.DONE),
        (1, 1, Kind.DATA),
        (2, 2, Kind.REQUEST),
        (75, 75, Kind.OUTSIDE),
        (70, 70, Kind.CRASH),
        (1, None, Kind.CRASH),
        (2, None, Kind.CRASH),
        (75, None, Kind.CRASH),
        (1, 2, Kind.CRASH),
        (70, None, Kind.CRASH),
        (-9, None, Kind.CRASH),
        (137, None, Kind.CRASH),
        (127, None, Kind.CRASH),
        (143, None, Kind.CRASH),
        (3, None, Kind.CRASH),
    ],
)
def test_exit_codes(code, recorded, kind):
    """1, 2 and 75 count only with a failure record that says the same; Python itself exits with 1 and 2."""
    record = None
    if recorded is not None:
        record = Failure("r", None, "train", "run-1.1", "a", recorded, "DataFault", "w", "x", "f", "runbook")
    verdict = judge_exit(code, record)
    assert verdict.kind is kind
    assert verdict.record is (record if recorded == code else None)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "out of memory or was killed"),
        (137, "out of memory or was killed"),
        (127, "could not be started"),
        (-15, "signal 15"),
        (3, "exit 3"),
    ],
)
def test_end_without_a_word_is_explained(code, words):
    """An end without a record still says what happened and what to do, with the last lines of the log."""
    verdict = judge_exit(code, None, last_words="ModuleNotFoundError: pipeline_worker")
    assert words in verdict.reason.what
    assert verdict.reason.fix
    assert verdict.reason.details["last_words"] == "ModuleNotFoundError: pipeline_worker"
