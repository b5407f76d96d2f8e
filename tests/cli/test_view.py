"""What is seen of a run, from its receipt and Airflow's runs."""

import json
from datetime import UTC, datetime, timedelta

from cli.runs.airflow_api import DagRun, read_error
from cli.runs.run_status import FollowedRun, make_status
from pipeline_contract.records import Receipt

KEY = "penguins.20261122T215500Z.1a2b3c4d"
NOW = datetime(2026, 11, 22, 21, 55, tzinfo=UTC)


def make_receipt(state, reason=None, **stages):
    """Make a receipt; each stage is given as (state, Dag run id)."""
    document = {
        "run_key": KEY,
        "dataset": "penguins",
        "state": state,
        "stage": list(stages)[-1] if stages else None,
        "reason": reason
        and {"what": reason, "where": "here", "fix": "mend it", "runbook": "runbooks/x.md", "details": {}},
        "stages": {
            stage: {"state": how, "attempt": f"{run}.1", "headline": f"{stage} said", "seconds": 1.5}
            for stage, (how, run) in stages.items()
        },
    }
    return Receipt.read(json.dumps(document).encode())


def make_run(stage, state, run_id="r", seconds=0):
    """Make one of Airflow's runs, so many seconds after the others."""
    return DagRun(stage, run_id, state, NOW + timedelta(seconds=seconds), f"http://airflow/{run_id}")


def states(status):
    """Return the state of each step."""
    return [step.state for step in status.steps]


def test_a_drop_is_seen_stage_by_stage():
    """Done, under way, and ahead are told apart, and nothing has ended."""
    receipt = make_receipt("ingested", ingest=("done", "a"), validate=("running", "b"))
    status = make_status(
        FollowedRun(KEY, "penguins"), receipt, [make_run("ingest", "success"), make_run("validate", "running")]
    )
    assert states(status) == ["done", "running", "ahead", "ahead"]
    assert status.end is None
    assert status.current.stage == "validate"


def test_what_airflow_has_only_begun_is_seen_too():
    """A stage that waits for its turn, or that has not said a word yet, is not taken for one that is ahead."""
    receipt = make_receipt("claimed")
    followed = FollowedRun(KEY, "penguins")
    assert states(make_status(followed, receipt, [make_run("ingest", "queued")]))[0] == "queued"
    assert states(make_status(followed, receipt, [make_run("ingest", "running")]))[0] == "starting"


def test_published_is_the_end():
    """A published run has ended well."""
    stages = dict.fromkeys(("ingest", "validate", "train", "publish"), ("done", "a"))
    status = make_status(FollowedRun(KEY, "penguins"), make_receipt("published", **stages), [])
    assert status.end == "published"


def test_a_refusal_is_the_end_with_its_reason():
    """Data that was refused is not tried again; the reason is at hand."""
    receipt = make_receipt("refused", "three rules do not hold", ingest=("done", "a"), validate=("refused", "b"))
    status = make_status(FollowedRun(KEY, "penguins"), receipt, [make_run("validate", "running")])
    assert (status.end, status.reason.what) == ("refused", "three rules do not hold")


def test_what_waits_has_not_ended():
    """A store or MLflow that is down is waited for as long as Airflow tries again."""
    receipt = make_receipt("waiting", "MLflow does not answer", ingest=("waiting", "a"))
    followed = FollowedRun(KEY, "penguins")
    assert make_status(followed, receipt, [make_run("ingest", "running")]).end is None
    assert make_status(followed, receipt, None).end is None
    assert make_status(followed, receipt, [make_run("ingest", "failed")]).end == "failed"


def test_a_first_crash_is_not_the_end():
    """A crash is tried once more: it is over when Airflow says so, or when only the receipt is left to ask."""
    receipt = make_receipt("failed", "it crashed", train=("failed", "a"))
    followed = FollowedRun(KEY, "penguins", first="train")
    assert states(make_status(followed, receipt, [make_run("train", "running")]))[0] == "waiting"
    assert make_status(followed, receipt, [make_run("train", "failed")]).end == "failed"
    assert make_status(followed, receipt, None).end == "failed"


def test_a_stage_that_left_no_word_is_over_when_airflow_says_so():
    """A task that was killed while its receipt said that it runs is not waited for."""
    receipt = make_receipt("ingested", ingest=("done", "a"), validate=("running", "b"))
    assert make_status(FollowedRun(KEY, "penguins"), receipt, [make_run("validate", "failed")]).end == "failed"
    assert make_status(FollowedRun(KEY, "penguins"), None, [make_run("ingest", "failed")]).end == "failed"


def test_a_rerun_does_not_take_the_old_end_for_its_own():
    """What the run reached before is not what was asked for now."""
    stages = dict.fromkeys(("ingest", "validate", "train", "publish"), ("done", "old"))
    old = make_receipt("published", **stages)
    own = make_run("train", "queued", "manual__new", seconds=10)
    followed = FollowedRun(KEY, "penguins", "train", own)
    status = make_status(
        followed, old, [make_run("train", "success", "old"), make_run("publish", "success", "old"), own]
    )
    assert (states(status), status.end) == (["queued", "ahead"], None)
    new = make_receipt("trained", ingest=("done", "old"), validate=("done", "old"), train=("done", "manual__new"))
    assert states(make_status(followed, new, [own])) == ["done", "ahead"]
    published = make_receipt("published", train=("done", "manual__new"), publish=("done", "next"))
    assert make_status(followed, published, [own]).end == "published"


def test_a_rerun_without_cascade_ends_with_its_stage():
    """With CASCADE=0 the stage alone is waited for, whatever the run had reached before."""
    own = make_run("train", "running", "manual__new", seconds=10)
    followed = FollowedRun(KEY, "penguins", "train", own, is_cascading=False)
    assert make_status(followed, make_receipt("trained", train=("running", "manual__new")), [own]).end is None
    assert make_status(followed, make_receipt("trained", train=("done", "manual__new")), [own]).end == "done"


def test_a_drop_that_could_not_be_claimed_has_failed():
    """A drop that `watch` set aside for good is not waited for."""
    document = {"run_key": KEY, "dataset": "penguins", "state": "failed", "stage": "watch", "reason": {"what": "no"}}
    receipt = Receipt.read(json.dumps(document).encode())
    status = make_status(FollowedRun(KEY, "penguins"), receipt, [])
    assert (status.end, status.reason.what) == ("failed", "no")


def test_errors_in_a_log_are_read_without_traces():
    """Of a task's log a person needs the messages of errors, and of a trace its last line."""
    assert read_error({"event": "fine", "level": "info"}) == []
    assert read_error({"event": "What happened: x", "level": "error"}) == ["What happened: x"]
    trace = {"event": "Task failed", "level": "error", "error_detail": [{"exc_type": "ConfRefused", "exc_value": "no"}]}
    assert read_error(trace) == ["ConfRefused: no"]
