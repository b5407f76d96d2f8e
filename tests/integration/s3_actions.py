"""Everything that somebody with a key may try at the S3 server, by a name for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

PREFIX = "ml-pipeline-runs"
RUN = f"{PREFIX}/penguins.20261122T101112Z.0123abcd"
# All objects that the actions below aim at, by bucket.
KEYS = {
    "drops": ["penguins/a.csv", "penguins/_params.json"],
    "artifacts": [
        f"{RUN}/drop.json",
        f"{RUN}/raw/data",
        f"{RUN}/ingested/manifest.json",
        f"{RUN}/ingested/a/failure.json",
        f"{PREFIX}/receipts/penguins/r.json",
        f"{PREFIX}/open/penguins.r",
        f"{PREFIX}/set_aside/penguins.r.json",
        f"{PREFIX}/models/penguins/r/a/m.pkl",
        f"{PREFIX}/schemas/penguins/1.json",
        "elsewhere/penguins.pkl",
    ],
    "mlflow": ["artifacts/penguins/model"],
    "airflow-logs": ["tasks/penguins.log"],
}
DROP = ("drops", "penguins/a.csv")
RAW = ("artifacts", f"{RUN}/raw/data")
EXPIRE_ALL: Any = {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
TAGS: Any = {"TagSet": [{"Key": "a", "Value": "b"}]}
OPEN_TO_ALL = '{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::{}/*"}}]}}'

Object = tuple[str, str]
Clients = Callable[[str], S3Client]


@dataclass(frozen=True)
class Place:
    """Objects of a dataset's own, so that an action on them is in no other's way; its name stands for `penguins`."""

    dataset: str
    versions: dict[Object, str] = field(default_factory=dict)

    def at(self, bucket: str, key: str) -> dict[str, Any]:
        """Return where an object of this dataset is."""
        return {"Bucket": bucket, "Key": key.replace("penguins", self.dataset)}

    def put(self, root: S3Client, objects: Iterable[Object]) -> Place:
        """Put these objects."""
        for bucket, key in objects:
            answer = root.put_object(**self.at(bucket, key), Body=b"as it was")
            self.versions[bucket, key] = answer.get("VersionId", "")
        return self


@dataclass(frozen=True)
class Action:
    """What somebody does with a client at a place, and the objects that have to be there."""

    do: Callable[[S3Client, Place], Any]
    needs: tuple[Object, ...] = ()


def list_under(bucket: str, prefix: str) -> Action:
    """A listing without anything in it is none: a KeyError."""
    needs = tuple((bucket, key) for key in KEYS[bucket] if key.startswith(prefix))
    return Action(
        lambda s3, place: s3.list_objects_v2(Bucket=bucket, Prefix=place.at(bucket, prefix)["Key"])["Contents"], needs
    )


def get(bucket: str, key: str) -> Action:
    return Action(lambda s3, place: s3.get_object(**place.at(bucket, key))["Body"].read(), ((bucket, key),))


def put(bucket: str, key: str) -> Action:
    """Put over what is there, if one of KEYS."""
    needs = ((bucket, key),) if key in KEYS.get(bucket, ()) else ()
    return Action(lambda s3, place: s3.put_object(**place.at(bucket, key), Body=b"changed"), needs)


def delete(bucket: str, key: str) -> Action:
    return Action(lambda s3, place: s3.delete_object(**place.at(bucket, key)), ((bucket, key),))


def copy(source: Object, target: Object) -> Action:
    return Action(lambda s3, place: s3.copy_object(**place.at(*target), CopySource=place.at(*source)), (source,))


def delete_many(s3: S3Client, place: Place) -> None:
    """Multi-delete answers 200 with an error for each key: made an error here."""
    objects: Any = {"Objects": [{"Key": place.at(*DROP)["Key"], "VersionId": place.versions[DROP]}]}
    answer = s3.delete_objects(Bucket="drops", Delete=objects)
    for error in answer.get("Errors", []):
        raise ClientError({"Error": {"Code": error["Code"]}}, "DeleteObjects")


def put_in_parts(s3: S3Client, place: Place) -> None:
    where = place.at("drops", "penguins/big.csv")
    upload = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"parts")
    parts: Any = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)


def copy_part(s3: S3Client, place: Place) -> None:
    """Who may begin an upload takes it back, so that nothing is left of it."""
    where = place.at("drops", "penguins/stolen.csv")
    upload = s3.create_multipart_upload(**where)["UploadId"]
    try:
        s3.upload_part_copy(**where, UploadId=upload, PartNumber=1, CopySource=place.at(*RAW))
    finally:
        s3.abort_multipart_upload(**where, UploadId=upload)


def claim_in_parts(s3: S3Client, place: Place) -> None:
    """Copy the very version of a drop in parts, as is done with a large one; a copy that does not succeed is given up."""
    source, where = {**place.at(*DROP), "VersionId": place.versions[DROP]}, place.at(*RAW)
    size = s3.head_object(**source)["ContentLength"]
    upload = s3.create_multipart_upload(**where)["UploadId"]
    try:
        part = s3.upload_part_copy(
            **where, UploadId=upload, PartNumber=1, CopySource=source, CopySourceRange=f"bytes=0-{size - 1}"
        )
    except ClientError:
        s3.abort_multipart_upload(**where, UploadId=upload)
        raise
    parts: Any = {"Parts": [{"ETag": part["CopyPartResult"]["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)
    unfinished = s3.create_multipart_upload(**where)["UploadId"]
    s3.abort_multipart_upload(**where, UploadId=unfinished)


def delete_version(bucket: str, key: str) -> Action:
    """Delete the very version of an object."""
    return Action(
        lambda s3, place: s3.delete_object(**place.at(bucket, key), VersionId=place.versions[bucket, key]),
        ((bucket, key),),
    )


def copy_in_parts_as_seen(s3: S3Client, place: Place) -> None:
    """Copy an object in parts on the condition that it is the one that was seen, naming no version."""
    source, where = place.at(*DROP), place.at(*RAW)
    etag = s3.head_object(**source)["ETag"]
    upload = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part_copy(**where, UploadId=upload, PartNumber=1, CopySource=source, CopySourceIfMatch=etag)
    parts: Any = {"Parts": [{"ETag": part["CopyPartResult"]["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)


def actions_on_bucket(bucket: str) -> dict[str, Action]:
    """What changes a bucket itself: root's alone."""
    encryption: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    return {
        f"suspend versioning of {bucket}": Action(
            lambda s3, _: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
        ),
        f"set lifecycle of {bucket}": Action(
            lambda s3, _: s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=EXPIRE_ALL)
        ),
        f"set policy of {bucket}": Action(
            lambda s3, _: s3.put_bucket_policy(Bucket=bucket, Policy=OPEN_TO_ALL.format(bucket))
        ),
        f"delete policy of {bucket}": Action(lambda s3, _: s3.delete_bucket_policy(Bucket=bucket)),
        f"open {bucket} to all": Action(lambda s3, _: s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")),
        f"delete {bucket}": Action(lambda s3, _: s3.delete_bucket(Bucket=bucket)),
        f"set tags of {bucket}": Action(lambda s3, _: s3.put_bucket_tagging(Bucket=bucket, Tagging=TAGS)),
        f"set encryption of {bucket}": Action(
            lambda s3, _: s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=encryption)
        ),
    }


def all_actions() -> dict[str, Action]:
    actions = {
        "list drops": list_under("drops", ""),
        "list a dataset's drops": list_under("drops", "penguins/"),
        "list drops' versions": Action(lambda s3, _: s3.list_object_versions(Bucket="drops")["Versions"], (DROP,)),
        "get a drop": get(*DROP),
        "get a drop's version": Action(
            lambda s3, place: s3.get_object(**place.at(*DROP), VersionId=place.versions[DROP]), (DROP,)
        ),
        "put a drop": put("drops", "penguins/new.csv"),
        "put a drop in parts": Action(put_in_parts),
        "put over a drop": put(*DROP),
        "put parameters": put("drops", "penguins/_params.json"),
        "delete a drop": delete(*DROP),
        "delete a drop's version": Action(
            lambda s3, place: s3.delete_object(**place.at(*DROP), VersionId=place.versions[DROP]), (DROP,)
        ),
        "delete many versions": Action(delete_many, (DROP,)),
        "open a drop to all": Action(
            lambda s3, place: s3.put_object_acl(**place.at(*DROP), ACL="public-read"), (DROP,)
        ),
        "tag a drop": Action(lambda s3, place: s3.put_object_tagging(**place.at(*DROP), Tagging=TAGS), (DROP,)),
        "copy a drop to a drop": copy(DROP, ("drops", "penguins/copied.csv")),
        "copy a run's file to a drop": copy(RAW, ("drops", "penguins/stolen.csv")),
        "copy a part of a run's file to a drop": Action(copy_part, (RAW,)),
        "claim a drop": copy(DROP, RAW),
        "claim a large drop": Action(claim_in_parts, (DROP, RAW)),
        "fetch a large drop by its etag": Action(copy_in_parts_as_seen, (DROP, RAW)),
        "list artifacts": list_under("artifacts", ""),
        "list runs": list_under("artifacts", f"{PREFIX}/"),
        "list a run": list_under("artifacts", f"{RUN}/"),
        "list receipts": list_under("artifacts", f"{PREFIX}/receipts/"),
        "list a dataset's receipts": list_under("artifacts", f"{PREFIX}/receipts/penguins/"),
        "create a bucket": Action(lambda s3, _: s3.create_bucket(Bucket="another")),
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
            if bucket == "artifacts" and "/open/" not in key:  # markers have none
                actions[f"delete the version of {key}"] = delete_version(bucket, key)
        actions |= actions_on_bucket(bucket)
    return actions


ACTIONS = all_actions()
