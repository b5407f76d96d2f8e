"""What tests that were killed left on the engine is gone before the next ones begin."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.compose_stack import IMAGES, PROJECT_LABEL, STACK_LABEL, remove_leftovers

#: Above any process id of Linux.
NOBODY = 2**22 + 1


def run_docker(*arguments: str) -> str:
    """Run `docker`, and return what it printed."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.slow("needs an engine")
def test_only_stacks_of_dead_tests_are_removed() -> None:
    """All of a stack whose process is gone is removed, and the one of a test that runs stays."""
    names = {pid: f"pipeline-tests-{pid}-{os.urandom(4).hex()}" for pid in (NOBODY, os.getpid())}
    try:
        for name in names.values():
            owned = f"--label={PROJECT_LABEL}={name}"
            run_docker("network", "create", owned, name)
            run_docker("volume", "create", owned, name)
            uses = [f"--network={name}", f"--volume={name}:/data", "--entrypoint=sleep", IMAGES["MLFLOW_IMAGE"], "600"]
            run_docker("run", "--detach", f"--name={name}", owned, *uses)
            # A stage of it has another label, and keeps the network from being removed as long as it is there.
            run_docker("run", "--detach", f"--name={name}-stage", f"--label={STACK_LABEL}={name}", *uses)
        remove_leftovers()
        assert list_left(names[NOBODY]) == []
        stays = names[os.getpid()]
        assert list_left(stays) == [stays, f"{stays}-stage", stays, stays]
    finally:
        for name in names.values():
            for removed in (
                ("rm", "--force", name, f"{name}-stage"),
                ("network", "rm", name),
                ("volume", "rm", "--force", name),
            ):
                subprocess.run(["docker", *removed], check=False, capture_output=True)


def list_left(name: str) -> list[str]:
    """Return the names of the containers, the network and the volume of a stack."""
    containers = run_docker("ps", "--all", f"--filter=name={name}", "--format={{.Names}}").split()
    networks = run_docker("network", "ls", f"--filter=name={name}", "--format={{.Name}}").split()
    return (
        sorted(containers)
        + networks
        + run_docker("volume", "ls", f"--filter=name={name}", "--format={{.Name}}").split()
    )
