"""A Compose stack for tests: a project of its own, on free ports, ended and removed with the tests."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.compose import make_argv
from local.run_key import STAGES
from local.settings import PROJECT, read_settings
from tests.minio_server import find_folder
from tests.stack import Stack, make_stack_environment

#: Kept after the tests, as their layers are the next build's; never the names of a stack that somebody uses.
IMAGES = {
    "AIRFLOW_IMAGE_NAME": "ml-pipeline-airflow:tests",
    "MLFLOW_IMAGE": "ml-pipeline-mlflow:tests",
    "MINIO_IMAGE": "ml-pipeline-minio:tests",
    "MINIO_BOOTSTRAP_IMAGE": "ml-pipeline-minio-bootstrap:tests",
    "ML_TASK_IMAGE": "ml-pipeline-worker:tests",
}


@dataclass(frozen=True)
class WorkerContainer:
    """A command that runs, by its container."""

    container: str

    def kill(self) -> None:
        """Kill it, as the kernel would for want of memory."""
        subprocess.run(["docker", "kill", self.container], check=True, capture_output=True)


class ComposeStack(Stack):
    """The services are containers, and so are the commands of the stages."""

    def kill_service(self, name: str, *, is_alone: bool = False) -> None:  # noqa: ARG002  # a container ends as a whole
        """Kill a service, as a crash would."""
        self.compose("kill", name)

    def find_command(self, run_key: str, command: str) -> WorkerContainer | None:  # type: ignore[override]  # kill() is all
        """Return the container of a run's command, if it runs."""
        (stage,) = (name for name, stage in STAGES.items() if stage.command == command)
        labels = {"stack": self.settings["COMPOSE_PROJECT_NAME"], "run": run_key, "stage": stage}
        filters = [f"--filter=label=ml-pipeline.{name}={value}" for name, value in labels.items()]
        found = subprocess.run(
            ["docker", "ps", "--quiet", *filters], check=True, capture_output=True, text=True
        ).stdout.split()
        return WorkerContainer(found[0]) if found else None

    def compose(self, *arguments: str) -> str:
        """Run `docker compose` on this stack, and return what it printed."""
        done = subprocess.run(
            make_argv(self.settings, *arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def keep_minio(stack: ComposeStack) -> None:
    """Keep the image's MinIO for the tests that run it without a container: to build it once more takes minutes."""
    binary = find_folder() / "minio"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        # Under its name only when it is whole.
        stack.compose("cp", "minio:/usr/local/bin/minio", str(binary.with_suffix(".new")))
        binary.with_suffix(".new").replace(binary)


@contextlib.contextmanager
def run_compose(**changes: str) -> Iterator[ComposeStack]:
    """Give a stack that runs; whatever it made on the engine is removed, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="compose-"))
    project = f"pipeline-tests-{secrets.token_hex(4)}"
    settings = {"STACK": "compose", "COMPOSE_PROJECT_NAME": project, "AIRFLOW_WORKERS": "2", **IMAGES, **changes}
    environment = make_stack_environment(folder, **settings)
    stack = ComposeStack(environment, read_settings(environment))
    try:
        # The images that ours stand on, where they cannot be pulled; what is there stays.
        subprocess.run([PROJECT / "tests" / "compose" / "make_base.sh"], check=True)
        stack.up()
        keep_minio(stack)
        yield stack
    finally:
        try:
            done = stack.run("clean", "--yes")
            assert done.returncode == 0, done.stdout + done.stderr
        finally:
            shutil.rmtree(folder, ignore_errors=True)
