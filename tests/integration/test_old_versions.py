"""What a stage overwrites or deletes is kept for a while on both servers, and then really goes; so do logs of tasks."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from mypy_boto3_s3 import S3Client

from cli.stacks.storage import remove_old_versions
from pipeline_contract.settings import KEYS
from tests.bootstrap import make_sts, open_stack_on, run_bootstrap
from tests.integration.s3_actions import PREFIX
from tests.minio_server import NEEDS_MINIO, run_minio
from tests.stack import Stack

#: Of markers of unfinished runs no version is kept: they are empty.
PLACES = {"model": PREFIX + "/models/penguins/{}/a/m.pkl", "data": PREFIX + "/{}/raw/data"}
MARKER = f"{PREFIX}/open/penguins.r"
#: What is copied over others.
EVIL = f"{PREFIX}/evil/raw/data"
KEPT = "ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS"
Versions = list[tuple[str, int | None]]

pytestmark = pytest.mark.slow("needs an S3 server")


@pytest.fixture(scope="module")
def minio_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a MinIO after its bootstrap, which looks for what is old all the time rather than now and then."""
    folder = tmp_path_factory.mktemp("minio")
    with run_minio(folder, MINIO_SCANNER_SPEED="fastest") as server, open_stack_on(server) as stack:
        done = run_bootstrap(stack)
        assert done.returncode == 0, done.stderr
        yield stack


@pytest.fixture(scope="module", params=["weed_stack", pytest.param("minio_stack", marks=NEEDS_MINIO)])
def stack(request: pytest.FixtureRequest) -> Stack:
    """Give each server in turn."""
    found: Stack = request.getfixturevalue(request.param)
    return found


@contextlib.contextmanager
def changing(client: S3Client, call: str, change: Callable[..., None]) -> Iterator[None]:
    """Change the requests of a client's calls before they are signed."""
    event = f"before-sign.s3.{call}"
    client.meta.events.register(event, change, unique_id="change")
    try:
        yield
    finally:
        client.meta.events.unregister(event, change, unique_id="change")


def days_ago(days: int) -> Callable[..., None]:
    """Return what makes MinIO note another time: it takes that of the source, as for a replica."""
    when = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    return lambda request, **_: request.headers.add_header("x-minio-source-mtime", when)


def naming(version: str, separator: str = "?") -> Callable[..., None]:
    """Return what names a version in a request for which boto3 knows none."""

    def name_version(request: Any, **_: object) -> None:
        request.url += f"{separator}versionId={version}"

    return name_version


def list_versions(client: S3Client, bucket: str, prefix: str = "") -> Versions:
    """Return key and size of each version, None for a delete marker, the oldest first."""
    listed = client.list_object_versions(Bucket=bucket, Prefix=prefix)
    assert not listed["IsTruncated"]
    entries: list[Any] = [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]
    entries.sort(key=lambda entry: (entry["Key"], entry["IsLatest"], entry["LastModified"]))
    return [(entry["Key"], entry.get("Size")) for entry in entries]


def put_over(client: S3Client, bucket: str, key: str, *_: object) -> None:
    client.put_object(Bucket=bucket, Key=key, Body=b"evil")


def put_in_parts(client: S3Client, bucket: str, key: str, *_: object) -> None:
    upload = {"Bucket": bucket, "Key": key}
    upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
    tag = client.upload_part(**upload, PartNumber=1, Body=b"evil")["ETag"]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"ETag": tag, "PartNumber": 1}]})


def copy_over(client: S3Client, bucket: str, key: str, *_: object) -> None:
    client.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": EVIL})


def put_over_the_version(client: S3Client, bucket: str, key: str, version: str) -> None:
    with changing(client, "PutObject", naming(version)):
        client.put_object(Bucket=bucket, Key=key, Body=b"evil")


def put_in_parts_over_the_version(client: S3Client, bucket: str, key: str, version: str) -> None:
    with changing(client, "CreateMultipartUpload", naming(version, "&")):
        put_in_parts(client, bucket, key)


def complete_parts_over_the_version(client: S3Client, bucket: str, key: str, version: str) -> None:
    with changing(client, "CompleteMultipartUpload", naming(version, "&")):
        put_in_parts(client, bucket, key)


def copy_over_the_version(client: S3Client, bucket: str, key: str, version: str) -> None:
    with changing(client, "CopyObject", naming(version)):
        copy_over(client, bucket, key)


def copy_a_version_over_the_version(client: S3Client, bucket: str, key: str, version: str) -> None:
    source: Any = {"Bucket": bucket, "Key": EVIL, "VersionId": client.head_object(Bucket=bucket, Key=EVIL)["VersionId"]}
    with changing(client, "CopyObject", naming(version)):
        client.copy_object(Bucket=bucket, Key=key, CopySource=source)


def put_as_of_long_ago(client: S3Client, bucket: str, key: str, *_: object) -> None:
    with changing(client, "PutObject", days_ago(3000)):
        client.put_object(Bucket=bucket, Key=key, Body=b"evil")


def delete_by_force(client: S3Client, bucket: str, key: str, *_: object) -> None:
    with changing(
        client, "DeleteObject", lambda request, **_: request.headers.add_header("x-minio-force-delete", "true")
    ):
        client.delete_object(Bucket=bucket, Key=key)


def delete_the_version(client: S3Client, bucket: str, key: str, version: str) -> None:
    client.delete_object(Bucket=bucket, Key=key, VersionId=version)


def delete_the_version_among_many(client: S3Client, bucket: str, key: str, version: str) -> None:
    client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key, "VersionId": version}]})


WAYS = (
    put_over,
    put_in_parts,
    copy_over,
    put_over_the_version,
    put_in_parts_over_the_version,
    complete_parts_over_the_version,
    copy_over_the_version,
    copy_a_version_over_the_version,
    put_as_of_long_ago,
    delete_by_force,
    delete_the_version,
    delete_the_version_among_many,
)


@pytest.mark.parametrize("identity", ["worker", "watch"])
def test_no_key_overwrites_for_good(stack: Stack, identity: str) -> None:
    """Whatever who holds a key does to an object, its bytes are there as a version; and what it may do, it can do."""
    root, client, lost = stack.client("root"), stack.client(identity), []
    root.put_object(Bucket="artifacts", Key=EVIL, Body=b"evil")
    for way, (what, place) in itertools.product(WAYS, PLACES.items()):
        key = place.format(f"{identity}-{way.__name__}")
        version = root.put_object(Bucket="artifacts", Key=key, Body=b"as it was")["VersionId"]
        with contextlib.suppress(ClientError):
            way(client, "artifacts", key, version)
        if way in (put_over, put_in_parts, copy_over) and (identity, what) != ("watch", "model"):
            assert root.get_object(Bucket="artifacts", Key=key)["Body"].read() == b"evil", (way, what)
        try:
            found = root.get_object(Bucket="artifacts", Key=key, VersionId=version)["Body"].read()
        except ClientError as error:
            found = repr(error).encode()
        if found != b"as it was":
            lost.append(f"{way.__name__}: {what}: {found!r}")
    assert not lost, "\n".join(lost)


def test_an_object_is_brought_back(stack: Stack) -> None:
    """As the runbook does it: a copy of the earlier version over an overwritten object, or over a deleted one."""
    root, key = stack.client("root"), PLACES["data"].format("back")
    version = root.put_object(Bucket="artifacts", Key=key, Body=b"as it was")["VersionId"]
    root.put_object(Bucket="artifacts", Key=key, Body=b"evil")
    source: Any = {"Bucket": "artifacts", "Key": key, "VersionId": version}
    root.copy_object(Bucket="artifacts", Key=key, CopySource=source)
    assert root.get_object(Bucket="artifacts", Key=key)["Body"].read() == b"as it was"
    root.delete_object(Bucket="artifacts", Key=key)
    root.copy_object(Bucket="artifacts", Key=key, CopySource=source)
    assert root.get_object(Bucket="artifacts", Key=key)["Body"].read() == b"as it was"


def test_markers_leave_nothing(stack: Stack) -> None:
    """What comes and goes with each run leaves nothing that would make the listing of unfinished runs slower, after a start."""
    root, worker = stack.client("root"), stack.client("worker")
    for _ in range(3):
        worker.put_object(Bucket="artifacts", Key=MARKER, Body=b"", IfNoneMatch="*")
        assert [entry["Key"] for entry in worker.list_objects_v2(Bucket="artifacts", Prefix=MARKER)["Contents"]] == [
            MARKER
        ]
        worker.delete_object(Bucket="artifacts", Key=MARKER)
    worker.put_object(Bucket="artifacts", Key=f"{MARKER}.open", Body=b"")
    if stack.settings["OBJECT_STORAGE_ENDPOINT_URL"]:
        assert run_bootstrap(stack).returncode == 0
    else:
        remove_old_versions(stack.settings)
    assert list_versions(root, "artifacts", MARKER) == [(f"{MARKER}.open", 0)]


def test_what_was_put_before_versions_is_kept_too(stack: Stack) -> None:
    """An older stack's objects, put without versions, are read, overwritten and deleted as before, and can be brought back."""
    root = stack.client("root")
    root.create_bucket(Bucket="before")
    for key in ("overwritten", "deleted"):
        root.put_object(Bucket="before", Key=key, Body=b"as it was")
    root.put_bucket_versioning(Bucket="before", VersioningConfiguration={"Status": "Enabled"})
    assert root.get_object(Bucket="before", Key="deleted")["Body"].read() == b"as it was"
    root.put_object(Bucket="before", Key="overwritten", Body=b"evil")
    root.delete_object(Bucket="before", Key="deleted")
    assert [entry["Key"] for entry in root.list_objects_v2(Bucket="before")["Contents"]] == ["overwritten"]
    for key in ("overwritten", "deleted"):
        found = root.get_object(Bucket="before", Key=key, VersionId="null")
        assert found["Body"].read() == b"as it was"
        root.delete_object(Bucket="before", Key=key, VersionId="null")
    assert list_versions(root, "before") == [("deleted", None), ("overwritten", 4)]


def test_the_local_stack_removes_what_is_old(weed_stack: Stack) -> None:
    """So many days after it was overwritten or deleted an artifact is gone, delete marker too; drops keep their versions."""
    root, days = weed_stack.client("root"), int(weed_stack.settings[KEPT])
    for bucket in ("artifacts", "drops"):
        for body in (b"1", b"22"):
            root.put_object(Bucket=bucket, Key="old/overwritten", Body=body)
        root.put_object(Bucket=bucket, Key="old/deleted", Body=b"333")
        root.delete_object(Bucket=bucket, Key="old/deleted")
        root.delete_object(Bucket=bucket, Key="old/never")
        root.put_object(Bucket=bucket, Key="old/stays", Body=b"4444")
    all_of_it = {bucket: list_versions(root, bucket, "old/") for bucket in ("artifacts", "drops")}
    assert [len(found) for found in all_of_it.values()] == [6, 6]
    now = datetime.now(UTC)
    remove_old_versions(weed_stack.settings, now + timedelta(days=days) - timedelta(hours=1))
    assert {bucket: list_versions(root, bucket, "old/") for bucket in all_of_it} == all_of_it
    remove_old_versions(weed_stack.settings, now + timedelta(days=days, seconds=2))
    assert list_versions(root, "artifacts", "old/") == [("old/overwritten", 2), ("old/stays", 4)]
    assert list_versions(root, "drops", "old/") == all_of_it["drops"]


@pytest.mark.long("puts a thousand objects")
def test_more_versions_than_a_page_are_removed(weed_stack: Stack) -> None:
    """A key with more versions than a listing or a delete takes at once keeps the latest alone."""
    root = weed_stack.client("root")
    for number in range(1100):
        root.put_object(Bucket="artifacts", Key="many/one", Body=str(number).encode())
    later = datetime.now(UTC) + timedelta(days=int(weed_stack.settings[KEPT]), seconds=2)
    remove_old_versions(weed_stack.settings, later)
    assert list_versions(root, "artifacts", "many/") == [("many/one", 4)]


def test_up_removes_what_is_old(weed_stack: Stack) -> None:
    """`make up` removes old logs of tasks and of the Dag processor; those that were added to lately stay, and their folders."""
    logs = weed_stack.settings.state / "logs"
    folders = (logs / "tasks" / "dag_id=train" / "run_id=a" / "task_id=b", logs / "dags" / "2026-01-01" / "dags")
    days = int(weed_stack.settings["AIRFLOW_LOG_DAYS"])
    for folder in folders:
        for age in (days - 1, days + 1):
            path = folder / f"{age} days" / "attempt=1.log"
            path.parent.mkdir(parents=True)
            path.write_text("said")
            os.utime(path, (time.time() - age * 86400,) * 2)
        (folder / "begins").mkdir()
    weed_stack.up("storage")
    assert [sorted(path.name for path in folder.iterdir()) for folder in folders] == [
        [f"{days - 1} days", "begins"]
    ] * 2


def test_the_local_stack_gives_no_sessions(weed_stack: Stack) -> None:
    """With no key a session (STS) can be begun, which would outlive a change of its secret: the server knows no such request."""
    for identity in KEYS:
        sts = make_sts(weed_stack, identity)
        with pytest.raises(ResponseParserError, match="no element found"):
            sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/any", RoleSessionName="any")
        with pytest.raises(ResponseParserError, match="no element found"):
            sts.get_session_token()


class TestMinio:
    """With versions and logs put as of long ago, as the server's clock cannot be set."""

    pytestmark = NEEDS_MINIO

    def test_minio_removes_what_is_old(self, minio_stack: Stack) -> None:
        """MinIO carries the rules out: what became old more than so many days ago goes, and nothing else, no drop at all."""
        root, days = minio_stack.client("root"), int(minio_stack.settings[KEPT])
        log_days = int(minio_stack.settings["AIRFLOW_LOG_DAYS"])

        def put(bucket: str, key: str, body: bytes, age: int) -> None:
            with changing(root, "PutObject", days_ago(age)):
                root.put_object(Bucket=bucket, Key=key, Body=body)

        def delete(bucket: str, key: str, age: int) -> None:
            with changing(root, "DeleteObject", days_ago(age)):
                root.delete_object(Bucket=bucket, Key=key)

        for bucket in ("artifacts", "drops"):
            for name, age in (("old", days + 2), ("new", days - 2)):
                put(bucket, f"a/{name}-overwritten", b"1", days + 9)
                put(bucket, f"a/{name}-overwritten", b"22", age)
                put(bucket, f"a/{name}-deleted", b"333", days + 9)
                delete(bucket, f"a/{name}-deleted", age)
        put("airflow-logs", "tasks/old", b"x", log_days + 2)
        put("airflow-logs", "tasks/new", b"y", log_days - 2)
        drops = list_versions(root, "drops")
        assert len(drops) == 8
        left = [
            ("a/new-deleted", 3),
            ("a/new-deleted", None),
            ("a/new-overwritten", 1),
            ("a/new-overwritten", 2),
            ("a/old-overwritten", 2),
        ]
        deadline = time.monotonic() + 120
        while list_versions(root, "artifacts", "a/") != left or len(list_versions(root, "airflow-logs")) > 1:
            assert time.monotonic() < deadline, list_versions(root, "artifacts", "a/")
            time.sleep(1)
        time.sleep(5)
        assert list_versions(root, "artifacts", "a/") == left
        assert list_versions(root, "airflow-logs") == [("tasks/new", 1)]
        assert list_versions(root, "drops") == drops

    def test_minio_removes_lone_delete_markers_of_drops(self, minio_stack: Stack) -> None:
        """What a claim leaves of a drop that was taken away meanwhile does not pile up."""
        root = minio_stack.client("root")
        root.delete_object(Bucket="drops", Key="b/never")
        deadline = time.monotonic() + 120
        while list_versions(root, "drops", "b/"):
            assert time.monotonic() < deadline
            time.sleep(0.5)
