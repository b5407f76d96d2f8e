"""The store's contract, held against real S3 servers and against the folder."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from pipeline_contract.s3 import ObjectMissing, PreconditionFailed
from pipeline_worker.errors import LocationRefused, ParameterInvalid, StorageRefused, StorageUnreachable
from pipeline_worker.settings import read_settings
from pipeline_worker.store.base import Store, open_store
from pipeline_worker.store.s3 import S3Store
from tests.minio_server import NEEDS_MINIO, MinioServer
from tests.s3_client import open_client
from tests.weed import Weed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


B = "s3://bucket"
#: The settings of a store that does not answer.
DEAD = {
    "OBJECT_STORAGE_ENDPOINT_URL": "http://127.0.0.1:9",
    "OBJECT_STORAGE_ACCESS_KEY": "a",
    "OBJECT_STORAGE_SECRET_KEY": "b",
}


Server = Weed | MinioServer
SERVERS = ["weed", pytest.param("minio", marks=NEEDS_MINIO)]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    make_client(found)
    return found


@pytest.fixture(params=[*SERVERS, "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return open_store(read_settings({}, store_folder=tmp_path / "lake"))
    server: Server = request.getfixturevalue(request.param)
    make_client(server)
    return open_store(read_settings(make_environ(server)))


@functools.cache
def make_client(server: Server) -> S3Client:
    """Return a client for the server, which has the bucket from then on, with versions, as the stacks have it."""
    client = open_client(server)
    if "bucket" not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket="bucket")
        client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    return client


def make_environ(server: Server) -> dict[str, str]:
    return {
        "OBJECT_STORAGE_ENDPOINT_URL": server.endpoint_url,
        "OBJECT_STORAGE_ACCESS_KEY": server.access_key,
        "OBJECT_STORAGE_SECRET_KEY": server.secret_key,
    }


def unique(name: str, tmp_path: Path) -> str:
    return f"{B}/{tmp_path.name}/{name}"


def test_put_then_read_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    """What was put is what is read, with its size and an etag that head gives as well."""
    uri = unique("a.txt", tmp_path)
    put = store.put(uri, b"hello")
    content, info = store.read(uri)
    head = store.head(uri)
    assert content == b"hello"
    assert head is not None
    assert (put.etag, put.size) == (info.etag, info.size) == (head.etag, head.size)


def test_missing_object_is_named(store: Store, tmp_path: Path) -> None:
    """Reading, downloading or copying what is not there says which object is missing; head says None."""
    uri = unique("none", tmp_path)
    assert store.head(uri) is None
    for read in (store.read, lambda u: store.download(u, tmp_path / "x"), lambda u: store.copy(u, f"{u}2")):
        with pytest.raises(ObjectMissing, match="none"):
            read(uri)


def test_put_if_none_match_writes_once(store: Store, tmp_path: Path) -> None:
    """A put for a key that must not exist yet fails where it does, and leaves it as it was."""
    uri = unique("once", tmp_path)
    store.put(uri, b"first", if_none_match=True)
    with pytest.raises(PreconditionFailed):
        store.put(uri, b"second", if_none_match=True)
    assert store.read(uri)[0] == b"first"


def test_put_if_match_overwrites_only_what_was_seen(store: Store, tmp_path: Path) -> None:
    """A put over a seen etag replaces it; over another etag, or where the object is gone, it changes nothing."""
    uri = unique("seen", tmp_path)
    first = store.put(uri, b"first")
    second = store.put(uri, b"second", if_match=first.etag)
    with pytest.raises(PreconditionFailed):
        store.put(uri, b"third", if_match=first.etag)
    assert store.read(uri)[0] == b"second"
    assert second.etag != first.etag
    with pytest.raises((PreconditionFailed, ObjectMissing)):
        store.put(unique("gone", tmp_path), b"x", if_match=first.etag)


def test_race_of_conditional_puts_has_one_winner(store: Store, tmp_path: Path) -> None:
    """Of eight at once that each put on the condition of absence, exactly one wins."""
    uri = unique("race", tmp_path)
    won: list[int] = []
    lost: list[int] = []
    gate = threading.Barrier(8)

    def put(number: int) -> None:
        gate.wait()
        try:
            store.put(uri, str(number).encode(), if_none_match=True)
            won.append(number)
        except PreconditionFailed:
            lost.append(number)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    assert store.read(uri)[0] == str(won[0]).encode()


def test_what_was_deleted_is_absent(store: Store, tmp_path: Path) -> None:
    """After a delete a put on the condition of absence wins, once; the versions below do not count."""
    uri = unique("back", tmp_path)
    for content in (b"first", b"second"):
        store.put(uri, content, if_none_match=True)
        with pytest.raises(PreconditionFailed):
            store.put(uri, b"third", if_none_match=True)
        assert [found.uri for found in store.list(uri)] == [uri]
        assert store.read(uri)[0] == content
        store.delete(uri)
        assert list(store.list(uri)) == []
        assert store.head(uri) is None


def test_copy_takes_what_was_seen(store: Store, tmp_path: Path) -> None:
    """A copy on the condition of an etag takes the object with it, and refuses another that came meanwhile."""
    uri, copied = unique("source", tmp_path), unique("copied", tmp_path)
    first = store.put(uri, b"first")
    store.copy(uri, copied, if_match=first.etag)
    store.put(uri, b"second")
    with pytest.raises(PreconditionFailed):
        store.copy(uri, copied, if_match=first.etag)
    assert store.read(copied)[0] == b"first"


def test_upload_in_parts_and_download_give_the_same_file(store: Store, tmp_path: Path) -> None:
    """A file large enough for several parts arrives whole."""
    source = tmp_path / "large"
    with source.open("wb") as file:
        for block in range(70):
            file.write(bytes([block]) * 1024**2)
    uri = unique("large", tmp_path)
    store.upload(uri, source)
    store.download(uri, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_copy_leaves_the_source(store: Store, tmp_path: Path) -> None:
    """A copy is a second object with the same bytes."""
    uri, other = unique("from", tmp_path), unique("to", tmp_path)
    store.put(uri, b"bytes")
    store.copy(uri, other)
    assert store.read(uri)[0] == store.read(other)[0] == b"bytes"


@pytest.mark.parametrize(
    "name", ["with space", "ümläut 数据", "a+b=c&d", "per%20cent%", "quote'\"", "deep/er/file", "dot.ted.."]
)
def test_odd_names_keep_their_identity(store: Store, tmp_path: Path, name: str) -> None:
    """A key with spaces, other alphabets or characters that URLs escape is read, listed and deleted under its name."""
    uri = unique(name, tmp_path)
    store.put(uri, name.encode())
    assert store.read(uri)[0] == name.encode()
    assert [info.uri for info in store.list(f"{B}/{tmp_path.name}/")] == [uri]
    store.delete(uri)
    assert store.head(uri) is None


def test_list_is_by_prefix_in_order(store: Store, tmp_path: Path) -> None:
    """Listing gives the keys that begin with the prefix, at any depth, in order."""
    for name in ("b/2", "b/1", "b1", "c/x"):
        store.put(unique(name, tmp_path), b"")
    listed = [info.uri.removeprefix(f"{B}/{tmp_path.name}/") for info in store.list(unique("b", tmp_path))]
    assert listed == ["b/1", "b/2", "b1"]


def test_delete_of_nothing_is_fine(store: Store, tmp_path: Path) -> None:
    """Deleting what is not there changes nothing and raises nothing."""
    store.delete(unique("never", tmp_path))


def test_versions_are_read_and_deleted_exactly(server: Server, tmp_path: Path) -> None:
    """In a versioned bucket a put tells its version, and a delete removes exactly the version named."""
    store = open_store(read_settings(make_environ(server)))
    uri = unique("x", tmp_path)
    first, second = store.put(uri, b"1"), store.put(uri, b"2")
    assert first.version
    assert second.version
    assert first.version != second.version
    store.delete(uri, version=second.version)
    content, info = store.read(uri)
    assert (content, info.version) == (b"1", first.version)


def test_folder_refuses_names_that_lead_elsewhere(tmp_path: Path) -> None:
    """A key that would leave the folder, or mean another file than it says, is refused."""
    store = open_store(read_settings({}, store_folder=tmp_path))
    for key in ("../x", "a/../../x", "a//b", "a/./b", "", "a\\b"):
        with pytest.raises(LocationRefused):
            store.put(f"{B}/{key}", b"")


def test_a_name_that_is_too_long_for_the_store_is_refused(tmp_path: Path) -> None:
    """It will never be shorter, so that another try helps nothing."""
    key = f"{B}/{'x' * 300}/x.json"
    with pytest.raises(ParameterInvalid, match="A name is too long for the store") as raised:
        open_store(read_settings({}, store_folder=tmp_path)).put(key, b"")
    assert (raised.value.where, raised.value.exit_code) == (key, 2)
    store = S3Store(read_settings(DEAD))
    with Stubber(store._client) as client:
        client.add_client_error("put_object", "KeyTooLongError")
        with pytest.raises(ParameterInvalid, match="A name is too long for the store"):
            store.put(key, b"")


@pytest.mark.parametrize(
    ("code", "status", "kind", "said"),
    [
        ("NoSuchBucket", 404, StorageRefused, "There is no such bucket."),
        ("AccessDenied", 403, StorageRefused, "The store refuses the worker's key (AccessDenied)."),
        ("SlowDown", 503, StorageUnreachable, "The store answers SlowDown."),
        ("InvalidRequest", 400, StorageUnreachable, "The store answers InvalidRequest."),
    ],
)
def test_what_the_store_answers_is_said(code: str, status: int, kind: type[StorageUnreachable], said: str) -> None:
    """All of it is worth another try; only what a request may have chosen badly is told apart."""
    store = S3Store(read_settings(DEAD))
    with Stubber(store._client) as client:
        client.add_client_error("put_object", code, http_status_code=status)
        with pytest.raises(StorageUnreachable) as raised:
            store.put(f"{B}/x", b"")
    assert (type(raised.value), raised.value.what, raised.value.exit_code) == (kind, said, 75)
    assert raised.value.where.startswith(f"{B}/x at ")


def test_a_file_of_this_machine_is_no_fault_of_the_store(tmp_path: Path) -> None:
    """What is wrong with it is said as it is."""
    with pytest.raises(FileNotFoundError):
        S3Store(read_settings(DEAD)).put(f"{B}/x", tmp_path / "none")


def test_dead_store_is_said_with_what_to_check() -> None:
    """A store that does not answer is named with its address and the setting to look at."""
    with pytest.raises(StorageUnreachable) as caught:
        open_store(read_settings(DEAD)).read(f"{B}/x")
    assert "127.0.0.1:9" in caught.value.where
    assert "OBJECT_STORAGE_ENDPOINT_URL" in caught.value.fix


def test_wrong_key_is_said_without_the_secret(server: Server) -> None:
    """A key that the store refuses is a matter of the settings, and the secret is in no message."""
    settings = read_settings(make_environ(server) | {"OBJECT_STORAGE_SECRET_KEY": "not-the-one"})
    with pytest.raises(StorageRefused) as caught:
        open_store(settings).read(f"{B}/x")
    assert "OBJECT_STORAGE_SECRET_KEY" in caught.value.fix
    assert "not-the-one" not in str(caught.value) + repr(settings)
