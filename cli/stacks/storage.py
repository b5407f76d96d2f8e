"""The S3 server: SeaweedFS, its keys, and the buckets."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import SettingInvalid, StoreUnreachable
from cli.settings import LOOPBACK, MOST_DAYS, StackSettings
from cli.stacks.health import answers
from cli.stacks.private_file import write_private
from cli.stacks.rights import make_s3_config, read_credentials
from cli.stacks.service import Service, make_environment
from pipeline_contract import s3
from pipeline_contract.layout import Layout

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_VOLUMES_WITHIN_SECONDS = 60.0
# S3 takes so many in one request.
_DELETED_AT_ONCE = 1000

# SeaweedFS opens these beside its TCP listeners, at places that no option of it changes.
_GRPC_SOCKETS = "/tmp/seaweedfs-{listener}-grpc-{port}.sock"  # noqa: S108


def make_client(settings: StackSettings, identity: str, *, is_patient: bool = True) -> S3Client:
    """Return a boto3 S3 client with the key of an identity: `root`, `drop` or another one of KEYS."""
    return s3.make_client(
        settings.storage_url,
        settings["OBJECT_STORAGE_REGION"],
        *read_credentials(settings, identity),
        is_patient=is_patient,
        # The server is on this machine, or is one that the user's own network reaches.
        has_proxies=False,
    )


def prepare_storage(settings: StackSettings) -> None:
    """Write the server's keys and rights, and make its folders."""
    write_private(settings.state / "storage" / "s3.json", make_s3_config(settings))
    (settings.state / "storage" / "data").mkdir(exist_ok=True)
    remove_sockets(settings)


def remove_sockets(settings: StackSettings) -> None:
    """Remove the sockets that a killed server left."""
    for listener, port in settings.internal_ports.items():
        name, _, is_grpc = listener.partition(".")
        if is_grpc:
            with contextlib.suppress(OSError):
                Path(_GRPC_SOCKETS.format(listener=name, port=port)).unlink(missing_ok=True)


def make_buckets(settings: StackSettings) -> None:
    """Make the buckets that are missing and turn versioning on for drops and artifacts; safe to repeat."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = make_client(settings, "root")
    versioned = (settings["ML_PIPELINE_DROP_BUCKET"], settings.artifact_bucket)
    if versioned[0] == versioned[1]:
        raise SettingInvalid(
            f"ML_PIPELINE_DROP_BUCKET and the bucket of artifacts are both {versioned[0]!r}: old versions are removed from the one, "
            f"and have to stay in the other. Change one of them in {settings.env_file}."
        )
    try:
        present = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for bucket in dict.fromkeys([*versioned, settings["MLFLOW_BUCKET"], settings["AIRFLOW_LOG_BUCKET"]]):
            if bucket not in present:
                client.create_bucket(Bucket=bucket)
        for bucket in versioned:
            if client.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
                client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    except (BotoCoreError, ClientError) as error:
        raise StoreUnreachable(f"The buckets could not be made at {settings.storage_url}: {error}") from error


def wait_for_volumes(settings: StackSettings) -> None:
    """Return when objects can be read and written.

    The server answers before its part that holds the bytes has found its part that knows where they are: measured once
    in ten starts, five seconds long, in which every read of an object fails.
    """
    from botocore.exceptions import ClientError

    client, bucket, key = make_client(settings, "root"), settings["MLFLOW_BUCKET"], "started"
    end = time.monotonic() + _VOLUMES_WITHIN_SECONDS
    while True:
        try:
            client.put_object(Bucket=bucket, Key=key, Body=b"yes")
            client.get_object(Bucket=bucket, Key=key)["Body"].read()
            client.delete_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if time.monotonic() > end:
                raise StoreUnreachable(f"{settings.storage_url} stores nothing: {error}") from error
            time.sleep(0.2)
        else:
            return


def list_versions(client: S3Client, bucket: str) -> Iterator[list[Any]]:
    """Yield the versions and delete markers of each key, the latest first."""

    def read_key(entry: Any) -> str:
        return str(entry["Key"])

    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket)
    parts: Iterator[list[Any]] = ([*page.get("Versions", ()), *page.get("DeleteMarkers", ())] for page in pages)
    entries = (entry for part in parts for entry in sorted(part, key=read_key))
    for _, found in itertools.groupby(entries, read_key):
        yield sorted(found, key=lambda entry: (entry["IsLatest"], entry["LastModified"]), reverse=True)


def remove_old_versions(settings: StackSettings, now: datetime | None = None) -> None:
    """Remove artifacts that were overwritten or deleted so many days ago, and delete markers with nothing below them.

    SeaweedFS takes a lifecycle rule for this, but nothing in it carries the rule out as it is started here.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    days = settings.read_int("ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS", 1, MOST_DAYS)
    client, bucket = make_client(settings, "root"), settings.artifact_bucket
    oldest = (now or datetime.now(UTC)) - timedelta(days=days)
    markers = Layout(settings.artifact_prefix).markers
    try:
        old: list[Any] = []
        for entries in list_versions(client, bucket):
            # Markers of unfinished runs are empty: what is left of them would only make their listing slower.
            is_marker = entries[0]["Key"].startswith(markers)
            old += choose_old(entries, datetime.max.replace(tzinfo=UTC) if is_marker else oldest)
        for start in range(0, len(old), _DELETED_AT_ONCE):
            some = old[start : start + _DELETED_AT_ONCE]
            named: Any = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in some]
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
            if errors := answer.get("Errors"):
                raise StoreUnreachable(f"{settings.storage_url} keeps old versions in {bucket}: {errors[0]}")
    except (BotoCoreError, ClientError) as error:
        raise StoreUnreachable(f"Old versions could not be removed at {settings.storage_url}: {error}") from error


def choose_old(entries: list[Any], oldest: datetime) -> list[Any]:
    """Return which versions of a key, the latest first, may go: each is old since the one before it came."""
    old = [entry for newer, entry in itertools.pairwise(entries) if newer["LastModified"] < oldest]
    latest = entries[0]
    is_delete_marker = latest["IsLatest"] and "Size" not in latest
    is_lone = is_delete_marker and latest["LastModified"] < oldest and len(old) == len(entries) - 1
    return [*old, latest] if is_lone else old


def finish_storage(settings: StackSettings) -> None:
    """Make the buckets, wait until objects can be stored, and remove what is old."""
    make_buckets(settings)
    wait_for_volumes(settings)
    remove_old_versions(settings)


def make_storage(settings: StackSettings) -> Service:
    """Describe the S3 server."""
    folder = settings.state / "storage"
    run = settings.state / "run"
    port = settings.read_port("OBJECT_STORAGE_PORT")
    inside = settings.internal_ports
    # Every option every time: the server remembers the last ones in its data folder and would take them from there.
    options = {
        "dir": folder / "data",
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "master.telemetry": "false",
        "webdav": "false",
        "admin.ui": "false",
        "disableHttp": "true",
        "s3.config": folder / "s3.json",
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": run / "s3.sock",
        "filer.localSocket": run / "filer.sock",
        "s3.port": port,
        **{
            f"{listener.replace('.grpc', '.port.grpc')}": number
            for listener, number in inside.items()
            if "." in listener
        },
        **{f"{listener}.port": number for listener, number in inside.items() if "." not in listener},
    }
    # The volume server takes writes and reads only with tokens signed with these; known inside this process only.
    signing = hashlib.sha256("/".join(read_credentials(settings, "root")).encode()).hexdigest()
    return Service(
        name="storage",
        argv=(
            str(settings.venv("tools") / "bin" / "weed"),
            "-logtostderr=true",
            "-v=0",
            "mini",
            *(f"-{name}={value}" for name, value in options.items()),
        ),
        environment={
            **make_environment(settings),
            "GOMEMLIMIT": "512MiB",
            "WEED_JWT_SIGNING_KEY": signing[:32],
            "WEED_JWT_SIGNING_READ_KEY": signing[32:],
        },
        is_healthy=lambda _: answers(f"http://{LOOPBACK}:{port}/healthz"),
        ports={"OBJECT_STORAGE_PORT": port}
        | {f"OBJECT_STORAGE_INTERNAL_PORT ({listener})": number for listener, number in inside.items()},
        prepare=lambda: prepare_storage(settings),
        finish=lambda: finish_storage(settings),
        # Asked to end, it waits for every connection that was opened and never used, up to 30 s; whatever it has acknowledged
        # outlives its being killed.
        grace_seconds=3,
        patience_seconds=0,
        url=settings.storage_url,
    )
