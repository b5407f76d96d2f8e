"""`down`: stop everything; all data stays."""

import argparse

from cli.progress import Progress
from cli.settings import read_settings
from cli.stacks.compose import stop_compose
from cli.stacks.local import stop_stack


def run(_arguments: argparse.Namespace) -> int:
    """Stop the stack; 0 also when nothing ran."""
    settings = read_settings()
    if settings.is_compose:
        was_there = stop_compose(settings)
        print("Stopped. All data stays in Docker's volumes." if was_there else "Nothing was running.")
        return 0
    with Progress() as progress:
        stopped = stop_stack(settings, progress)
    print(f"Stopped. All data stays in {settings.state}." if stopped else "Nothing was running.")
    return 0
