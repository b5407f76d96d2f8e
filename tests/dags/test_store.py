"""The seam to S3, against a real server: what it answers, and which fault is whose."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.store import AirflowStore, get_json
from pipeline_contract.records import write_json
from pipeline_contract.s3 import BucketMissing, ObjectMissing, PreconditionFailed, StoreRefused


def test_conditional_put(store, settings):
    """A put on condition that there is nothing succeeds once."""
    bucket = settings.artifact_bucket
    store.put(bucket, "a.json", b"1", if_none_match=True)
    with pytest.raises(PreconditionFailed):
        store.put(bucket, "a.json", b"2", if_none_match=True)
    assert store.get(bucket, "a.json") == b"1"
    store.put(bucket, "a.json", b"3")
    assert store.get(bucket, "a.json", most=10) == b"3"


def test_missing_is_no_outage(store, settings):
    """An object that is not there is one answer, a bucket that is not there is another: it may be made later."""
    with pytest.raises(ObjectMissing):
        store.get(settings.artifact_bucket, "absent")
    assert get_json(store, settings.artifact_bucket, "absent") is None
    with pytest.raises(BucketMissing, match="NoSuchBucket"):
        store.get("no-such-bucket", "absent")
    store.delete(settings.artifact_bucket, "absent")


def test_wrong_key_is_refused(settings):
    """A key that the store does not know is no outage: the message says what the store said."""
    stranger = AirflowStore(dataclasses.replace(settings, watch_access_key="stranger"))
    with pytest.raises(StoreRefused, match="InvalidAccessKeyId"):
        stranger.put(settings.artifact_bucket, "a", b"")


def test_json(store, settings):
    """What was put as JSON comes back, and what is no JSON object is none."""
    store.put(settings.artifact_bucket, "a.json", write_json({"ä": [1]}))
    assert get_json(store, settings.artifact_bucket, "a.json") == {"ä": [1]}
    store.put(settings.artifact_bucket, "b.json", b"[1]")
    store.put(settings.artifact_bucket, "c.json", b"{")
    assert get_json(store, settings.artifact_bucket, "b.json") is None
    assert get_json(store, settings.artifact_bucket, "c.json") is None


def test_exact_versions_are_deleted(store, settings, put_drop):
    """Only the named versions go; one that is gone already is no error."""
    first, second = put_drop("a/b.csv", b"1"), put_drop("a/b.csv", b"2")
    assert store.delete_versions(settings.drop_bucket, [("a/b.csv", first)]) == {}
    assert store.delete_versions(settings.drop_bucket, [("a/b.csv", first), ("a/none.csv", first)]) == {}
    assert [version.version_id for version in store.list_versions(settings.drop_bucket)[0]] == [second]


def test_refused_delete_without_a_version(store, settings, monkeypatch):
    """A store that leaves the version out of an error of a multi-delete is understood by the key alone."""
    answer = {"Errors": [{"Key": "a/b.csv", "Code": "AccessDenied", "Message": "no"}]}
    monkeypatch.setattr(store.client, "delete_objects", lambda **_: answer)
    entries = [("a/b.csv", "1"), ("a/c.csv", "2"), ("a/b.csv", None)]
    refused = dict.fromkeys([("a/b.csv", "1"), ("a/b.csv", None)], "AccessDenied: no")
    assert store.delete_versions(settings.drop_bucket, entries) == refused
    answer["Errors"][0]["VersionId"] = "null"
    assert store.delete_versions(settings.drop_bucket, entries) == {("a/b.csv", None): "AccessDenied: no"}


@pytest.mark.parametrize("size", [1, 2 * 1024**2])
def test_overwritten_without_versions(store, settings, monkeypatch, size):
    """Without versions a key that was overwritten since it was listed is not copied, in one request or in parts."""
    monkeypatch.setattr("pipeline.store._LARGEST_COPY", 1024**2)
    bucket = settings.artifact_bucket
    store.put(bucket, "a", b"1" * size)
    ((version,), _) = store.list_versions(bucket)
    assert version.version_id is None
    store.copy_version(version, bucket, "b")
    assert store.get(bucket, "b") == b"1" * size
    store.put(bucket, "a", b"2" * size)
    with pytest.raises(PreconditionFailed):
        store.copy_version(version, bucket, "b")
    assert store.get(bucket, "b") == b"1" * size


def test_more_than_a_page(store, settings, put_drop):
    """Lists go on beyond the first page that the store answers with."""
    asked = []

    def ask_for_few(params, **_):
        asked.append(params.setdefault("MaxKeys", 2))

    names = [f"a/{number}.csv" for number in range(5)]
    for name in names:
        put_drop(name, b"")
    store.delete(settings.drop_bucket, "a/4.csv")
    store.client.meta.events.register("provide-client-params.s3.*", ask_for_few)
    try:
        versions, markers = store.list_versions(settings.drop_bucket)
        keys = [key for key, _ in store.list_keys(settings.drop_bucket, "a/")]
    finally:
        store.client.meta.events.unregister("provide-client-params.s3.*", ask_for_few)
    assert ([version.key for version in versions], [marker.key for marker in markers]) == (names, ["a/4.csv"])
    assert keys == names[:4]
    assert len(asked) >= 5, "3 pages of versions, 2 of keys"


def test_more_than_a_request_may_delete(store, settings, put_drop):
    """Deletes go on beyond one request's thousand: what is first and what is last of more than that goes."""
    entries = [(name, put_drop(name, b"")) for name in ("a/first.csv", "a/last.csv")]
    gone = [(f"a/{number}.csv", entries[0][1]) for number in range(1003)]
    assert store.delete_versions(settings.drop_bucket, [entries[0], *gone, entries[1]]) == {}
    assert store.list_versions(settings.drop_bucket) == ([], [])


@pytest.mark.long("puts a thousand objects")
def test_more_than_a_thousand(store, settings, put_drop):
    """Lists and deletes go on beyond the thousand that the store itself sets as a bound."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda number: put_drop(f"a/{number}.csv", b""), range(1005)))
    versions, _ = store.list_versions(settings.drop_bucket)
    assert len(versions) == 1005
    assert len(list(store.list_keys(settings.drop_bucket, "a/"))) == 1005
    entries = [(version.key, version.version_id) for version in versions]
    assert store.delete_versions(settings.drop_bucket, entries) == {}
    assert store.list_versions(settings.drop_bucket) == ([], [])


def test_nothing_is_imported_before_a_request():
    """Making the store costs nothing: boto3 is met with the first request."""
    import subprocess
    import sys
    from pathlib import Path

    code = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parents[2] / 'dags')!r}]; "
        "from pipeline.store import AirflowStore; from pipeline.settings import read_settings; AirflowStore(read_settings({})); "
        "sys.exit('boto3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
