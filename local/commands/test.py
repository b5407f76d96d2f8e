"""`test`: everything this machine can check, layer by layer, and what was left out and why."""

import argparse
import os
import subprocess
import time
from dataclasses import dataclass

from local.commands import check
from local.settings import Settings, read_settings

COMPOSE_LEFT_OUT = "tests/compose: left out, because there is no Compose stack in this version"


@dataclass(frozen=True)
class Layer:
    """Folders of tests, and the virtual environment that they run in."""

    name: str
    folders: tuple[str, ...]
    venv: str


LAYERS = (
    Layer("worker", ("tests/worker",), "worker"),
    Layer("dags", ("tests/dags",), "airflow"),
    # One process, so that they share one running stack.
    Layer("stack", ("tests/docs", "tests/local", "tests/integration", "tests/e2e"), "tools"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the layer to run alone."""
    parser.add_argument("layer", nargs="?", choices=[layer.name for layer in LAYERS], help="default: all, and `check`")


def run(arguments: argparse.Namespace) -> int:
    """Run the layers one after the other; 0 when all passed. A layer that fails does not keep the others from telling."""
    settings = read_settings()
    if arguments.layer:
        return run_layer(settings, next(layer for layer in LAYERS if layer.name == arguments.layer))
    results = {"check": check.run(argparse.Namespace())}
    for layer in LAYERS:
        results[layer.name] = run_layer(settings, layer, last=layer is LAYERS[-1], before=results)
    return 0 if not any(results.values()) else 1


def run_layer(settings: Settings, layer: Layer, *, last: bool = False, before: dict[str, int] | None = None) -> int:
    """Run one layer's tests in its virtual environment, and return pytest's exit code."""
    if last:
        # Said before the last layer, so that the output ends with pytest's own summary.
        for name, code in (before or {}).items():
            print(f"  {'✗' if code else '✓'} {name}", flush=True)
        print(f"  - {COMPOSE_LEFT_OUT}", flush=True)
    print(f"\n== {layer.name}: {' '.join(layer.folders)} (environment: {layer.venv}) ==", flush=True)
    began = time.monotonic()
    folders = [folder for folder in layer.folders if (settings.root / folder).is_dir()]
    code = subprocess.run(
        [settings.venv(layer.venv) / "bin" / "python", "-m", "pytest", *folders],
        cwd=settings.root,
        env=make_environ(),
        check=False,
    ).returncode
    if not last:
        print(f"== {layer.name}: {time.monotonic() - began:.0f} s ==", flush=True)
    return code


def make_environ() -> dict[str, str]:
    """Return the environment of tests: this one, without the settings of a stack of the user's."""
    names = ("AIRFLOW", "MLFLOW_", "ML_PIPELINE_", "OBJECT_STORAGE_", "PIPELINE_", "AWS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)}
