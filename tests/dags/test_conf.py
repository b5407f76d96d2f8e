"""What a Dag run asks for, and what is refused before anything is started."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pipeline.stage.conf import ConfRefused, read_conf
from pipeline_contract.records import TRIGGER
from tests.dags.conftest import make_drop

KEY = "penguins.20260131T120000Z.1a2b3c4d"
OTHER = "houses.20260131T120000Z.1a2b3c4d"
PAYLOAD = {"data_source": "s3://drops/_sources/wine/a.csv", "target_column": "y"}
#: What the one run that there is began with.
DROPS = {KEY: make_drop(KEY, origin=TRIGGER, payload=PAYLOAD)}


def ask(stage="train", conf=None, try_number=1, read_drop=DROPS.get, **changes):
    run = {
        "partition_key": None,
        "run_id": "manual__2026-01-31T12:00:00+00:00",
        "run_type": "manual",
        "clear_number": 0,
        "run_after": datetime(2026, 1, 31, 12, 0, 0, 900000, tzinfo=UTC),
    }
    return read_conf(stage, SimpleNamespace(conf=conf, **{**run, **changes}), try_number, read_drop)


def test_partition_key_is_the_run_key():
    """A run that an event started works on its partition key, with nothing changed and nothing done anew."""
    found = ask(
        partition_key=KEY, run_type="asset_triggered", run_id="asset_triggered__2026-01-31T12:00:00.5+00:00_Ab1"
    )
    assert (found.run_key, found.values, found.is_again, found.is_cascading) == (KEY, {}, False, True)
    assert found.ask == "asset_triggered__2026-01-31T12:00:00.5+00:00_Ab1/0"
    assert found.attempt == "asset_triggered__2026-01-31T12-00-00-5-00-00_Ab1.1"


@pytest.mark.parametrize(
    "given", [{"conf": {"run_key": KEY}}, {"partition_key": KEY}, {"conf": {"run_key": KEY}, "partition_key": KEY}]
)
def test_run_key_may_be_given_either_way(given):
    """A person names the run by partition key, by conf, or by both alike."""
    assert ask(**given).run_key == KEY


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"partition_key": KEY, "conf": {"run_key": OTHER}}, "differ"),
        ({"conf": {"run_key": "../../etc"}}, "no run key"),
        ({"conf": {"run_key": 7}}, "no run key"),
        ({"partition_key": "free text"}, "no run key"),
        ({"partition_key": f"{KEY}\n"}, "no run key"),
        ({}, "names no run"),
        ({"conf": {"run_key": KEY, "test_size": 0.3}}, "`test_size`"),
        ({"conf": {"run_key": KEY, "tset_size": 0.3}}, "`tset_size`"),
        ({"stage": "ingest", "partition_key": KEY, "conf": {"data_source": "s3://a/b"}}, "`data_source`"),
        ({"stage": "ingest", "conf": {"overrides": {"test_size": 0.3}}}, "no run is named"),
        ({"stage": "ingest", "partition_key": OTHER, "conf": {"overrides": {"test_size": 0.3}}}, f"no run `{OTHER}`"),
        ({"partition_key": OTHER, "conf": PAYLOAD}, "`data_source`"),
        ({"conf": {"run_key": KEY, "overrides": [1]}}, "no JSON object"),
        ({"conf": {"run_key": KEY, "again": "yes"}}, "`again`"),
        ({"conf": {"run_key": KEY, "cascade": 0}}, "`cascade`"),
    ],
)
def test_refused_with_its_fix(given, what):
    """What cannot be is refused with what, where and what to do, and Airflow does not try it again."""
    with pytest.raises(ConfRefused, match=what) as refusal:
        ask(**given)
    assert "What to do: " in str(refusal.value)


def test_stray_parameters_are_shown_where_they_belong():
    """The fix for request parameters beside a run key is the conf to type, with their own name."""
    with pytest.raises(ConfRefused, match="overrides") as refusal:
        ask("ingest", {"run_key": KEY, "target_column": "y", "test_size": 0.3})
    assert '{"overrides": {"target_column": …}}' in refusal.value.fix


def test_new_run_of_ingest():
    """`ingest` without a run makes a key of the Dag run's time and id, which a retry and a clear keep; nulls are left out."""
    conf = {
        "data_source": "s3://drops/_sources/wine/a.csv",
        "target_column": "y",
        "model_name": None,
        "again": None,
        "unknown": 1,
    }
    found = ask("ingest", conf)
    assert found.run_key.startswith("wine.20260131T120000Z.")
    assert found.values == {"data_source": "s3://drops/_sources/wine/a.csv", "target_column": "y", "unknown": 1}
    assert ask("ingest", conf, try_number=3, clear_number=2).run_key == found.run_key
    assert ask("ingest", conf, run_id="manual__other").run_key != found.run_key


@pytest.mark.parametrize("given", [{"partition_key": OTHER}, {"conf": {"run_key": OTHER}}])
def test_a_key_without_a_run_is_a_new_run(given):
    """`ingest` takes the payload under a key that nothing has begun with, and that key is the run's."""
    found = ask("ingest", PAYLOAD | given.get("conf", {}), partition_key=given.get("partition_key"))
    assert (found.run_key, found.values) == (OTHER, PAYLOAD)


def test_the_dag_run_that_began_a_run_begins_it_again():
    """A retry, or a clear, of a trigger with a key of its own finds its run begun, and keeps run and payload."""
    for changes in ({"try_number": 2}, {"try_number": 2, "clear_number": 1}):
        found = ask("ingest", PAYLOAD, partition_key=KEY, **changes)
        assert (found.run_key, found.values, found.is_again) == (KEY, PAYLOAD, True)
    found = ask("ingest", PAYLOAD | {"overrides": {"test_size": 0.3}}, partition_key=KEY)
    assert found.values == {**PAYLOAD, "test_size": 0.3}


def test_a_drop_s_event_costs_no_look_at_the_store():
    """What brings no parameters needs not be told whether its run has begun."""

    def fail(run_key):
        raise AssertionError(run_key)

    assert ask("ingest", {}, partition_key=KEY, run_type="asset_triggered", read_drop=fail).values == {}
    assert ask("train", {"overrides": {"test_size": 0.3}}, partition_key=KEY, read_drop=fail).run_key == KEY


def test_untouched_form_is_a_new_run():
    """The form with nothing filled in gets a run key as well, and is handed on: the worker says what to fill in."""
    found = ask("ingest", dict.fromkeys(["data_source", "run_key", "overrides", "again", "cascade"]))
    assert found.values == {}
    assert found.run_key.startswith("unnamed.20260131T120000Z.")
    assert ask("ingest", {"data_source": "", "run_key": ""}).values == {}


def test_overrides_without_nulls():
    """Overrides are what the command gets as parameters; null is not given."""
    found = ask(
        conf={"run_key": KEY, "overrides": {"test_size": 0.3, "model_name": None}, "cascade": False, "again": False}
    )
    assert (found.values, found.is_again, found.is_cascading) == ({"test_size": 0.3}, False, False)


@pytest.mark.parametrize(
    ("run_type", "clear_number", "is_again"),
    [("manual", 0, True), ("asset_triggered", 0, False), ("asset_triggered", 1, True), ("scheduled", 0, False)],
)
def test_again_for_a_person_s_wish(run_type, clear_number, is_again):
    """A trigger by hand or a cleared task does the work anew, an event does not."""
    found = ask(partition_key=KEY, run_type=run_type, clear_number=clear_number)
    assert found.is_again == is_again
    assert found.ask.endswith(f"/{clear_number}")


def test_attempt_names():
    """Attempts are unique folders: by try number, and by a digest where the id held anything unusual or was cut."""

    def name(dag_run_id, try_number=1):
        return ask(partition_key=KEY, run_id=dag_run_id, try_number=try_number).attempt

    assert name("manual__2026-01-31T12:00:00+00:00", 2) == "manual__2026-01-31T12-00-00-00-00.2"
    assert name("my run/../x") != name("my run-..-x")
    assert "/" not in name("a/b")
    assert name("x" * 200) != name("x" * 201)


def test_a_source_with_a_key_gets_nowhere_into_the_run_key():
    """A secret that was pasted into `data_source` becomes no part of a name; the worker refuses it."""
    found = ask("ingest", {"data_source": "s3://KEY:SE/CRET@bucket/wine/a.csv"})
    assert found.run_key.startswith("unnamed.20260131T120000Z.")
