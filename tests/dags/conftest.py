"""What tests of the Dags share: an environment without anybody's settings, a real S3 server, a worker with faults."""

from __future__ import annotations

import dataclasses
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

_PROJECT = Path(__file__).parents[2]
_NAMES = ("OBJECT_STORAGE_", "ML_PIPELINE_", "ML_TASK_", "MLFLOW_", "PIPELINE_", "AIRFLOW")
for _name in [name for name in os.environ if name.startswith(_NAMES) and name != "PIPELINE_VENVS"]:
    del os.environ[_name]
# Airflow makes its configuration where AIRFLOW_HOME points to when it is imported.
_HOME = tempfile.TemporaryDirectory(prefix="airflow-")
os.environ |= {
    "AIRFLOW_HOME": _HOME.name,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(_PROJECT / "dags"),
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}
sys.path.insert(0, str(_PROJECT / "dags"))

# Behind what they need when they are imported: the environment, and the Dags' folder on the path.
from pipeline.settings import DagSettings, get_settings, read_settings  # noqa: E402
from pipeline.store import AirflowStore  # noqa: E402
from pipeline_contract.records import DROP, DropRecord  # noqa: E402
from tests.dags.interpreter import Interpreter, open_interpreter  # noqa: E402
from tests.weed import Weed  # noqa: E402

_numbers = itertools.count()


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpreter]:
    """Give what runs code where nothing of ours is imported yet; its Airflow has a folder and a database of its own."""
    folder = tmp_path_factory.mktemp("interpreter")
    environment = {**os.environ, "AIRFLOW_HOME": str(folder), "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False"}
    with open_interpreter(folder, environment) as opened:
        yield opened


@pytest.fixture(scope="session")
def worker_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Python whose `pipeline_worker` is the one with faults, as a worker's environment has its own."""
    python = tmp_path_factory.mktemp("worker") / "python"
    packages = f"{_PROJECT}/tests/dags/faulty_worker:{_PROJECT}/benchmarks/stub_worker:{_PROJECT}/contract/src"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o700)
    return python


def make_environment(weed: Weed, worker_python: Path, folder: Path) -> dict[str, str]:
    """Return the environment of a pipeline with two empty buckets of its own and its scratch folder in *folder*."""
    number = next(_numbers)
    environment = {
        "OBJECT_STORAGE_ENDPOINT_URL": weed.endpoint_url,
        "OBJECT_STORAGE_ACCESS_KEY": weed.access_key,
        "OBJECT_STORAGE_SECRET_KEY": weed.secret_key,
        "OBJECT_STORAGE_WATCH_ACCESS_KEY": weed.access_key,
        "OBJECT_STORAGE_WATCH_SECRET_KEY": weed.secret_key,
        "ML_PIPELINE_DROP_BUCKET": f"drops-{number}",
        "ML_PIPELINE_ARTIFACT_BUCKET": f"artifacts-{number}",
        "ML_PIPELINE_ARTIFACT_PREFIX": "runs",
        "ML_PIPELINE_WORKER_PYTHON": str(worker_python),
        "PIPELINE_SCRATCH_DIR": str(folder / "scratch"),
    }
    settings = read_settings(environment)
    client = AirflowStore(settings).client
    for bucket in (settings.drop_bucket, settings.artifact_bucket):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=settings.drop_bucket, VersioningConfiguration={"Status": "Enabled"})
    return environment


def make_drop(run_key: str, dataset: str = "penguins", **changes: Any) -> DropRecord:
    """Return what a run began with, a file that landed, with some of it changed."""
    time = datetime(2026, 1, 31, 12, tzinfo=UTC)
    drop = DropRecord(run_key, dataset, DROP, "drops", f"{dataset}/a.csv", "v1", "e", 8, last_modified=time)
    return dataclasses.replace(drop, **changes)


@pytest.fixture(scope="session")
def spare() -> list[dict[str, str]]:
    """Give the environments whose buckets are empty again: a new bucket's first object takes a third of a second."""
    return []


@pytest.fixture(scope="session")
def make_client() -> Callable[..., Any]:
    """Give what returns a boto3 client, the same for the same place and key: to make one takes 50 ms, five times a test."""
    import boto3

    make, made = boto3.client, {}

    def find_or_make(service: str, **options: Any) -> Any:
        key = tuple(options[name] for name in ("endpoint_url", "aws_access_key_id", "aws_secret_access_key"))
        if key not in made:
            made[key] = make(service, **options)
        return made[key]

    return find_or_make


@pytest.fixture
def settings(
    weed: Weed,
    worker_python: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spare: list[dict[str, str]],
    make_client: Callable[..., Any],
) -> Iterator[DagSettings]:
    """Give settings with two empty buckets, which are also those of this process."""
    monkeypatch.setattr("boto3.client", make_client)
    environment = spare.pop() if spare else make_environment(weed, worker_python, tmp_path)
    environment["PIPELINE_SCRATCH_DIR"] = str(tmp_path / "scratch")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    settings = read_settings(environment)
    yield settings
    get_settings.cache_clear()
    buckets = (settings.drop_bucket, settings.artifact_bucket)
    client = AirflowStore(settings).client
    if all(empty_bucket(client, bucket) for bucket in buckets):
        spare.append(environment)
        return
    # Each bucket takes volumes of the server, and there are only so many.
    for bucket in buckets:
        client.delete_bucket(Bucket=bucket)


def empty_bucket(client: Any, bucket: str) -> bool:
    """Delete every version and delete marker; return whether nothing is left, as the next test needs it."""

    def find() -> list[dict[str, str]]:
        pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket)
        entries = [entry for page in pages for kind in ("Versions", "DeleteMarkers") for entry in page.get(kind, ())]
        return [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]

    found = find()
    for start in range(0, len(found), 1000):
        client.delete_objects(Bucket=bucket, Delete={"Objects": found[start : start + 1000], "Quiet": True})
    return not (found and find())


@pytest.fixture
def store(settings: DagSettings) -> AirflowStore:
    """Give the store of these settings."""
    return AirflowStore(settings)


@pytest.fixture
def put_drop(store: AirflowStore, settings: DagSettings) -> Callable[..., str]:
    """Give what puts a file into the drop bucket and returns its version."""

    def put(key: str, content: bytes = b"a,b\n1,2\n") -> str:
        return store.client.put_object(Bucket=settings.drop_bucket, Key=key, Body=content)["VersionId"]

    return put


@pytest.fixture
def change(settings: DagSettings) -> Callable[..., DagSettings]:
    """Give what returns these settings with some of them changed."""
    return lambda **changes: dataclasses.replace(settings, **changes)
