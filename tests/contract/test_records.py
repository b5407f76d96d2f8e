"""What is kept of a run as JSON reads back as it was written; what is no record of ours is told from one."""

import json
from datetime import UTC, datetime

import pytest

from pipeline_contract.exit_code import ExitCode, state_after
from pipeline_contract.records import (
    DropRecord,
    Failure,
    Reason,
    Receipt,
    RecordInvalid,
    Sidecar,
    StageSummary,
    describe_published,
)
from pipeline_contract.state import State

RUN_KEY = "penguins.20260131T120000Z.1a2b3c4d"
DROP = DropRecord(
    run_key=RUN_KEY,
    dataset="penguins",
    origin="drop",
    bucket="drops",
    key="penguins/ä.csv",
    version="v1",
    etag="abc",
    size=3,
    last_modified=datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC),
    place=2,
    claimed_at=datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC),
    sidecar=Sidecar("penguins/ä.csv.params.json", None, "{}"),
)
FAILURE = Failure(
    run_key=RUN_KEY,
    dataset="penguins",
    stage="train",
    attempt="manual.1",
    ask="manual/0",
    exit=ExitCode.REQUEST,
    error="ColumnMissing",
    what="There is no column.",
    where="target_column",
    fix="Name one.",
    runbook="runbooks/request-refused.md",
    details={"known": ["a"]},
    params={"target_column": "b"},
)


def test_a_drop_reads_back():
    """Times keep the exactness that the store gave them, and names their letters."""
    assert DropRecord.read(DROP.write()) == DROP
    assert json.loads(DROP.write())["last_modified"] == "2026-01-31T12:00:00.123000Z"
    assert "ä.csv" in DROP.write().decode()


def test_an_older_drop_is_read():
    """Records of before tell neither a place nor a time of claim; a later version may tell more."""
    values = json.loads(DROP.write())
    for name in ("place", "claimed_at", "payload"):
        del values[name]
    old = DropRecord.read(json.dumps(values | {"of_tomorrow": 1}).encode())
    assert (old.place, old.claimed_at, old.payload) == (0, None, None)


@pytest.mark.parametrize(
    "change",
    [{"size": "3"}, {"size": True}, {"last_modified": "2026-01-31T12:00:00"}, {"last_modified": 1}, {"key": None}, {"sidecar": "x"}],
    ids=repr,
)  # fmt: skip
def test_what_has_not_the_form_of_a_drop_is_refused(change):
    """A time without a zone, a number that is none: nothing is guessed."""
    with pytest.raises(RecordInvalid):
        DropRecord.read(json.dumps(json.loads(DROP.write()) | change).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'"text"', b"{"])
def test_what_is_no_object_is_no_record(content):
    """Something else may have been put there."""
    for record in (DropRecord, Receipt):
        with pytest.raises(RecordInvalid):
            record.read(content)


def test_a_receipt_reads_back():
    """With its reason, and a summary of each stage."""
    receipt = Receipt(
        run_key=RUN_KEY,
        dataset="penguins",
        file=DROP.uri,
        state=State.REFUSED,
        stage="train",
        reason=FAILURE.reason,
        links={"failure": "s3://x"},
        stages={"train": StageSummary(State.REFUSED, "manual.1", "2026-01-31T12:00:00Z", 1.5, "no", ["a"], 2)},
        published=describe_published({"attempt": "a", "finished_at": "t", "facts": {}, "links": {}}),
    )
    assert Receipt.read(receipt.write()) == receipt
    assert json.loads(receipt.write())["state"] == "refused"


def test_a_receipt_with_gaps_is_read():
    """People may look at one of an older version: what is not in it is empty."""
    receipt = Receipt.read(json.dumps({"run_key": RUN_KEY, "dataset": "x", "state": "failed", "reason": {}}).encode())
    assert (receipt.file, receipt.reason, receipt.stages, receipt.published) == ("", None, {}, None)
    reason = {"what": "It is.", "where": None}
    told = Receipt.read(json.dumps({"run_key": RUN_KEY, "dataset": "x", "state": "failed", "reason": reason}).encode())
    assert told.reason == Reason("It is.", "", "", "")


def test_a_failure_reads_back_from_its_file_and_from_its_line():
    """The line leaves out what may be large, or is only for a program."""
    assert Failure.read(json.loads(FAILURE.write())) == FAILURE
    told = Failure.read_line(FAILURE.mark())
    assert told is not None
    assert (told.exit, told.what, told.details, told.params) == (2, FAILURE.what, {}, None)


@pytest.mark.parametrize("line", ["", "x", "PIPELINE-FAILURE", "PIPELINE-FAILURE {", "PIPELINE-FAILURE []", "PIPELINE-FAILURE {}"])  # fmt: skip
def test_other_lines_hold_no_failure(line):
    """Whatever runs in a command may print."""
    assert Failure.read_line(line) is None


@pytest.mark.parametrize("change", [{"exit": "2"}, {"exit": True}, {"what": None}, {"details": []}], ids=repr)
def test_what_has_not_the_form_of_a_failure_is_refused(change):
    """Nobody decides on a retry by something that only looks like a record."""
    with pytest.raises(RecordInvalid):
        Failure.read(json.loads(FAILURE.write()) | change)


def test_a_failure_is_of_one_attempt():
    """What one says of another run, stage or attempt, or of a folder that is none, counts for nothing."""
    assert FAILURE.is_of(RUN_KEY, "train", "manual.1")
    assert not FAILURE.is_of(RUN_KEY, "train", "manual.2")
    assert not FAILURE.is_of(RUN_KEY, "publish", "manual.1")
    values = json.loads(FAILURE.write())
    assert not Failure.read(values | {"dataset": "../x"}).is_of(RUN_KEY, "train", "manual.1")


@pytest.mark.parametrize(("code", "state"), [(0, "done"), (1, "refused"), (2, "refused"), (75, "waiting"), (70, "failed"), (137, "failed")])  # fmt: skip
def test_a_state_follows_from_an_exit_code(code, state):
    """Data and request are refused for good, an outage waits, and all else has failed."""
    assert state_after(code) == state
