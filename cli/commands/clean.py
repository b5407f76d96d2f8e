"""`clean`: stop everything and delete all data, after asking."""

import argparse
import os
import shutil
import sys

from cli.progress import Progress
from cli.settings import read_settings
from cli.stacks.compose import stop_compose
from cli.stacks.local import stop_stack

# The names that the stack makes in its state folder; a folder that someone named by mistake loses nothing else.
OWNED = ("postgres", "storage", "airflow", "home", "logs", "run", "scratch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --yes."""
    parser.add_argument("--yes", action="store_true", help="do not ask (also: CONFIRM=yes in the environment)")


def run(arguments: argparse.Namespace) -> int:
    """Delete the state; 1 when the person said no."""
    settings = read_settings()
    where = f"volumes of {settings['COMPOSE_PROJECT_NAME']}" if settings.is_compose else settings.state
    if not (arguments.yes or os.environ.get("CONFIRM") == "yes"):
        print(f"This deletes all objects, models, runs, databases and logs in {where}. It cannot be undone.")
        if not sys.stdin.isatty():
            print("Nobody is here to be asked: say CONFIRM=yes.")
            return 1
        if input("Type yes to delete: ").strip() != "yes":
            print("Nothing was deleted.")
            return 1
    if settings.is_compose:
        stop_compose(settings, deletes_volumes=True)
        print(f"Deleted. Kept: {settings.env_file} (settings and passwords) and the images.")
        return 0
    with Progress() as progress:
        stop_stack(settings, progress)
    for name in OWNED:
        if (settings.state / name).exists():
            shutil.rmtree(settings.state / name)
    print(f"Deleted. Kept: {settings.env_file} (settings and passwords) and the virtual environments in .state/venvs.")
    return 0
