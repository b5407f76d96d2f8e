"""What `make status RUN=` says of the attempts of a run: from real records in a real store, with Airflow and without."""

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from cli.errors import AirflowUnreachable
from cli.runs import last_drops
from cli.runs.airflow_api import DagRun
from cli.runs.attempts import AttemptRecord, add_runs_without_attempt, find_runs, read_attempts, tell_asker, tell_result
from cli.runs.last_drops import show_run
from cli.settings import read_settings
from pipeline_contract.records import Receipt
from tests.ports import free_ports
from tests.s3_client import open_client

RUN = "penguins.20260131T120000Z.1a2b3c4d"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
RECEIPT = Receipt.read(
    json.dumps(
        {
            "run_key": RUN,
            "dataset": "penguins",
            "state": "failed",
            "stage": "train",
            "stages": {
                "validate": {"state": "running", "attempt": "v.1"},
                "train": {"state": "failed", "attempt": "t.1", "headline": "It ran out of memory. More."},
            },
        }
    ).encode()
)


def make(stage="train", name="t.1", ask="manual__1/0", **changes):
    """Return an attempt that left no word so far."""
    return dataclasses.replace(AttemptRecord(stage, name, ask, NOW, {}, "", ""), **changes)


def make_run(stage="train", dag_run_id="manual__1", state="success", user="ada"):
    """Return one of Airflow's runs."""
    return DagRun(stage, dag_run_id, state, NOW, f"http://airflow.test/{dag_run_id}", user)


@pytest.mark.parametrize(
    ("attempt", "run", "said"),
    [
        (make("ingest", ask="asset_triggered__1/0"), None, "drop"),
        (make(ask="asset_triggered__1/0"), make_run(user=""), "event"),
        (make(ask="asset_triggered__1/2"), None, "task cleared"),
        (make(), make_run(), "trigger by ada"),
        (make(), None, "trigger"),
        (make(ask="by-hand-1"), None, "command run by hand"),
        (make(params={"test_size": 7}), make_run(), 'trigger by ada, with {"test_size": 7}'),
    ],
)
def test_who_asked_is_told(attempt, run, said):
    """An event, a clear and a person's trigger are told apart, with the user that Airflow knows and what was given."""
    assert tell_asker(attempt, run) == said


@pytest.mark.parametrize(
    ("attempt", "run", "later", "said"),
    [
        (make(result="committed"), None, [], ("committed", "")),
        (make(result="refused", reason="No. Never."), None, [], ("refused", "No.")),
        (make(), make_run(), [], ("failed", "It ran out of memory.")),
        (make("validate", "v.1"), make_run(state="running"), [], ("running", "")),
        (make("validate", "v.1"), make_run(state="failed"), [], ("no word", "it ended without a word")),
        (make(name="t.0"), make_run(state="running"), [make()], ("no word", "it ended without a word")),
    ],
)
def test_the_end_of_an_attempt_is_told(attempt, run, later, said):
    """What left no record of its end runs, or ended without a word; what the receipt knows of it is told."""
    assert tell_result(attempt, run, RECEIPT, later) == said


def test_without_airflow_nothing_is_claimed_of_an_attempt_that_may_run():
    """Whether what left no word still runs is not known while Airflow does not answer."""
    result, why = tell_result(make("validate", "v.1"), None, RECEIPT, [])
    assert (result, why) == ("no word", "it runs, or ended without a word")


def test_dag_runs_that_began_no_attempt_are_told():
    """A conf that was refused, an event that was done already and a run that waits are in the list, at their places."""
    runs = [make_run(state="failed"), make_run(dag_run_id="manual__2"), make_run("ingest", "manual__3", "queued")]
    told = add_runs_without_attempt([make(name="x", ask="manual__1/0")], runs)
    assert [(attempt.stage, attempt.result) for attempt in told] == [
        ("ingest", "queued"),
        ("train", ""),
        ("train", "no work"),
    ]
    refused = add_runs_without_attempt([], runs)[1]
    assert (refused.result, refused.dag_run_id) == ("failed", "manual__1")
    assert "its log" in refused.reason


class Airflow:
    """An Airflow that knows one run by its partition key, and another by its id alone."""

    def find_runs(self, run_key):
        assert run_key == RUN
        return [make_run(dag_run_id="by-key")]

    def read_run(self, dag_id, dag_run_id):
        if dag_run_id == "deleted":
            raise AirflowUnreachable("404")
        return make_run(dag_id, dag_run_id)


def test_dag_runs_without_a_partition_key_are_found_by_their_attempts():
    """Airflow's form sends no partition key: whose an attempt is says which Dag run it was; what is deleted is left out."""
    attempts = [make("ingest", ask="form/0"), make(ask="by-key/1"), make(ask="deleted/0"), make(ask="by-hand")]
    found = find_runs(Airflow(), RUN, attempts)
    assert sorted(run.dag_run_id for run in found) == ["by-key", "form"]


@pytest.fixture(scope="module")
def settings(weed, tmp_path_factory):
    """Give settings that lead to the test's own server, and to no Airflow."""
    return read_settings(
        {
            "PIPELINE_ENV_FILE": str(tmp_path_factory.mktemp("env") / ".env"),
            "AIRFLOW_PORT": str(free_ports(1)[0]),
            "OBJECT_STORAGE_ENDPOINT_URL": weed.endpoint_url,
            **{
                f"OBJECT_STORAGE_{identity}_{part}": value
                for identity in ("DROP", "WATCH")
                for part, value in (("ACCESS_KEY", weed.access_key), ("SECRET_KEY", weed.secret_key))
            },
            "ML_PIPELINE_ARTIFACT_BUCKET": "attempt-artifacts",
        }
    )


@pytest.fixture(scope="module")
def records(weed, settings):
    """Put the records of a run: two trainings that committed, one that was refused, and one that left no word."""
    client = open_client(weed)
    client.create_bucket(Bucket=settings.artifact_bucket)

    def started(minute, ask, **params):
        return {"ask": ask, "started_at": f"2026-01-31T12:{minute:02}:00.500Z", "params": params}

    failure = {
        "ask": "manual__2/0",
        "at": "2026-01-31T12:03:00Z",
        "exit": 2,
        "what": "`train` does not use it. At all.",
    }
    published = {"attempt": "p.1", "at": "2026-01-31T12:01:30Z", "facts": {"model_version": 1}, "links": {}}
    objects = {
        f"{RUN}/training/a.1/started.json": started(1, "asset_triggered__1/0"),
        f"{RUN}/training/a.1/manifest.json": {},
        f"{RUN}/training/m.1/started.json": started(2, "manual__1/0", test_size=0.3),
        f"{RUN}/training/m.1/manifest.json": {},
        f"{RUN}/training/m.1/figures/manifest.json": {},
        f"{RUN}/training/n.1/failure.json": failure | {"params": {"data_validation": {}}},
        f"{RUN}/training/o.1/started.json": started(4, "manual__3/0"),
        f"{RUN}/training/manifest.json": {"attempt": "m.1"},
        f"{RUN}/training/strange/started.json": [],
        f"{RUN}/ingested/i.1/started.json": started(0, "asset_triggered__0/0"),
        f"receipts/penguins/{RUN}.json": {
            "run_key": RUN,
            "dataset": "penguins",
            "state": "refused",
            "stage": "train",
            "updated_at": "2026-01-31T12:03:00Z",
            "published": published,
        },
    }
    for key, document in objects.items():
        body = json.dumps(document).encode()
        client.put_object(Bucket=settings.artifact_bucket, Key=f"ml-pipeline-runs/{key}", Body=body)


@pytest.mark.usefixtures("records")
def test_attempts_are_read_from_their_records(settings):
    """Each attempt is found with its end: the one that counts, the one that it replaced, the refused one, the silent one."""
    found = read_attempts(settings, RUN)
    assert [(attempt.stage, attempt.name, attempt.result) for attempt in found] == [
        ("ingest", "i.1", ""),
        ("train", "a.1", "replaced"),
        ("train", "m.1", "committed"),
        ("train", "n.1", "refused"),
        ("train", "o.1", ""),
    ]
    assert found[2].params == {"test_size": 0.3}
    assert (found[3].params, found[3].reason) == ({"data_validation": {}}, "`train` does not use it. At all.")
    assert found[3].dag_run_id == "manual__2"


@pytest.mark.usefixtures("records")
def test_a_run_is_told_with_all_its_attempts_while_airflow_is_down(settings, capsys, monkeypatch):
    """`make status RUN=` says what is published, and lists each attempt: when, how it ended, who asked, with what, and why."""
    monkeypatch.setattr(last_drops, "describe_moment", lambda moment: f"{moment.astimezone(UTC):%H:%M}")
    show_run(settings, RUN)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("! published (version 1); the last re-run was refused by train")
    first = next(number for number, line in enumerate(lines) if "Attempts" in line) + 1
    assert lines[first : first + 6] == [
        "  ingest    12:00  ! no word    drop: it runs, or ended without a word",
        "  train     12:01  ✓ replaced   event",
        '  train     12:02  ✓ committed  trigger, with {"test_size": 0.3}',
        '  train     12:03  ✗ refused    trigger, with {"data_validation": {}}: `train` does not use it.',
        "  train     12:04  ! no word    trigger: it runs, or ended without a word",
        "  Airflow does not answer: who triggered is not known, nor are Dag runs that began no attempt.",
    ]
