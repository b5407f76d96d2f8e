"""The store on S3 or anything that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .errors import StoreRefused, StoreUnavailable
from .layout import split_uri
from .settings import Settings
from .store import ObjectInfo, ObjectMissing, PreconditionFailed, Store, refuse_long_name

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MIB = 1024**2
_TRANSFER = TransferConfig(multipart_threshold=64 * _MIB, multipart_chunksize=16 * _MIB, max_concurrency=4)
_MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchVersion"}
_CONDITION = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


class S3Store(Store):
    """Objects in S3, by the key pair and endpoint of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._endpoint = settings.endpoint_url or "AWS S3"
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"mode": "standard", "max_attempts": 3},
                # Servers other than AWS rarely know virtual-host addresses and the newer trailing checksums.
                s3={"addressing_style": "path"} if settings.endpoint_url else {},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def head(self, uri: str) -> ObjectInfo | None:
        bucket, key = split_uri(uri)
        try:
            with self._explained(uri):
                return _describe(uri, self._client.head_object(Bucket=bucket, Key=key))
        except ObjectMissing:
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
        with self._explained(uri):
            if isinstance(content, Path):
                with content.open("rb") as body:
                    answer = self._client.put_object(
                        Bucket=bucket, Key=key, Body=body, ContentType=content_type, **condition
                    )
                size = content.stat().st_size
            else:
                answer = self._client.put_object(
                    Bucket=bucket, Key=key, Body=content, ContentType=content_type, **condition
                )
                size = len(content)
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
        with self._explained(uri):
            if version is None:
                self._client.delete_object(Bucket=bucket, Key=key)
            else:
                self._client.delete_object(Bucket=bucket, Key=key, VersionId=version)

    @contextmanager
    def _explained(self, uri: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _MISSING:
                raise ObjectMissing(uri) from error
            if code in _CONDITION:
                raise PreconditionFailed(uri) from error
            if code == "KeyTooLongError":
                raise refuse_long_name(uri) from error
            kind: type[StoreUnavailable] = StoreRefused
            if code == "NoSuchBucket":
                what, fix = "There is no such bucket.", "Start the stack once, which makes the buckets, or create it."
            elif code in {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch"}:
                what = f"The store refuses the worker's key ({code})."
                fix = "Check OBJECT_STORAGE_ACCESS_KEY, OBJECT_STORAGE_SECRET_KEY and the rights of that key."
            else:
                kind = StoreUnavailable
                what, fix = f"The store answers {code or error}.", "Look at the store's own log; it is tried again."
            raise kind(what, where=f"{uri} at {self._endpoint}", fix=fix) from error
        except (BotoCoreError, Boto3Error) as error:
            raise StoreUnavailable(
                f"The store does not answer: {error}.",
                where=f"{uri} at {self._endpoint}",
                fix="Check that it runs and that OBJECT_STORAGE_ENDPOINT_URL is right as seen from here; "
                "it is tried again.",
            ) from error


def _describe(uri: str, answer: Any) -> ObjectInfo:
    version = answer.get("VersionId")
    return ObjectInfo(
        uri, answer["ContentLength"], answer["ETag"], None if version == "null" else version, answer["LastModified"]
    )
