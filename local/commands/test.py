"""`test`: everything this machine can check, layer by layer, and what was left out and why."""

import argparse
import os
import subprocess
import time
from dataclasses import dataclass

from local.commands import check
from local.compose import find_engine_fault
from local.settings import Settings, read_settings, read_template


@dataclass(frozen=True)
class Layer:
    """Folders of tests, and the virtual environment that they run in."""

    name: str
    folders: tuple[str, ...]
    venv: str
    needs_engine: bool = False
    environ: tuple[tuple[str, str], ...] = ()


LAYERS = (
    Layer("worker", ("tests/worker",), "worker"),
    Layer("dags", ("tests/dags",), "airflow"),
    Layer("compose", ("tests/compose",), "airflow", needs_engine=True),
    Layer("compose-stack", ("tests/e2e",), "tools", needs_engine=True, environ=(("STACK", "compose"),)),
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
    left_out = {}
    for layer in LAYERS:
        if layer.needs_engine and (fault := find_engine_fault()):
            left_out[layer.name] = fault
            continue
        if layer is LAYERS[-1]:
            # Said before the last layer, so that the output ends with pytest's own summary.
            tell_results(results, left_out)
        results[layer.name] = run_layer(settings, layer)
    return 0 if not any(results.values()) else 1


def tell_results(results: dict[str, int], left_out: dict[str, str]) -> None:
    """Say what passed, and what did not run and why."""
    for name, code in results.items():
        print(f"  {'✗' if code else '✓'} {name}", flush=True)
    for name, reason in left_out.items():
        print(f"  - {name}: left out, because {reason}", flush=True)


def run_layer(settings: Settings, layer: Layer) -> int:
    """Run one layer's tests in its virtual environment, and return pytest's exit code."""
    print(f"\n== {layer.name}: {' '.join(layer.folders)} (environment: {layer.venv}) ==", flush=True)
    began = time.monotonic()
    folders = [folder for folder in layer.folders if (settings.root / folder).is_dir()]
    code = subprocess.run(
        [settings.venv(layer.venv) / "bin" / "python", "-m", "pytest", *folders],
        cwd=settings.root,
        env=make_environ() | dict(layer.environ),
        check=False,
    ).returncode
    if layer is not LAYERS[-1]:
        print(f"== {layer.name}: {time.monotonic() - began:.0f} s ==", flush=True)
    return code


def make_environ() -> dict[str, str]:
    """Return the environment of tests: this one, without the settings of a stack of the user's."""
    names = ("AIRFLOW", "MLFLOW", "ML_PIPELINE", "ML_TASK", "OBJECT_STORAGE", "PIPELINE", "POSTGRES", "AWS", "COMPOSE")
    settings = read_template().keys()
    return {name: value for name, value in os.environ.items() if name not in settings and not name.startswith(names)}
