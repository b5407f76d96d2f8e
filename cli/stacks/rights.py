"""What each key of the S3 server may do: the policies in `minio/policies`, which MinIO takes as they are."""

import json
from string import Template

from cli.settings import PROJECT, StackSettings
from pipeline_contract.settings import KEYS

Statement = dict[str, object]

POLICIES = PROJECT / "minio" / "policies"


def read_policy(name: str, **places: str) -> list[Statement]:
    """Return the statements of a policy document, with the names of buckets and prefixes put in."""
    quoted = {place: json.dumps(value)[1:-1] for place, value in places.items()}
    text = Template((POLICIES / f"{name}.json").read_text(encoding="utf-8")).substitute(quoted)
    statements: list[Statement] = json.loads(text)["Statement"]
    return statements


def read_source_policies(settings: StackSettings) -> list[Statement]:
    """Return the statements that let somebody read what ML_PIPELINE_SOURCE_PREFIXES names."""
    statements = []
    for source in filter(None, (part.strip() for part in settings["ML_PIPELINE_SOURCE_PREFIXES"].split(","))):
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        statements += read_policy("source", SOURCE_BUCKET=bucket, SOURCE_PREFIX=prefix)
    return statements


def make_policies(settings: StackSettings) -> dict[str, list[Statement]]:
    """Return the statements of each key's policy, by the key's name."""
    places = {
        "DROP_BUCKET": settings["ML_PIPELINE_DROP_BUCKET"],
        "ARTIFACT_BUCKET": settings.artifact_bucket,
        "ARTIFACT_PREFIX": settings.artifact_prefix,
        "MLFLOW_BUCKET": settings["MLFLOW_BUCKET"],
        "LOG_BUCKET": settings["AIRFLOW_LOG_BUCKET"],
    }
    policies = {name: read_policy(name, **places) for name in KEYS if name != "root"}
    policies["worker"] += read_source_policies(settings)
    return policies


def read_credentials(settings: StackSettings, identity: str) -> tuple[str, str]:
    """Return access key and secret of an identity of KEYS."""
    access_key, secret_key = KEYS[identity]
    return settings[access_key], settings[secret_key]


def make_s3_config(settings: StackSettings) -> str:
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
