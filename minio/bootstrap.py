"""Makes an empty MinIO ready for the pipeline: buckets, versioning, lifecycle, and a user with a policy for each key.

Safe to repeat, and to be run at each start: it changes what the settings changed, and removes nothing else. Exits with 2
when a setting is at fault, and with 75 when the server does not answer.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import urllib3
from minio import Minio, MinioAdmin
from minio.commonconfig import ENABLED, Filter
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException, S3Error, ServerError
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from minio.versioningconfig import VersioningConfig

from rights import make_policies
from settings import ROOT, SettingInvalid, Settings, read_settings

# What these do not have under way any more after so long, nobody will go on with.
STALE_UPLOADS = "168h"


class ServerUnavailable(Exception):
    """The server does not answer, or not yet."""


def say(line: str) -> None:
    """Tell what was done; no line ever holds a key."""
    print(line, flush=True)


def connect(settings: Settings) -> tuple[Minio, MinioAdmin]:
    """Return the clients for objects and for users, with root's key."""
    # Waiting for the server is done once, by wait_for_server. No proxy: this is the user's own network.
    http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=3, read=30), retries=urllib3.Retry(total=1))
    root = StaticProvider(settings.root.access, settings.root.secret)
    client = Minio(
        endpoint=settings.address,
        credentials=root,
        secure=settings.is_secure,
        region=settings.region,
        http_client=http,
    )
    admin = MinioAdmin(
        endpoint=settings.address,
        credentials=root,
        secure=settings.is_secure,
        region=settings.region,
        http_client=http,
    )
    return client, admin


def wait_for_server(client: Minio, seconds: float) -> None:
    """Return when the server takes root's key; raise ServerUnavailable when it has not answered in time."""
    end = time.monotonic() + seconds
    while True:
        try:
            client.list_buckets()
        except S3Error as error:
            if error.response.status < 500:
                raise
            reason = error.code
        except (urllib3.exceptions.HTTPError, ServerError) as error:
            reason = type(error).__name__
        else:
            return
        if time.monotonic() > end:
            raise ServerUnavailable(f"does not answer ({reason})")
        time.sleep(0.5)


def make_buckets(client: Minio, settings: Settings) -> None:
    """Make the buckets that are missing, and keep every version of a drop."""
    for bucket in dict.fromkeys(settings.buckets):
        is_there = client.bucket_exists(bucket_name=bucket)
        if not is_there:
            client.make_bucket(bucket_name=bucket)
        say(f"bucket {bucket}: {'there' if is_there else 'made'}")
    client.set_bucket_versioning(bucket_name=settings.drop_bucket, config=VersioningConfig(status=ENABLED))
    say(f"bucket {settings.drop_bucket}: versioning is on")


def set_lifecycle(client: Minio, admin: MinioAdmin, settings: Settings) -> None:
    """Let go what nobody can miss: delete markers with nothing below them, and uploads that were never finished.

    The drop bucket gets this rule and no other: one that removes versions would lose drops that were not claimed yet.
    """
    rule = Rule(
        rule_id="lone-delete-markers",
        status=ENABLED,
        rule_filter=Filter(prefix=""),
        expiration=Expiration(expired_object_delete_marker=True),
    )
    client.set_bucket_lifecycle(bucket_name=settings.drop_bucket, config=LifecycleConfig(rules=[rule]))
    # MinIO knows no rule for these in a bucket (AbortIncompleteMultipartUpload), but a setting of the whole server.
    admin.config_set(key="api", config={"stale_uploads_expiry": STALE_UPLOADS})
    say(f"lifecycle: lone delete markers go, and so do unfinished uploads after {STALE_UPLOADS}")


def set_rights(admin: MinioAdmin, settings: Settings) -> None:
    """Give each identity its policy, and its user that policy and no other."""
    for identity, policy in make_policies(settings).items():
        key = settings.keys[identity]
        admin.policy_add(policy_name=identity, policy=policy)
        # Of a user that is there this sets the secret, and leaves the rest.
        admin.user_add(access_key=key.access, secret_key=key.secret)
        attached = set(
            filter(None, json.loads(admin.user_info(access_key=key.access)).get("policyName", "").split(","))
        )
        if attached - {identity}:
            admin.detach_policy(policies=sorted(attached - {identity}), user=key.access)
        if identity not in attached:
            admin.attach_policy(policies=[identity], user=key.access)
        say(f"key of {identity}: set")


def tell_leftovers(admin: MinioAdmin, settings: Settings) -> None:
    """Say how many users hold a policy of ours under a key that is in no setting any more."""
    ours = {key.access for key in settings.keys.values()}
    for access, user in json.loads(admin.user_list()).items():
        held = set(user.get("policyName", "").split(",")) & settings.keys.keys()
        if held and access not in ours:
            say(f"a key that no setting names still has the rights of {', '.join(sorted(held))}: see runbooks/minio.md")


def bootstrap(settings: Settings, wait_seconds: float) -> None:
    """Do everything, in the order in which it can be used."""
    client, admin = connect(settings)
    wait_for_server(client, wait_seconds)
    make_buckets(client, settings)
    set_lifecycle(client, admin, settings)
    set_rights(admin, settings)
    tell_leftovers(admin, settings)


def explain(error: S3Error | MinioAdminException) -> str:
    """Return what the server said, without what was sent to it."""
    if isinstance(error, S3Error):
        code, message = error.code, error.message
    else:
        try:
            body = json.loads(str(error).partition("Body: ")[2])
        except ValueError:
            body = {"Code": str(error).partition(",")[0], "Message": "no reason given"}
        code, message = body.get("Code"), body.get("Message")
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"):
        return f"refuses root's key ({code}). Compare {ROOT[0]} and {ROOT[1]} with the server's own."
    return f"refused ({code}): {message}"


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(
        description="Make an empty MinIO ready for the pipeline; settings come from the environment."
    )
    parser.add_argument("--wait-seconds", type=float, default=60, help="how long to wait for the server (default: 60)")
    arguments = parser.parse_args()
    try:
        settings = read_settings()
    except SettingInvalid as error:
        print(error, file=sys.stderr)
        return 2
    where = f"MinIO at OBJECT_STORAGE_ENDPOINT_URL ({settings.address})"
    try:
        bootstrap(settings, arguments.wait_seconds)
    except (S3Error, MinioAdminException) as error:
        print(f"{where} {explain(error)}", file=sys.stderr)
        return 2
    except (ServerUnavailable, ServerError, urllib3.exceptions.HTTPError) as error:
        reason = error if isinstance(error, ServerUnavailable) else f"stopped answering ({type(error).__name__})"
        print(f"{where} {reason}. Is it started, and is the address right from here?", file=sys.stderr)
        return 75
    return 0


if __name__ == "__main__":
    sys.exit(main())
