"""The bootstrap of MinIO makes what the pipeline needs, can be repeated, says what is wrong, and no secret."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from cli.settings import PROJECT
from cli.stacks.rights import make_policies, read_credentials
from pipeline_contract.settings import KEYS, SETTINGS
from tests.bootstrap import PYTHON, ask_admin, make_environ, make_sts, open_stack_on, run_bootstrap
from tests.integration.s3_actions import PREFIX
from tests.minio_server import NEEDS_MINIO, run_minio
from tests.ports import free_ports
from tests.stack import Stack

IDENTITIES = sorted(KEYS.keys() - {"root"})
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}],
}
#: A place that each key may list around, and put into; but who drops files puts elsewhere than it lists.
OWN = {
    "drop": ("artifacts", f"{PREFIX}/receipts/penguins/r.json"),
    "watch": ("artifacts", f"{PREFIX}/open/penguins.r"),
    "worker": ("artifacts", f"{PREFIX}/models/m.pkl"),
    "mlflow": ("mlflow", "artifacts/penguins/model"),
    "logs": ("airflow-logs", "tasks/penguins.log"),
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
    buckets = [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    rules = [read_rules(client, bucket) for bucket in buckets]
    versioning = [client.get_bucket_versioning(Bucket=bucket).get("Status") for bucket in buckets]
    group = ask_root(stack, "group_info", group_name="pipeline")
    group.pop("updatedAt", None)
    return buckets, rules, versioning, users, group | {"members": sorted(group["members"])}, policies


def read_rules(client: S3Client, bucket: str) -> list[Any]:
    """Return the lifecycle rules of a bucket."""
    try:
        return list(client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return []


def with_key(stack: Stack, identity: str, access: str, secret: str) -> Stack:
    """Return the stack with another key for an identity."""
    values = {**stack.settings.values, **dict(zip(KEYS[identity], (access, secret), strict=True))}
    environment = {**stack.environment, **dict(zip(KEYS[identity], (access, secret), strict=True))}
    return dataclasses.replace(
        stack, environment=environment, settings=dataclasses.replace(stack.settings, values=values)
    )


def make_session_client(stack: Stack, begun: dict[str, str]) -> S3Client:
    """Return the client of a session."""
    return boto3.client(
        "s3",
        endpoint_url=stack.settings.storage_url,
        region_name=stack.settings["OBJECT_STORAGE_REGION"],
        aws_access_key_id=begun["AccessKeyId"],
        aws_secret_access_key=begun["SecretAccessKey"],
        aws_session_token=begun["SessionToken"],
    )


def put(client: S3Client, bucket: str, key: str) -> None:
    if "/receipts/" in key:
        bucket, key = "drops", "penguins/a.csv"
    client.put_object(Bucket=bucket, Key=key, Body=b"x")


def list_around(client: S3Client, bucket: str, key: str) -> None:
    assert client.list_objects_v2(Bucket=bucket, Prefix=f"{key.rpartition('/')[0]}/")["Contents"]


def put_any(stack: Stack) -> str:
    """Put an object that only the worker, of all keys, may read; return its key."""
    stack.client("root").put_object(Bucket="artifacts", Key="elsewhere/any", Body=b"x")
    return "elsewhere/any"


def assert_no_secret(stack: Stack, done: subprocess.CompletedProcess[str]) -> None:
    """Fail where a key, by its name or its secret, is in what was printed."""
    said = done.stdout + done.stderr
    assert said
    assert not [
        name for name, value in stack.settings.values.items() if SETTINGS[name].is_secret and value and value in said
    ]


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


def test_drops_and_artifacts_are_versioned(stack: Stack) -> None:
    """An overwritten drop is two versions, and so is what a stage overwrites; models in MLflow and logs cost no second copy."""
    root = stack.client("root")
    for bucket in ("drops", "artifacts"):
        assert root.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    for bucket in ("mlflow", "airflow-logs"):
        assert "Status" not in root.get_bucket_versioning(Bucket=bucket)


def test_each_bucket_has_its_rule(changed: Stack) -> None:
    """No rule removes versions of drops; old artifacts and logs go after the days of the settings, changed ones too."""
    root = changed.client("root")
    for days, log_days in (("7", "14"), ("30", "90")):
        done = run_bootstrap(changed, ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS=days, AIRFLOW_LOG_DAYS=log_days)
        assert done.returncode == 0, done.stderr
        (drops,), (artifacts,), (logs,) = (read_rules(root, name) for name in ("drops", "artifacts", "airflow-logs"))
        assert {rule["Status"] for rule in (drops, artifacts, logs)} == {"Enabled"}
        assert drops["Expiration"] == artifacts["Expiration"] == {"ExpiredObjectDeleteMarker": True}
        assert not drops.keys() & {"NoncurrentVersionExpiration", "Transitions", "NoncurrentVersionTransitions"}
        assert artifacts["NoncurrentVersionExpiration"] == {"NoncurrentDays": int(days)}
        assert logs["Expiration"] == {"Days": int(log_days)}
        assert read_rules(root, "mlflow") == []


def test_a_rule_that_would_lose_drops_is_replaced(changed: Stack) -> None:
    """Somebody's rule that expires drops does not outlive the next start."""
    root = changed.client("root")
    expire: Any = {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
    root.put_bucket_lifecycle_configuration(Bucket="drops", LifecycleConfiguration=expire)
    assert run_bootstrap(changed).returncode == 0
    (rule,) = read_rules(root, "drops")
    assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}


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
    # Denied is what SeaweedFS lets no user do in the first place.
    at_minio = {
        name: [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
        for name, policy in json.loads(done.stdout).items()
    }
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


def test_a_changed_secret_alone_is_refused(stack: Stack) -> None:
    """Sessions begun with the old secret would go on: it ends with 2, says which settings and what to do, and changes nothing."""
    before = ask_state(stack)
    changes = {KEYS[identity][1]: f"another-secret-of-{identity}" for identity in ("drop", "worker")}
    done = run_bootstrap(stack, ML_PIPELINE_DROP_BUCKET="others", **changes)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    for named in (*KEYS["drop"], *KEYS["worker"], "new access key", "runbooks/rotate-secrets.md"):
        assert named in done.stderr
    assert KEYS["watch"][1] not in done.stderr
    assert_no_secret(stack, done)
    assert not [secret for secret in changes.values() if secret in done.stderr]
    assert ask_state(stack) == before


def test_a_disabled_key_is_said(changed: Stack) -> None:
    """A user that somebody disabled is not enabled behind their back: it ends with 2, and says which setting."""
    access, _ = read_credentials(changed.settings, "drop")
    ask_root(changed, "user_disable", access_key=access)
    done = run_bootstrap(changed)
    ask_root(changed, "user_enable", access_key=access)
    assert (done.returncode, done.stdout) == (2, "")
    assert KEYS["drop"][0] in done.stderr
    assert "disabled" in done.stderr
    assert_no_secret(changed, done)


def test_a_session_ends_with_its_access_key(changed: Stack) -> None:
    """A week-long session works until its key is replaced in the settings; then it may neither put nor list, as the old key."""
    other, sessions = changed, {}
    for identity, (bucket, key) in OWN.items():
        changed.client("root").put_object(Bucket=bucket, Key=key, Body=b"x")
        begun = make_sts(changed, identity).assume_role(
            RoleArn="arn:aws:iam::123456789012:role/any", RoleSessionName="any", DurationSeconds=604800
        )
        sessions[identity] = make_session_client(changed, begun["Credentials"])
        for ask in (put, list_around):
            ask(sessions[identity], bucket, key)
        other = with_key(other, identity, f"ANOTHERKEY{identity.upper()}", f"another-secret-of-{identity}")
    done = run_bootstrap(other)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("a key that no setting names any more: removed, and its sessions are ended") == len(OWN)
    assert_no_secret(changed, done)
    for identity, (bucket, key) in OWN.items():
        for ask in (put, list_around):
            for gone in (sessions[identity], changed.client(identity)):
                with pytest.raises(ClientError) as raised:
                    ask(gone, bucket, key)
                assert raised.value.response["Error"]["Code"] in {
                    "InvalidAccessKeyId",
                    "InvalidTokenId",
                    "AccessDenied",
                }
            ask(other.client(identity), bucket, key)


def test_a_user_made_by_hand_stays(changed: Stack) -> None:
    """Who was not made here is left alone, also with a policy of ours, which is told."""
    add = [
        ("user_add", {"access_key": access, "secret_key": "made-by-hand"})
        for access in ("BYHAND", "BYHANDWITHOUTRIGHTS")
    ]
    asked = ask_admin(changed, "root", *add, ("attach_policy", {"policies": ["drop"], "user": "BYHAND"}))
    assert not [answer for answer in asked if answer.startswith("refused")]
    other = with_key(changed, "drop", "ANOTHERACCESSKEYBYCHANCE", "another-secret-by-chance")
    for stack in (other, changed):
        done = run_bootstrap(stack)
        assert done.returncode == 0, done.stderr
        assert "a key that was not made here has the rights of drop: see runbooks/minio.md" in done.stdout
        assert "BYHAND" not in done.stdout
    by_hand = with_key(changed, "drop", "BYHAND", "made-by-hand")
    by_hand.client("drop").put_object(Bucket="drops", Key="penguins/by-hand.csv", Body=b"x")
    assert {"BYHAND", "BYHANDWITHOUTRIGHTS"} < ask_root(changed, "user_list").keys()
    for access in ("BYHAND", "BYHANDWITHOUTRIGHTS"):
        ask_root(changed, "user_remove", access_key=access)


def test_the_mark_gives_no_right(changed: Stack) -> None:
    """The group of those that were made here has no policy; one that somebody gave it is taken away again."""
    made = {read_credentials(changed.settings, identity)[0] for identity in IDENTITIES}
    group = ask_root(changed, "group_info", group_name="pipeline")
    assert set(group["members"]) == made
    assert not group.get("policy")
    ask_root(changed, "attach_policy", policies=["readwrite"], group="pipeline")
    changed.client("drop").get_object(Bucket="artifacts", Key=put_any(changed))
    done = run_bootstrap(changed)
    assert "group pipeline: has no policy any more" in done.stdout
    with pytest.raises(ClientError, match="AccessDenied"):
        changed.client("drop").get_object(Bucket="artifacts", Key=put_any(changed))


def test_users_of_before_the_mark_get_it(changed: Stack) -> None:
    """A stack whose users an older version made has them marked at its next start."""
    members = [read_credentials(changed.settings, identity)[0] for identity in IDENTITIES]
    ask_root(changed, "group_remove", group_name="pipeline", members=members)
    assert run_bootstrap(changed).returncode == 0
    assert set(ask_root(changed, "group_info", group_name="pipeline")["members"]) == set(members)


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
        "ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS",
        "AIRFLOW_LOG_DAYS",
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
        ({"OBJECT_STORAGE_DROP_ACCESS_KEY": "ANOTHERKEY", "OBJECT_STORAGE_DROP_SECRET_KEY": "short"}, "refused"),
        ({"ML_PIPELINE_DROP_BUCKET": "No_Bucket"}, "No_Bucket"),
        ({"ML_PIPELINE_DROP_BUCKET": "artifacts"}, "ML_PIPELINE_DROP_BUCKET"),
        ({"AIRFLOW_LOG_BUCKET": "mlflow"}, "AIRFLOW_LOG_BUCKET"),
        ({"ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS": "0"}, "ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS"),
        ({"AIRFLOW_LOG_DAYS": "3651"}, "AIRFLOW_LOG_DAYS"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line(stack: Stack, changes: dict[str, str], said: str) -> None:
    """A setting that the server or we refuse ends it with 2 and one line on what to change."""
    done = run_bootstrap(stack, **changes)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert_no_secret(stack, done)
    assert not [value for name, value in changes.items() if SETTINGS[name].is_secret and value in done.stderr]


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
    assert time.monotonic() - began < 60
    assert_no_secret(stack, done)
