"""Makes an empty MinIO ready for the pipeline: buckets, versioning, lifecycle, and a user with a policy for each key.

Safe to repeat, and to be run at each start: it changes what the settings changed, and removes only users that it made and
that no setting names any more. Exits with 2 when a setting is at fault, and with 75 when the server does not answer.
"""

from __future__ import annotations

import argparse
import json
import sys

import urllib3
from minio import Minio, MinioAdmin
from minio.commonconfig import ENABLED, Filter
from minio.error import MinioAdminException, S3Error, ServerError
from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule
from minio.versioningconfig import VersioningConfig

from pipeline_contract.layout import Layout
from pipeline_contract.settings import KEYS
from server import ServerUnavailable, connect, wait_for_server
from settings import BootstrapSettings, SettingInvalid, read_settings
from users import check_secrets, remove_users, set_users

# What these do not have under way any more after so long, nobody will go on with.
STALE_UPLOADS = "168h"


def say(line: str) -> None:
    """Tell what was done; no line ever holds a key."""
    print(line, flush=True)


def make_buckets(client: Minio, settings: BootstrapSettings) -> None:
    """Make the buckets that are missing, and keep every version of a drop and of what stages write.

    But not of markers of unfinished runs: they are empty, come and go with each run, and what is left of them would make their
    listing slower day by day (2,000 of them: ten times).
    """
    for bucket in settings.buckets:
        is_there = client.bucket_exists(bucket_name=bucket)
        if not is_there:
            client.make_bucket(bucket_name=bucket)
        say(f"bucket {bucket}: {'there' if is_there else 'made'}")
    markers = Layout(settings.artifact_prefix).markers
    for bucket, excluded in {settings.drop_bucket: None, settings.artifact_bucket: [markers]}.items():
        versioning = VersioningConfig(status=ENABLED, excluded_prefixes=excluded)
        client.set_bucket_versioning(bucket_name=bucket, config=versioning)
        say(f"bucket {bucket}: versioning is on")


def set_lifecycle(client: Minio, admin: MinioAdmin, settings: BootstrapSettings) -> None:
    """Let go what nobody misses: old logs, old versions of artifacts, lone delete markers, uploads that were never finished.

    The drop bucket gets no rule that removes versions: it would lose drops that were not claimed yet.
    """
    whole = Filter(prefix="")
    lone_markers = Expiration(expired_object_delete_marker=True)
    old_versions = NoncurrentVersionExpiration(noncurrent_days=settings.old_versions_days)
    rules = {
        settings.drop_bucket: Rule(ENABLED, whole, rule_id="lone-delete-markers", expiration=lone_markers),
        settings.artifact_bucket: Rule(
            ENABLED,
            whole,
            rule_id="old-versions",
            expiration=lone_markers,
            noncurrent_version_expiration=old_versions,
        ),
        settings.log_bucket: Rule(ENABLED, whole, rule_id="old-logs", expiration=Expiration(days=settings.log_days)),
    }
    for bucket, rule in rules.items():
        client.set_bucket_lifecycle(bucket_name=bucket, config=LifecycleConfig(rules=[rule]))
        say(f"bucket {bucket}: its one rule is {rule.rule_id}")
    # MinIO knows no rule for these in a bucket (AbortIncompleteMultipartUpload), but a setting of the whole server.
    admin.config_set(key="api", config={"stale_uploads_expiry": STALE_UPLOADS})
    say(
        f"old versions go after {settings.old_versions_days} days, logs after {settings.log_days}, unfinished uploads after {STALE_UPLOADS}"
    )


def bootstrap(settings: BootstrapSettings, wait_seconds: float) -> None:
    """Do everything, in the order in which it can be used."""
    client, admin = connect(settings, settings.root)
    wait_for_server(client, admin, wait_seconds)
    check_secrets(admin, settings)
    make_buckets(client, settings)
    set_lifecycle(client, admin, settings)
    for step in (set_users, remove_users):
        for line in step(admin, settings):
            say(line)


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
        return f"refuses root's key ({code}). Compare {' and '.join(KEYS['root'])} with the server's own."
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
        where = f"MinIO at OBJECT_STORAGE_ENDPOINT_URL ({settings.address})"
        bootstrap(settings, arguments.wait_seconds)
    except SettingInvalid as error:
        print(error, file=sys.stderr)
        return 2
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
