"""Which of the drops of one key is the later one, as `drop.json` tells it, on both servers that stacks have."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from datetime import datetime, timedelta

import pytest

from pipeline.store import AirflowStore
from pipeline.watch.claim import claim_drops, clear_claimed
from pipeline.watch.claimable import list_claimable
from pipeline_contract.s3 import StoreRefused
from tests.minio_server import NEEDS_MINIO

_numbers = itertools.count()


@pytest.fixture(params=["weed", pytest.param("minio", marks=NEEDS_MINIO)])
def server(request):
    """Give the name of a server: SeaweedFS has whole seconds, MinIO has milliseconds."""
    return request.param


@pytest.fixture
def settings(request, settings, server):
    """Give settings with two empty buckets on that server."""
    if server == "weed":
        return settings
    minio, number = request.getfixturevalue("minio"), next(_numbers)
    settings = dataclasses.replace(
        settings,
        endpoint_url=minio.endpoint_url,
        watch_access_key=minio.access_key,
        watch_secret_key=minio.secret_key,
        drop_bucket=f"order-drops-{number}",
        artifact_bucket=f"order-artifacts-{number}",
    )
    client = AirflowStore(settings).client
    for bucket in (settings.drop_bucket, settings.artifact_bucket):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=settings.drop_bucket, VersioningConfiguration={"Status": "Enabled"})
    return settings


@pytest.fixture
def put_in_a_second(put_drop):
    """Give what puts a key several times within one second, some milliseconds apart, and returns the versions in order."""

    def put(count):
        put_drop("warm-up/_params.json")
        time.sleep(1 - time.time() % 1)
        versions = []
        for number in range(count):
            versions.append(put_drop("penguins/a.csv", b"a,b\n1,%d\n" % number))
            time.sleep(0.01)
        return versions

    return put


def run_cycle(store, settings):
    """Do what one cycle of `watch` does, and return what it recorded of each drop, by its version."""
    claims = claim_drops(store, settings)
    clear_claimed(store, settings, claims)
    keys = [settings.layout.run(claim.run_key).drop for claim in claims]
    records = [json.loads(store.get(settings.artifact_bucket, key)) for key in keys]
    return {record["version"]: record for record in records}


def sort(records):
    """Return the versions in the order of their runs, as the worker has it (`tell_order`): time, place, claim."""

    def order(version):
        landed, claimed = (datetime.fromisoformat(records[version][name]) for name in ("last_modified", "claimed_at"))
        return landed, -records[version]["place"], claimed

    return sorted(sorted(records), key=order)


def test_versions_that_are_claimed_together(store, settings, put_in_a_second):
    """Of one listing the order is that of the puts, though all may have one time, and the first is claimed first."""
    versions = put_in_a_second(6)
    assert [drop.version.version_id for drop in list_claimable(store, settings)] == versions
    records = run_cycle(store, settings)
    assert [records[version]["place"] for version in versions] == [5, 4, 3, 2, 1, 0]
    assert sort(records) == versions


def test_versions_of_which_a_cycle_takes_one(store, settings, put_in_a_second):
    """Claimed one after the other while all of them are listed, they keep their order."""
    versions = put_in_a_second(3)
    one = dataclasses.replace(settings, claim_max_drops=1)
    records = run_cycle(store, one) | run_cycle(store, one) | run_cycle(store, one)
    assert [records[version]["place"] for version in versions] == [2, 1, 0]
    assert sort(records) == versions


def test_versions_that_are_claimed_one_by_one(store, settings, put_in_a_second, put_drop):
    """The first has left when the second lands: each was alone in its listing, and the claim decides if the times do not."""
    (first,) = put_in_a_second(1)
    records = run_cycle(store, settings)
    second = put_drop("penguins/a.csv")
    records |= run_cycle(store, settings)
    assert [record["place"] for record in records.values()] == [0, 0]
    assert sort(records) == [first, second]


def test_the_first_is_set_aside_and_claimed_after_the_second(store, settings, put_in_a_second, monkeypatch, server):
    """Their times decide; where those are one whole second, nothing tells that it landed first, and it counts as the later."""
    first, second = put_in_a_second(2)

    class FaultyStore(AirflowStore):
        def copy_version(self, source, bucket, key):
            if source.version_id == first:
                raise StoreRefused("AccessDenied: no")
            super().copy_version(source, bucket, key)

    records = run_cycle(FaultyStore(settings), settings)
    assert list(records) == [second]
    monkeypatch.setattr("pipeline.watch.claimable.BACK_OFF", (timedelta(0),))
    records |= run_cycle(store, settings)
    assert [records[version]["place"] for version in (first, second)] == [0, 0]
    is_one_time = records[first]["last_modified"] == records[second]["last_modified"]
    assert not (is_one_time and server == "minio")
    assert sort(records) == ([second, first] if is_one_time else [first, second])


def test_the_time_is_as_exact_as_the_store_gives_it(store, settings, put_in_a_second, server):
    """What the list says is kept, and the run key has its whole second."""
    put_in_a_second(3)
    listed = {drop.version.version_id: drop.version.last_modified for drop in list_claimable(store, settings)}
    records = run_cycle(store, settings)
    assert {version: datetime.fromisoformat(record["last_modified"]) for version, record in records.items()} == listed
    assert any(time.microsecond for time in listed.values()) is (server == "minio")
    assert {time.microsecond % 1000 for time in listed.values()} == {0}
    for version, record in records.items():
        assert record["run_key"].split(".")[1] == listed[version].strftime("%Y%m%dT%H%M%SZ")
