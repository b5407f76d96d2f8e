"""Drops for minutes on end: whatever is killed on the local stack meanwhile comes back by itself, and no drop is lost."""

from __future__ import annotations

import re
from random import Random

import pytest

from cli.commands.soak import Killer
from cli.runs.airflow_api import Airflow
from tests.e2e.pipeline import PATIENCE_SECONDS, Pipeline, wait_until

pytestmark = [
    pytest.mark.timeout(3 * PATIENCE_SECONDS),
    pytest.mark.usefixtures("settled"),
    pytest.mark.long("kills every service, one after the other"),
]


def test_whatever_is_killed_comes_back_and_no_drop_is_lost(pipeline: Pipeline) -> None:
    """Each service, the process of a task and a stage's command are killed in turn while files land, for two minutes and more: each is published, once."""
    names = Killer(pipeline.settings, Random()).list_names()  # noqa: S311 - nothing is chosen
    done = pipeline.stack.run("soak", f"--kill={','.join(names)}", f"--drops={len(names)}", "--every=20", "--bound=600")
    assert done.returncode == 0, done.stdout + done.stderr
    ledger = re.search(r"^ +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +[\d.]+ s$", done.stdout, re.MULTILINE)
    assert ledger, done.stdout
    count = len(names)
    assert [int(number) for number in ledger.groups()] == [count, count, 0, 0, 0], done.stdout
    for name in names:
        what = "[a-z]+_[a-z]+ of" if name == "command" else name
        assert re.search(rf"killed: {what}", done.stdout), done.stdout
    with Airflow(pipeline.settings) as airflow:
        wait_until(lambda: airflow.find_obstacles() == [] or None, "Airflow to be well")
