"""What an image could be made of: only what its Dockerfile copies is sent to the engine, and never a secret."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.compose.conftest import PROJECT

NEVER = (".env", ".env.old", ".git/config", ".state/storage/s3.json", "worker/src/__pycache__/x.pyc")
TREE = (
    *NEVER,
    "README.md",
    "contract/src/pipeline_contract/x.py",
    "contract/pyproject.toml",
    "worker/src/pipeline_worker/x.py",
    "worker/pyproject.toml",
    "worker/requirements.lock",
    "worker/mlflow.lock",
    "worker/install_lock.sh",
    "worker/mlflow_proxied_s3.py",
    "minio/bootstrap.py",
    "minio/policies/drop.json",
    "minio/requirements.lock",
    "dags/ingest.py",
    "tests/x.py",
)


def list_sent(folder: Path, dockerfile: str) -> set[str]:
    """Return what a build with this Dockerfile, and the repository as its context, can copy."""
    for name in TREE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    for name in (".dockerignore", f"{dockerfile}.dockerignore"):
        if (PROJECT / name).exists():
            (folder / dockerfile).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    (folder / dockerfile).write_text("FROM scratch\nCOPY . /\n")
    argv = ["docker", "build", "--quiet", "--file", dockerfile, "--output=type=local,dest=sent", "."]
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sent = folder / "sent"
    return {str(path.relative_to(sent)) for path in sent.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("dockerfile", "folders"),
    [("worker/Dockerfile", ("contract/src/", "worker/")), ("minio/bootstrap.Dockerfile", ("contract/src/", "minio/"))],
)
def test_only_what_is_copied_is_sent(tmp_path, dockerfile, folders):
    """A new file at the root is in no image, whoever forgets to say so."""
    expected = {name for name in TREE if name.startswith(folders) and name not in NEVER}
    assert list_sent(tmp_path, dockerfile) == expected


def test_no_builder_gets_a_secret(tmp_path):
    """One that reads the list at the root alone sends neither settings, nor what a stack keeps, nor the history."""
    sent = list_sent(tmp_path, "other.Dockerfile")
    assert "README.md" in sent
    assert not sent & set(NEVER)
