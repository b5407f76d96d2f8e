"""The sensor and the claim look at one list: nothing can hold the sensor true and never be claimed."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError

from pipeline.settings import get_settings
from pipeline.watch.claimable import MOST_TRIES, list_claimable
from pipeline.watch.drop_sensor import DropSensor
from pipeline_contract.s3 import StoreUnavailable
from pipeline_contract.stages import STAGES


@pytest.fixture
def asked():
    """Give the list of the Dags that the sensor asked Airflow for: it does so only when there is something to claim."""
    return []


@pytest.fixture
def poke(settings, asked):
    """Give one look of the sensor, where every stage Dag is ready."""

    def get_dag(name):
        asked.append(name)
        return SimpleNamespace(is_paused=False)

    def look():
        sensor = DropSensor(task_id="wait_for_drop", bucket_name=settings.drop_bucket)
        return sensor.poke({"ti": SimpleNamespace(get_dag=get_dag)})

    return look


@pytest.mark.parametrize("key", ["penguins/a.csv", "a.csv", "Größe/ä b.csv", "line\nbreak/x.csv"])
def test_sees_a_drop(poke, asked, put_drop, key):
    """A drop is seen, whatever its name, and then it is asked whether the stages are there to take it."""
    assert (poke(), asked) == (False, [])
    put_drop(key)
    assert (poke(), asked) == (True, list(STAGES))


@pytest.mark.parametrize("key", ["penguins/_params.json", "a.csv.params.json", "_sources/a.csv", "penguins/.a"])
def test_does_not_see_what_is_no_drop(poke, asked, put_drop, key):
    """What stays in the bucket does not hold the sensor true."""
    put_drop(key)
    assert (poke(), asked) == (False, [])


def test_does_not_see_what_was_withdrawn_or_set_aside(poke, asked, put_drop, store, settings):
    """A key of the right form that cannot be claimed now does not hold the sensor true."""
    put_drop("penguins/a.csv")
    store.delete(settings.drop_bucket, "penguins/a.csv")
    assert (poke(), asked) == (False, [])
    put_drop("penguins/b.csv")
    (drop,) = list_claimable(store, settings)
    for number in range(1, MOST_TRIES + 1):
        store.put(settings.artifact_bucket, f"runs/set_aside/{drop.run_key}/{number}.json", b"{}")
    assert (poke(), asked) == (False, [])


def test_store_that_is_down_fails_the_look(settings, monkeypatch):
    """With the store down a look fails as a task does, and the retry policy comes back to it: it is no answer of no."""
    monkeypatch.setenv("OBJECT_STORAGE_ENDPOINT_URL", "http://127.0.0.1:9")
    get_settings.cache_clear()
    sensor = DropSensor(task_id="wait_for_drop", bucket_name=settings.drop_bucket)
    with pytest.raises(EndpointConnectionError):
        sensor.poke({})
    from pipeline.store import AirflowStore

    with pytest.raises(StoreUnavailable):
        list_claimable(AirflowStore(dataclasses.replace(settings, endpoint_url="http://127.0.0.1:9")), settings)
