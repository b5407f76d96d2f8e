"""`lock`: compile the lock files anew, with hashes, for every Python that we run on, and without index addresses."""

import argparse
import subprocess

from cli.settings import PROJECT
from cli.setup.environments import tools_python
from cli.setup.installers import make_uv_environment

# Input, output, and the locks that it has to agree with: a model must load where MLflow's own limits hold (pyarrow's above all).
LOCKS: tuple[tuple[str, ...], ...] = (
    ("dags/requirements.in", "dags/requirements.lock"),
    ("worker/mlflow.in", "worker/mlflow.lock"),
    ("worker/pyproject.toml", "worker/requirements.lock", "worker/mlflow.lock"),
    ("tests/requirements.in", "tests/requirements.lock", "dags/requirements.lock", "worker/requirements.lock"),
    ("benchmarks/reading-requirements.in", "benchmarks/reading-requirements.lock", "worker/requirements.lock"),
    ("benchmarks/models-requirements.in", "benchmarks/models-requirements.lock", "worker/requirements.lock"),
    ("minio/requirements.in", "minio/requirements.lock"),
    ("cli/requirements.in", "cli/requirements.lock", "tests/requirements.lock"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --upgrade."""
    parser.add_argument("--upgrade", action="store_true", help="take newer versions than the locked ones where allowed")


def run(arguments: argparse.Namespace) -> int:
    """Compile all locks; 0 when all could be."""
    environment = make_uv_environment(tools_python())
    command = "pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url"
    for source, target, *others in LOCKS:
        print(f"{source} -> {target}", flush=True)
        argv = [str(tools_python().parent / "uv"), *command.split(), "--no-header"]
        argv += [f"--constraints={lock}" for lock in others]
        argv += ["--upgrade"] if arguments.upgrade else []
        done = subprocess.run([*argv, source, "--output-file", target], cwd=PROJECT, env=environment, check=False)
        if done.returncode:
            return done.returncode
    return 0
