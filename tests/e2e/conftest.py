"""What the end-to-end tests share: the pipeline, and everything that can go through it at the same time."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.runs.airflow_api import Airflow, DagRun
from tests.e2e.pipeline import PATIENCE_SECONDS, PENGUINS, SPECIES, Dropped, Pipeline, drop_rows
from tests.stack import Stack

HERE = Path(__file__).parent
Done = subprocess.CompletedProcess[str]
#: What is of one stack alone.
IS_COMPOSE = os.environ.get("STACK") == "compose"
collect_ignore = ["local"] if IS_COMPOSE else ["compose"]
#: What has nothing to do with where a stage runs, where objects lie and where tasks do: how the Dags and the worker's commands read
#: what they are asked for. The local stack shows it.
ON_LOCAL_ALONE = {
    "test_the_form_lies_over_the_datasets_parameters",
    "test_a_file_at_the_top_is_a_dataset_of_its_own",
    "test_a_name_that_mlflow_refuses_is_refused_first",
    "test_two_keys_for_one_run_are_refused",
    "test_a_mistyped_re_run_takes_nothing_back",
    "test_a_run_key_in_the_conf_is_enough",
}
#: What `make test` tries of this folder on Compose too: that a file gets through. The rest is the same as on the local stack.
ON_COMPOSE = {
    "test_a_drop_is_followed_to_the_published_model",
    "test_the_published_model_predicts",
    "test_airflow_shows_run_key_dataset_and_links",
    "test_what_was_dropped_leaves_and_parameters_of_the_dataset_stay",
}
RUN_KEY = re.compile(r"[a-z0-9-]+\.\d{8}T\d{6}Z\.[0-9a-f]{8}")
#: A name that is all that a name can be.
ODD = "Größe & Maß/2026/a b+c%20d.csv"

#: Every parameter of the form, as the UI sends it when nobody filled anything in.
UNTOUCHED = dict.fromkeys(
    [
        *("data_source", "data_format", "input_schema_version", "dataset", "ingestion_config", "target_column"),
        *("drop_columns", "data_validation", "model_name", "model_version", "hyperparameters", "training_scenario"),
        *("time_column", "group_column"),
        *("test_size", "random_state", "tuning", "target_output_path", "run_key", "overrides", "again", "cascade"),
    ]
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what is of Compose last, where the wave of runs is over, and leave what the local stack shows to it, or to the long tests."""
    items.sort(key=lambda item: "tests/e2e/compose/" in item.nodeid)
    if not IS_COMPOSE:
        return
    config.hook.pytest_deselected(items=[item for item in items if item.name in ON_LOCAL_ALONE])
    items[:] = [item for item in items if item.name not in ON_LOCAL_ALONE]
    for item in items:
        if item.path.parent == HERE and item.name not in ON_COMPOSE:
            item.add_marker(pytest.mark.long("shows on Compose what was shown on the local stack"))


@dataclass(frozen=True)
class Wave:
    """What was started at once; a test looks at the end of its own part."""

    dropped: Future[Done]
    refused: Future[Done]
    triggered: Future[Done]
    again: Dropped
    overwritten: tuple[Dropped, Dropped]
    repeated: tuple[Dropped, Dropped]
    without_params: Dropped
    odd: Dropped
    untouched: DagRun


@pytest.fixture(scope="session")
def pipeline(stack: Stack) -> Iterator[Pipeline]:
    """Give the pipeline on the session's stack."""
    with Airflow(stack.settings) as airflow:
        yield Pipeline(stack, airflow)


@pytest.fixture(scope="session")
def dropped(pipeline: Pipeline) -> Iterator[Future[Done]]:
    """Drop the penguins by `make drop`."""
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(pipeline.stack.run, "drop", FILE="examples/penguins/penguins.csv")


#: The fixtures that start something, to begin with the first test where any will ask for them.
_BEGUN = ("wave", "form", "at_the_top", "unfit_for_mlflow")


@pytest.fixture(scope="session", autouse=True)
def at_once(request: pytest.FixtureRequest) -> Wave | None:
    """Let begin at once whatever any test will ask for, and give the wave where it is among that."""
    asked = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    begun = {name: request.getfixturevalue(name) for name in _BEGUN if name in asked}
    return begun.get("wave")


@pytest.fixture(scope="session")
def wave(pipeline: Pipeline, dropped: Future[Done]) -> Iterator[Wave]:
    """Start all that is independent of each other at once: that is how drops come, and it saves minutes."""
    run = pipeline.stack.run
    put = pipeline.put
    with ThreadPoolExecutor(2) as threads:
        refused = threads.submit(run, "drop", FILE="examples/broken/broken.csv")
        triggered = threads.submit(run, "trigger", PARAMS="examples/trigger.json", FILE="examples/bikes/bikes.csv")
        put("again/_params.json", SPECIES)
        put("overwritten/_params.json", SPECIES | {"data_validation": {"min_row_count": 300}})
        put("repeated/_params.json", SPECIES)
        put(f"{ODD}.params.json", SPECIES | {"test_size": 0.4, "model_name": "LogisticRegression"})
        yield Wave(
            dropped=dropped,
            refused=refused,
            triggered=triggered,
            again=put("again/x.csv", PENGUINS),
            overwritten=(put("overwritten/x.csv", drop_rows(PENGUINS, 100)), put("overwritten/x.csv", PENGUINS)),
            repeated=(put("repeated/x.csv", PENGUINS), put("repeated/x.csv", PENGUINS)),
            without_params=put("plain/x.csv", PENGUINS),
            odd=put(ODD, drop_rows(PENGUINS, 10)),
            untouched=pipeline.trigger("ingest", UNTOUCHED),
        )


@pytest.fixture(scope="session")
def form(pipeline: Pipeline) -> DagRun:
    """Trigger a run by the form, for a dataset with parameters of its own."""
    pipeline.put("form/_params.json", SPECIES | {"test_size": 0.4})
    pipeline.put("_sources/form.csv", PENGUINS)
    filled = {"data_source": "s3://drops/_sources/form.csv", "dataset": "form", "random_state": 7, "cascade": False}
    return pipeline.trigger("ingest", UNTOUCHED | filled)


@pytest.fixture(scope="session")
def at_the_top(pipeline: Pipeline) -> Dropped:
    """Drop a file that lies in no folder, with a sidecar that nothing can satisfy."""
    pipeline.put("top.csv.params.json", SPECIES | {"data_validation": {"min_row_count": 1000}})
    return pipeline.put("top.csv", PENGUINS)


@pytest.fixture(scope="session")
def unfit_for_mlflow(pipeline: Pipeline) -> Dropped:
    """Drop a file of a dataset that no registered model can be called by."""
    return pipeline.put("a:b/x.csv", PENGUINS)


def find_run_key(output: str) -> str:
    """Return the run key that a command told."""
    found = RUN_KEY.search(output)
    assert found, output
    return found[0]


@pytest.fixture(scope="session")
def penguins(dropped: Future[Done]) -> str:
    """Give the run key of the penguins, published by `make drop`."""
    done = dropped.result(PATIENCE_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return find_run_key(done.stdout)


@pytest.fixture(scope="session")
def again(pipeline: Pipeline, wave: Wave) -> str:
    """Give the run key of a drop that was published, for what is done with it again."""
    return pipeline.wait(wave.again, "published").run_key


@pytest.fixture
def settled(request: pytest.FixtureRequest, pipeline: Pipeline, at_once: Wave | None) -> None:
    """Let what the other tests started, where they did, end first: an outage would hit it too."""
    if at_once is None:
        return
    request.getfixturevalue("again")
    for future in (at_once.dropped, at_once.refused, at_once.triggered):
        future.result(PATIENCE_SECONDS)
    for dropped in (*at_once.repeated, at_once.odd, at_once.overwritten[1]):
        pipeline.wait(dropped, "published")
