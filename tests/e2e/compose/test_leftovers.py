"""What tests that were killed left on the engine is gone before the next ones begin."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from local.settings import read_settings
from tests.compose_stack import IMAGES, remove_leftovers
from tests.stack import make_stack_environment

#: Above any process id of Linux.
NOBODY = 2**22 + 1


def run_docker(*arguments: str) -> str:
    """Run `docker`, and return what it printed."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.slow("needs an engine")
def test_only_stacks_of_dead_tests_are_removed(tmp_path: Path) -> None:
    """The stack of a process that is gone is removed, and the one of a test that runs stays."""
    # By these Compose knows a container of a project.
    label = "com.docker.compose"
    names = {pid: f"pipeline-tests-{pid}-{os.urandom(4).hex()}" for pid in (NOBODY, os.getpid())}
    try:
        for name in names.values():
            labels = {
                "project": name,
                "project.config_files": "x",
                "service": "x",
                "oneoff": "False",
                "config-hash": "x",
            }
            options = [f"--label={label}.{key}={value}" for key, value in labels.items()]
            run_docker("create", f"--name={name}", *options, IMAGES["MINIO_IMAGE"])
        remove_leftovers(read_settings(make_stack_environment(tmp_path, STACK="compose")))
        left = run_docker("ps", "--all", "--filter=name=pipeline-tests-", "--format={{.Names}}").split()
        assert names[os.getpid()] in left
        assert names[NOBODY] not in left
    finally:
        for name in names.values():
            subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)
