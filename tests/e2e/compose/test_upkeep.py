"""What an operator sees of the Compose stack: workers share the work, old logs are kept, a stop and a start lose nothing."""

from __future__ import annotations

import json
import re
import subprocess
import time
from datetime import datetime
from typing import Any

import pytest

from cli.runs.airflow_api import Airflow
from tests.compose_stack import ComposeStack
from tests.e2e.conftest import Wave
from tests.e2e.pipeline import PATIENCE_SECONDS, PENGUINS, SPECIES, TASKS, Pipeline, wait_until

pytestmark = pytest.mark.timeout(3 * PATIENCE_SECONDS)
#: Those that go on, with two Celery workers.
SERVICES = 12
long = pytest.mark.long("kills or stops services of a whole stack, or needs many runs")


def inspect_services(compose: ComposeStack, form: str) -> list[str]:
    """Return a line of this form for each container of the stack."""
    argv = ["docker", "inspect", f"--format={form}", *compose.compose("ps", "--quiet").split()]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()


def list_starts(compose: ComposeStack) -> dict[str, str]:
    """Return when each container of the stack was started."""
    return dict(line.split() for line in inspect_services(compose, "{{.Id}} {{.State.StartedAt}}"))


@long
def test_workers_share_the_work(pipeline: Pipeline, wave: Wave) -> None:
    """Each of two Celery workers took tasks, and each drop was published once all the same."""
    dropped = (*wave.repeated, wave.overwritten[1], wave.odd)
    for one in dropped:
        pipeline.wait(one, "published")
    runs = [run for one in dropped for found in pipeline.runs(pipeline.find(one)).values() for run in found]
    assert len(runs) == len(TASKS) * len(dropped)
    assert len({pipeline.read_task(run, "")["hostname"] for run in runs}) == 2


def test_what_is_well_is_seldom_asked(compose: ComposeStack) -> None:
    """A check of a service that passed the last one waits for twenty seconds first, as each costs CPU; all services have one."""

    def is_well_for_long(health: dict[str, Any]) -> bool:
        last = health["Log"][-1]
        took = datetime.fromisoformat(last["End"]) - datetime.fromisoformat(last["Start"])
        return health["Status"] == "healthy" and took.total_seconds() >= 20

    def are_all_well() -> bool | None:
        told = inspect_services(compose, "{{json .State.Health}}")
        assert len(told) == SERVICES
        return all(is_well_for_long(json.loads(line)) for line in told) or None

    wait_until(are_all_well, "every service to be well for long")


def test_a_tasks_log_is_in_the_store(compose: ComposeStack, pipeline: Pipeline, penguins: str) -> None:
    """The log of a task that ended is read from the store, and its worker keeps none."""
    run = pipeline.runs(penguins)["train"][0]
    log = pipeline.read_log(run)
    assert "is taken: log loss" in log
    bucket = compose.settings["AIRFLOW_LOG_BUCKET"]
    found = pipeline.root.list_objects_v2(Bucket=bucket, Prefix=f"tasks/dag_id=train/run_id={run.dag_run_id}/")
    assert "attempt=1.log" in [entry["Key"].rpartition("/")[2] for entry in found["Contents"]]
    left = compose.compose("exec", "--no-TTY", "airflow-worker", "find", "/opt/airflow/logs", "-name", "attempt=1.log")
    assert f"run_id={run.dag_run_id}" not in left


def test_the_triggerer_can_write_a_log(compose: ComposeStack) -> None:
    """A deferrable task, which an extension may bring, has a place for its log although the root is read-only."""
    code = "import pathlib; path = pathlib.Path('/opt/airflow/logs/written'); path.write_text('x'); path.unlink()"
    compose.compose("exec", "--no-TTY", "airflow-triggerer", "python", "-c", code)


def test_status_names_what_is_missing_and_up_makes_it(compose: ComposeStack) -> None:
    """A service that is stopped, or is not there, is not well, and no other is said to be missing; `up` makes it, and touches no other."""
    before = list_starts(compose)
    compose.compose("stop", "airflow-triggerer")
    try:
        told = compose.run("status").stdout
        assert re.search(r"✗ airflow-triggerer +Exited \(\d+\)", told)
        assert "Start what is down: make up" in told
        compose.compose("rm", "--force", "airflow-triggerer")
        told = compose.run("status").stdout
        assert re.findall(r"✗ (\S+) +not there", told) == ["airflow-triggerer"]
    finally:
        compose.up()
    after = list_starts(compose)
    assert len(before) == len(after) == SERVICES
    assert len(before.items() & after.items()) == SERVICES - 1


def test_a_changed_setting_is_taken_while_it_runs(compose: ComposeStack, pipeline: Pipeline) -> None:
    """What `up` replaces ends its tasks in good order, so that drops are taken up at once; the rest goes on."""
    before = list_starts(compose)
    done = compose.run("up", AIRFLOW_PARALLELISM="31")
    assert done.returncode == 0, done.stderr
    after = list_starts(compose)
    assert len(before.items() & after.items()) == 6  # databases, queue, store, MLflow and the proxies
    assert len(before.keys() - after.keys()) == 6  # those of Airflow, which has two workers
    pipeline.put("changed/_params.json", SPECIES)
    # Sooner than a heartbeat is overdue, which would be half an hour.
    pipeline.find(pipeline.put("changed/x.csv", PENGUINS))


@long
def test_killed_workers_hold_nothing_up(compose: ComposeStack, pipeline: Pipeline) -> None:
    """What Celery workers did when they were killed is tried again within a minute of their start: a stage, and the watch for drops."""
    pipeline.put("held/_params.json", SPECIES | {"hyperparameters": {"seconds": 5}})
    dropped = pipeline.put("held/1.csv", PENGUINS)
    run_key = pipeline.find(dropped)
    wait_until(lambda: compose.find_command(run_key, "train_model"), "the training")
    compose.kill_service("airflow-worker")
    compose.start_service("airflow-worker")
    began = time.monotonic()
    landed = pipeline.put("held/2.csv", PENGUINS)
    pipeline.find(landed)
    run = pipeline.runs(run_key)["train"][0]

    def is_tried_again() -> bool | None:
        task = pipeline.read_task(run, "")
        return (task["try_number"] == 2 and task["state"] in {"running", "success"}) or None

    wait_until(is_tried_again, "the second try")
    # A heartbeat is overdue after five.
    assert time.monotonic() - began < 60
    assert pipeline.wait(dropped, "published").stages["train"].attempt.endswith(".2")
    pipeline.wait(landed, "published")
    assert len(pipeline.list_model_versions("held")) == 2


@long
def test_drops_outlive_a_killed_scheduler(compose: ComposeStack, pipeline: Pipeline) -> None:
    """What was under way and what landed while the scheduler was dead is published, each once, after it is back."""
    pipeline.put("outage/_params.json", SPECIES | {"hyperparameters": {"seconds": 5}})
    under_way = pipeline.put("outage/1.csv", PENGUINS)
    run_key = pipeline.find(under_way)
    wait_until(lambda: compose.find_command(run_key, "train_model"), "the training")
    compose.kill_service("airflow-scheduler")
    # It is its worker's, and goes on to its own end.
    wait_until(lambda: compose.find_command(run_key, "train_model") is None or None, "the command's end")
    landed = pipeline.put("outage/2.csv", PENGUINS)
    compose.start_service("airflow-scheduler")
    with Airflow(pipeline.settings) as airflow:
        wait_until(lambda: airflow.find_obstacles() == [] or None, "Airflow to be well")
    for dropped in (under_way, landed):
        pipeline.wait(dropped, "published")
    assert len(pipeline.list_model_versions("outage")) == 2
    assert [len(pipeline.runs(pipeline.find(landed))[stage]) for stage in TASKS] == [1, 1, 1, 1]


@long
def test_down_and_up_again_keeps_everything(compose: ComposeStack, pipeline: Pipeline, penguins: str) -> None:
    """Runs, models and drops are there after a stop and a start, no container is left in between, and drops are taken up."""
    before = pipeline.list_model_versions("penguins")
    runs = {stage: len(found) for stage, found in pipeline.runs(penguins).items()}
    # Also with settings that could start nothing any more, and when no profile names a server that runs.
    done = compose.run("down", COMPOSE_PROFILES="", REDIS_PASSWORD="", DOCKER_GID="")
    assert done.returncode == 0, done.stderr
    assert "Stopped." in done.stdout
    project = compose.settings["COMPOSE_PROJECT_NAME"]
    left = subprocess.run(
        ["docker", "ps", "--all", "--quiet", f"--filter=label=com.docker.compose.project={project}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert left.stdout == ""
    compose.up()
    assert pipeline.list_model_versions("penguins") == before
    assert {stage: len(found) for stage, found in pipeline.runs(penguins).items()} == runs
    pipeline.put("after/_params.json", SPECIES)
    assert pipeline.wait(pipeline.put("after/x.csv", PENGUINS), "published").state == "published"
