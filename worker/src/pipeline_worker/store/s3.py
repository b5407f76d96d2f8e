"""The store on S3 or anything that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError

from pipeline_contract import s3
from pipeline_contract.layout import split_uri

from ..errors import StageError, StorageRefused, StorageUnreachable
from ..settings import Settings
from .base import ObjectInfo, Store, refuse_long_name

_MIB = 1024**2
_TRANSFER = TransferConfig(multipart_threshold=64 * _MIB, multipart_chunksize=16 * _MIB, max_concurrency=4)


class S3Store(Store):
    """Objects in S3, by the key pair and endpoint of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._endpoint = settings.endpoint_url or "AWS S3"
        self._client = s3.make_client(settings.endpoint_url, settings.region, settings.access_key, settings.secret_key)

    def head(self, uri: str) -> ObjectInfo | None:
        bucket, key = split_uri(uri)
        try:
            with self._explained(uri):
                return _describe(uri, self._client.head_object(Bucket=bucket, Key=key))
        except s3.ObjectMissing:
            return None

    def read(self, uri: str) -> tuple[bytes, ObjectInfo]:
        bucket, key = split_uri(uri)
        with self._explained(uri):
            answer = self._client.get_object(Bucket=bucket, Key=key)
            return answer["Body"].read(), _describe(uri, answer)

    def download(self, uri: str, path: Path) -> ObjectInfo:
        bucket, key = split_uri(uri)
        with self._explained(uri):
            info = _describe(uri, self._client.head_object(Bucket=bucket, Key=key))
            self._client.download_file(bucket, key, str(path), Config=_TRANSFER)
            return info

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        bucket, key_prefix = split_uri(prefix)
        with self._explained(prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key_prefix):
                for entry in page.get("Contents", []):
                    uri = f"s3://{bucket}/{entry['Key']}"
                    yield ObjectInfo(uri, entry["Size"], entry["ETag"], None, entry["LastModified"])

    def _put(
        self, uri: str, content: bytes | Path, if_none_match: bool, if_match: str | None, content_type: str
    ) -> ObjectInfo:
        bucket, key = split_uri(uri)
        condition: dict[str, Any] = {}
        if if_none_match:
            condition["IfNoneMatch"] = "*"
        if if_match is not None:
            condition["IfMatch"] = if_match
        opened = content.open("rb") if isinstance(content, Path) else nullcontext(content)
        with self._explained(uri), opened as body:
            answer = self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **condition)
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        return ObjectInfo(uri, size, answer["ETag"], answer.get("VersionId"), datetime.now(UTC))

    def _upload(self, uri: str, path: Path, content_type: str) -> None:
        bucket, key = split_uri(uri)
        with self._explained(uri):
            self._client.upload_file(str(path), bucket, key, ExtraArgs={"ContentType": content_type}, Config=_TRANSFER)

    def _copy(self, source: str, target: str, if_match: str | None) -> None:
        source_bucket, source_key = split_uri(source)
        bucket, key = split_uri(target)
        with self._explained(source):
            origin: Any = {"Bucket": source_bucket, "Key": source_key}
            exact: Any = {} if if_match is None else {"CopySourceIfMatch": if_match}
            self._client.copy(origin, bucket, key, ExtraArgs=exact, Config=_TRANSFER)

    def _delete(self, uri: str, version: str | None) -> None:
        bucket, key = split_uri(uri)
        exact: Any = {} if version is None else {"VersionId": version}
        with self._explained(uri):
            self._client.delete_object(Bucket=bucket, Key=key, **exact)

    @contextmanager
    def _explained(self, uri: str) -> Iterator[None]:
        try:
            with s3.translating(uri):
                yield
        except (s3.StoreUnavailable, s3.StoreRefused) as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and not isinstance(cause, BotoCoreError):
                # It is about the file on this machine.
                raise cause from None
            raise self._explain(error) from error

    def _explain(self, error: s3.StoreError) -> StageError:
        """Return what the fault of the store means to a stage."""
        if isinstance(error, s3.KeyTooLong):
            return refuse_long_name(error.where)
        kind = StorageUnreachable
        if isinstance(error, s3.BucketMissing):
            kind = StorageRefused
            what, fix = "There is no such bucket.", "Start the stack once, which makes the buckets, or create it."
        elif error.code in s3.KEY_FAULTS:
            kind = StorageRefused
            what = f"The store refuses the worker's key ({error.code})."
            fix = "Check OBJECT_STORAGE_ACCESS_KEY, OBJECT_STORAGE_SECRET_KEY and the rights of that key."
        elif error.code:
            what, fix = f"The store answers {error.code}.", "Look at the store's own log; it is tried again."
        else:
            what = f"The store does not answer: {error.message}."
            fix = (
                "Check that it runs and that OBJECT_STORAGE_ENDPOINT_URL is right as seen from here; it is tried again."
            )
        return kind(what, where=f"{error.where} at {self._endpoint}", fix=fix)


def _describe(uri: str, answer: Any) -> ObjectInfo:
    version = answer.get("VersionId")
    return ObjectInfo(
        uri, answer["ContentLength"], answer["ETag"], None if version == "null" else version, answer["LastModified"]
    )
