"""The Dag files: each parses, is accounted for, and says the same in few words."""

from __future__ import annotations

import ast
import json
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import PartitionedAssetTimetable

from pipeline import assets
from pipeline.runners.process_operator import ProcessOperator
from pipeline.stage.retry import RETRIES, WATCH_RETRIES, StageRetryPolicy, WatchRetryPolicy
from pipeline_contract.drop_key import DROP_PATTERN

DAGS = Path(__file__).parents[2] / "dags"
FILES = sorted(DAGS.glob("*.py"))
STAGES = {
    "ingest": ("ingest_data", assets.DROPPED, assets.OUTLETS["ingest"]),
    "validate": ("validate_data", assets.OUTLETS["ingest"], assets.OUTLETS["validate"]),
    "train": ("train_model", assets.OUTLETS["validate"], assets.OUTLETS["train"]),
    "publish": ("save_results", assets.OUTLETS["train"], assets.OUTLETS["publish"]),
}

#: At each save the Dags of one process are enough; a fault of parsing is seen there too.
second_process = pytest.mark.slow("imports Airflow in a second process")


# Airflow's own reader of .airflowignore uses a name that pathspec has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")


@pytest.fixture(scope="session")
def dags():
    """Give all Dags, as the Dag processor finds them."""
    bag = DagBag(DAGS)
    assert bag.import_errors == {}
    return bag.dags


def test_every_file_is_accounted_for(dags):
    """There are these Dags and no others, and what the Dag files share is not searched for Dags."""
    assert [path.stem for path in FILES] == ["ingest", "publish", "train", "validate", "watch"]
    assert sorted(dags) == [path.stem for path in FILES]
    assert {Path(dag.fileloc).name for dag in dags.values()} == {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_function_and_dag_share_a_name(path, dags):
    """A file holds one function of its name, which makes the Dag of that name; its docstring is what people read."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == [path.stem]
    assert dags[path.stem].doc_md.strip() == ast.get_docstring(tree).strip()
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


@second_process
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_parses_without_a_warning(path, interpreter):
    """A fresh interpreter in which every warning is an error imports the file."""
    # What these modules of Airflow's warn of while they are imported themselves is theirs.
    theirs = "airflow.providers.standard.operators.python, airflow.providers.amazon.aws.sensors.s3"
    done = interpreter.run(f"import warnings, {theirs}; warnings.simplefilter('error'); import {path.stem}")
    assert done.returncode == 0, done.output


@second_process
@pytest.mark.parametrize("name", ["ingest", "validate", "train", "publish"])
def test_stage_is_light(name, interpreter):
    """A stage's file imports no sensor, provider, watch's part or other runner: a task's start waits for each import.

    The handler of `s3://` URIs is Airflow's own choice; it is imported before a task is forked.
    """
    done = interpreter.run(f"import sys, {name}; print(*sys.modules)")
    assert done.returncode == 0, done.output
    loaded = set(done.output.split())
    assert {"pipeline.stage.task", "pipeline.runners.process_operator"} <= loaded
    heavy = {"airflow.providers.amazon.aws.sensors.s3", "airflow.providers.docker.operators.docker", "docker", "pandas"}
    assert loaded.isdisjoint(
        {"pipeline.watch.drop_sensor", "pipeline.watch.claim", "pipeline.runners.docker_operator", *heavy}
    )


def test_provider_is_imported_in_one_place():
    """Only the sensor's and the docker runner's modules name a provider, and only the store's, inside functions, boto3."""
    found = {"airflow.providers.amazon": set(), "airflow.providers.docker": set(), "boto3": set()}
    for path in [*FILES, *(DAGS / "pipeline").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for prefix, where in found.items():
                where.update((path.stem, node.col_offset > 0) for name in names if name.startswith(prefix))
    assert found == {
        "airflow.providers.amazon": {("drop_sensor", False)},
        "airflow.providers.docker": {("docker_operator", False)},
        "boto3": {("store", True)},
    }


@pytest.mark.parametrize("name", STAGES)
def test_stage(name, dags):
    """A stage Dag waits for one state by partition, and has one task that reaches the next, within bounds."""
    dag = dags[name]
    task_id, before, after = STAGES[name]
    assert isinstance(dag.timetable, PartitionedAssetTimetable)
    assert dag.timetable.asset_condition == before
    (task,) = dag.tasks
    assert isinstance(task, ProcessOperator)
    assert (task.task_id, task.stage, task.outlets) == (task_id, name, [after])
    assert (task.pool, dag.max_active_runs) == ("stages", 64)
    assert task.execution_timeout == timedelta(seconds=14400 if name == "train" else 3600)
    assert (task.retries, type(task.retry_policy)) == (RETRIES, StageRetryPolicy)
    assert set(dag.params) >= {"run_key", "overrides", "again", "cascade"}
    assert ("data_source" in dag.params) == (name == "ingest")


#: Prints what the Dags make of the settings.
_READ_BOUNDS = """
import importlib, json
found = {}
for name in ("ingest", "validate", "train", "publish", "watch"):
    dag = getattr(importlib.import_module(name), name)()
    task = dag.tasks[0]
    found[name] = (
        [task.bucket_name, task.poke_interval, dag.tasks[1].outlets[0].uri]
        if name == "watch"
        else [dag.max_active_runs, task.pool, task.execution_timeout.total_seconds(), task.outlets[0].uri]
    )
print("FOUND " + json.dumps(found))
"""


@second_process
def test_bounds_are_settings(interpreter):
    """Pool, runs at once, the time of each stage, how often is looked, and where things are: Dags follow the settings."""
    done = interpreter.run(
        _READ_BOUNDS,
        {
            "ML_PIPELINE_POOL": "few",
            "ML_PIPELINE_MAX_ACTIVE_RUNS": "7",
            "ML_PIPELINE_INGEST_TIMEOUT_SECONDS": "11",
            "ML_PIPELINE_VALIDATE_TIMEOUT_SECONDS": "12",
            "ML_PIPELINE_TRAIN_TIMEOUT_SECONDS": "13",
            "ML_PIPELINE_PUBLISH_TIMEOUT_SECONDS": "14",
            "ML_PIPELINE_POKE_SECONDS": "2.5",
            "ML_PIPELINE_DROP_BUCKET": "in",
            "ML_PIPELINE_ARTIFACT_BUCKET": "out",
            "ML_PIPELINE_ARTIFACT_PREFIX": "mine",
        },
    )
    assert done.returncode == 0, done.output
    assert json.loads(done.output.rpartition("FOUND ")[2]) == {
        "ingest": [7, "few", 11, "s3://out/mine/ingested"],
        "validate": [7, "few", 12, "s3://out/mine/validated"],
        "train": [7, "few", 13, "s3://out/mine/trained"],
        "publish": [7, "few", 14, "s3://out/mine/published"],
        "watch": ["in", 2.5, "s3://out/mine/dropped"],
    }


def test_later_stages_come_first(dags):
    """Where slots are few, what was begun is finished before anything new begins."""
    weights = [dags[name].tasks[0].priority_weight for name in STAGES]
    assert weights == sorted(weights)


def test_assets_are_one_chain():
    """Every state has a URI of its own below the artifact prefix, and one consumer."""
    states = [assets.DROPPED, *assets.OUTLETS.values()]
    assert [state.name for state in states] == ["dropped", "ingested", "validated", "trained", "published"]
    assert [state.uri for state in states] == [f"s3://artifacts/ml-pipeline-runs/{state.name}" for state in states]


def test_watch(dags):
    """The watch runs one cycle after the other: wait, claim, clear; an idle one ends after a day without a red run."""
    dag = dags["watch"]
    assert (dag.timetable.__class__.__name__, dag.max_active_runs) == ("ContinuousTimetable", 1)
    assert dag.start_date is not None, "without it Airflow gives the first two cycles one date and stops"
    wait, claim, clear = dag.topological_sort()
    assert [wait.task_id, claim.task_id, clear.task_id] == ["wait_for_drop", "claim_drops", "clear_claimed"]
    assert (wait.downstream_task_ids, claim.downstream_task_ids) == ({"claim_drops"}, {"clear_claimed"})
    assert (wait.bucket_key, wait.use_regex, wait.bucket_name) == (DROP_PATTERN, True, "drops")
    assert (wait.timeout, wait.soft_fail, wait.deferrable, wait.execution_timeout) == (86400, True, False, None)
    assert claim.outlets == [assets.DROPPED]
    for task in dag.tasks:
        assert (task.retries, type(task.retry_policy)) == (WATCH_RETRIES, WatchRetryPolicy)


def test_every_dag_starts_by_itself(dags):
    """No Dag has to be switched on, none pauses itself, and each says whose it is."""
    for dag in dags.values():
        assert dag.is_paused_upon_creation is False
        assert dag.max_consecutive_failed_dag_runs == 0
        assert dag.catchup is False
        assert "pipeline" in dag.tags
        assert {task.owner for task in dag.tasks} == {"pipeline"}


def import_train(interpreter, runner, then=""):
    """Import the Dag file of `train` with this runner, in a process without anything else of ours."""
    environment = {"ML_PIPELINE_RUNNER": runner, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    return interpreter.run(f"import train; {then}", environment)


@second_process
def test_runner_that_is_not_there(interpreter):
    """An unknown runner is refused with a clear message where a person sees it: as the Dag's import error."""
    done = import_train(interpreter, "podman")
    assert done.returncode == 1
    assert "ML_PIPELINE_RUNNER is `podman`: set it to one of process, docker" in done.output


@second_process
def test_docker_runner(interpreter):
    """The docker runner is one setting away, and a Dag file that uses it parses where there is no engine."""
    code = "from pipeline.stage.task import make_stage_task; print(type(make_stage_task('train')))"
    done = import_train(interpreter, "docker", code)
    assert done.output.strip() == "<class 'pipeline.runners.docker_operator.PipelineDockerOperator'>"
