"""A Compose stack for tests: a project of its own, on free ports, ended and removed with the tests.

`python -m tests.compose_stack` builds the images that it takes, which no test's time has room for.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from cli.credentials import complete_env_file
from cli.settings import PROJECT, read_settings
from cli.stacks.compose import build_images, make_argv
from pipeline_contract.stages import STAGES
from tests.minio_server import find_folder
from tests.stack import STUB, Stack, make_stack_environment

#: Kept after the tests, as their layers are the next build's; never the names of a stack that somebody uses.
IMAGES = {
    "AIRFLOW_IMAGE_NAME": "ml-pipeline-airflow:tests",
    "MLFLOW_IMAGE": "ml-pipeline-mlflow:tests",
    "MINIO_IMAGE": "ml-pipeline-minio:tests",
    "MINIO_BOOTSTRAP_IMAGE": "ml-pipeline-minio-bootstrap:tests",
    "ML_TASK_IMAGE": "ml-pipeline-worker:tests",
}
#: A test's project tells the process that it belongs to.
OWNED = re.compile(r"pipeline-tests-(\d+)-[0-9a-f]+")
#: By the first, Compose knows what is a project's; by the second, this project knows the stages of a stack.
PROJECT_LABEL, STACK_LABEL = "com.docker.compose.project", "ml-pipeline.stack"
#: The worker's image with the stub in it.
STUB_IMAGE = "ml-pipeline-stub-worker:tests"


@dataclass(frozen=True)
class WorkerContainer:
    """A command that runs, by its container."""

    container: str

    def kill(self) -> None:
        """Kill it, as the kernel would for want of memory."""
        subprocess.run(["docker", "kill", self.container], check=True, capture_output=True)


class ComposeStack(Stack):
    """The services are containers, and so are the commands of the stages."""

    def kill_service(self, name: str) -> None:
        """Kill a service, as a crash would; it stays down until `up`, as the engine takes it for a person's wish."""
        self.compose("kill", name)

    stop_service = kill_service

    def start_service(self, name: str) -> None:
        """Start one that was killed, by itself: what `up` would look after besides takes as long again."""
        self.compose("up", "--detach", "--wait", "--no-deps", "--no-recreate", "--no-build", name)

    def find_command(self, run_key: str, command: str) -> WorkerContainer | None:  # kill() is all
        """Return the container of a run's command, if it runs."""
        (stage,) = (name for name, stage in STAGES.items() if stage.command == command)
        labels = {"stack": self.settings["COMPOSE_PROJECT_NAME"], "run": run_key, "stage": stage}
        filters = [f"--filter=label=ml-pipeline.{name}={value}" for name, value in labels.items()]
        found = subprocess.run(
            ["docker", "ps", "--quiet", *filters], check=True, capture_output=True, text=True
        ).stdout.split()
        return WorkerContainer(found[0]) if found else None

    def ask_postgres(self, statement: str) -> str:
        """Return what Postgres answers its administrator in Airflow's database: inside its container without a password."""
        where = ["exec", "--no-TTY", "postgres", "psql", "--host=/tmp", "--dbname=airflow"]
        return self.compose(*where, "--tuples-only", "--no-align", "--command", statement).strip()

    def compose(self, *arguments: str) -> str:
        """Run `docker compose` on this stack, and return what it printed."""
        done = subprocess.run(
            make_argv(self.settings, *arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def make_images() -> None:
    """Build what the containers of a test's stack are made of; what did not change is there already.

    MinIO's program is kept for the tests that run it without a container, too: to build it once more takes minutes.
    """
    remove_leftovers()
    # The images that ours stand on, where they cannot be pulled; what is there stays.
    subprocess.run([PROJECT / "tests" / "compose" / "make_base.sh"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = make_stack_environment(Path(folder), STACK="compose", **IMAGES)
        complete_env_file(Path(environment["PIPELINE_ENV_FILE"]), "compose")
        settings = read_settings(environment)
        build_images(settings)
    argv = ["docker", "build", "--quiet", f"--tag={STUB_IMAGE}", f"--build-arg=WORKER_IMAGE={IMAGES['ML_TASK_IMAGE']}"]
    subprocess.run([*argv, STUB], check=True, env={**os.environ, "DOCKER_BUILDKIT": "1"})
    binary = find_folder() / "minio"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        argv = ["docker", "run", "--rm", "--entrypoint=cat", IMAGES["MINIO_IMAGE"], "/usr/local/bin/minio"]
        # Under its name only when it is whole.
        part = binary.with_suffix(".new")
        with part.open("wb") as file:
            subprocess.run(argv, check=True, stdout=file)
        part.chmod(0o755)
        part.replace(binary)


def remove_leftovers() -> None:
    """Remove the stacks of tests that were killed: they would start again with the engine, and slow down all that runs."""
    for project in filter(is_left_over, list_projects()):
        # Without asking first, as nobody needs what they have: the services, so that nothing starts another stage, then the
        # stages, then what all of them used.
        for kind, label in (
            ("container", PROJECT_LABEL),
            ("container", STACK_LABEL),
            ("network", PROJECT_LABEL),
            ("volume", PROJECT_LABEL),
        ):
            left = list_labelled(kind, f"{label}={project}", "{{.ID}}" if kind != "volume" else "{{.Name}}")
            if left:
                # What the engine cannot remove is told, and is no reason not to test.
                subprocess.run(["docker", kind, "rm", "--force", *left], check=False, stdout=subprocess.DEVNULL)


def list_projects() -> set[str]:
    """Return the names of the stacks that anything on the engine belongs to."""
    kinds = ("container", "network", "volume")
    return {name for kind in kinds for name in list_labelled(kind, PROJECT_LABEL, f'{{{{.Label "{PROJECT_LABEL}"}}}}')}


def list_labelled(kind: str, label: str, form: str) -> list[str]:
    """Return a field of each container, network or volume that has a label."""
    argv = ["docker", kind, "ls", f"--filter=label={label}", f"--format={form}", *(["--all"] * (kind == "container"))]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()


def is_left_over(project: str) -> bool:
    """Return whether a stack is one of tests, and those tests are gone."""
    found = OWNED.fullmatch(project)
    return found is not None and not psutil.pid_exists(int(found[1]))


@contextlib.contextmanager
def run_compose(**changes: str) -> Iterator[ComposeStack]:
    """Give a stack that runs, with the stub as worker; whatever it made on the engine is removed, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="compose-"))
    project = f"pipeline-tests-{os.getpid()}-{secrets.token_hex(4)}"
    images = {**IMAGES, "ML_TASK_IMAGE": STUB_IMAGE}
    settings = {"STACK": "compose", "COMPOSE_PROJECT_NAME": project, "AIRFLOW_WORKERS": "2", **images, **changes}
    environment = make_stack_environment(folder, **settings)
    stack = ComposeStack(environment, read_settings(environment))
    try:
        make_images()
        stack.up()
        yield stack
    finally:
        try:
            done = stack.run("clean", "--yes")
            assert done.returncode == 0, done.stdout + done.stderr
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    make_images()
