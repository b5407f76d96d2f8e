"""The bootstrap of MinIO makes what the pipeline needs, can be repeated, says what is wrong, and no secret."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.credentials import make_secret
from local.rights import KEYS, make_policies, read_credentials
from local.settings import PROJECT
from tests.bootstrap import PYTHON, ask_admin, make_environ, open_stack_on, run_bootstrap
from tests.minio_server import NEEDS_MINIO, run_minio
from tests.ports import free_ports
from tests.stack import Stack

IDENTITIES = sorted(KEYS.keys() - {"root"})
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}],
}
pytestmark = NEEDS_MINIO


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give the settings of a MinIO that the bootstrap was run on once."""
    with run_minio(tmp_path_factory.mktemp("minio")) as server, open_stack_on(server) as made:
        done = run_bootstrap(made)
        assert done.returncode == 0, done.stderr
        yield made


@pytest.fixture
def changed(stack: Stack) -> Iterator[Stack]:
    """Give the same server to a test that changes what is there; undone by what undoes it for a user: the bootstrap."""
    yield stack
    assert run_bootstrap(stack).returncode == 0


def ask_root(stack: Stack, call: str, **arguments: object) -> Any:
    """Return what the administration answers root."""
    (answer,) = ask_admin(stack, "root", (call, arguments))
    assert not answer.startswith("refused"), answer
    return json.loads(answer) if answer.startswith("{") else answer


def read_policy_names(stack: Stack) -> dict[str, set[str]]:
    """Return the names of the policies that each user of the pipeline has."""
    users = ask_root(stack, "user_list")
    named = {identity: users[read_credentials(stack.settings, identity)[0]] for identity in IDENTITIES}
    return {identity: set(user.get("policyName", "").split(",")) for identity, user in named.items()}


def ask_state(stack: Stack) -> object:
    """Return all that the bootstrap makes, as the server tells it."""
    client = stack.client("root")
    policies = ask_root(stack, "policy_list")
    for policy in policies.values():
        for statement in policy["Statement"]:
            # The server keeps these as sets.
            statement |= {name: sorted(statement.get(name, [])) for name in ("Action", "Resource")}
    users = ask_root(stack, "user_list")
    for user in users.values():
        user.pop("updatedAt", None)
    lifecycle = client.get_bucket_lifecycle_configuration(Bucket="drops")["Rules"]
    buckets = [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    return buckets, lifecycle, client.get_bucket_versioning(Bucket="drops")["Status"], users, policies


def with_secret(stack: Stack, identity: str, secret: str) -> Stack:
    """Return the stack with another secret for a key."""
    values = {**stack.settings.values, KEYS[identity][1]: secret}
    return dataclasses.replace(stack, settings=dataclasses.replace(stack.settings, values=values))


def assert_no_secret(stack: Stack, done: subprocess.CompletedProcess[str]) -> None:
    """Fail where a key, by its name or its secret, is in what was printed."""
    said = done.stdout + done.stderr
    assert said
    assert not [name for name, value in stack.settings.values.items() if make_secret(name) and value and value in said]


def test_running_it_again_changes_nothing(stack: Stack) -> None:
    """A second run succeeds and leaves buckets, rules, users and policies as they were."""
    before = ask_state(stack)
    done = run_bootstrap(stack)
    assert done.returncode == 0, done.stderr
    assert ask_state(stack) == before


def test_objects_survive_it(stack: Stack) -> None:
    """A drop that lies there when the bootstrap is run again keeps its versions."""
    client = stack.client("drop")
    for body in (b"1", b"2"):
        client.put_object(Bucket="drops", Key="penguins/kept.csv", Body=body)
    assert run_bootstrap(stack).returncode == 0
    listed = stack.client("watch").list_object_versions(Bucket="drops", Prefix="penguins/kept.csv")
    assert len(listed["Versions"]) == 2


def test_drops_are_versioned_and_others_are_not(stack: Stack) -> None:
    """An overwritten drop is two versions; runs and models, which are never overwritten, cost no second copy."""
    root = stack.client("root")
    assert root.get_bucket_versioning(Bucket="drops")["Status"] == "Enabled"
    for bucket in ("artifacts", "mlflow"):
        assert "Status" not in root.get_bucket_versioning(Bucket=bucket)


def test_lifecycle_removes_no_version(stack: Stack) -> None:
    """The only rule of the drop bucket is for lone delete markers; the other buckets have none."""
    root = stack.client("root")
    (rule,) = root.get_bucket_lifecycle_configuration(Bucket="drops")["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}
    assert not rule.keys() & {"NoncurrentVersionExpiration", "Transitions", "NoncurrentVersionTransitions"}
    for bucket in ("artifacts", "mlflow"):
        with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
            root.get_bucket_lifecycle_configuration(Bucket=bucket)


def test_a_rule_that_would_lose_drops_is_replaced(changed: Stack) -> None:
    """Somebody's rule that expires drops does not outlive the next start."""
    root = changed.client("root")
    expire: Any = {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
    root.put_bucket_lifecycle_configuration(Bucket="drops", LifecycleConfiguration=expire)
    assert run_bootstrap(changed).returncode == 0
    test_lifecycle_removes_no_version(changed)


def test_unfinished_uploads_go_after_days(stack: Stack) -> None:
    """What an upload that was broken off left is removed by the server after a week."""
    assert "stale_uploads_expiry=168h" in ask_root(stack, "config_get", key="api")


def test_a_user_has_its_policy_and_no_other(changed: Stack) -> None:
    """What somebody attached beside is detached; what was detached is attached again."""
    users = {identity: read_credentials(changed.settings, identity)[0] for identity in IDENTITIES}
    attach = [("attach_policy", {"policies": ["readwrite"], "user": access}) for access in users.values()]
    assert not [answer for answer in ask_admin(changed, "root", *attach) if answer.startswith("refused")]
    assert read_policy_names(changed) == {identity: {identity, "readwrite"} for identity in IDENTITIES}
    assert run_bootstrap(changed).returncode == 0
    assert read_policy_names(changed) == {identity: {identity} for identity in IDENTITIES}
    detach = [("detach_policy", {"policies": [identity], "user": access}) for identity, access in users.items()]
    assert not [answer for answer in ask_admin(changed, "root", *detach) if answer.startswith("refused")]
    assert read_policy_names(changed) == {identity: {""} for identity in IDENTITIES}
    assert run_bootstrap(changed).returncode == 0
    assert read_policy_names(changed) == {identity: {identity} for identity in IDENTITIES}


def test_both_servers_take_the_same_rights(stack: Stack) -> None:
    """What a key may do at the local stack's S3 server is what it may do here, further sources included."""
    values = {**stack.settings.values, "ML_PIPELINE_SOURCE_PREFIXES": 's3://lake/ra"w/, s3://other'}
    code = "import json; from rights import make_policies; from settings import read_settings"
    code += "; print(json.dumps(make_policies(read_settings())))"
    environ = make_environ(stack, **values) | {"PYTHONPATH": str(PROJECT / "minio")}
    done = subprocess.run([PYTHON, "-c", code], env=environ, capture_output=True, text=True, check=True)
    at_minio = {name: policy["Statement"] for name, policy in json.loads(done.stdout).items()}
    for statements in at_minio.values():
        assert statements.pop()["Effect"] == "Deny"
    assert at_minio == make_policies(dataclasses.replace(stack.settings, values=values))


def test_further_sources_are_taken(changed: Stack) -> None:
    """ML_PIPELINE_SOURCE_PREFIXES lets the worker read there, and nobody else, and only there."""
    root = changed.client("root")
    root.create_bucket(Bucket="lake")
    for key in ("raw/a.csv", "other/a.csv"):
        root.put_object(Bucket="lake", Key=key, Body=b"x")
    assert run_bootstrap(changed, ML_PIPELINE_SOURCE_PREFIXES="s3://lake/raw/, s3://elsewhere").returncode == 0
    assert changed.client("worker").get_object(Bucket="lake", Key="raw/a.csv")["Body"].read() == b"x"
    for identity, key in (("worker", "other/a.csv"), ("drop", "raw/a.csv"), ("mlflow", "raw/a.csv")):
        with pytest.raises(ClientError, match="AccessDenied"):
            changed.client(identity).get_object(Bucket="lake", Key=key)


def test_a_changed_secret_is_taken(changed: Stack) -> None:
    """After a secret was changed in the settings, the new one opens and the old one does not."""
    other = with_secret(changed, "drop", "another-secret-for-dropping")
    assert run_bootstrap(other).returncode == 0
    other.client("drop").put_object(Bucket="drops", Key="penguins/a.csv", Body=b"x")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        changed.client("drop").put_object(Bucket="drops", Key="penguins/a.csv", Body=b"x")


def test_a_key_that_was_replaced_is_told(changed: Stack) -> None:
    """A user whose key no setting names any more is kept, and the output says that it still has rights."""
    done = run_bootstrap(changed, OBJECT_STORAGE_DROP_ACCESS_KEY="ANOTHERKEYFORDROPS")
    assert done.returncode == 0
    assert "still has the rights of drop" in done.stdout
    assert "runbooks/minio.md" in done.stdout
    assert_no_secret(changed, done)
    ask_root(changed, "user_remove", access_key="ANOTHERKEYFORDROPS")


def test_a_key_administers_nothing(stack: Stack) -> None:
    """No key but root's makes keys, not even for itself, or changes a secret, a policy or the server."""
    before = ask_state(stack)
    root, _ = read_credentials(stack.settings, "root")
    taken = {}
    for identity in IDENTITIES:
        access, _ = read_credentials(stack.settings, identity)
        answers = ask_admin(
            stack,
            identity,
            ("add_service_account", {"access_key": "FURTHERKEY", "secret_key": "further-secret"}),
            ("user_add", {"access_key": access, "secret_key": "my-own-secret"}),
            ("user_add", {"access_key": "SOMEBODY", "secret_key": "somebodys-secret"}),
            ("user_list", {}),
            ("user_info", {"access_key": root}),
            ("policy_list", {}),
            ("policy_add", {"policy_name": identity, "policy": EVERYTHING}),
            ("attach_policy", {"policies": ["readwrite"], "user": access}),
            ("config_set", {"key": "api", "config": {"stale_uploads_expiry": "1h"}}),
            ("service_stop", {}),
        )
        assert len(answers) == 10
        taken[identity] = [answer for answer in answers if "AccessDenied" not in answer]
    assert taken == {identity: [] for identity in IDENTITIES}
    assert ask_state(stack) == before


def test_output_holds_no_secret(stack: Stack) -> None:
    """What a run says names buckets and identities, and no key, neither its name nor its secret."""
    done = run_bootstrap(stack)
    assert "bucket drops: there" in done.stdout
    assert "key of worker: set" in done.stdout
    assert_no_secret(stack, done)


@pytest.mark.parametrize(
    "name",
    [
        "OBJECT_STORAGE_ENDPOINT_URL",
        "OBJECT_STORAGE_ROOT_SECRET_KEY",
        "OBJECT_STORAGE_ACCESS_KEY",
        "OBJECT_STORAGE_DROP_SECRET_KEY",
        "ML_PIPELINE_DROP_BUCKET",
        "MLFLOW_BUCKET",
    ],
)
def test_a_missing_setting_is_named(stack: Stack, name: str) -> None:
    """A missing setting ends it with 2, its name, and where to set it; nothing was done."""
    done = run_bootstrap(stack, **{name: ""})
    assert (done.returncode, done.stdout) == (2, "")
    assert name in done.stderr
    assert ".env" in done.stderr
    assert_no_secret(stack, done)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"OBJECT_STORAGE_ENDPOINT_URL": "minio:9000"}, "OBJECT_STORAGE_ENDPOINT_URL"),
        ({"OBJECT_STORAGE_ROOT_SECRET_KEY": "wrong-secret"}, "OBJECT_STORAGE_ROOT_SECRET_KEY"),
        ({"OBJECT_STORAGE_ROOT_ACCESS_KEY": "WRONGACCESS"}, "OBJECT_STORAGE_ROOT_ACCESS_KEY"),
        ({"OBJECT_STORAGE_DROP_ACCESS_KEY": "SAME", "OBJECT_STORAGE_ACCESS_KEY": "SAME"}, "OBJECT_STORAGE_ACCESS_KEY"),
        ({"OBJECT_STORAGE_DROP_SECRET_KEY": "short"}, "refused"),
        ({"ML_PIPELINE_DROP_BUCKET": "No_Bucket"}, "No_Bucket"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line(stack: Stack, changes: dict[str, str], said: str) -> None:
    """A setting that the server or we refuse ends it with 2 and one line on what to change."""
    done = run_bootstrap(stack, **changes)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert_no_secret(stack, done)
    assert not [value for name, value in changes.items() if make_secret(name) and value in done.stderr]


def test_a_server_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    """Started before the server, it goes on as soon as that answers."""
    with run_minio(tmp_path / "before") as gone:
        pass
    with open_stack_on(gone) as stack:
        waiting = subprocess.Popen(
            [PYTHON, PROJECT / "minio" / "bootstrap.py"], env=make_environ(stack), stdout=subprocess.PIPE, text=True
        )
        try:
            time.sleep(2)
            assert waiting.poll() is None
            with run_minio(tmp_path / "minio", like=gone):
                said, _ = waiting.communicate(timeout=60)
        finally:
            waiting.kill()
            waiting.communicate()
        assert waiting.returncode == 0
        assert "bucket drops: made" in said


def test_a_server_that_never_comes_is_waited_for_with_a_bound(stack: Stack) -> None:
    """Where nothing listens it ends with 75 after the time that it was given, and says where it looked."""
    (port,) = free_ports(1)
    began = time.monotonic()
    done = run_bootstrap(stack, "--wait-seconds", "1", OBJECT_STORAGE_ENDPOINT_URL=f"http://127.0.0.1:{port}")
    assert done.returncode == 75
    assert f"127.0.0.1:{port}" in done.stderr
    assert "OBJECT_STORAGE_ENDPOINT_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert time.monotonic() - began < 20
    assert_no_secret(stack, done)
