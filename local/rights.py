"""What each key of the S3 server may do: the least that its holder needs, as S3 policies."""

import json
from collections.abc import Sequence

from local.settings import Settings

Statement = dict[str, object]

# Which settings hold the key of whom.
KEYS = {
    "root": ("OBJECT_STORAGE_ROOT_ACCESS_KEY", "OBJECT_STORAGE_ROOT_SECRET_KEY"),
    "watch": ("OBJECT_STORAGE_WATCH_ACCESS_KEY", "OBJECT_STORAGE_WATCH_SECRET_KEY"),
    "worker": ("OBJECT_STORAGE_ACCESS_KEY", "OBJECT_STORAGE_SECRET_KEY"),
    "mlflow": ("OBJECT_STORAGE_MLFLOW_ACCESS_KEY", "OBJECT_STORAGE_MLFLOW_SECRET_KEY"),
    "drop": ("OBJECT_STORAGE_DROP_ACCESS_KEY", "OBJECT_STORAGE_DROP_SECRET_KEY"),
}


def allow(actions: Sequence[str], *resources: str) -> Statement:
    """Allow actions on buckets and objects named without their `arn`."""
    return {
        "Effect": "Allow",
        "Action": [f"s3:{action}" for action in actions],
        "Resource": [f"arn:aws:s3:::{resource}" for resource in resources],
    }


def allow_list(bucket: str, *prefixes: str) -> Statement:
    """Allow to list what lies under some prefixes of a bucket."""
    return {
        **allow(["ListBucket"], bucket),
        "Condition": {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
    }


def allow_sources(settings: Settings) -> list[Statement]:
    """Allow to read what ML_PIPELINE_SOURCE_PREFIXES names."""
    statements = []
    for source in filter(None, (part.strip() for part in settings["ML_PIPELINE_SOURCE_PREFIXES"].split(","))):
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        statements += [allow(["GetObject", "GetObjectVersion"], f"{bucket}/{prefix}*"), allow_list(bucket, prefix)]
    return statements


def make_policies(settings: Settings) -> dict[str, list[Statement]]:
    """Return the statements of each key's policy, by the key's name."""
    drops, artifacts = settings["ML_PIPELINE_DROP_BUCKET"], settings.artifact_bucket
    under = f"{artifacts}/{settings['ML_PIPELINE_ARTIFACT_PREFIX'].strip('/')}"
    prefix = under.partition("/")[2]
    uploads = ["AbortMultipartUpload", "ListMultipartUploadParts"]
    return {
        # People: put a drop, read what became of it.
        "drop": [
            allow(["PutObject", *uploads], f"{drops}/*"),
            allow(["GetObject"], f"{under}/receipts/*"),
            allow_list(artifacts, f"{prefix}/receipts/"),
        ],
        # Airflow: claims drops (copies, then deletes exact versions), keeps receipts and markers, reads manifests.
        "watch": [
            allow(["ListBucket", "ListBucketVersions", "GetBucketLocation"], drops),
            allow(["GetObject", "GetObjectVersion", "DeleteObject", "DeleteObjectVersion"], f"{drops}/*"),
            allow_list(artifacts, f"{prefix}/"),
            allow(["GetObject"], f"{under}/*"),
            allow(
                ["PutObject", *uploads],
                f"{under}/*/drop.json",
                f"{under}/*/raw/data",
                f"{under}/receipts/*",
                f"{under}/open/*",
                f"{under}/set_aside/*",
                # Of an attempt that Airflow stopped.
                f"{under}/*/failure.json",
            ),
            allow(["DeleteObject"], f"{under}/open/*"),
        ],
        # Stages: read data and parameters, write runs and models (a target_output_path may lie anywhere in the bucket).
        "worker": [
            allow(["ListBucket", "GetBucketLocation"], drops, artifacts),
            allow(["GetObject", "GetObjectVersion"], f"{drops}/*", f"{artifacts}/*"),
            allow(["PutObject", *uploads], f"{artifacts}/*"),
            allow(["DeleteObject"], f"{under}/open/*"),
            *allow_sources(settings),
        ],
        # The MLflow server: its own bucket.
        "mlflow": [
            allow(["ListBucket", "ListBucketMultipartUploads", "GetBucketLocation"], settings["MLFLOW_BUCKET"]),
            allow(["GetObject", "PutObject", "DeleteObject", *uploads], f"{settings['MLFLOW_BUCKET']}/*"),
        ],
    }


def read_credentials(settings: Settings, identity: str) -> tuple[str, str]:
    """Return access key and secret of `root`, `watch`, `worker`, `mlflow` or `drop`."""
    access_key, secret_key = KEYS[identity]
    return settings[access_key], settings[secret_key]


def make_s3_config(settings: Settings) -> str:
    """Return SeaweedFS' `-s3.config`: a policy for each key, and nothing but its policy for each but root."""
    policies = make_policies(settings)

    def identity(name: str, **rights: object) -> dict[str, object]:
        access_key, secret_key = read_credentials(settings, name)
        return {"name": name, "credentials": [{"accessKey": access_key, "secretKey": secret_key}], **rights}

    return json.dumps(
        {
            "identities": [
                identity("root", actions=["Admin", "Read", "Write", "List", "Tagging"]),
                *(identity(name, actions=[], policyNames=[name]) for name in policies),
            ],
            "policies": [
                {"name": name, "content": json.dumps({"Version": "2012-10-17", "Statement": statements})}
                for name, statements in policies.items()
            ],
        },
        indent=1,
    )
