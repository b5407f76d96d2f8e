"""How an exit is judged."""

from __future__ import annotations

import json

import pytest

from pipeline.ending import Kind, is_record_of, judge_exit, read_marked_line


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
    record = None if recorded is None else {"exit": recorded, "what": "w", "where": "x", "fix": "f"}
    ending = judge_exit(code, record)
    assert ending.kind is kind
    assert ending.has_record == (record is not None and recorded == code)


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
    ending = judge_exit(code, None, last_words="ModuleNotFoundError: pipeline_worker")
    assert words in ending.record["what"]
    assert ending.record["fix"]
    assert ending.record["details"]["last_words"] == "ModuleNotFoundError: pipeline_worker"


def test_marked_line():
    """A record on a marked line of stdout counts; anything else on stdout does not."""
    record = {"exit": 75, "what": "The store is down."}
    assert read_marked_line(f"PIPELINE-FAILURE {json.dumps(record)}") == record
    assert read_marked_line(json.dumps(record)) is None
    assert read_marked_line("PIPELINE-FAILURE {broken") is None
    assert read_marked_line('PIPELINE-FAILURE "text"') is None


RECORD = {
    "run_key": "penguins.20260131T120000Z.1a2b3c4d",
    "stage": "train",
    "attempt": "run-1.1",
    "dataset": "penguins",
    "exit": 1,
    "error": "DataFault",
    "what": "w",
    "where": "x",
    "fix": "f",
    "runbook": "r",
}


@pytest.mark.parametrize(
    "changes",
    [
        {"run_key": "penguins.20260131T120000Z.99999999"},
        {"stage": "ingest"},
        {"attempt": "run-1.2"},
        {"dataset": "../../evil"},
        {"dataset": 7},
        {"exit": "1"},
        {"exit": True},
        {"what": None},
        {"details": "text"},
        {"runbook": ["r"]},
    ],
    ids=str,
)
def test_only_a_record_of_this_attempt_counts(changes):
    """Another run's, stage's or try's, a path for a dataset, or another form is no failure record of this attempt."""
    asked = RECORD["run_key"], RECORD["stage"], RECORD["attempt"]
    assert is_record_of(RECORD, *asked)
    assert is_record_of({**RECORD, "dataset": None, "details": {"rows": [1]}}, *asked)
    assert not is_record_of({**RECORD, **changes}, *asked)
