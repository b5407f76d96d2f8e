"""Many drops at once, and drops for minutes on end: each is published once, whatever else happens."""

from __future__ import annotations

import contextlib
import time
from collections import Counter

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.e2e.pipeline import PATIENCE_SECONDS, PENGUINS, SPECIES, TASKS, Dropped, Pipeline, drop_rows

pytestmark = [
    pytest.mark.long("drops for minutes"),
    pytest.mark.timeout(3 * PATIENCE_SECONDS),
    pytest.mark.usefixtures("settled"),
]
BURST, SOAK_SECONDS, SECONDS_BETWEEN, KILLED = 30, 120, 30, 4


def check_each_once(pipeline: Pipeline, dataset: str, dropped: list[Dropped]) -> None:
    """Find one run of each stage, one version of the model and no marker for each drop, and all of them published."""
    run_keys = [pipeline.wait(one, "published").run_key for one in dropped]
    assert len(set(run_keys)) == len(dropped)
    for run_key in run_keys:
        assert {stage: len(found) for stage, found in pipeline.runs(run_key).items()} == dict.fromkeys(TASKS, 1)
    assert Counter(pipeline.list_model_versions(dataset).values()) == Counter(run_keys)
    assert not set(run_keys) & set(pipeline.list_objects("open"))
    assert pipeline.list_versions(f"{dataset}/") == [f"{dataset}/_params.json"]


def kill_a_training(pipeline: Pipeline, spared: set[str]) -> str | None:
    """Kill the training of one of this stack's runs, if any runs that is not to be spared, and return its run key."""
    is_ours = set(pipeline.list_objects("open")) - spared
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        run_key = next((word.removeprefix("--run=") for word in words if word.startswith("--run=")), "")
        if "pipeline_worker.cli.train_model" in words and run_key in is_ours:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
                return run_key
    return None


def test_a_burst_and_two_minutes_of_drops_lose_none_and_double_none(pipeline: Pipeline) -> None:
    """Thirty files land at once, two of them under one key, others for two minutes, while trainings are killed."""
    # A training takes long enough to be found.
    pipeline.put("soak/_params.json", SPECIES | {"hyperparameters": {"seconds": 1}})
    began = time.monotonic()
    dropped = [pipeline.put(f"soak/{name:02}.csv", PENGUINS) for name in (*range(BURST - 1), 0)]
    killed: set[str] = set()
    while time.monotonic() - began < SOAK_SECONDS or len(killed) < KILLED:
        # Keys are used again and again.
        dropped.append(pipeline.put(f"soak/{len(dropped) % 5:02}.csv", drop_rows(PENGUINS, len(dropped))))
        pause = time.monotonic() + SECONDS_BETWEEN
        # A run whose training was killed is tried once more, and killed again it would be given up.
        while time.monotonic() < pause and not (run_key := kill_a_training(pipeline, killed)):
            time.sleep(0.5)
        killed |= {run_key} if run_key else set()
        time.sleep(max(0, pause - time.monotonic()))
    check_each_once(pipeline, "soak", dropped)
