"""The least of an S3 client: signed GET, PUT and DELETE over one connection. boto3 would take longer to import than all else."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit


class S3:
    """Objects of one endpoint, with the worker's key."""

    def __init__(self) -> None:
        endpoint = urlsplit(os.environ["OBJECT_STORAGE_ENDPOINT_URL"])
        kind = http.client.HTTPSConnection if endpoint.scheme == "https" else http.client.HTTPConnection
        self._host = endpoint.netloc
        self._connection = kind(endpoint.netloc, timeout=60)
        self._region = os.environ.get("OBJECT_STORAGE_REGION", "us-east-1")

    def request(
        self, method: str, bucket: str, key: str, body: bytes = b"", conditions: dict[str, str] | None = None
    ) -> tuple[int, bytes, str]:
        """Return status, content and ETag of the answer; *conditions* are headers such as If-Match."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = quote(f"/{bucket}/{key}")
        digest = hashlib.sha256(body).hexdigest()
        signed = {"host": self._host, "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
        scope = f"{now[:8]}/{self._region}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        secret = f"AWS4{os.environ['OBJECT_STORAGE_SECRET_KEY']}".encode()
        for part in scope.split("/"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        signature = hmac.digest(secret, to_sign.encode(), "sha256").hex()
        credential = f"{os.environ['OBJECT_STORAGE_ACCESS_KEY']}/{scope}"
        authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
        headers = {**signed, **(conditions or {}), "authorization": authorization}
        self._connection.request(method, path, body=body, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read(), answer.headers.get("ETag", "")
