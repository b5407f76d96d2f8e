"""What a worker's container is made with."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from docker.types import HostConfig

from pipeline.runners.container import is_left_over, make_bounds, make_labels, make_name
from pipeline.settings import read_settings
from pipeline.stage.attempt import make_environment
from pipeline_contract.identity import read_identity

PROJECT = Path(__file__).parents[2]
ARGUMENTS = ["-m", "pipeline_worker.cli.train_model", "--run=a.b.c", "--attempt=run-1.2", "--ask=run-1/0"]


def test_bounds():
    """The settings become limits of memory, CPU and processes; nothing is writable but the scratch folder."""
    environment = {"ML_TASK_MEMORY": "512M", "ML_TASK_CPUS": "1.5", "ML_TASK_PIDS": "99", "ML_TASK_NETWORK": "net"}
    config = HostConfig(version="1.41", **make_bounds(read_settings(environment)))
    assert (config["Memory"], config["MemorySwap"]) == (512 << 20, 512 << 20)
    assert config["CpuQuota"] / config["CpuPeriod"] == 1.5
    assert (config["PidsLimit"], config["NetworkMode"]) == (99, "net")
    assert (config["CapDrop"], config["SecurityOpt"]) == (["ALL"], ["no-new-privileges"])
    assert config["ReadonlyRootfs"] is True
    assert list(config["Tmpfs"]) == ["/scratch"]
    assert not config.get("Privileged")
    assert not config.get("Binds")


def test_labels_and_name():
    """The labels say whose container it is; the name does so without the attempt, so that a stage of a run has one at a time."""
    labels = make_labels(read_settings({"ML_TASK_STACK": "mine"}), "train", ARGUMENTS)
    assert labels == {
        "ml-pipeline.stack": "mine",
        "ml-pipeline.stage": "train",
        "ml-pipeline.run": "a.b.c",
        "ml-pipeline.attempt": "run-1.2",
    }
    assert make_name(labels) == "stage.mine.train.a.b.c"


NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("attempt", "is_running", "created", "finished", "is_left"),
    [
        ("run-1.1", True, "2026-01-31T11:59:59.123456789Z", NEVER, True),
        ("run-2.1", True, "2026-01-30T00:00:00Z", NEVER, False),
        ("run-2.1", False, "2026-01-30T00:00:00Z", "2026-01-31T11:59:30.123456789Z", False),
        ("run-2.1", False, "2026-01-30T00:00:00Z", "2026-01-31T11:58:30.123456789Z", True),
        ("run-2.1", False, "2026-01-31T11:59:30Z", NEVER, False),
        ("run-2.1", False, "2026-01-31T11:58:30Z", NEVER, True),
    ],
)
def test_what_nobody_follows_is_left_over(attempt, is_running, created, finished, is_left):
    """An earlier try of the same Dag run has nobody to follow it any more; another Dag run's may, for a while."""
    labels = make_labels(read_settings({}), "train", ARGUMENTS)
    shown = {
        "Config": {"Labels": {**labels, "ml-pipeline.attempt": attempt}},
        "Created": created,
        "State": {"Running": is_running, "FinishedAt": finished},
    }
    assert is_left_over(shown, labels, NOW) is is_left


def test_environment():
    """The worker gets its own key and nobody else's, ends with its stdin, and is told which contract is the task's."""
    settings = read_settings({"OBJECT_STORAGE_SECRET_KEY": "mine", "OBJECT_STORAGE_WATCH_SECRET_KEY": "airflow's"})
    assert make_environment(settings) == {
        "OBJECT_STORAGE_SECRET_KEY": "mine",
        "PIPELINE_EXIT_WITH_STDIN": "1",
        "PIPELINE_CONTRACT": read_identity(),
    }


def test_default_image_is_this_versions():
    """The image that a task runs by default has the worker's version, so that an upgrade does not run an old one."""
    version = tomllib.loads((PROJECT / "worker" / "pyproject.toml").read_text())["project"]["version"]
    assert read_settings({}).task_image == f"ml-pipeline-worker:{version}"


@pytest.mark.parametrize(
    ("name", "value"),
    [("ML_TASK_MEMORY", "much"), ("ML_TASK_MEMORY", "4"), ("ML_TASK_CPUS", "0"), ("ML_TASK_PIDS", "one")],
)
def test_bad_bound_names_its_setting(name, value):
    """A bound that is none is said with the setting's name, before anything is started."""
    with pytest.raises(ValueError, match=name):
        read_settings({name: value})
