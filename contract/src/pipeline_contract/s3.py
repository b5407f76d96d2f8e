"""The client of the S3 server, made in one way for all, and what can go wrong with a request.

boto3 is imported when a client is made or a request fails, never before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: boto3's own session, which all clients are made from, is not for two threads at once.
_MAKING = threading.Lock()


class StoreError(Exception):
    """A request did not succeed.

    :param code: S3's name of the fault, empty where there was no answer.
    :param where: the object or the bucket.
    """

    def __init__(self, message: str, *, code: str = "", where: str = "") -> None:
        super().__init__(f"{where}: {code}: {message}" if code else f"{where}: {message}")
        self.message, self.code, self.where = message, code, where


class StoreUnavailable(StoreError):
    """The store does not answer, or answers with a fault of its own; a later request may succeed."""


class BucketMissing(StoreUnavailable):
    """There is no such bucket: one that is made later will do, and it says nothing about one object."""


class StoreRefused(StoreError):
    """The store answers, and refuses: the key may not do this, or the request cannot be. It stays so until a person mends it."""


class ObjectMissing(StoreError):
    """There is no such object or version."""


class PreconditionFailed(StoreError):
    """The object is not in the state that a conditional request asked for."""


class KeyTooLong(StoreRefused):
    """The name of an object, or a part of it, is longer than the store takes."""


_MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchVersion"}
_NO_BUCKET = "NoSuchBucket"
_CONDITION = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}
_BUSY = {"SlowDown", "RequestTimeout", "RequestTimeTooSkewed"}
#: Of the key itself: it is unknown, wrong, or has no such right.
KEY_FAULTS = frozenset({"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


def make_client(
    endpoint_url: str | None,
    region: str,
    access_key: str | None,
    secret_key: str | None,
    *,
    is_patient: bool = True,
    has_proxies: bool = True,
) -> S3Client:
    """Return a client, which several threads may use.

    :param endpoint_url: None is AWS.
    :param is_patient: whether it tries again, and waits for a server that is busy; else it is known soon that there is no answer.
    :param has_proxies: whether the environment's proxies lie before the server.
    """
    import boto3
    from botocore.config import Config

    # A session of its own would read boto3's description of S3 once more: 0.07 s of CPU for each client.
    with _MAKING:
        return boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(
                connect_timeout=5 if is_patient else 3,
                read_timeout=60 if is_patient else 10,
                retries={"mode": "standard", "total_max_attempts": 3 if is_patient else 1},
                max_pool_connections=16,
                # Servers other than AWS rarely know virtual-host addresses and the newer trailing checksums.
                s3={"addressing_style": "path" if endpoint_url else "auto"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                proxies=None if has_proxies else {},
            ),
        )


@contextmanager
def translating(where: str) -> Iterator[None]:
    """Raise what boto3 raises about *where* as one of these errors."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        code = str(told.get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        kind = _choose_kind(code, status)
        raise kind(str(told.get("Message", "")), code=code, where=where) from error
    except ParamValidationError as error:
        raise StoreRefused(str(error), where=where) from error
    except (BotoCoreError, Boto3Error, OSError) as error:
        raise StoreUnavailable(str(error), where=where) from error


def _choose_kind(code: str, status: int) -> type[StoreError]:
    if code == _NO_BUCKET:
        return BucketMissing
    if code in _MISSING or status == 404:
        return ObjectMissing
    if code in _CONDITION or status == 412:
        return PreconditionFailed
    if code == "KeyTooLongError":
        return KeyTooLong
    if status >= 500 or status == 429 or code in _BUSY:
        return StoreUnavailable
    return StoreRefused
