"""The one seam between the Dags and S3: what they ask of it, and how it can answer.

boto3 is imported when the first request is made, never while a Dag file is parsed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.settings import DagSettings
from pipeline_contract.records import DropRecord, RecordInvalid, read_json
from pipeline_contract.s3 import ObjectMissing, PreconditionFailed, make_client, translating

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: What is larger is copied in parts of this size, in bytes: no request is to last longer than the store is waited for.
_LARGEST_COPY = 64 * 1024**2
_PART = 64 * 1024**2


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object, or one delete marker.

    :param version_id: None where the bucket has no versions.
    :param size: in bytes.
    """

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size: int
    last_modified: datetime
    is_latest: bool


class AirflowStore:
    """S3 with Airflow's own key. Every method raises :class:`StoreUnavailable` when the store is down."""

    def __init__(self, settings: DagSettings) -> None:
        self._settings = settings

    @functools.cached_property
    def client(self) -> S3Client:
        """The boto3 client, which may be used by several threads."""
        settings = self._settings
        return make_client(settings.endpoint_url, settings.region, settings.watch_access_key, settings.watch_secret_key)

    def list_versions(self, bucket: str) -> tuple[list[ObjectVersion], list[ObjectVersion]]:
        """Return every version in *bucket*, those of one key newest first, and every delete marker."""
        versions: list[ObjectVersion] = []
        markers: list[ObjectVersion] = []
        with translating(f"s3://{bucket}"):
            for page in self.client.get_paginator("list_object_versions").paginate(Bucket=bucket):
                versions += (_read_version(bucket, entry) for entry in page.get("Versions", ()))
                markers += (_read_version(bucket, entry) for entry in page.get("DeleteMarkers", ()))
        return versions, markers

    def list_keys(self, bucket: str, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Yield key and time of every object of *bucket* below *prefix*."""
        with translating(f"s3://{bucket}/{prefix}"):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    yield entry["Key"], entry["LastModified"]

    def copy_version(self, source: ObjectVersion, bucket: str, key: str) -> None:
        """Copy exactly *source* to *key* of *bucket* within the store, in parts where it is too large for one request.

        :raises ObjectMissing: that version is gone.
        """
        version = {} if source.version_id is None else {"VersionId": source.version_id}
        copy_source: Any = {"Bucket": source.bucket, "Key": source.key, **version}
        # Without versions the key may have been overwritten since it was listed.
        exact: Any = {} if version else {"CopySourceIfMatch": f'"{source.etag}"'}
        with translating(_describe(source)):
            if source.size <= _LARGEST_COPY:
                self.client.copy_object(CopySource=copy_source, Bucket=bucket, Key=key, **exact)
            else:
                self._copy_in_parts(copy_source, bucket, key, exact)

    def _copy_in_parts(self, copy_source: Any, bucket: str, key: str, exact: Any) -> None:
        from boto3.s3.transfer import TransferConfig
        from s3transfer.exceptions import S3CopyFailedError

        # Several drops are copied at once, and share the client's connections.
        in_parts = TransferConfig(multipart_threshold=_LARGEST_COPY, multipart_chunksize=_PART, max_concurrency=2)
        try:
            self.client.copy(copy_source, bucket, key, ExtraArgs=exact, Config=in_parts)
        except S3CopyFailedError as error:
            raise PreconditionFailed(str(error), where=f"s3://{bucket}/{key}") from error

    def get(self, bucket: str, key: str, *, version_id: str | None = None, most: int | None = None) -> bytes:
        """Return the content of an object, or its first *most* bytes.

        :raises ObjectMissing: there is none.
        """
        options: Any = {} if version_id is None else {"VersionId": version_id}
        with translating(f"s3://{bucket}/{key}"):
            return self.client.get_object(Bucket=bucket, Key=key, **options)["Body"].read(most)

    def put(self, bucket: str, key: str, content: bytes, *, if_none_match: bool = False) -> None:
        """Put *content*; with *if_none_match* only where there is no object yet.

        :raises PreconditionFailed: there is one.
        """
        options: Any = {"IfNoneMatch": "*"} if if_none_match else {}
        kind = "application/json" if key.endswith(".json") else "application/octet-stream"
        with translating(f"s3://{bucket}/{key}"):
            self.client.put_object(Bucket=bucket, Key=key, Body=content, ContentType=kind, **options)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object, if it is there."""
        with translating(f"s3://{bucket}/{key}"):
            self.client.delete_object(Bucket=bucket, Key=key)

    def delete_versions(
        self, bucket: str, versions: Sequence[tuple[str, str | None]]
    ) -> dict[tuple[str, str | None], str]:
        """Delete exactly these (key, version id), and return why for each that is still there.

        A multi-delete answers 200 with errors for each key, so its answer is read.
        """
        refused: dict[tuple[str, str | None], str] = {}
        for start in range(0, len(versions), 1000):
            some = versions[start : start + 1000]
            objects: Any = [{"Key": key, "VersionId": "null" if version is None else version} for key, version in some]
            with translating(f"s3://{bucket}"):
                answer = self.client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            for error in answer.get("Errors", ()):
                if error.get("Code") not in {"NoSuchKey", "NoSuchVersion"}:
                    reason = f"{error.get('Code')}: {error.get('Message')}"
                    refused |= {entry: reason for entry in some if _is_about(error, entry)}
        return refused


def get_json(store: AirflowStore, bucket: str, key: str) -> dict[str, Any] | None:
    """Return the JSON object at *key*, or None where there is none, or no JSON object."""
    try:
        return read_json(store.get(bucket, key))
    except (ObjectMissing, RecordInvalid):
        return None


def get_drop(store: AirflowStore, settings: DagSettings, run_key: str) -> DropRecord | None:
    """Return what a run began with, or None where there is no such run.

    :raises RecordInvalid: what lies there is no `drop.json` of ours.
    """
    try:
        return DropRecord.read(store.get(settings.artifact_bucket, settings.layout.run(run_key).drop))
    except ObjectMissing:
        return None


def _read_version(bucket: str, entry: Any) -> ObjectVersion:
    version_id = entry.get("VersionId")
    return ObjectVersion(
        bucket=bucket,
        key=entry["Key"],
        version_id=None if version_id in {None, "", "null"} else version_id,
        etag=entry.get("ETag", "").strip('"'),
        size=entry.get("Size", 0),
        last_modified=entry["LastModified"],
        is_latest=entry["IsLatest"],
    )


def _is_about(error: Any, entry: tuple[str, str | None]) -> bool:
    """Return whether an *error* of a multi-delete may be about *entry*; some stores leave the version out."""
    key, version = entry
    return error.get("Key") == key and error.get("VersionId") in {None, "", "null" if version is None else version}


def _describe(version: ObjectVersion) -> str:
    return f"s3://{version.bucket}/{version.key}" + (f"?versionId={version.version_id}" if version.version_id else "")
