"""Many drops at once, and drops for minutes on end: each is published once, whatever else happens."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial

import pytest

from tests.e2e.conftest import Wave
from tests.e2e.pipeline import PENGUINS, SPECIES, TASKS, Dropped, Pipeline, drop_rows, wait_until

pytestmark = [pytest.mark.long("drops for minutes"), pytest.mark.timeout(900)]
BURST, SOAK_SECONDS = 30, 120


@pytest.fixture(autouse=True)
def settled(wave: Wave, again: str) -> None:
    """Let what the other tests started go ahead."""
    for future in (wave.dropped, wave.refused, wave.triggered):
        future.result(500)


def check_each_once(pipeline: Pipeline, dataset: str, dropped: list[Dropped]) -> None:
    """Find one run of each stage, one version of the model and no marker for each drop, and all of them published."""
    run_keys = [pipeline.wait(one, "published", seconds=600).run_key for one in dropped]
    assert len(set(run_keys)) == len(dropped)
    for run_key in run_keys:
        assert {stage: len(found) for stage, found in pipeline.runs(run_key).items()} == dict.fromkeys(TASKS, 1)
    assert Counter(pipeline.list_model_versions(dataset).values()) == Counter(run_keys)
    assert not set(run_keys) & set(pipeline.list_objects("open"))
    assert pipeline.list_versions(f"{dataset}/") == [f"{dataset}/_params.json"]


def test_a_burst_loses_none_and_doubles_none(pipeline: Pipeline) -> None:
    """Thirty files that land at once, two of them under one key, are thirty published versions."""
    pipeline.put("burst/_params.json", SPECIES)
    names = [*range(BURST - 1), 0]
    check_each_once(pipeline, "burst", [pipeline.put(f"burst/{name:02}.csv", PENGUINS) for name in names])


def test_a_soak_of_two_minutes(pipeline: Pipeline) -> None:
    """Drops come for two minutes, also under keys that were used, and the training of every fourth is killed."""
    pipeline.put("soak/_params.json", SPECIES | {"hyperparameters": {"seconds": 1}})
    dropped: list[Dropped] = []
    killed = 0
    began = time.monotonic()
    while time.monotonic() - began < SOAK_SECONDS:
        number = len(dropped)
        dropped.append(pipeline.put(f"soak/{number % 5}.csv", drop_rows(PENGUINS, number)))
        if number % 4 == 3:
            run_key = pipeline.find(dropped[-1], 120)
            look = partial(pipeline.stack.find_command, run_key, "train_model")
            wait_until(look, f"the training of {run_key}", 120).kill()
            killed += 1
        time.sleep(2)  # as drops come, not all at once
    assert len(dropped) > 10
    assert killed > 2
    check_each_once(pipeline, "soak", dropped)
