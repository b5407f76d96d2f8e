"""The least of an S3 client: signed GET, PUT and DELETE over one connection, which is not encrypted.

boto3 would take longer to import than all else, and http.client still a third of the time that the whole stub takes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import socket
from datetime import UTC, datetime

from pipeline_contract.settings import choose

_UNSAFE = re.compile(rb"[^A-Za-z0-9/_.~-]")


class S3:
    """Objects of one endpoint, with the worker's key."""

    def __init__(self) -> None:
        self._host = os.environ["OBJECT_STORAGE_ENDPOINT_URL"].removeprefix("http://").rstrip("/")
        host, _, port = self._host.partition(":")
        self._socket = socket.create_connection((host, int(port or 80)), timeout=60)
        self._answers = self._socket.makefile("rb")
        self._region = choose(os.environ, "OBJECT_STORAGE_REGION")

    def request(
        self, method: str, bucket: str, key: str, body: bytes = b"", conditions: dict[str, str] | None = None
    ) -> tuple[int, bytes, str]:
        """Return status, content and ETag of the answer; *conditions* are headers such as If-Match."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = _UNSAFE.sub(lambda found: b"%%%02X" % ord(found[0]), f"/{bucket}/{key}".encode()).decode()
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
        headers = {**signed, **(conditions or {}), "authorization": authorization, "content-length": str(len(body))}
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\n{told}\r\n".encode() + body)
        return self._read_answer()

    def _read_answer(self) -> tuple[int, bytes, str]:
        status = int(self._answers.readline().split()[1])
        headers = {}
        while line := self._answers.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        content = self._answers.read(int(headers.get("content-length", 0)))
        return status, content, headers.get("etag", "")
