"""Many drops at once: each is published once, whatever else happens. Drops for minutes on end are in test_kills.py."""

from __future__ import annotations

import contextlib
from collections import Counter

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.e2e.pipeline import PATIENCE_SECONDS, PENGUINS, SPECIES, TASKS, Dropped, Pipeline, drop_rows, wait_until

pytestmark = [
    pytest.mark.long("drops thirty files at once"),
    pytest.mark.timeout(3 * PATIENCE_SECONDS),
    pytest.mark.usefixtures("settled"),
]
BURST, KILLED = 30, 4


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


def test_a_burst_loses_none_and_doubles_none(pipeline: Pipeline) -> None:
    """Thirty files land at once, two of them under one key, and one more under a used key for each training that is killed."""
    # A training takes long enough to be found.
    pipeline.put("burst/_params.json", SPECIES | {"hyperparameters": {"seconds": 1}})
    dropped = [pipeline.put(f"burst/{name:02}.csv", PENGUINS) for name in (*range(BURST - 1), 0)]
    killed: set[str] = set()
    for number in range(KILLED):
        # A run whose training was killed is tried once more, and killed again it would be given up.
        killed.add(wait_until(lambda: kill_a_training(pipeline, killed), "a training to kill"))
        dropped.append(pipeline.put(f"burst/{number:02}.csv", drop_rows(PENGUINS, len(dropped))))
    check_each_once(pipeline, "burst", dropped)
