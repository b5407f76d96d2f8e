"""docker-compose.yaml says what the table and the local stack say: the same settings, the same Airflow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.settings import PROJECT
from cli.stacks.airflow_environment import ROLES, make_airflow_environment
from cli.stacks.compose import BUILT
from pipeline_contract.settings import BOOTSTRAP, DAGS, KEYS, SETTINGS, WORKER, list_read_by
from tests.stack import make_stack

COMPOSE = (PROJECT / "docker-compose.yaml").read_text(encoding="utf-8")
#: `${NAME}` and what follows the name: nothing, `:-default` or `:?message`.
USES = re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)(?::?([-?+])((?:[^{}]|\{(?:[^{}]|\{[^}]*\})*\})*))?\}", COMPOSE)
#: Settings that the containers have a fixed value of, and why.
OF_THE_LOCAL_STACK = {
    "ML_PIPELINE_RUNNER": "every stage runs in a container",
    "ML_PIPELINE_WORKER_PYTHON": "of the process runner",
    "ML_TASK_NETWORK": "made by Compose",
    "ML_TASK_DOCKER_URL": "the proxy",
    "ML_TASK_STACK": "the project's name",
    "PIPELINE_PROJECT_ROOT": "of the commands on this machine",
    "PIPELINE_ENV_FILE": "of the commands on this machine",
    "PIPELINE_STATE_DIR": "volumes take its place",
    "PIPELINE_SCRATCH_DIR": "a container has its own",
    "OBJECT_STORAGE_INTERNAL_PORT": "of SeaweedFS",
    "AIRFLOW_TRIGGERER": "always there",
    "STACK": "of the commands on this machine",
    "COMPOSE_PROFILES": "read by Compose itself",
}
#: Options of Airflow that differ, and why.
OF_EACH_STACK = {
    "CORE__DAGS_FOLDER": "a folder of the image",
    "CORE__EXECUTOR": "Celery",
    "CORE__PARALLELISM": "of all workers",
    "CORE__SIMPLE_AUTH_MANAGER_USERS": "users are in the database",
    "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": "users are in the database",
    "CORE__AUTH_MANAGER": "users are in the database",
    "CORE__EXECUTION_API_SERVER_URL": "another address",
    "DATABASE__SQL_ALCHEMY_CONN": "another address",
    "DATABASE__SQL_ALCHEMY_CONN_ASYNC": "another address",
    "API__HOST": "a container's own",
    "API__PORT": "a container's own",
    "API__BASE_URL": "another address",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "the local scheduler takes up what its forerunner did",
    "WORKERS__MAX_FAILED_HEARTBEATS": "as above",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "a message to a Celery worker can be lost",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "as above",
    "SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "as above",
    "API_AUTH__JWT_LEEWAY": "as above",
    "LOGGING__BASE_LOG_FOLDER": "a volume",
    "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": "as above",
    "LOGGING__REMOTE_LOGGING": "workers come and go",
    "LOGGING__REMOTE_BASE_LOG_FOLDER": "as above",
    "LOGGING__REMOTE_LOG_CONN_ID": "as above",
    "LOGGING__DELETE_LOCAL_LOGS": "as above",
    "LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "AIRFLOW_UID may change, the group stays",
    "LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "as above",
    "FAB__CONFIG_FILE": "users are in the database",
    "CELERY__BROKER_URL": "Celery",
    "CELERY__RESULT_BACKEND": "Celery",
    "CELERY__WORKER_CONCURRENCY": "Celery",
    "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "Celery",
    "LOGGING__NAMESPACE_LEVELS": "Celery",
}


def read_environments() -> dict[str, set[str]]:
    """Return the names in the environment of each service."""
    parts = {
        name: set(re.findall(r"^  ([A-Z][A-Z0-9_]*):", body, re.MULTILINE))
        for name, body in re.findall(r"^x-[a-z-]+: &([a-z-]+)\n((?:(?:  .*)?\n)+)", COMPOSE, re.MULTILINE)
    }
    services = COMPOSE.partition("\nservices:\n")[2].partition("\nnetworks:\n")[0]
    found = {}
    for service, body in re.findall(r"^  ([a-z-]+):\n((?:(?:    .*)?\n)+)", services, re.MULTILINE):
        environment = "".join(re.findall(r"^    environment:\n((?:      .*\n)+)", body, re.MULTILINE))
        merged = re.findall(r"\*([a-z-]+)", "".join(re.findall(r"^      <<: (.*)$", environment, re.MULTILINE)))
        own = set(re.findall(r"^      ([A-Z][A-Z0-9_]*):", environment, re.MULTILINE))
        found[service] = own.union(*(parts[name] for name in merged))
    return found


def read_options() -> dict[str, str]:
    """Return Airflow's options in docker-compose.yaml, by section and name; for one that a setting gives, its default."""
    found = re.findall(r"^\s+AIRFLOW__([A-Z0-9_]+): (.*)$", COMPOSE, re.MULTILINE)
    return {name: re.sub(r"^\$\{\w+:-([\w.]*)\}$", r"\1", value.strip('"')) for name, value in found}


def test_every_setting_of_the_file_is_in_the_table() -> None:
    """Nothing that the Compose file reads has to be guessed; and what the table offers has an effect on it."""
    names = {name for name, _, _ in USES}
    assert names <= SETTINGS.keys()
    assert SETTINGS.keys() - names == OF_THE_LOCAL_STACK.keys()


def test_defaults_are_the_tables() -> None:
    """A setting that is left out means the same on both stacks."""
    for name, kind, default in USES:
        if kind != "-" or default.startswith(("http", ".", "$")):
            continue  # an address of a service of its own, this folder, or another setting
        assert default == SETTINGS[name].default, name


def test_no_secret_has_a_default() -> None:
    """A secret that is missing stops the start, with its name; only a server that need not be ours may lack its own."""
    of_own_servers = {name for name in SETTINGS if re.match("OBJECT_STORAGE_(ROOT|DROP|MLFLOW)_", name)}
    for name in (name for name, setting in SETTINGS.items() if setting.is_secret):
        kinds = {(kind, default) for used, kind, default in USES if used == name}
        if name in of_own_servers:
            assert kinds == {("-", "")}, name
        else:
            assert any(kind == "?" for kind, _ in kinds), name
            assert all(kind in ("?", "") for kind, _ in kinds), name


def test_airflow_is_configured_as_on_the_local_stack(tmp_path: Path) -> None:
    """Every option of Airflow has the same value on both stacks, or a reason why not."""
    # The one that tests of stacks change.
    name = "AIRFLOW_SCHEDULER_SLEEP_SECONDS"
    environment = make_airflow_environment(make_stack(tmp_path, **{name: SETTINGS[name].default}).settings)
    local = {
        name.removeprefix("AIRFLOW__"): value for name, value in environment.items() if name.startswith("AIRFLOW__")
    }
    compose = read_options()
    differ = {name for name in local.keys() | compose.keys() if local.get(name) != compose.get(name)}
    secrets = {"CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET"}
    assert differ - secrets == OF_EACH_STACK.keys()


def test_services_are_told_what_the_table_says_that_they_read() -> None:
    """Airflow has what Dags and stages read, the keys to the store only where tasks run; the bootstrap has its own; nobody has more."""
    told = {service: names & SETTINGS.keys() for service, names in read_environments().items()}
    assert told["buckets"] == {setting.name for setting in list_read_by(BOOTSTRAP)}
    read = list_read_by(WORKER | DAGS)
    settings = {setting.name for setting in read if not setting.is_secret} - {
        "ML_PIPELINE_WORKER_PYTHON",
        "PIPELINE_SCRATCH_DIR",
    }
    keys = {name for who in ("worker", "watch") for name in KEYS[who]}
    assert keys == {setting.name for setting in read if setting.is_secret}
    users = {f"{user}_{part}" for user in ROLES for part in ("USERNAME", "PASSWORD")}
    own = {"airflow-worker": keys, "airflow-init": users}
    airflow = [service for service in told if service.startswith("airflow-")]
    assert len(airflow) == 6
    for service in airflow:
        assert told[service] == settings | own.get(service, set()), service


def test_users_are_those_of_the_local_stack() -> None:
    """Both stacks have the same users, in roles of like rights; what `user` may on the local one is less on Compose."""
    text = (PROJECT / "dags" / "config" / "init_airflow.py").read_text(encoding="utf-8")
    roles = dict(re.findall(r'^    "(AIRFLOW_[A-Z]+)": "([A-Za-z]+)",$', text, re.MULTILINE))
    assert {prefix: role.lower().replace("operator", "user") for prefix, role in roles.items()} == ROLES


@pytest.mark.parametrize("name", [name for name in SETTINGS if name.endswith(("_IMAGE", "_IMAGE_NAME"))])
def test_images_have_exact_versions(name: str) -> None:
    """No image moves under a stack."""
    assert re.fullmatch(r"[a-z0-9/-]+:[a-z0-9.-]*\d+\.\d+[a-z0-9.-]*", SETTINGS[name].default)


@pytest.mark.parametrize(
    ("dockerfile", "arguments"),
    [
        ("worker/Dockerfile", {"PYTHON_IMAGE": "PYTHON_IMAGE"}),
        ("dags/Dockerfile", {"AIRFLOW_BASE_IMAGE": "AIRFLOW_BASE_IMAGE"}),
        ("minio/Dockerfile", {"GO_IMAGE": "GO_IMAGE", "BASE_IMAGE": "DEBIAN_IMAGE"}),
        ("minio/bootstrap.Dockerfile", {"PYTHON_IMAGE": "PYTHON_IMAGE"}),
    ],
)
def test_dockerfiles_stand_on_the_images_of_the_table(dockerfile: str, arguments: dict[str, str]) -> None:
    """A build by hand and a build by Compose stand on the same image."""
    found = dict(re.findall(r"^ARG ([A-Z_]+IMAGE)=(\S+)$", (PROJECT / dockerfile).read_text(), re.MULTILINE))
    assert found == {argument: SETTINGS[setting].default for argument, setting in arguments.items()}


def test_the_versions_are_those_of_the_packages() -> None:
    """The image that Airflow's is built on has the version of the lock."""
    lock = (PROJECT / "dags" / "requirements.lock").read_text()
    found = re.search(r"^apache-airflow==(\S+)", lock, re.MULTILINE)
    assert found
    assert f"-{found[1]}-" in SETTINGS["AIRFLOW_BASE_IMAGE"].default


def test_nothing_listens_for_others_unless_a_setting_says_so() -> None:
    """Each published port is on the address of a setting of its server's, which is loopback by default."""
    ports = re.findall(r"^\s+(?:- |ports: \[\")(\$\{\S+:\d+)\"?\]?$", COMPOSE, re.MULTILINE)
    assert len(ports) == 4
    names = {re.match(r"\$\{([A-Z_]+_PUBLISH_ADDRESS):-127\.0\.0\.1\}:", port) for port in ports}
    assert {found and found[1] for found in names} == {
        "AIRFLOW_PUBLISH_ADDRESS",
        "MLFLOW_PUBLISH_ADDRESS",
        "OBJECT_STORAGE_PUBLISH_ADDRESS",
    }


def test_every_image_of_ours_is_built_by_its_setting() -> None:
    """`make up` builds each image that docker-compose.yaml can build, by a service that takes it."""
    found = set(
        re.findall(
            r"^    image: (?:&\S+ )?\$\{([A-Z_]+):-[^}]*\}\n(?:    user: .*\n)?    build:", COMPOSE, re.MULTILINE
        )
    )
    airflow = re.findall(r"^  image: &airflow-image \$\{([A-Z_]+):-[^}]*\}\n  build:", COMPOSE, re.MULTILINE)
    assert {*found, *airflow} == set(BUILT.values())


def test_the_engines_socket_is_mounted_once() -> None:
    """The proxy alone has the engine's socket."""
    assert COMPOSE.count("target: /var/run/docker.sock") == 1
