"""The MinIO server: clients for it, and waiting until it answers."""

from __future__ import annotations

import time
from typing import Any

import urllib3
from minio import Minio, MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException, S3Error, ServerError

from settings import BootstrapSettings, Key


class ServerUnavailable(Exception):
    """The server does not answer, or not yet."""


def connect(settings: BootstrapSettings, key: Key) -> tuple[Minio, MinioAdmin]:
    """Return the clients for objects and for users, with a key."""
    # Waiting for the server is done once, by wait_for_server. No proxy: this is the user's own network.
    http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=3, read=30), retries=urllib3.Retry(total=1))
    options: dict[str, Any] = {
        "endpoint": settings.address,
        "credentials": StaticProvider(key.access, key.secret),
        "secure": settings.is_secure,
        "region": settings.region,
        "http_client": http,
    }
    return Minio(**options), MinioAdmin(**options)


def wait_for_server(client: Minio, admin: MinioAdmin, seconds: float) -> None:
    """Return when the server takes root's key and knows its users; raise ServerUnavailable when it has not answered in time."""
    end = time.monotonic() + seconds
    while True:
        try:
            client.list_buckets()
            # It reads these last, and refuses to tell of them meanwhile.
            admin.user_list()
        except MinioAdminException as error:
            if "Status: 5" not in str(error):
                raise
            reason = "it is still starting"
        except S3Error as error:
            if error.response.status < 500:
                raise
            reason = str(error.code)
        except (urllib3.exceptions.HTTPError, ServerError) as error:
            reason = type(error).__name__
        else:
            return
        if time.monotonic() > end:
            raise ServerUnavailable(f"does not answer ({reason})")
        time.sleep(0.5)
