"""What each key may do: the documents in `policies`, which the local stack's S3 server takes as well."""

import json
from pathlib import Path
from string import Template
from typing import Any

from settings import BootstrapSettings

POLICIES = Path(__file__).resolve().parent / "policies"


def read_policy(name: str, **places: str) -> list[dict[str, Any]]:
    """Return the statements of a policy document, with the names of buckets and prefixes put in."""
    quoted = {place: json.dumps(value)[1:-1] for place, value in places.items()}
    text = Template((POLICIES / f"{name}.json").read_text(encoding="utf-8")).substitute(quoted)
    statements: list[dict[str, Any]] = json.loads(text)["Statement"]
    return statements


def make_policies(settings: BootstrapSettings) -> dict[str, dict[str, Any]]:
    """Return the policy of each identity as MinIO takes it."""
    places = {
        "DROP_BUCKET": settings.drop_bucket,
        "ARTIFACT_BUCKET": settings.artifact_bucket,
        "ARTIFACT_PREFIX": settings.artifact_prefix,
        "MLFLOW_BUCKET": settings.mlflow_bucket,
        "LOG_BUCKET": settings.log_bucket,
    }
    policies = {name: read_policy(name, **places) for name in settings.keys}
    for bucket, prefix in settings.sources:
        policies["worker"] += read_policy("source", SOURCE_BUCKET=bucket, SOURCE_PREFIX=prefix)
    # Unless it is denied, MinIO lets every user make further keys for itself and change its own secret, lets who may delete an
    # object delete a version of it, and who may put it put over one. As MinIO sees it, who copies a version puts over one:
    # only Airflow's own key, which claims versions of drops, may name one there.
    account = read_policy("account", **places)
    put_over = {name: read_policy("put_over_watch" if name == "watch" else "put_over", **places) for name in policies}
    return {
        name: {"Version": "2012-10-17", "Statement": statements + account + put_over[name]}
        for name, statements in policies.items()
    }
