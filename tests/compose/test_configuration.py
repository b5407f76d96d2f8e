"""What Docker Compose makes of docker-compose.yaml and a settings file."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from cli.credentials import set_values, write_env_file
from cli.dev.test import make_environ
from cli.settings import read_settings
from cli.stacks.compose import make_argv
from pipeline_contract.env_file import parse_env_file
from pipeline_contract.settings import KEYS, SETTINGS

OURS = {"minio", "buckets", "mlflow"}
#: Keys of a server of our own; without that server nobody has them.
OF_OUR_SERVERS = ("OBJECT_STORAGE_ROOT_", "OBJECT_STORAGE_DROP_", "OBJECT_STORAGE_MLFLOW_")
SECRETS = [name for name, one in SETTINGS.items() if one.is_secret and not name.startswith(OF_OUR_SERVERS)]


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """Give a settings file as it is made for a new stack."""
    write_env_file(tmp_path / ".env", {"STACK": "compose", "DOCKER_GID": "1"})
    return tmp_path / ".env"


def configure(env_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = make_argv(read_settings({"PIPELINE_ENV_FILE": str(env_file)}), "config", *arguments)
    return subprocess.run(argv, env=make_environ(), capture_output=True, text=True, check=False)


def test_a_new_settings_file_is_enough(env_file):
    """Nothing is missing and nothing is complained about."""
    done = configure(env_file, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert set(configure(env_file, "--services").stdout.split()) >= OURS


def test_the_file_is_shown_without_its_values(env_file):
    """Who wants to see what is set where does not have to show the secrets."""
    done = configure(env_file, "--no-interpolate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "${OBJECT_STORAGE_SECRET_KEY" in done.stdout


@pytest.mark.parametrize("name", [*SECRETS, "DOCKER_GID"])
def test_a_missing_secret_stops_the_start_with_its_name(env_file, name):
    """There is no default for it, and the message says which it is."""
    set_values(env_file, {name: ""})
    done = configure(env_file, "--quiet")
    assert done.returncode != 0
    assert name in done.stderr


@pytest.mark.parametrize(
    "value",
    ["b c", "'b # c'", '"b"', '"b c" # why', "'b c'  # why", "b # why", "b#c", "b=c", r'"a\"b\\c"', r"'a\n'", r"a\n"],
)
def test_a_value_means_the_same_to_compose(env_file, value):
    """Compose reads `.env` too: the commands, the Dags and the worker take the same from it."""
    set_values(env_file, {"ML_PIPELINE_POOL": value})
    shown = json.loads(configure(env_file, "--format=json").stdout)
    told = shown["services"]["airflow-scheduler"]["environment"]["ML_PIPELINE_POOL"]
    assert told == parse_env_file(f"A={value}")["A"]


def test_an_older_settings_file_has_our_servers(env_file):
    """A file without the line of profiles means the template's, not none."""
    lines = env_file.read_text().splitlines(keepends=True)
    env_file.write_text("".join(line for line in lines if not line.startswith("COMPOSE_PROFILES")))
    assert set(configure(env_file, "--services").stdout.split()) >= OURS


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "192.0.2.7"])  # noqa: S104 - only said to Compose
def test_mlflow_answers_by_the_addresses_that_its_port_has(env_file, address):
    """The commands, and people, reach it by the address that it is published on, and by loopback where that is all of them."""
    set_values(env_file, {"MLFLOW_PUBLISH_ADDRESS": address, "MLFLOW_PORT": "15000"})
    url = read_settings({"PIPELINE_ENV_FILE": str(env_file)}).mlflow_url
    (allowed,) = re.findall(r"--allowed-hosts=(\S+)", configure(env_file).stdout)
    assert url.removeprefix("http://") in allowed.split(",")


def test_another_store_and_another_mlflow_take_settings_alone(env_file):
    """Without our profiles our servers are left out, their keys are not asked for, and everybody is told the others."""
    keys = dict.fromkeys(KEYS["root"], "")
    addresses = {
        "OBJECT_STORAGE_ENDPOINT_URL": "https://s3.example.test",
        "MLFLOW_TRACKING_URI": "https://mlflow.example.test",
    }
    set_values(env_file, {"COMPOSE_PROFILES": "", "ML_TASK_NETWORK_INTERNAL": "false", **keys, **addresses})
    done = configure(env_file)
    assert done.returncode == 0, done.stderr
    assert not OURS & set(configure(env_file, "--services").stdout.split())
    assert "http://minio:9000" not in done.stdout
    assert "http://mlflow:5000" not in done.stdout
    # People's links as well.
    assert "MLFLOW_PUBLIC_URL: https://mlflow.example.test" in done.stdout
    # All networks but that of the store, and now but that of the stages.
    assert done.stdout.count("internal: true") == 5
