"""The worker's image, as worker/Dockerfile builds it: what is in it, as whom it runs, and that its commands start."""

from __future__ import annotations

import subprocess

import pytest

from tests.compose.conftest import build

#: Not the one that the stack of other tests is made of at the same time.
TAG = "ml-pipeline-worker:image-tests"
#: As the docker runner starts it, but for the network.
BOUNDS = ("--read-only", "--tmpfs=/scratch:uid=10001,gid=10001", "--cap-drop=ALL", "--security-opt=no-new-privileges")


def run(*arguments, options=()):
    return subprocess.run(
        ["docker", "run", "--rm", "--network=none", *BOUNDS, *options, TAG, *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def image(engine, base_image):
    """Give the image, built from the lock; its layers are kept for the next build."""
    build(
        *("--build-arg", "WORKER_VERSION=1.2.3", "--build-arg", "SOURCE=https://example.test/repository"),
        *("--build-arg", "WORKER_CREATED=2026-01-31T12:00:00Z", "--tag", TAG, "--file", "worker/Dockerfile", "."),
    )
    return engine.images.get(TAG)


@pytest.mark.timeout(1200)
def test_labels(image):
    """The image says what it is, of which version, from where and when."""
    labels = image.labels
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert labels["org.opencontainers.image.source"] == "https://example.test/repository"
    assert labels["org.opencontainers.image.created"] == "2026-01-31T12:00:00Z"
    assert image.attrs["Config"]["User"] == "10001:10001"


@pytest.mark.parametrize("command", ["ingest_data", "validate_data", "train_model", "save_results"])
def test_command_starts(command):
    """Each command starts with a read-only root and as an ordinary user."""
    done = run("-m", f"pipeline_worker.cli.{command}", "--help")
    assert done.returncode == 0, done.stderr
    assert "exit codes" in done.stdout


def test_libraries_load():
    """What the stages are made of loads without a folder to write to but the scratch folder, compiled beforehand."""
    code = (
        "import boto3, great_expectations, matplotlib.pyplot, mlflow, pandas, pyarrow.parquet, skrub, sys; "
        "import pipeline_worker as worker; from pathlib import Path; "
        "print(worker.__version__, Path(worker.__cached__).exists(), Path(pandas.__cached__).exists())"
    )
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] == ["True", "True"]
    assert "checkout" not in done.stdout


def test_holds_no_more_than_it_needs():
    """There is no compiler in the image, no package's tests, no cache of an installer, and none in its environment."""
    code = (
        "import os, shutil; from pathlib import Path; root = Path('/opt/python'); "
        "print([shutil.which(name) for name in ('cc', 'gcc', 'g++', 'make')], "
        "[str(path) for path in root.rglob('tests') if path.is_dir()], (root / 'bin' / 'pip').exists(), "
        "Path('/root/.cache').exists())"
    )
    done = run("-c", code, options=["--user=0"])
    assert done.stdout.strip() == "[None, None, None, None] [] False False", done.stderr


def test_holds_our_own_packages_alone():
    """Beside the worker and the contract there is nothing of the repository: no settings, no state, no history."""
    code = (
        "from pathlib import Path; print(sorted(path.name for path in Path('/opt/pipeline').iterdir()), "
        "[str(path) for name in ('.env', '.git', '.state') for path in Path('/').rglob(name) if '/proc/' not in str(path)])"
    )
    done = run("-c", code, options=["--user=0"])
    names, found = done.stdout.strip().split("] [")
    assert names.startswith("['pipeline_contract', 'pipeline_worker', 'pipeline_worker-"), done.stderr
    assert found == "]"


def test_holds_no_secret(image):
    """Neither the environment nor the history of the image holds a key, a password or a token."""
    told = " ".join(image.attrs["Config"]["Env"]) + str(image.history())
    assert not [word for word in ("SECRET", "PASSWORD", "TOKEN", "ACCESS_KEY") if word in told.upper()]
