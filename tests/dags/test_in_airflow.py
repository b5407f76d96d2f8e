"""The Dags in Airflow's own hands, on a database of their own: what it records of each kind of run, and what not.

One process runs them all, as `dags test` does it; the scheduler's part is tried end to end on the local stack.
"""

from __future__ import annotations

import json
import os

import pytest

from pipeline.settings import read_settings
from pipeline.store import AirflowStore
from pipeline_contract.records import TRIGGER
from tests.dags.conftest import make_drop, make_environment

KEY = "penguins.20260131T120000Z.1a2b3c4d"
CLOSED = "houses.20260131T120000Z.1a2b3c4d"
NEW = "wine.20260131T120000Z.1a2b3c4d"
BEGUN = "wine.20260131T120001Z.1a2b3c4d"
PAYLOAD = {"data_source": "s3://drops/_sources/wine.csv", "target_column": "y"}
REFUSED = {"exits": [1], "record": "line"}
RUNS = {
    "watch": ("watch", {}),
    "paused": ("watch", {}),
    "resumed": ("watch", {}),
    "idle": ("watch", {}),
    "by hand": ("ingest", {**PAYLOAD, "model_name": None}),
    "by hand, of a key": ("ingest", {**PAYLOAD, "run_key": NEW}),
    "by hand, once more": ("ingest", {**PAYLOAD, "run_key": BEGUN}),
    "by hand, otherwise": ("ingest", {**PAYLOAD, "test_size": 0.3, "run_key": BEGUN}),
    "again": ("train", {"run_key": KEY, "overrides": {"test_size": 0.3}}),
    "alone": ("validate", {"run_key": CLOSED, "cascade": False}),
    "alone in an open run": ("validate", {"run_key": KEY, "cascade": False}),
    "alone and too long": (
        "publish",
        {"run_key": CLOSED, "cascade": False, "overrides": {"faults": {"seconds": 60}}},
    ),
    "no run": ("train", {}),
    "bad data": ("validate", {"run_key": KEY, "overrides": {"faults": REFUSED}}),
    "too long": ("publish", {"run_key": KEY, "overrides": {"faults": {"seconds": 60}}}),
}

#: Makes Airflow's database, runs Dags, and prints what Airflow recorded of each.
_RUN = """
import json, os
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.models.dag import DagModel
from airflow.models.pool import Pool
from airflow.utils.db import initdb
from sqlalchemy import select, update

initdb()
Pool.create_or_update_pool("stages", 2, "-", include_deferred=False)
dags = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]).dags
for name, (dag_id, conf) in json.loads(os.environ["RUNS"]).items():
    dag = dags[dag_id]
    if dag_id == "watch":
        dag.get_task("wait_for_drop").timeout = 1 if name in ("idle", "paused") else 60
        with create_session() as session:
            session.execute(update(DagModel).where(DagModel.dag_id == "train").values(is_paused=name == "paused"))
    print("BEGIN", flush=True)
    run = dag.test(run_conf=conf, logical_date=None)
    with create_session() as session:
        joined = select(AssetModel.name, AssetEvent.partition_key, AssetEvent.extra).join(
            AssetModel, AssetModel.id == AssetEvent.asset_id
        )
        events = session.execute(joined.where(AssetEvent.source_run_id == run.run_id)).all()
        xcoms = session.scalars(select(XComModel).where(XComModel.run_id == run.run_id)).all()
        result = {
            "state": str(run.state),
            "run_id": run.run_id,
            "events": [list(event) for event in events],
            "tasks": {ti.task_id: [str(ti.state), ti.try_number] for ti in run.get_task_instances(session=session)},
            "xcoms": {xcom.key: XComModel.deserialize_value(xcom) for xcom in xcoms},
        }
    print("RESULT " + json.dumps([name, result]), flush=True)
"""


@pytest.fixture(scope="session")
def runs(weed, worker_python, interpreter, tmp_path_factory):
    """Give what Airflow recorded of each of the runs, with what was logged meanwhile."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **{name: value for name, value in os.environ.items() if name.startswith("AIRFLOW")},
        **make_environment(weed, worker_python, home),
        "ML_PIPELINE_PUBLISH_TIMEOUT_SECONDS": "3",
        "ML_PIPELINE_CLAIM_MAX_DROPS": "1",
        "AIRFLOW__API__BASE_URL": "http://airflow.test/",
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "RUNS": json.dumps(RUNS),
    }
    settings = read_settings(environment)
    store = AirflowStore(settings)
    for name in ("a", "b"):
        store.put(settings.drop_bucket, f"penguins/{name}.csv", b"a,b\n1,2\n")
    store.put(settings.artifact_bucket, f"runs/{KEY}/drop.json", make_drop(KEY).write())
    store.put(settings.artifact_bucket, f"runs/open/{KEY}", b"")
    begun = make_drop(BEGUN, "wine", origin=TRIGGER, payload=PAYLOAD)
    store.put(settings.artifact_bucket, f"runs/{BEGUN}/drop.json", begun.write())
    done = interpreter.run(_RUN, environment)
    found = {}
    for part in done.output.split("BEGIN\n")[1:]:
        log, _, rest = part.partition("RESULT ")
        assert rest, part[-4000:]
        name, result = json.loads(rest.splitlines()[0])
        found[name] = {**result, "log": log}
    assert list(found) == list(RUNS), done.output[-4000:]
    return found, settings


def test_watch_announces_a_drop(runs):
    """A cycle of the watch sees the drop, claims it, emits one event with its run key, and clears it."""
    run = runs[0]["watch"]
    assert {state for state, _ in run["tasks"].values()} == {"success"}
    ((asset, key, _),) = run["events"]
    assert asset == "dropped"
    assert key.startswith("penguins.")
    assert "Poking for key" not in run["log"]


def test_nothing_is_claimed_while_a_stage_is_paused(runs):
    """Airflow loses an event for a paused Dag, so the watch waits, says so once, and claims when the Dag is back."""
    found, settings = runs
    assert {state for state, _ in found["paused"]["tasks"].values()} == {"skipped"}
    assert found["paused"]["log"].count("`train` is paused") == 1
    assert [event[0] for event in found["resumed"]["events"]] == ["dropped"]
    assert AirflowStore(settings).list_versions(settings.drop_bucket) == ([], [])


def test_idle_watch_is_not_red(runs):
    """A cycle without a drop ends skipped, without an event, and its run is a success."""
    run = runs[0]["idle"]
    assert (run["state"], run["events"]) == ("success", [])
    assert {state for state, _ in run["tasks"].values()} == {"skipped"}


def test_run_without_a_partition_key_adds_its_own(runs):
    """A trigger by hand emits exactly one event, with the run key as its partition and the attempt's manifest."""
    run = runs[0]["by hand"]
    key = run["xcoms"]["run_key"]
    assert key.startswith("wine.")
    ((asset, partition, extra),) = run["events"]
    assert (asset, partition) == ("ingested", key)
    assert extra == {"manifest": run["xcoms"]["manifest"]}
    assert run["xcoms"]["dataset"] == "wine"
    assert f"/{key}/ingested/" in run["xcoms"]["manifest"]


def test_a_key_of_ones_own_is_the_new_run_s(runs):
    """`ingest` takes a payload with a key that has no run, and again when that run has begun with it; no other payload."""
    for name, key in (("by hand, of a key", NEW), ("by hand, once more", BEGUN)):
        run = runs[0][name]
        assert (run["state"], [event[:2] for event in run["events"]]) == ("success", [["ingested", key]]), run["log"]
    refused = runs[0]["by hand, otherwise"]
    assert (refused["state"], refused["events"]) == ("failed", [])
    assert "into `overrides`" in refused["log"]


def test_each_stage_leads_to_the_dag_runs_of_its_run(runs):
    """A task has a button to all Dag runs with its run key, also where it failed or carries no partition key itself."""
    for name in ("by hand", "again", "bad data"):
        run = runs[0][name]
        address = f"http://airflow.test/dag_runs?partition_key_pattern={run['xcoms']['run_key']}"
        assert run["xcoms"]["_link_RunsLink"] == address


def test_one_stage_again(runs):
    """A stage that is run again by its key emits its event, and its links lead to MLflow."""
    run = runs[0]["again"]
    assert [event[:2] for event in run["events"]] == [["trained", KEY]]
    assert run["xcoms"]["_link_RunLink"].startswith("http://")
    assert "_link_RunLink" not in runs[0]["by hand"]["xcoms"], "a stage without MLflow has no such button"


def test_cascade_false_emits_nothing(runs):
    """A re-run that is to stop here emits no event at all, and leaves no marker of an unfinished run."""
    found, settings = runs
    assert (found["alone"]["state"], found["alone"]["events"]) == ("success", [])
    assert (found["alone and too long"]["state"], found["alone and too long"]["events"]) == ("failed", [])
    assert list(AirflowStore(settings).list_keys(settings.artifact_bucket, f"runs/open/{CLOSED}")) == []


def test_cascade_false_leaves_an_open_run_open(runs):
    """A re-run that is to stop here does not close a run that stalled elsewhere: the sweep finds it by its marker."""
    found, settings = runs
    assert (found["alone in an open run"]["state"], found["alone in an open run"]["events"]) == ("success", [])
    assert list(AirflowStore(settings).list_keys(settings.artifact_bucket, f"runs/open/{KEY}"))


@pytest.mark.parametrize(
    ("name", "task"), [("no run", "train_model"), ("bad data", "validate_data"), ("too long", "save_results")]
)
def test_failed_at_once(runs, name, task):
    """A refused conf, bad data and a stage that took too long fail without a retry and without an event."""
    run = runs[0][name]
    assert (run["state"], run["events"]) == ("failed", [])
    assert run["tasks"] == {task: ["failed", 1]}
    assert [words in run["log"] for words in ("What happened: ", "Where: ", "What to do: ")] == [True] * 3


def test_timeout_is_in_the_receipt(runs):
    """The receipt of a run whose stage took too long names the setting that bounds it."""
    _, settings = runs
    receipt = json.loads(AirflowStore(settings).get(settings.artifact_bucket, f"runs/receipts/penguins/{KEY}.json"))
    assert receipt["state"] == "failed"
    assert "ML_PIPELINE_PUBLISH_TIMEOUT_SECONDS" in receipt["reason"]["fix"]
