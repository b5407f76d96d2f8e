"""Everything that somebody with a key may try at the S3 server, by a name for people."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

PREFIX = "ml-pipeline-runs"
RUN = f"{PREFIX}/penguins.20261122T101112Z.0123abcd"
# Every key that the actions below touch; each is put anew before each action.
KEYS = {
    "drops": ["penguins/a.csv", "penguins/_params.json"],
    "artifacts": [
        f"{RUN}/drop.json",
        f"{RUN}/raw/data",
        f"{RUN}/ingested/manifest.json",
        f"{RUN}/ingested/a/failure.json",
        f"{PREFIX}/receipts/penguins/r.json",
        f"{PREFIX}/open/r",
        f"{PREFIX}/set_aside/r.json",
        f"{PREFIX}/models/penguins/r/a/m.pkl",
        "elsewhere/model.pkl",
    ],
    "mlflow": ["artifacts/1/model"],
    "airflow-logs": ["tasks/1.log"],
}
EXPIRE_ALL: Any = {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
OPEN_TO_ALL = '{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::{}/*"}}]}}'


@dataclass(frozen=True)
class Places:
    """The version of the drop that an action may try to get at."""

    version: str


Action = Callable[[S3Client, Places], Any]
Clients = Callable[[str], S3Client]


def list_under(bucket: str, prefix: str) -> Action:
    return lambda s3, _: s3.list_objects_v2(Bucket=bucket, Prefix=prefix)


def get(bucket: str, key: str) -> Action:
    return lambda s3, _: s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def put(bucket: str, key: str) -> Action:
    return lambda s3, _: s3.put_object(Bucket=bucket, Key=key, Body=b"changed")


def delete(bucket: str, key: str) -> Action:
    return lambda s3, _: s3.delete_object(Bucket=bucket, Key=key)


def copy(source: str, bucket: str, key: str) -> Action:
    return lambda s3, _: s3.copy_object(Bucket=bucket, Key=key, CopySource=source)


def delete_version(s3: S3Client, places: Places) -> None:
    s3.delete_object(Bucket="drops", Key="penguins/a.csv", VersionId=places.version)


def delete_many(s3: S3Client, places: Places) -> None:
    """Multi-delete answers 200 with an error for each key: made an error here."""
    objects: Any = {"Objects": [{"Key": "penguins/a.csv", "VersionId": places.version}]}
    answer = s3.delete_objects(Bucket="drops", Delete=objects)
    for error in answer.get("Errors", []):
        raise ClientError({"Error": {"Code": error["Code"]}}, "DeleteObjects")


def put_in_parts(bucket: str, key: str, s3: S3Client, _: Places) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"parts")
    parts: Any = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts)


def copy_part(source: str, s3: S3Client, _: Places) -> None:
    upload = s3.create_multipart_upload(Bucket="drops", Key="penguins/stolen.csv")["UploadId"]
    s3.upload_part_copy(Bucket="drops", Key="penguins/stolen.csv", UploadId=upload, PartNumber=1, CopySource=source)


def actions_on_bucket(bucket: str) -> dict[str, Action]:
    """What changes a bucket itself: root's alone."""
    return {
        f"suspend versioning of {bucket}": lambda s3, _: s3.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
        ),
        f"set lifecycle of {bucket}": lambda s3, _: s3.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration=EXPIRE_ALL
        ),
        f"set policy of {bucket}": lambda s3, _: s3.put_bucket_policy(Bucket=bucket, Policy=OPEN_TO_ALL.format(bucket)),
        f"delete policy of {bucket}": lambda s3, _: s3.delete_bucket_policy(Bucket=bucket),
        f"open {bucket} to all": lambda s3, _: s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write"),
        f"delete {bucket}": lambda s3, _: s3.delete_bucket(Bucket=bucket),
        f"set tags of {bucket}": lambda s3, _: s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": []}),
        f"set encryption of {bucket}": lambda s3, _: s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        ),
    }


def all_actions() -> dict[str, Action]:
    actions: dict[str, Action] = {
        "list drops": list_under("drops", ""),
        "list a dataset's drops": list_under("drops", "penguins/"),
        "list drops' versions": lambda s3, _: s3.list_object_versions(Bucket="drops"),
        "get a drop": get("drops", "penguins/a.csv"),
        "get a drop's version": lambda s3, places: s3.get_object(
            Bucket="drops", Key="penguins/a.csv", VersionId=places.version
        ),
        "put a drop": put("drops", "penguins/new.csv"),
        "put a drop in parts": functools.partial(put_in_parts, "drops", "penguins/big.csv"),
        "put over a drop": put("drops", "penguins/a.csv"),
        "put parameters": put("drops", "penguins/_params.json"),
        "delete a drop": delete("drops", "penguins/a.csv"),
        "delete a drop's version": delete_version,
        "delete many versions": delete_many,
        "open a drop to all": lambda s3, _: s3.put_object_acl(Bucket="drops", Key="penguins/a.csv", ACL="public-read"),
        "tag a drop": lambda s3, _: s3.put_object_tagging(
            Bucket="drops", Key="penguins/a.csv", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
        ),
        "copy a drop to a drop": copy("drops/penguins/a.csv", "drops", "penguins/copied.csv"),
        "copy a run's file to a drop": copy(f"artifacts/{RUN}/raw/data", "drops", "penguins/stolen.csv"),
        "copy a part of a run's file to a drop": functools.partial(copy_part, f"artifacts/{RUN}/raw/data"),
        "claim a drop": copy("drops/penguins/a.csv", "artifacts", f"{RUN}/raw/data"),
        "list artifacts": list_under("artifacts", ""),
        "list runs": list_under("artifacts", f"{PREFIX}/"),
        "list a run": list_under("artifacts", f"{RUN}/"),
        "list receipts": list_under("artifacts", f"{PREFIX}/receipts/"),
        "list a dataset's receipts": list_under("artifacts", f"{PREFIX}/receipts/penguins/"),
        "create a bucket": lambda s3, _: s3.create_bucket(Bucket="another"),
        "put into a bucket that is not there": put("not-there", "a"),
        "list mlflow": list_under("mlflow", ""),
        "list logs": list_under("airflow-logs", ""),
    }
    for bucket, keys in KEYS.items():
        for key in keys:
            if bucket != "drops":
                actions[f"get {key}"] = get(bucket, key)
                actions[f"put {key}"] = put(bucket, key)
                actions[f"delete {key}"] = delete(bucket, key)
        actions |= actions_on_bucket(bucket)
    return actions


ACTIONS = all_actions()
