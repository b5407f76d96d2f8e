"""What tests on a real Docker engine share: images, a network of their own, a store on it, settings."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

# First, as it makes the Dags' folder one to import from.
from tests.dags.conftest import make_environment

# isort: split
from pipeline.settings import DagSettings, get_settings, read_settings
from pipeline.store import AirflowStore
from tests.weed import Weed, run_weed

PROJECT = Path(__file__).parents[2]
#: Tells these tests' containers from all others on the engine.
STACK = f"tests-{uuid.uuid4().hex[:8]}"


def build(*arguments: str) -> None:
    """Run `docker build` with BuildKit, which is not every engine's default."""
    done = subprocess.run(
        ["docker", "build", "--quiet", *arguments],
        cwd=PROJECT, env={**os.environ, "DOCKER_BUILDKIT": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """Give a client of the engine; whatever these tests left on it is removed at the end."""
    client = docker.from_env()
    yield client
    for container in client.containers.list(all=True, filters={"label": f"ml-pipeline.stack={STACK}"}):
        container.remove(force=True)
    client.close()


@pytest.fixture(scope="session")
def base_image() -> str:
    """Give the base image of worker/Dockerfile, or a stand-in where it cannot be pulled."""
    subprocess.run([PROJECT / "tests" / "compose" / "make_base.sh"], check=True)
    found = re.search(r"^ARG PYTHON_IMAGE=(\S+)", (PROJECT / "worker" / "Dockerfile").read_text(), re.MULTILINE)
    assert found
    return found[1]


@pytest.fixture(scope="session")
def faulty_image(engine: docker.DockerClient, base_image: str) -> Iterator[str]:
    """Give an image of a worker with faults on demand."""
    tag = f"faulty-worker:{STACK}"
    build(
        "--build-arg",
        f"PYTHON_IMAGE={base_image}",
        "--file",
        "tests/compose/faulty_worker.Dockerfile",
        "--tag",
        tag,
        ".",
    )
    yield tag
    engine.images.remove(tag, force=True)


@pytest.fixture(scope="session")
def network(engine: docker.DockerClient) -> Iterator[docker.models.networks.Network]:
    """Give a network for worker containers."""
    network = engine.networks.create(STACK, driver="bridge")
    network.reload()
    yield network
    network.remove()


@pytest.fixture(scope="session")
def weed(network: docker.models.networks.Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """Give a real S3 server that containers on the network reach."""
    gateway = network.attrs["IPAM"]["Config"][0]["Gateway"].partition("/")[0]
    with run_weed(tmp_path_factory.mktemp("weed"), gateway) as server:
        yield server


@pytest.fixture
def settings(
    weed: Weed,
    faulty_image: str,
    network: docker.models.networks.Network,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[DagSettings]:
    """Give the settings of a stack with the docker runner, which are also those of this process."""
    environment = make_environment(weed, Path("/nonexistent"), tmp_path) | {
        "ML_PIPELINE_RUNNER": "docker",
        "ML_TASK_IMAGE": faulty_image,
        "ML_TASK_MEMORY": "128m",
        "ML_TASK_NETWORK": network.name,
        "ML_TASK_STACK": STACK,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    settings = read_settings(environment)
    yield settings
    get_settings.cache_clear()
    for bucket in (settings.drop_bucket, settings.artifact_bucket):
        AirflowStore(settings).client.delete_bucket(Bucket=bucket)


@pytest.fixture
def store(settings: DagSettings) -> AirflowStore:
    """Give the store of these settings."""
    return AirflowStore(settings)
