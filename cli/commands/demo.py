"""`demo`: from nothing to a published model that predicts, with what happens on the way."""

import argparse
import csv
import json
import os
import subprocess
from pathlib import Path

from cli.commands.drop import carry_out, plan_drop
from cli.commands.up import describe, prepare_settings, start
from cli.errors import CommandError
from cli.settings import PROJECT, StackSettings
from cli.show import Show
from cli.stacks.compose import make_worker_argv
from cli.stacks.service import make_environment
from pipeline_contract.env_file import parse_env_file

EXAMPLE = PROJECT / "examples" / "penguins" / "penguins.csv"
TARGET = "species"
MODEL = "models:/penguins@newest"
_ROWS = 5


class ModelUnusable(CommandError):
    """The model was published, but does not load or predict."""


def run(_: argparse.Namespace) -> int:
    """Start, drop, follow, and use the model; 0 only when all of that worked."""
    begin("1 of 3: the stack")
    settings = prepare_settings()
    print(describe(settings) if start(settings) else "  It is up already.", flush=True)
    begin(f"2 of 3: drop {EXAMPLE.relative_to(PROJECT)}, and see what becomes of it")
    code = carry_out(plan_drop(str(EXAMPLE)), settings)
    if code:
        return code
    begin("3 of 3: use the model")
    with Show() as show:
        show.wait_for(f"loads {MODEL} in a Python of its own")
        rows = use_model(settings, EXAMPLE)
        show.wait_for("")
        show.say("predicts", f'mlflow.pyfunc.load_model("{MODEL}").predict(rows)', is_timed=True)
        show.print_table(rows)
        show.print("\nAll of it works.", "bold green")
        # Where the settings file says another one, each command has to be told.
        is_told = parse_env_file(settings.env_file.read_text(encoding="utf-8")).get("STACK") == settings["STACK"]
        stack = "" if is_told else f" STACK={settings['STACK']}"
        show.print_links(
            {
                "a file of your own": f'make drop FILE=<file.csv> PARAMS=\'{{"target_column": "<column>"}}\'{stack}',
                "one that is refused": f"make drop FILE=examples/broken/broken.csv{stack}",
                "what happened": f"make status{stack}",
                "stop": f"make down{stack}",
            }
        )
    return 0


def begin(heading: str) -> None:
    """Write the heading of a part."""
    Show().print(f"\n{heading}", "bold")


def use_model(settings: StackSettings, path: Path) -> list[tuple[str, str, str]]:
    """Load the newest model in the worker's environment, and return what it predicts beside what the file says."""
    script = PROJECT / "cli" / "runs" / "use_model.py"
    if settings.is_compose:
        command = [*make_worker_argv(settings, path.parent), "-c", script.read_text(), MODEL, f"/data/{path.name}"]
        environment = dict(os.environ)
    else:
        command = [str(settings.worker_python), str(script), MODEL, str(path)]
        environment = make_environment(settings) | {"MLFLOW_TRACKING_URI": settings.mlflow_url}
    done = subprocess.run(
        [*command, str(_ROWS)], env=environment, capture_output=True, text=True, check=False, timeout=180
    )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ModelUnusable(f"{MODEL} was published, but could not be used: {last}") from None
    with path.open(encoding="utf-8", newline="") as file:
        lines = dict(enumerate(csv.DictReader(file), start=2))
    found = zip(answer["rows"], answer["predictions"], strict=True)
    return [
        ("line of the file", TARGET, "predicted"),
        *((str(row), lines[row][TARGET], predicted) for row, predicted in found),
    ]
