"""What tests of every layer share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.minio_server import MinioServer, run_minio
from tests.weed import Weed, run_weed

if TYPE_CHECKING:
    from tests.stack import Stack


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """Give a real S3 server, one for the whole session."""
    with run_weed(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """Give a real MinIO, one for the whole session, as it is before the bootstrap."""
    with run_minio(tmp_path_factory.mktemp("minio")) as server:
        yield server


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Give a whole stack that runs, one for the whole session; a test that stops it starts it again.

    The local one, or with STACK=compose in the environment that of Docker Compose.
    """
    # Imported here, as the environments of Airflow and of the worker lack what it needs.
    from tests.compose_stack import run_compose
    from tests.stack import run_stack

    with run_compose() if os.environ.get("STACK") == "compose" else run_stack() as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test without a sentence that states the behaviour."""
    silent = [item.nodeid for item in items if not getattr(getattr(item, "obj", None), "__doc__", None)]
    if silent:
        raise pytest.UsageError(f"tests without a docstring: {', '.join(silent)}")
