"""Each key to the S3 server may do what its holder needs, and nothing else: every action is tried with every key."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from local.storage import make_client
from tests.stack import Stack, run_stack

PREFIX = "ml-pipeline-runs"
RUN = f"{PREFIX}/penguins.20261122T101112Z.0123abcd"
# Every key that the actions below touch; each is put anew before each action.
KEYS = {
    "drops": ["penguins/a.csv", "penguins/_params.json"],
    "artifacts": [
        f"{RUN}/drop.json",
        f"{RUN}/raw/data",
        f"{RUN}/ingested/manifest.json",
        f"{PREFIX}/receipts/penguins/r.json",
        f"{PREFIX}/open/r",
        f"{PREFIX}/set_aside/r.json",
        f"{PREFIX}/models/penguins/r/a/m.pkl",
        "elsewhere/model.pkl",
    ],
    "mlflow": ["artifacts/1/model"],
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
LIST_RECEIPTS = {"list receipts", "list a dataset's receipts"}
GET_RECEIPT = f"get {PREFIX}/receipts/penguins/r.json"
READ_ARTIFACTS = {"list runs", "list a run", *LIST_RECEIPTS, *(f"get {key}" for key in KEYS["artifacts"])}
READ_DROPS = {"list drops", "list a dataset's drops", "get a drop", "get a drop's version"}
ALLOWED = {
    "drop": {"put a drop", "put a drop in parts", "put over a drop", "put parameters", *LIST_RECEIPTS, GET_RECEIPT},
    "watch": {
        *READ_DROPS,
        "list drops' versions",
        "delete a drop",
        "delete a drop's version",
        "delete many versions",
        "claim a drop",
        *(READ_ARTIFACTS - {"get elsewhere/model.pkl"}),
        f"put {RUN}/drop.json",
        f"put {RUN}/raw/data",
        f"put {PREFIX}/receipts/penguins/r.json",
        f"put {PREFIX}/open/r",
        f"put {PREFIX}/set_aside/r.json",
        f"delete {PREFIX}/open/r",
    },
    "worker": {
        *READ_DROPS,
        "claim a drop",
        "list artifacts",
        *READ_ARTIFACTS,
        *(f"put {key}" for key in KEYS["artifacts"]),
        f"delete {PREFIX}/open/r",
    },
    "mlflow": {"list mlflow", *(f"{verb} artifacts/1/model" for verb in ("get", "put", "delete"))},
}
# What a refusal is called; AccessDenied without a body, as of HEAD, is a plain 403.
DENIED = {"AccessDenied", "403"}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Give an S3 server alone, with the rights of a whole stack: nobody claims the drops that are put here."""
    with run_stack("storage") as running:
        yield running


@pytest.fixture(scope="module")
def clients(stack: Stack) -> Clients:
    """Give a client for each key, made once: making one takes longer than using it."""
    return functools.cache(stack.client)


@pytest.fixture
def places(clients: Clients) -> Places:
    """Put every object that an action may touch."""
    root = clients("root")
    for bucket, keys in KEYS.items():
        for key in keys:
            root.put_object(Bucket=bucket, Key=key, Body=b"as it was")
    return Places(root.head_object(Bucket="drops", Key="penguins/a.csv")["VersionId"])


def test_every_allowed_action_is_tried() -> None:
    """No right is granted under a name that no action has."""
    assert set().union(*ALLOWED.values()) <= ACTIONS.keys()


@pytest.mark.parametrize("identity", ALLOWED)
@pytest.mark.parametrize("name", ACTIONS)
def test_a_key_does_what_its_holder_needs_and_nothing_else(
    clients: Clients, places: Places, identity: str, name: str
) -> None:
    """An action succeeds if its key's holder needs it, and is denied if not."""
    client = clients(identity)
    if name in ALLOWED[identity]:
        ACTIONS[name](client, places)
        return
    with pytest.raises(ClientError) as raised:
        ACTIONS[name](client, places)
    assert raised.value.response["Error"]["Code"] in DENIED


def test_denied_actions_changed_nothing(clients: Clients, places: Places) -> None:
    """What was refused to the key for dropping files was not done all the same: all is there, as it was."""
    client, root = clients("drop"), clients("root")
    for name in ACTIONS.keys() - ALLOWED["drop"]:
        with pytest.raises(ClientError):
            ACTIONS[name](client, places)
    assert root.get_bucket_versioning(Bucket="drops")["Status"] == "Enabled"
    assert {bucket["Name"] for bucket in root.list_buckets()["Buckets"]} == set(KEYS)
    for bucket, keys in KEYS.items():
        for key in keys:
            assert root.get_object(Bucket=bucket, Key=key)["Body"].read() == b"as it was"
        for read in (root.get_bucket_lifecycle_configuration, root.get_bucket_policy):
            with pytest.raises(ClientError):
                read(Bucket=bucket)


@pytest.mark.parametrize("identity", ALLOWED)
def test_a_key_sees_no_bucket_that_is_not_its_business(clients: Clients, identity: str) -> None:
    """Listing all buckets shows none to a key that may not list it."""
    may_list = {"drop": {"artifacts"}, "watch": {"drops", "artifacts"}, "worker": {"drops", "artifacts"}}
    buckets = {bucket["Name"] for bucket in clients(identity).list_buckets()["Buckets"]}
    assert buckets <= may_list.get(identity, {"mlflow"})


def test_an_object_put_as_public_is_not(stack: Stack, clients: Clients) -> None:
    """Who drops a file with a public access list opens nothing to those without a key."""
    clients("drop").put_object(Bucket="drops", Key="penguins/public.csv", Body=b"x", ACL="public-read")
    assert answer_without_key(stack, "GET", "drops/penguins/public.csv") == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["", "drops", "drops/penguins/a.csv", f"artifacts/{PREFIX}/receipts/penguins/r.json"])
def test_without_a_key_nothing_is_done(stack: Stack, places: Places, method: str, path: str) -> None:
    """A request without a signature is refused."""
    assert answer_without_key(stack, method, path) in {403, 405}


def test_a_wrong_secret_is_refused(stack: Stack) -> None:
    """The name of a key is not enough: its secret is checked."""
    values = {**stack.settings.values, "OBJECT_STORAGE_DROP_SECRET_KEY": "guessed"}
    forged = make_client(dataclasses.replace(stack.settings, values=values), "drop")
    with pytest.raises(ClientError) as raised:
        forged.put_object(Bucket="drops", Key="penguins/forged.csv", Body=b"x")
    assert raised.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_the_servers_inner_ports_give_no_object_away(stack: Stack, clients: Clients) -> None:
    """The storage server's listeners beside S3 answer no plain HTTP request with data."""
    clients("drop").put_object(Bucket="drops", Key="penguins/secret.csv", Body=b"confidential")
    for listener in ("master", "volume", "filer", "admin"):
        port = stack.settings.internal_ports[listener]
        for path in ("", "buckets/drops/penguins/secret.csv", "dir/assign", "dir/lookup?volumeId=1", "1,01637037d6"):
            body = fetch(f"http://127.0.0.1:{port}/{path}")
            assert b"confidential" not in body
            assert b'"fid"' not in body


def test_secrets_of_the_store_are_in_a_private_file(stack: Stack) -> None:
    """The server's file of keys can be read by its owner only, and holds exactly five identities."""
    path = stack.settings.state / "storage" / "s3.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert {one["name"] for one in json.loads(path.read_text())["identities"]} == {"root", *ALLOWED}


def answer_without_key(stack: Stack, method: str, path: str) -> int:
    """Return the status of a request that carries no signature."""
    return httpx.request(method, f"{stack.settings.storage_url}/{path}", trust_env=False).status_code


def fetch(url: str) -> bytes:
    """Return what a server says, whatever its status; nothing where it says nothing."""
    try:
        return httpx.get(url, trust_env=False).content
    except httpx.TransportError:
        return b""
