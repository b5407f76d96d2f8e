"""`test`: everything that a change can break on this machine, layers side by side, one summary, and what was left out and why."""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from cli.settings import PROJECT, StackSettings, read_settings
from cli.stacks.compose import find_engine_fault
from pipeline_contract.settings import SETTINGS

#: What each target runs, by the paces of tests/conftest.py, and where the rest is.
PACES = {"quick": "test-quick", "usual": "test", "long": "test-long"}


@dataclass(frozen=True)
class Suite:
    """Folders of tests, the virtual environment that they run in, and at which paces there are any."""

    name: str
    folders: tuple[str, ...]
    venv: str
    #: Folders below these that are a suite of their own.
    apart: tuple[str, ...] = ()
    needs_engine: bool = False
    needs_images: bool = False
    environ: tuple[tuple[str, str], ...] = ()
    paces: tuple[str, ...] = ("quick", "usual", "long")


#: What loads a whole stack.
END_TO_END = ("tests/e2e",)
#: What trains: in one row with the worker's other tests it would be the last to end, alone.
MODELS = ("tests/worker/train", "tests/worker/publish")
#: Those that take longest first, as they run side by side.
LAYERS = (
    Suite(
        "compose-stack",
        END_TO_END,
        "tools",
        needs_engine=True,
        needs_images=True,
        environ=(("STACK", "compose"),),
        paces=("usual", "long"),
    ),
    Suite("stack", END_TO_END, "tools", paces=("usual", "long")),
    Suite("models", MODELS, "worker"),
    Suite("compose", ("tests/compose",), "airflow", needs_engine=True, needs_images=True, paces=("usual",)),
    Suite("worker", ("tests/worker",), "worker", apart=MODELS),
    Suite("integration", ("tests/integration",), "tools", paces=("usual", "long")),
    Suite("dags", ("tests/dags",), "airflow"),
    Suite("cli", ("tests/contract", "tests/docs", "tests/cli"), "tools", paces=("quick", "usual")),
)
CHECK = "check"
#: Builds what containers of tests are made of, before those that need it: in no test's time there is room for that.
IMAGES = "images"


@dataclass(frozen=True)
class Result:
    """How a layer ended: pytest's exit code, what it printed, and what tests/conftest.py noted of it."""

    name: str
    code: int
    seconds: float
    log: Path
    noted: dict[str, Any] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        # 5: no test of a layer is for this target.
        return self.code == 0 or (self.code == 5 and bool(self.noted))

    @property
    def counts(self) -> Counter[str]:
        """How many tests ended how; a layer that died counts as an error, as it would in pytest."""
        counts = Counter({kind: number for kind, number in self.noted.get("counts", {}).items() if number})
        if not self.is_good and not counts["failed"] and not counts["error"]:
            counts["error"] += 1
        return counts


#: What runs; all of it is ended when this process is.
JOBS: list[subprocess.Popen[bytes]] = []
ENDING = threading.Event()


def end_jobs(number: int, _frame: FrameType | None) -> None:
    """Let the layers end what they have started, and begin no other."""
    signal.signal(number, signal.SIG_IGN)
    ENDING.set()
    for process in JOBS:
        process.terminate()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the pace, and the layers to run alone."""
    parser.add_argument("--pace", choices=PACES, default="usual", help="how much: see `make help`")
    names = [CHECK, *(layer.name for layer in LAYERS)]
    parser.add_argument("layers", nargs="*", choices=[*names, []], metavar="layer", help=f"only: {', '.join(names)}")


def run(arguments: argparse.Namespace) -> int:
    """Run the layers side by side; 0 when all passed. A layer that fails does not keep the others from telling."""
    settings = read_settings()
    signal.signal(signal.SIGTERM, end_jobs)
    folder = settings.root / ".state" / "tests" / arguments.pace
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    layers = [layer for layer in LAYERS if not arguments.layers or layer.name in arguments.layers]
    left_out = {}
    if any(layer.needs_engine and arguments.pace in layer.paces for layer in layers) and (fault := find_engine_fault()):
        left_out = {layer.name: fault for layer in layers if layer.needs_engine}
    chosen = [layer for layer in layers if arguments.pace in layer.paces and layer.name not in left_out]
    commands = {}
    if arguments.pace != "long" and (not arguments.layers or CHECK in arguments.layers):
        commands[CHECK] = ["cli", CHECK]
    if any(layer.needs_images for layer in chosen):
        commands[IMAGES] = ["tests.compose_stack"]
    # Some more than there are processors, as tests of a stack and of its services mostly wait; fewer where two stacks are loaded.
    stacks = sum(layer.folders == END_TO_END for layer in chosen)
    with ThreadPoolExecutor((os.cpu_count() or 1) + 2 - (stacks > 1)) as pool:
        first = {
            name: pool.submit(run_job, name, [sys.executable, "-m", *argv], make_environ(), folder)
            for name, argv in commands.items()
        }
        jobs = [
            pool.submit(
                run_layer, settings, layer, arguments.pace, folder, first[IMAGES] if layer.needs_images else None
            )
            for layer in chosen
        ]
        results = [job.result() for job in (*first.values(), *jobs)]
    tell_left_out(results, left_out, arguments.pace)
    path = folder / "slowest.txt"
    path.write_text(list_slowest(results), encoding="utf-8")
    print(f"The 25 that took longest: {path}; each layer's own words: {folder}/<layer>.log", flush=True)
    tell_failed(results)
    print(summarise(results, time.monotonic() - began), flush=True)
    return 0 if all(result.is_good for result in results) else 1


def run_layer(settings: StackSettings, layer: Suite, pace: str, folder: Path, images: Future[Result] | None) -> Result:
    """Run one layer's tests of a pace in its virtual environment, when the images that it needs are there."""
    if images:
        images.result()
    results = folder / f"{layer.name}.json"
    results.unlink(missing_ok=True)
    folders = [name for name in layer.folders if (settings.root / name).is_dir()]
    python = str(settings.venv(layer.venv) / "bin" / "python")
    argv = [python, "-m", "pytest", *folders, f"--pace={pace}", f"--results={results}"]
    argv += [f"--ignore={name}" for name in layer.apart]
    # The cache of one layer would be another's at the same time.
    argv += ["-o", f"cache_dir={folder / 'cache' / layer.name}"]
    return run_job(layer.name, argv, make_environ() | dict(layer.environ), folder)


def run_job(name: str, argv: Sequence[str], environ: dict[str, str], folder: Path) -> Result:
    """Run a command with its output in a file, and say when it begins and how it ended."""
    began, log, results = time.monotonic(), folder / f"{name}.log", folder / f"{name}.json"
    if ENDING.is_set():
        log.write_text("not begun, as these tests were ended\n", encoding="utf-8")
        return Result(name, -signal.SIGTERM, 0, log)
    print(f"  … {name} begins", flush=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, cwd=PROJECT, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        JOBS.append(process)
        code = process.wait()
    noted = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    result = Result(name, code, time.monotonic() - began, log, noted)
    counts = ", ".join(f"{number} {kind}" for kind, number in result.counts.items() if kind != "deselected")
    print(f"  {'✓' if result.is_good else '✗'} {name:<14} {result.seconds:4.0f} s  {counts}", flush=True)
    return result


def tell_left_out(results: Sequence[Result], left_out: dict[str, str], pace: str) -> None:
    """Say how many tests did not run, and why: skipped ones, those of another target, and whole layers."""
    skipped: Counter[str] = Counter()
    elsewhere: dict[str, Counter[str]] = {}
    for result in results:
        skipped.update(result.noted.get("skipped", {}))
        for other, why, number in result.noted.get("left", ()):
            elsewhere.setdefault(other, Counter())[why] += number
    for reason, number in sorted(skipped.items()):
        print(f"  - skipped: {number}: {reason.removeprefix('Skipped: ')}")
    for other, reasons in elsewhere.items():
        told = "; ".join(f"{number} {why}".strip() for why, number in reasons.most_common())
        print(f"  - left to `make {PACES[other]}`: {reasons.total()}: {told}")
    whole = [layer.name for layer in LAYERS if pace not in layer.paces]
    if whole:
        print(f"  - left to another target: all of {', '.join(whole)}, which need a stack or an engine")
    for name, reason in left_out.items():
        print(f"  - {name}: left out, because {reason}", flush=True)


def tell_failed(results: Sequence[Result]) -> None:
    """Write out what the layers that failed said, and name their tests once more below."""
    bad = [result for result in results if not result.is_good]
    for result in bad:
        print(f"\n== {result.name}, which failed with {result.code} ==\n{result.log.read_text(errors='replace')}")
    for result in bad:
        for name in result.noted.get("failed", [result.name]):
            print(f"FAILED {name}")


def list_slowest(results: Sequence[Result]) -> str:
    """Return the 25 parts of tests that took longest, of all layers."""
    found = sorted((entry for result in results for entry in result.noted.get("slowest", ())), reverse=True)[:25]
    return "".join(f"{seconds:8.2f} s {when:<8} {name}\n" for seconds, when, name in found)


def summarise(results: Sequence[Result], seconds: float) -> str:
    """Return one line for all layers, in pytest's own words."""
    counts: Counter[str] = Counter()
    for result in results:
        counts += result.counts
    order = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "error")
    words = ", ".join(
        f"{counts[kind]} {kind}{'s' * (kind == 'error' and counts[kind] > 1)}" for kind in order if counts[kind]
    )
    minutes, rest = divmod(int(seconds), 60)
    return f" {words or 'no tests ran'} in {seconds:.2f}s (0:{minutes:02}:{rest:02}) ".center(100, "=")


def make_environ() -> dict[str, str]:
    """Return the environment of tests: this one, without the settings of a stack of the user's."""
    names = ("AIRFLOW", "MLFLOW", "ML_PIPELINE", "ML_TASK", "OBJECT_STORAGE", "PIPELINE", "POSTGRES", "AWS", "COMPOSE")
    return {name: value for name, value in os.environ.items() if name not in SETTINGS and not name.startswith(names)}
