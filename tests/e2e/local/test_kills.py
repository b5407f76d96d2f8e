"""Many drops at once, and drops for minutes on end: whatever is killed meanwhile comes back by itself, and each is published once."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from cli.commands.soak import Killer
from cli.runs.airflow_api import Airflow
from tests.e2e.pipeline import PATIENCE_SECONDS, PENGUINS, SPECIES, TASKS, Dropped, Pipeline, wait_until

pytestmark = [
    pytest.mark.timeout(3 * PATIENCE_SECONDS),
    pytest.mark.usefixtures("settled"),
    pytest.mark.long("drops for minutes, and kills every service, one after the other"),
]
BURST = 30


def check_each_once(pipeline: Pipeline, dataset: str, dropped: list[Dropped]) -> None:
    """Find one run of each stage, one version of the model and no marker for each drop, and all of them published."""
    run_keys = [pipeline.wait(one, "published").run_key for one in dropped]
    assert len(set(run_keys)) == len(dropped)
    for run_key in run_keys:
        assert {stage: len(found) for stage, found in pipeline.runs(run_key).items()} == dict.fromkeys(TASKS, 1)
    assert Counter(pipeline.list_model_versions(dataset).values()) == Counter(run_keys)
    assert not set(run_keys) & set(pipeline.list_objects("open"))
    assert pipeline.list_versions(f"{dataset}/") == [f"{dataset}/_params.json"]


def test_whatever_is_killed_comes_back_and_no_drop_is_lost(pipeline: Pipeline) -> None:
    """Thirty files land at once, two of them under one key, and others for two minutes and more; each is published, once.

    Meanwhile each service, the process of a task and a stage's command are killed in turn.
    """
    names = Killer(pipeline.settings, Random()).list_names()  # noqa: S311 - nothing is chosen
    # A training takes long enough to be found.
    pipeline.put("burst/_params.json", SPECIES | {"hyperparameters": {"seconds": 1}})
    dropped = [pipeline.put(f"burst/{name:02}.csv", PENGUINS) for name in (*range(BURST - 1), 0)]
    done = pipeline.stack.run("soak", f"--kill={','.join(names)}", f"--drops={len(names)}", "--every=20", "--bound=600")
    assert done.returncode == 0, done.stdout + done.stderr
    ledger = re.search(r"^ +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +[\d.]+ s$", done.stdout, re.MULTILINE)
    assert ledger, done.stdout
    count = len(names)
    assert [int(number) for number in ledger.groups()] == [count, count, 0, 0, 0], done.stdout
    for name in names:
        what = "[a-z]+_[a-z]+ of" if name == "command" else name
        assert re.search(rf"killed: {what}", done.stdout), done.stdout
    check_each_once(pipeline, "burst", dropped)
    with Airflow(pipeline.settings) as airflow:
        wait_until(lambda: airflow.find_obstacles() == [] or None, "Airflow to be well")
