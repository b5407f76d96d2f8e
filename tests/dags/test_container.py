"""What a worker's container is made with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from docker.types import HostConfig

from pipeline.container import is_left_over, make_bounds, make_environment, make_filters, make_labels
from pipeline.settings import read_settings

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


def test_labels_find_the_attempts_of_one_stage():
    """The labels say whose container it is; without the attempt they find all tries of this stage of this run."""
    labels = make_labels(read_settings({"ML_TASK_STACK": "mine"}), "train", ARGUMENTS)
    assert labels == {
        "ml-pipeline.stack": "mine",
        "ml-pipeline.stage": "train",
        "ml-pipeline.run": "a.b.c",
        "ml-pipeline.attempt": "run-1.2",
    }
    assert make_filters(labels) == {
        "label": ["ml-pipeline.stack=mine", "ml-pipeline.stage=train", "ml-pipeline.run=a.b.c"]
    }


@pytest.mark.parametrize(("attempt", "is_left"), [("run-1.1", True), ("run-1.2", False), ("run-2.1", False)])
def test_only_earlier_tries_are_left_over(attempt, is_left):
    """An earlier try of the same Dag run has nobody to follow it any more; another Dag run may have."""
    labels = make_labels(read_settings({}), "train", ARGUMENTS)
    assert is_left_over({**labels, "ml-pipeline.attempt": attempt}, labels) is is_left
    assert not is_left_over({}, labels)


def test_environment():
    """The worker gets its own key and nobody else's, and ends with its stdin."""
    settings = read_settings({"OBJECT_STORAGE_SECRET_KEY": "mine", "OBJECT_STORAGE_WATCH_SECRET_KEY": "airflow's"})
    assert make_environment(settings) == {"OBJECT_STORAGE_SECRET_KEY": "mine", "PIPELINE_EXIT_WITH_STDIN": "1"}


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
