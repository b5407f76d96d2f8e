"""The commands' names of drops and runs against the vectors that the Dags and the worker are held to as well."""

import ast
import json
from datetime import datetime
from pathlib import Path

import pytest

from local.last_drops import _NEXT
from local.run_key import (
    STAGES,
    dataset_of_key,
    dataset_of_payload,
    is_attempt_of,
    is_drop_key,
    is_run_key,
    make_run_key,
    read_time,
)
from local.settings import PROJECT

VECTORS = json.loads((Path(__file__).parent.parent / "vectors.json").read_text(encoding="utf-8"))


def read_constant(path: Path, name: str):
    """Return what a module says a constant is, without the packages that importing it needs."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{path} has no {name}")


def test_stages_are_those_of_the_worker():
    """The commands know the stages, their commands, states and folders, and their order, as the worker does."""
    layout = PROJECT / "worker" / "src" / "pipeline_worker" / "layout.py"
    for part, name in (("command", "COMMANDS"), ("state", "STATES"), ("folder", "FOLDERS")):
        assert [(key, getattr(stage, part)) for key, stage in STAGES.items()] == [*read_constant(layout, name).items()]


def test_each_state_but_the_last_says_what_follows():
    """What `make status` says comes next is the stage after the one that reached the state."""
    assert _NEXT == {"claimed": "ingest", "ingested": "validate", "validated": "train", "trained": "publish"}


@pytest.mark.parametrize("vector", VECTORS["drop_keys"], ids=lambda vector: repr(vector["key"]))
def test_drops_are_what_the_dags_take_for_drops(vector):
    """A key is a drop for `make drop` exactly where `watch` would pick it up, and of the same dataset."""
    assert is_drop_key(vector["key"]) == vector["is_drop"]
    if vector["is_drop"]:
        assert dataset_of_key(vector["key"]) == vector["dataset"]


@pytest.mark.parametrize("vector", VECTORS["sources"], ids=lambda vector: repr(vector["key"]))
def test_sources_belong_to_the_dataset_that_the_worker_names(vector):
    """A manual trigger's dataset is found as the worker finds it; one that is given wins."""
    source = f"s3://drops/{vector['key']}" if vector["key"] else None
    assert dataset_of_payload({"data_source": source}) == vector["dataset"]
    assert dataset_of_payload({"data_source": source, "dataset": "given"}) == "given"


@pytest.mark.parametrize("vector", VECTORS["run_keys"], ids=lambda vector: vector["run_key"])
def test_run_keys_are_those_of_the_dags(vector):
    """The run key that is computed to follow a run is the one that the run has."""
    time = datetime.fromisoformat(vector["time"])
    run_key = make_run_key(vector["dataset"], time, *vector["identity"])
    assert run_key == vector["run_key"]
    assert is_run_key(run_key)
    assert read_time(run_key) == time.replace(microsecond=0)


@pytest.mark.parametrize("text", VECTORS["not_run_keys"])
def test_other_text_is_no_run_key(text):
    """What has another form is never taken for a run key, nor is a path that begins with one."""
    assert not is_run_key(text)


def test_attempts_are_known_by_their_dag_run():
    """An attempt is told from one of another Dag run, whatever its try number is."""
    dag_run_id = "manual__2026-11-22T21:59:54.123456+00:00"
    attempt = "manual__2026-11-22T21-59-54-123456-00-00.12"
    assert is_attempt_of(attempt, dag_run_id)
    assert not is_attempt_of(attempt, "manual__2026-11-22T21:59:55.123456+00:00")
    assert not is_attempt_of("asset_triggered__2026-11-22T21-59-54-123456-00-00.1", dag_run_id)
