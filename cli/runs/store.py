"""Objects: put, listed and read with one of the keys that the S3 server knows."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from cli.errors import NO_ANSWER, InputRefused, StoreUnreachable
from cli.settings import StackSettings
from cli.stacks.storage import make_client
from pipeline_contract.s3 import KEY_FAULTS, BucketMissing, ObjectMissing, StoreError, StoreUnavailable, translating
from pipeline_contract.settings import KEYS

#: Larger files go up in parts of this size at least; S3 allows 10,000 parts.
PART_SIZE = 16 << 20
_MOST_PARTS = 10_000


class StackStore:
    """The S3 server. Every failure is a StoreUnreachable that says what to do.

    `identity`: whose key is used; that of people who drop files may put drops, list and read receipts, and nothing else.
    `is_patient`: whether it tries again, and waits for a server that is busy; else it is known soon that there is no answer.
    """

    def __init__(self, settings: StackSettings, identity: str = "drop", *, is_patient: bool = True) -> None:
        self._settings = settings
        self._key_settings = " and ".join(KEYS[identity])
        self._client: Any = make_client(settings, identity, is_patient=is_patient)

    def put(self, bucket: str, key: str, content: bytes) -> str:
        """Put a small object; return its version."""
        with self._explain(f"s3://{bucket}/{key}"):
            answer = self._client.put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/json")
        return answer.get("VersionId") or ""

    def upload(self, bucket: str, key: str, path: Path, advance: Callable[[int], None]) -> tuple[str, datetime]:
        """Put a file, in parts where it is large; return its version and the server's time.

        `advance` is called with the bytes that went up since it was called last.
        """

        def read(size: int) -> bytes:
            # Said here: around a request, an error of the system means that the server does not answer.
            with _refusing_unreadable(path):
                return file.read(size)

        with _refusing_unreadable(path):
            file, size = path.open("rb"), path.stat().st_size
        with file, self._explain(f"s3://{bucket}/{key}"):
            if size > PART_SIZE:
                answer = self._upload_parts(bucket, key, read, size, advance)
            else:
                answer = self._client.put_object(Bucket=bucket, Key=key, Body=read(size))
                advance(size)
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        return answer.get("VersionId") or "", parsedate_to_datetime(date) if date else datetime.now(UTC)

    def read(self, bucket: str, key: str) -> bytes | None:
        """Return an object's bytes, None where there is none."""
        where = f"s3://{bucket}/{key}"
        with self._explain(where), suppress(ObjectMissing), translating(where):
            return bytes(self._client.get_object(Bucket=bucket, Key=key)["Body"].read())
        return None

    def list(self, bucket: str, prefix: str, after: str = "") -> Iterator[tuple[str, datetime]]:
        """Yield key and time of change of what lies under a prefix, and after a key."""
        with self._explain(f"s3://{bucket}/{prefix}"):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=after):
                for entry in page.get("Contents", ()):
                    yield entry["Key"], entry["LastModified"]

    def _upload_parts(
        self, bucket: str, key: str, read: Callable[[int], bytes], size: int, advance: Callable[[int], None]
    ) -> dict[str, Any]:
        part_size = max(PART_SIZE, -(-size // _MOST_PARTS))
        upload = {"Bucket": bucket, "Key": key}
        upload["UploadId"] = self._client.create_multipart_upload(**upload)["UploadId"]

        def send(number: int, body: bytes) -> dict[str, Any]:
            tag = self._client.upload_part(**upload, PartNumber=number, Body=body)["ETag"]
            advance(len(body))
            return {"PartNumber": number, "ETag": tag}

        try:
            with ThreadPoolExecutor(4) as threads:
                sent = []
                for number, body in enumerate(iter(lambda: read(part_size), b""), start=1):
                    sent.append(threads.submit(send, number, body))
                    if number > 8:
                        # So that not the whole file is held in memory.
                        sent[number - 9].result()
                parts = [part.result() for part in sent]
            return dict(self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}))
        except BaseException:
            # Interrupted as well: parts of an upload that nobody completes would be kept, unseen.
            self._client.abort_multipart_upload(**upload)
            raise

    @contextmanager
    def _explain(self, where: str) -> Iterator[None]:
        from botocore.exceptions import EndpointConnectionError

        try:
            with translating(where):
                yield
        except StoreError as error:
            if isinstance(error, StoreUnavailable) and not error.code:
                detail = "" if isinstance(error.__cause__, EndpointConnectionError) else f" ({error.message})"
                raise StoreUnreachable(
                    f"The S3 server does not answer at {self._settings.storage_url}{detail}.\n{NO_ANSWER}"
                ) from None
            fix = "`make status` says what runs; try it again."
            if error.code in KEY_FAULTS:
                fix = (
                    f"The key for this is {self._key_settings} in {self._settings.env_file}; the server takes a changed "
                    "one after `make down up`."
                )
            elif isinstance(error, BucketMissing):
                fix = "`make up` makes the buckets; their names are settings in .env (ML_PIPELINE_*_BUCKET)."
            raise StoreUnreachable(f"The S3 server refuses {where}: {error.message or error.code}\n{fix}") from None


@contextmanager
def _refusing_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputRefused(f"{path} cannot be read: {error.strerror or error}.") from None
