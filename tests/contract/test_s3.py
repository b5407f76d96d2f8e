"""What boto3 raises is told apart by what follows from it."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError

from pipeline_contract.s3 import (
    BucketMissing,
    KeyTooLong,
    ObjectMissing,
    PreconditionFailed,
    StoreRefused,
    StoreUnavailable,
    make_client,
    translating,
)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchKey", 404, ObjectMissing),
        ("404", 404, ObjectMissing),
        ("NoSuchBucket", 404, BucketMissing),
        ("PreconditionFailed", 412, PreconditionFailed),
        ("ConditionalRequestConflict", 409, PreconditionFailed),
        ("AccessDenied", 403, StoreRefused),
        ("InvalidAccessKeyId", 403, StoreRefused),
        ("KeyTooLongError", 400, KeyTooLong),
        ("InternalError", 500, StoreUnavailable),
        ("SlowDown", 503, StoreUnavailable),
        ("RequestTimeout", 400, StoreUnavailable),
        ("TooManyRequests", 429, StoreUnavailable),
    ],
)
def test_an_answer_is_told_apart(code, status, kind):
    """With S3's name of the fault, and the object that it is about."""
    answer = {"Error": {"Code": code, "Message": "told"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(kind, match=f"s3://b/k: {code}: told") as raised, translating("s3://b/k"):
        raise ClientError(answer, "GetObject")
    assert (type(raised.value), raised.value.code, raised.value.where) == (kind, code, "s3://b/k")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EndpointConnectionError(endpoint_url="http://x"), StoreUnavailable),
        (ConnectionResetError("gone"), StoreUnavailable),
        (ParamValidationError(report="no bucket"), StoreRefused),
    ],
)
def test_no_answer_is_an_outage(error, kind):
    """A request that cannot be made is none."""
    with pytest.raises(kind), translating("s3://b"):
        raise error


def test_an_impatient_client_knows_soon():
    """Who shows a status does not wait for a server that is gone."""
    patient, impatient = (make_client("http://x", "r", "a", "b", is_patient=each).meta.config for each in (True, False))
    assert (patient.retries["total_max_attempts"], impatient.retries["total_max_attempts"]) == (3, 1)
    assert patient.read_timeout > impatient.read_timeout
