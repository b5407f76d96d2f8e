"""Each key to an S3 server may do what its holder needs, and nothing else: every action is tried with every key.

Both servers take their rights from the same documents, and both are tried: SeaweedFS, the local stack's, and MinIO.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from cli.stacks.storage import make_client
from tests.bootstrap import open_stack_on, run_bootstrap
from tests.integration.s3_actions import ACTIONS, KEYS, PREFIX, RUN, Clients, Place
from tests.minio_server import NEEDS_MINIO, run_minio
from tests.stack import Stack

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
        "claim a large drop",
        "fetch a large drop by its etag",
        *(READ_ARTIFACTS - {"get elsewhere/penguins.pkl"}),
        f"put {RUN}/drop.json",
        f"put {RUN}/raw/data",
        f"put {RUN}/ingested/a/failure.json",
        f"put {PREFIX}/receipts/penguins/r.json",
        f"put {PREFIX}/open/penguins.r",
        f"put {PREFIX}/set_aside/penguins.r.json",
        f"delete {PREFIX}/open/penguins.r",
    },
    "worker": {
        *READ_DROPS,
        "claim a drop",
        "fetch a large drop by its etag",
        "list artifacts",
        *READ_ARTIFACTS,
        *(f"put {key}" for key in KEYS["artifacts"]),
        f"delete {PREFIX}/open/penguins.r",
    },
    "mlflow": {"list mlflow", *(f"{verb} artifacts/penguins/model" for verb in ("get", "put", "delete"))},
    "logs": {"list logs", "get tasks/penguins.log", "put tasks/penguins.log"},
}
ALLOWED_BY_ONE = {
    # It takes the right to list a bucket as that to list its versions.
    "minio_stack": {("worker", "list drops' versions")},
    # To MinIO the right to name a version of what is copied would be the right to put over a version.
    "weed_stack": {("worker", "claim a large drop")},
}
# What a refusal is called; AccessDenied without a body, as of HEAD, is a plain 403.
DENIED = {"AccessDenied", "403"}

pytestmark = pytest.mark.slow("needs an S3 server")


@pytest.fixture(scope="module")
def minio_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a MinIO after its bootstrap, and the settings of a stack that would use it."""
    with run_minio(tmp_path_factory.mktemp("minio")) as server, open_stack_on(server) as stack:
        assert run_bootstrap(stack).returncode == 0
        yield stack


@pytest.fixture(scope="module", params=["weed_stack", pytest.param("minio_stack", marks=NEEDS_MINIO)])
def stack(request: pytest.FixtureRequest) -> Stack:
    """Give each server in turn."""
    found: Stack = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def clients(stack: Stack) -> Clients:
    """Give a client for each key, made once: making one takes longer than using it."""
    return functools.cache(stack.client)


@pytest.fixture(scope="module")
def world(clients: Clients) -> Place:
    """Put every object that an action aims at, once: what is denied changes none of them."""
    return Place("penguins").put(clients("root"), [(bucket, key) for bucket, keys in KEYS.items() for key in keys])


def list_allowed(request: pytest.FixtureRequest, identity: str) -> set[str]:
    """Return what a key may do at the server that the test is for."""
    of_this_server = ALLOWED_BY_ONE[request.node.callspec.params["stack"]]
    return ALLOWED[identity] | {name for of, name in of_this_server if of == identity}


def test_every_allowed_action_is_tried() -> None:
    """No right is granted under a name that no action has."""
    assert set().union(*ALLOWED.values()) <= ACTIONS.keys()


@pytest.mark.parametrize("identity", ALLOWED)
def test_a_key_does_nothing_that_its_holder_does_not_need(
    request: pytest.FixtureRequest, clients: Clients, world: Place, identity: str
) -> None:
    """What a key's holder does not need is denied, whatever it is, and not done all the same: everything is as it was."""
    client, before = clients(identity), read_world(clients("root"))
    wrong = []
    for name in sorted(ACTIONS.keys() - list_allowed(request, identity)):
        try:
            ACTIONS[name].do(client, world)
        except ClientError as error:
            answer = error.response["Error"]["Code"]
        else:
            answer = "done"
        # Also where the object or bucket is not there, the answer is not whether it is.
        if answer not in DENIED:
            wrong.append(f"{name}: {answer}")
    after = read_world(clients("root"))
    wrong += [
        f"changed: {what}, from {before.get(what)} to {after.get(what)}"
        for what in sorted(before.keys() | after.keys())
        if after.get(what) != before.get(what)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("identity", ALLOWED)
def test_a_key_does_what_its_holder_needs(request: pytest.FixtureRequest, clients: Clients, identity: str) -> None:
    """All that a key's holder needs succeeds, each on objects that nothing else was done to."""
    wrong = []
    for number, name in enumerate(sorted(list_allowed(request, identity))):
        place = Place(f"penguins-{identity}-{number}").put(clients("root"), ACTIONS[name].needs)
        try:
            ACTIONS[name].do(clients(identity), place)
        except (ClientError, KeyError) as error:
            wrong.append(f"{name}: {error!r}")
    assert not wrong, "\n".join(wrong)


def test_watch_records_what_was_stopped(clients: Clients) -> None:
    """Airflow's key may put the failure record of an attempt, and nothing else into an attempt's folder."""
    client = clients("watch")
    folder = f"{RUN}/training/run-1.1"
    client.put_object(Bucket="artifacts", Key=f"{folder}/failure.json", Body=b"{}", IfNoneMatch="*")
    for key in (f"{folder}/manifest.json", f"{folder}/failure.json.x", f"{PREFIX}/models/penguins/r/a/failure.pkl"):
        with pytest.raises(ClientError) as raised:
            client.put_object(Bucket="artifacts", Key=key, Body=b"{}")
        assert raised.value.response["Error"]["Code"] in DENIED


@pytest.mark.parametrize("identity", ALLOWED)
def test_a_key_sees_no_bucket_that_is_not_its_business(clients: Clients, identity: str) -> None:
    """Listing all buckets shows none to a key that may not list it; where there is none, it may be refused."""
    may_list = {
        "drop": {"artifacts"},
        "watch": {"drops", "artifacts"},
        "worker": {"drops", "artifacts"},
        "mlflow": {"mlflow"},
        "logs": {"airflow-logs"},
    }
    try:
        buckets = {bucket["Name"] for bucket in clients(identity).list_buckets()["Buckets"]}
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise
        buckets = set()
    assert buckets <= may_list[identity]


def test_an_object_put_as_public_is_not(stack: Stack, clients: Clients) -> None:
    """Who drops a file with a public access list opens nothing to those without a key."""
    clients("drop").put_object(Bucket="drops", Key="penguins/public.csv", Body=b"x", ACL="public-read")
    assert answer_without_key(stack, "GET", "drops/penguins/public.csv") == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["", "drops", "drops/penguins/a.csv", f"artifacts/{PREFIX}/receipts/penguins/r.json"])
def test_without_a_key_nothing_is_done(stack: Stack, world: Place, method: str, path: str) -> None:
    """A request without a signature is refused."""
    assert answer_without_key(stack, method, path) in {400, 403, 405}


def test_a_wrong_secret_is_refused(stack: Stack) -> None:
    """The name of a key is not enough: its secret is checked."""
    values = {**stack.settings.values, "OBJECT_STORAGE_DROP_SECRET_KEY": "guessed"}
    forged = make_client(dataclasses.replace(stack.settings, values=values), "drop")
    with pytest.raises(ClientError) as raised:
        forged.put_object(Bucket="drops", Key="penguins/forged.csv", Body=b"x")
    assert raised.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_the_servers_inner_ports_give_no_object_away(weed_stack: Stack) -> None:
    """The storage server's listeners beside S3 answer no plain HTTP request with data."""
    weed_stack.client("drop").put_object(Bucket="drops", Key="penguins/secret.csv", Body=b"confidential")
    for listener in ("master", "volume", "filer", "admin"):
        port = weed_stack.settings.internal_ports[listener]
        for path in ("", "buckets/drops/penguins/secret.csv", "dir/assign", "dir/lookup?volumeId=1", "1,01637037d6"):
            body = httpx.get(f"http://127.0.0.1:{port}/{path}", trust_env=False).content
            assert b"confidential" not in body
            assert b'"fid"' not in body


def test_secrets_of_the_store_are_in_a_private_file(weed_stack: Stack) -> None:
    """The server's file of keys can be read by its owner only, and holds no further identity."""
    path = weed_stack.settings.state / "storage" / "s3.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert {one["name"] for one in json.loads(path.read_text())["identities"]} == {"root", *ALLOWED}


def read_world(root: S3Client) -> dict[tuple[str, ...], object]:
    """Return all that a server holds: each version with its bytes, tags and access list, each bucket with its rules."""
    world: dict[tuple[str, ...], object] = {}
    for bucket in (one["Name"] for one in root.list_buckets()["Buckets"]):
        for what in ("versioning", "lifecycle_configuration", "policy", "tagging", "acl", "encryption"):
            world[bucket, what] = ask(root, f"get_bucket_{what}", Bucket=bucket)
        world[bucket, "unfinished"] = ask(root, "list_multipart_uploads", Bucket=bucket).get("Uploads")
        listed = root.list_object_versions(Bucket=bucket)
        assert not listed["IsTruncated"]
        world[bucket, "deleted"] = listed.get("DeleteMarkers")
        for entry in listed.get("Versions", []):
            key, version = entry["Key"], entry["VersionId"]
            where = {"Bucket": bucket, "Key": key, "VersionId": version}
            world[bucket, key, version] = {
                "listed": entry,
                "content": root.get_object(**where)["Body"].read(),
                "tags": ask(root, "get_object_tagging", **where),
                "acl": ask(root, "get_object_acl", **where),
            }
    return world


def ask(root: S3Client, call: str, **arguments: str) -> dict[str, Any]:
    """Return what a server answers, without what it says of the answer itself; of an error, its code."""
    try:
        answer = getattr(root, call)(**arguments)
    except ClientError as error:
        return {"refused": error.response["Error"]["Code"]}
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def answer_without_key(stack: Stack, method: str, path: str) -> int:
    """Return the status of a request that carries no signature."""
    return httpx.request(method, f"{stack.settings.storage_url}/{path}", trust_env=False).status_code
