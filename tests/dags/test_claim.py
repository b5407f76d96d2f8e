"""Claiming drops, against a real S3 server: nothing lost, nothing twice, whatever is killed in between."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.settings import DagSettings
from pipeline.store import AirflowStore
from pipeline.watch.claim import claim_drops, clear_claimed, dump_claims, load_claims
from pipeline.watch.claimable import MOST_TRIES, choose_drops, list_claimable
from pipeline_contract.layout import Layout
from pipeline_contract.s3 import (
    BucketMissing,
    ObjectMissing,
    PreconditionFailed,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from tests.dags.conftest import make_drop


class Killed(BaseException):
    """The process ends here: nothing catches it."""


class FaultyStore(AirflowStore):
    """The store, but that a fault comes before a write: the n-th, or those that `refuse` picks."""

    def __init__(
        self, settings: DagSettings, *, killed_before: int = 0, refuse: Callable[[str], bool] | None = None
    ) -> None:
        super().__init__(settings)
        self.writes = 0
        self.killed_before = killed_before
        self.refuse = refuse
        self.refused_delete = ""

    def _count(self, key: str) -> None:
        self.writes += 1
        if self.writes == self.killed_before:
            raise Killed(key)
        if self.refuse and self.refuse(key):
            raise StoreRefused("no", code="AccessDenied", where=key)

    def copy_version(self, source, bucket, key):
        self._count(key)
        super().copy_version(source, bucket, key)

    def put(self, bucket, key, content, *, if_none_match=False):
        self._count(key)
        super().put(bucket, key, content, if_none_match=if_none_match)

    def delete_versions(self, bucket, versions):
        self._count("delete")
        refused = [entry for entry in versions if self.refused_delete and entry[0].endswith(self.refused_delete)]
        done = super().delete_versions(bucket, [entry for entry in versions if entry not in refused])
        return done | dict.fromkeys(refused, "AccessDenied: no")


def keys(store, settings):
    """Return the keys of all objects in the artifact bucket, without the prefix."""
    return {key.removeprefix("runs/") for key, _ in store.list_keys(settings.artifact_bucket, "runs/")}


def read(store, settings, key):
    return store.get(settings.artifact_bucket, f"runs/{key}")


def read_json(store, settings, key):
    return json.loads(read(store, settings, key))


def left(store, settings):
    """Return what is still in the drop bucket: keys of all versions."""
    return sorted(version.key for version in store.list_versions(settings.drop_bucket)[0])


def run_cycle(store, settings):
    """Do what one cycle of `watch` does, through what Airflow hands from task to task; return the run keys announced."""
    claims = load_claims(json.loads(json.dumps(dump_claims(claim_drops(store, settings)))))
    clear_claimed(store, settings, claims)
    return sorted(claim.run_key for claim in claims if not claim.is_announced)


def test_one_drop(store, settings, put_drop):
    """A drop is copied, recorded, marked as open and shown in a receipt; only then it leaves the drop bucket."""
    version = put_drop("penguins/2026/a b.csv", b"a,b\n1,2\n")
    (claim,) = claims = claim_drops(store, settings)
    run = claim.run_key
    assert keys(store, settings) == {
        f"{run}/drop.json",
        f"{run}/raw/data",
        f"open/{run}",
        f"receipts/penguins/{run}.json",
    }
    assert read(store, settings, f"{run}/raw/data") == b"a,b\n1,2\n"
    drop = read_json(store, settings, f"{run}/drop.json")
    landed, claimed = (datetime.fromisoformat(drop.pop(name)) for name in ("last_modified", "claimed_at"))
    assert landed <= claimed <= datetime.now(UTC)
    assert len(drop.pop("etag")) == 32
    assert drop == {
        "run_key": run,
        "dataset": "penguins",
        "origin": "drop",
        "bucket": settings.drop_bucket,
        "key": "penguins/2026/a b.csv",
        "version": version,
        "size": 8,
        "place": 0,
        "sidecar": None,
        "payload": None,
    }
    receipt = read_json(store, settings, f"receipts/penguins/{run}.json")
    assert (receipt["state"], receipt["file"]) == ("claimed", f"s3://{settings.drop_bucket}/penguins/2026/a b.csv")
    assert left(store, settings) == ["penguins/2026/a b.csv"]
    clear_claimed(store, settings, claims)
    assert left(store, settings) == []


def test_two_versions_of_a_key_are_two_drops(store, settings, put_drop):
    """A file that is overwritten before it is claimed is not lost."""
    put_drop("penguins/a.csv", b"first")
    put_drop("penguins/a.csv", b"second")
    runs = run_cycle(store, settings)
    assert sorted(read(store, settings, f"{run}/raw/data") for run in runs) == [b"first", b"second"]
    assert left(store, settings) == []


def test_deleted_before_it_was_claimed(store, settings, put_drop):
    """A delete marker withdraws the versions below it; what is put after it is a drop."""
    put_drop("penguins/a.csv", b"withdrawn")
    store.delete(settings.drop_bucket, "penguins/a.csv")
    assert run_cycle(store, settings) == []
    assert left(store, settings) == ["penguins/a.csv"], "what was withdrawn stays where it is"
    put_drop("penguins/b.csv")
    assert len(run_cycle(store, settings)) == 1


def test_what_is_no_drop_stays(store, settings, put_drop):
    """Parameters, sources and hidden files are never claimed."""
    for key in ("penguins/_params.json", "_sources/a.csv", "penguins/.hidden", "penguins/lone.csv.params.json"):
        put_drop(key)
    assert run_cycle(store, settings) == []
    assert len(left(store, settings)) == 4


def test_sidecar_goes_with_its_file(store, settings, put_drop):
    """A file's own parameters are kept in `drop.json`, and all of their versions leave with it; another's stay."""
    put_drop("penguins/a.csv.params.json", b'{"old": 1}')
    version = put_drop("penguins/a.csv.params.json", b'{"target_column": "species"}')
    put_drop("penguins/a.csv")
    put_drop("penguins/b.csv.params.json", b"{}")
    (run,) = run_cycle(store, settings)
    sidecar = read_json(store, settings, f"{run}/drop.json")["sidecar"]
    assert sidecar == {"key": "penguins/a.csv.params.json", "version": version, "text": '{"target_column": "species"}'}
    assert left(store, settings) == ["penguins/b.csv.params.json"]


def test_sidecar_of_two_waiting_versions(store, settings, put_drop, change):
    """Versions of one file that are claimed one after the other have the same parameters, which leave with the last."""
    version = put_drop("penguins/a.csv.params.json", b"{}")
    put_drop("penguins/a.csv", b"first")
    put_drop("penguins/a.csv", b"second")
    one = change(claim_max_drops=1)
    for content, rest in ((b"first", ["penguins/a.csv", "penguins/a.csv.params.json"]), (b"second", [])):
        (run,) = run_cycle(store, one)
        assert read(store, settings, f"{run}/raw/data") == content
        assert read_json(store, settings, f"{run}/drop.json")["sidecar"]["version"] == version
        assert left(store, settings) == rest


def test_sidecar_too_large_to_be_parameters(store, settings, put_drop):
    """A sidecar over 64 KiB is named without its text, so that the worker can say so."""
    put_drop("penguins/a.csv.params.json", b"x" * (64 * 1024 + 1))
    put_drop("penguins/a.csv")
    (run,) = run_cycle(store, settings)
    assert read_json(store, settings, f"{run}/drop.json")["sidecar"]["text"] is None
    assert left(store, settings) == []


def test_sidecar_as_large_as_it_may_be(store, settings, put_drop):
    """A sidecar of exactly 64 KiB is read, all of it."""
    text = '{"a": "' + "x" * (64 * 1024 - 9) + '"}'
    put_drop("penguins/a.csv.params.json", text.encode())
    put_drop("penguins/a.csv")
    (run,) = run_cycle(store, settings)
    assert read_json(store, settings, f"{run}/drop.json")["sidecar"]["text"] == text


def test_odd_names(store, settings, put_drop):
    """Names with spaces, umlauts, signs and an empty file are drops like others."""
    names = ["Größe & Co/ä+b%20c.csv", "a/x=1&y?.csv", "top.csv", 'q\'uote/"d".csv']
    for name in names:
        put_drop(name, b"")
    runs = run_cycle(store, settings)
    assert {read_json(store, settings, f"{run}/drop.json")["key"] for run in runs} == set(names)
    assert left(store, settings) == []


def test_killed_before_each_write(store, settings, put_drop):
    """Wherever a cycle is killed, the next one ends it: the same run, one record, the bytes, and nothing left behind."""
    for number in range(1, 20):
        put_drop(f"penguins/{number}.csv", b"content")
        faulty = FaultyStore(settings, killed_before=number)
        try:
            run_cycle(faulty, settings)
        except Killed:
            (before,) = list_claimable(store, settings)
            assert run_cycle(store, settings) == [before.run_key]
            assert read(store, settings, f"{before.run_key}/raw/data") == b"content"
            expected = {
                f"{before.run_key}/drop.json",
                f"open/{before.run_key}",
                f"receipts/penguins/{before.run_key}.json",
            }
            assert expected <= keys(store, settings)
            assert left(store, settings) == []
        else:
            break
    assert number == 6, "copy, marker, drop.json, receipt and the delete are all the writes"


def test_repeated_claim_changes_nothing_that_was_written(store, settings, put_drop):
    """A drop that was claimed and not cleared is announced again, and neither its receipt nor its marker comes back."""
    put_drop("penguins/a.csv")
    (claim,) = claim_drops(store, settings)
    run = Layout("runs").run(claim.run_key)
    store.put(settings.artifact_bucket, run.receipt("penguins"), b'{"state": "published"}')
    store.delete(settings.artifact_bucket, run.marker)
    record = read(store, settings, f"{claim.run_key}/drop.json")
    assert run_cycle(store, settings) == [claim.run_key]
    assert read(store, settings, f"{claim.run_key}/drop.json") == record
    assert read_json(store, settings, f"receipts/penguins/{claim.run_key}.json") == {"state": "published"}
    assert f"open/{claim.run_key}" not in keys(store, settings)
    assert left(store, settings) == []


def test_a_cycle_takes_so_many(store, settings, put_drop, change):
    """A cycle claims at most the drops and bytes of the settings, oldest first, but always at least one."""
    for number in range(5):
        put_drop(f"penguins/{number}.csv", b"x" * 100)
    drops = list_claimable(store, settings)
    assert len(choose_drops(drops, change(claim_max_drops=3))) == 3
    assert len(choose_drops(drops, change(claim_max_bytes=250))) == 2
    assert len(choose_drops(drops, change(claim_max_bytes=1))) == 1
    few = change(claim_max_drops=2)
    assert [len(run_cycle(store, few)) for _ in range(4)] == [2, 2, 1, 0]


def test_large_drop_is_copied_in_parts(store, settings, put_drop, monkeypatch):
    """What is too large for one copy request is copied in parts within the store, of the exact version."""
    monkeypatch.setattr("pipeline.store._LARGEST_COPY", 8 * 1024**2)
    monkeypatch.setattr("pipeline.store._PART", 5 * 1024**2)
    content = bytes(range(256)) * 4096 * 12
    put_drop("penguins/large.csv", content)
    put_drop("penguins/large.csv", b"newer")
    runs = run_cycle(store, settings)
    assert {read(store, settings, f"{run}/raw/data") for run in runs} == {content, b"newer"}


def test_copy_is_in_parts_long_before_it_must_be(store, settings, put_drop, monkeypatch):
    """No request is so large that the store answers later than it is waited for: from 64 MiB on there are several."""

    def refuse(**_):
        raise AssertionError("one request for all of it")

    put_drop("penguins/large.csv", bytes(64 * 1024**2 + 1))
    monkeypatch.setattr(store.client, "copy_object", refuse)
    (run,) = run_cycle(store, settings)
    assert read_json(store, settings, f"{run}/drop.json")["size"] == 64 * 1024**2 + 1


def make_older(monkeypatch, by):
    """Let the store's list of what was set aside be older by *by*."""
    list_keys = AirflowStore.list_keys

    def older(self, bucket, prefix):
        return [(key, at - by) for key, at in list_keys(self, bucket, prefix)]

    monkeypatch.setattr(AirflowStore, "list_keys", older)


def test_drop_that_cannot_be_claimed(settings, put_drop, monkeypatch, caplog):
    """It is set aside with a growing delay, holds up no other, and after five tries it is left alone and told of."""
    version = put_drop("penguins/bad.csv")
    put_drop("penguins/good.csv")
    bad = next(drop.run_key for drop in list_claimable(AirflowStore(settings), settings) if "bad" in drop.version.key)
    faulty = FaultyStore(settings, refuse=lambda key: key == f"runs/{bad}/raw/data")
    assert [run != bad for run in run_cycle(faulty, settings)] == [True]
    assert list_claimable(faulty, settings) == [], "not due for 10 s: no hot loop"
    assert "Set aside for 0:00:10 (try 1 of 5)." in caplog.text
    record = read_json(faulty, settings, f"set_aside/{bad}/1.json")
    names = ("bucket", "key", "version")
    assert [record[name] for name in names] == [settings.drop_bucket, "penguins/bad.csv", version]
    assert "AccessDenied" in record["reason"]
    assert record["at"].endswith("Z")
    for number in range(2, MOST_TRIES + 1):
        with monkeypatch.context() as patch:
            make_older(patch, timedelta(minutes=6))
            assert [drop.tries for drop in list_claimable(faulty, settings)] == [number - 1]
            assert "for good" not in caplog.text
            assert run_cycle(faulty, settings) == []
    told = re.findall(r"Set aside for (\S+) \(try (\d) of 5\)", caplog.text)
    assert told == [("0:00:10", "1"), ("0:00:30", "2"), ("0:01:30", "3"), ("0:05:00", "4")]
    file = f"s3://{settings.drop_bucket}/penguins/bad.csv"
    assert f"Set aside for good after 5 tries: {file}, version {version}." in caplog.text
    make_older(monkeypatch, timedelta(days=30))
    assert list_claimable(faulty, settings) == [], "left alone for good"
    assert left(faulty, settings) == ["penguins/bad.csv"], "never deleted"
    receipt = read_json(faulty, settings, f"receipts/penguins/{bad}.json")
    assert (receipt["state"], receipt["stage"]) == ("failed", "watch")
    assert receipt["reason"]["fix"]


@pytest.mark.parametrize(("tries", "delay"), [(1, 10), (2, 30), (3, 90), (4, 300)])
def test_back_off(store, settings, put_drop, monkeypatch, tries, delay):
    """The delay of what was set aside grows from 10 s to 5 min."""
    put_drop("penguins/a.csv")
    (drop,) = list_claimable(store, settings)
    for number in range(1, tries + 1):
        store.put(settings.artifact_bucket, f"runs/set_aside/{drop.run_key}/{number}.json", b"{}")
    with monkeypatch.context() as patch:
        make_older(patch, timedelta(seconds=delay - 5))
        assert list_claimable(store, settings) == []
    make_older(monkeypatch, timedelta(seconds=delay + 2))
    assert [found.tries for found in list_claimable(store, settings)] == [tries]


def test_drop_that_cannot_be_deleted(settings, put_drop, monkeypatch, caplog):
    """It is announced once, tried to be deleted with back-off, and then left alone: never a hot loop of runs."""
    put_drop("penguins/locked.csv")
    faulty = FaultyStore(settings)
    faulty.refused_delete = ".csv"
    caplog.set_level("INFO")
    (run,) = run_cycle(faulty, settings)
    assert f"s3://{settings.drop_bucket}/penguins/locked.csv could not be deleted: AccessDenied: no" in caplog.text
    assert "Cleared 0 of 1 versions." in caplog.text
    assert list_claimable(faulty, settings) == []
    assert read_json(faulty, settings, f"set_aside/{run}/1.json")["reason"].startswith("not deleted: AccessDenied")
    make_older(monkeypatch, timedelta(minutes=6))
    assert run_cycle(faulty, settings) == [], "its event went out already"
    faulty.refused_delete = ""
    assert run_cycle(faulty, settings) == []
    assert left(faulty, settings) == [], "deleted as soon as that is allowed"


def test_parameters_that_cannot_be_deleted_hold_nothing_up(settings, put_drop, caplog):
    """Their file leaves all the same, and is not set aside; that they stay is said."""
    put_drop("penguins/a.csv.params.json", b"{}")
    put_drop("penguins/a.csv")
    faulty = FaultyStore(settings)
    faulty.refused_delete = ".json"
    caplog.set_level("INFO")
    (run,) = run_cycle(faulty, settings)
    assert "penguins/a.csv.params.json could not be deleted: AccessDenied: no" in caplog.text
    assert "Cleared 1 of 2 versions." in caplog.text
    assert left(faulty, settings) == ["penguins/a.csv.params.json"]
    assert f"set_aside/{run}/1.json" not in keys(faulty, settings)


@pytest.mark.parametrize("fault", [StoreUnavailable, BucketMissing])
def test_store_down_is_no_fault_of_the_drop(store, settings, put_drop, fault):
    """With the store down, or without its bucket, the whole task fails and is tried again; no drop is set aside."""
    put_drop("penguins/a.csv")

    class DownStore(AirflowStore):
        def copy_version(self, *_):
            raise fault("connection refused")

    with pytest.raises(StoreUnavailable):
        claim_drops(DownStore(settings), settings)
    assert keys(store, settings) == set()
    assert len(run_cycle(store, settings)) == 1


class UnreadableStore(AirflowStore):
    """The store, but that it cannot read the drops whose key holds `bad`, and answers so each time."""

    error: type[StoreError] = StoreUnavailable

    def copy_version(self, source, bucket, key):
        if "bad" in source.key:
            raise self.error("InternalError: volume not found")
        super().copy_version(source, bucket, key)


def test_drop_that_the_store_cannot_read(settings, put_drop, monkeypatch):
    """While others are claimed it is set aside, not tried in a hot loop; when it is the only one, the task waits."""
    put_drop("penguins/bad.csv")
    put_drop("penguins/good.csv")
    unreadable = UnreadableStore(settings)
    bad = next(drop.run_key for drop in list_claimable(unreadable, settings) if "bad" in drop.version.key)
    assert [run != bad for run in run_cycle(unreadable, settings)] == [True]
    assert left(unreadable, settings) == ["penguins/bad.csv"]
    assert list_claimable(unreadable, settings) == []
    assert "volume not found" in read_json(unreadable, settings, f"set_aside/{bad}/1.json")["reason"]
    make_older(monkeypatch, timedelta(minutes=6))
    with pytest.raises(StoreUnavailable):
        claim_drops(unreadable, settings)
    assert [drop.tries for drop in list_claimable(unreadable, settings)] == [1]
    assert run_cycle(AirflowStore(settings), settings) == [bad]


def test_store_that_goes_down_in_between(settings, put_drop):
    """What was claimed before goes on; the rest is no fault of the drops', and is found again."""
    for name in ("bad-1", "bad-2", "good"):
        put_drop(f"penguins/{name}.csv")
    tried = []

    class FailingStore(UnreadableStore):
        def put(self, bucket, key, content, *, if_none_match=False):
            if "set_aside" in key:
                tried.append(key)
                raise StoreUnavailable("connection refused")
            super().put(bucket, key, content, if_none_match=if_none_match)

    assert len(run_cycle(FailingStore(settings), settings)) == 1
    assert len(tried) == 1, "a store that is down is not asked for each drop, with what it is waited for each time"
    assert len(run_cycle(AirflowStore(settings), settings)) == 2
    assert left(AirflowStore(settings), settings) == []


def test_set_aside_between_its_record_and_its_event(settings, put_drop, monkeypatch):
    """A drop that was recorded and then set aside has had no event yet: it goes out with the next claim."""
    put_drop("penguins/bad.csv")
    put_drop("penguins/good.csv")

    class FailingStore(AirflowStore):
        def put(self, bucket, key, content, *, if_none_match=False):
            if f"receipts/penguins/{bad}" in key:
                raise StoreUnavailable("connection reset")
            super().put(bucket, key, content, if_none_match=if_none_match)

    failing = FailingStore(settings)
    bad = next(drop.run_key for drop in list_claimable(failing, settings) if "bad" in drop.version.key)
    assert [run != bad for run in run_cycle(failing, settings)] == [True]
    assert {f"{bad}/drop.json", f"set_aside/{bad}/1.json"} <= keys(failing, settings)
    make_older(monkeypatch, timedelta(minutes=6))
    assert run_cycle(AirflowStore(settings), settings) == [bad]
    assert left(failing, settings) == []


@pytest.mark.parametrize("fault", [ObjectMissing, PreconditionFailed])
def test_version_that_is_listed_and_missing(settings, put_drop, fault):
    """A version that stays in the list and cannot be found is set aside: it would be tried each second for ever."""
    put_drop("penguins/bad.csv")
    missing = UnreadableStore(settings)
    missing.error = fault
    assert claim_drops(missing, settings) == []
    assert list_claimable(missing, settings) == []


def test_receipt_that_cannot_be_written(settings, put_drop, monkeypatch):
    """The receipt is for people: a drop is claimed without it, and one that cannot be claimed stops nothing."""
    put_drop("penguins/a.csv")
    faulty = FaultyStore(settings, refuse=lambda key: "/receipts/" in key)
    assert len(run_cycle(faulty, settings)) == 1
    assert left(faulty, settings) == []
    put_drop("penguins/bad.csv")
    (bad,) = list_claimable(faulty, settings)
    for number in range(1, MOST_TRIES):
        faulty.put(settings.artifact_bucket, f"runs/set_aside/{bad.run_key}/{number}.json", b"{}")
    make_older(monkeypatch, timedelta(minutes=6))
    faulty.refuse = lambda key: "/receipts/" in key or key.endswith("/raw/data")
    assert claim_drops(faulty, settings) == []
    assert list_claimable(faulty, settings) == []


_ANOTHER = make_drop("penguins.20260131T120000Z.1a2b3c4d")
#: What may lie under a run key: nothing, another's record, one of a later name, and no record at all.
OTHER = [
    None,
    _ANOTHER.write(),
    dataclasses.replace(_ANOTHER, bucket="zz").write(),
    b'{"bucket": "other", "key": "other"}',
    b"{",
]


@pytest.mark.parametrize("present", OTHER)
def test_record_that_is_there_all_at_once(settings, put_drop, present):
    """When `drop.json` is refused as being there already, it is looked at: only its own means that the drop is claimed."""
    put_drop("penguins/a.csv")

    class TakenStore(AirflowStore):
        def put(self, bucket, key, content, *, if_none_match=False):
            if key.endswith("/drop.json"):
                if present is None:
                    raise PreconditionFailed("no", code="ConditionalRequestConflict", where=key)
                super().put(bucket, key, present)
            super().put(bucket, key, content, if_none_match=if_none_match)

    taken = TakenStore(settings)
    (drop,) = list_claimable(taken, settings)
    if present is None:
        with pytest.raises(StoreUnavailable):
            claim_drops(taken, settings)
    else:
        assert claim_drops(taken, settings) == []
        assert "taken" in read_json(taken, settings, f"set_aside/{drop.run_key}/1.json")["reason"]


def test_record_whose_answer_was_lost(settings, put_drop):
    """A put that succeeded and is tried again, as its answer was lost, finds its own record: the drop is claimed."""
    put_drop("penguins/a.csv")

    class RepeatingStore(AirflowStore):
        def put(self, bucket, key, content, *, if_none_match=False):
            if key.endswith("/drop.json"):
                super().put(bucket, key, content)
            super().put(bucket, key, content, if_none_match=if_none_match)

    assert len(run_cycle(RepeatingStore(settings), settings)) == 1


def test_withdrawn_while_it_is_claimed(settings, put_drop):
    """A version that is gone when it is to be copied is no drop any more, and no fault."""
    version = put_drop("penguins/a.csv")

    class LateStore(AirflowStore):
        def copy_version(self, source, bucket, key):
            self.client.delete_object(Bucket=settings.drop_bucket, Key="penguins/a.csv", VersionId=version)
            super().copy_version(source, bucket, key)

    late = LateStore(settings)
    (drop,) = list_claimable(late, settings)
    assert claim_drops(late, settings) == []
    assert list_claimable(late, settings) == []
    assert keys(late, settings) == {f"set_aside/{drop.run_key}/1.json"}, "no marker, record or receipt of a run"


@pytest.mark.parametrize("present", OTHER[1:])
def test_run_key_taken_by_another_drop(store, settings, put_drop, present):
    """Should two drops ever get one key, the second is set aside: it neither joins nor overwrites the first."""
    put_drop("penguins/a.csv")
    (drop,) = list_claimable(store, settings)
    store.put(settings.artifact_bucket, Layout("runs").run(drop.run_key).drop, present)
    assert claim_drops(store, settings) == []
    assert "taken" in read_json(store, settings, f"set_aside/{drop.run_key}/1.json")["reason"]


def test_bucket_without_versions(store, settings, put_drop):
    """A drop bucket without versions works as well, as far as S3 can: the version is null."""
    bucket = f"{settings.drop_bucket}-plain"
    store.client.create_bucket(Bucket=bucket)
    store.client.put_object(Bucket=bucket, Key="penguins/a.csv", Body=b"x")
    plain = dataclasses.replace(settings, drop_bucket=bucket)
    (run,) = run_cycle(store, plain)
    assert read_json(store, plain, f"{run}/drop.json")["version"] is None
    assert store.list_versions(bucket)[0] == []
    store.client.delete_bucket(Bucket=bucket)


def test_times_are_the_store_s(store, settings, put_drop):
    """The run key's time is the version's own, in whole seconds."""
    put_drop("penguins/a.csv")
    (drop,) = list_claimable(store, settings)
    assert abs(drop.version.last_modified - datetime.now(UTC)) < timedelta(seconds=60)
    assert drop.run_key.split(".")[1] == drop.version.last_modified.strftime("%Y%m%dT%H%M%SZ")
