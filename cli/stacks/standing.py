"""What stands still: tasks, by Airflow's database, as its REST API knows no task's last sign of life; and drops that nothing takes."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from cli.errors import ServiceFailed, StoreUnreachable
from cli.runs.airflow_api import DAGS
from cli.runs.store import StackStore
from cli.settings import StackSettings
from cli.show import describe_seconds
from cli.stacks.compose import make_project_argv
from cli.stacks.postgres import PORT, program, socket_folder
from pipeline_contract.drop_key import is_drop_key
from pipeline_contract.escape import escape

#: A task gives a sign of life every few seconds, and waits for its turn as long where nothing else runs.
LONG_SECONDS = 60.0
_WATCH = "watch"
_DATABASE_SECONDS = 15
#: As many objects of the drop bucket are looked at; there are few, as what is claimed leaves it.
_MOST_OBJECTS = 5000
_QUERY = """
SELECT json_build_object('tasks', coalesce(json_agg(task), '[]'), 'unwatched',
  (SELECT extract(epoch FROM now() - max(end_date)) FROM task_instance WHERE dag_id = 'watch')) FROM (
  SELECT t.dag_id, t.task_id, t.state, t.pool, coalesce(r.partition_key, '') AS run_key,
         extract(epoch FROM now() - coalesce(t.last_heartbeat_at, t.start_date)) AS silent,
         extract(epoch FROM now() - coalesce(t.queued_dttm, t.scheduled_dttm)) AS waited
  FROM task_instance t JOIN dag_run r ON r.dag_id = t.dag_id AND r.run_id = t.run_id
  WHERE r.state IN ('running', 'queued') AND t.state IN ('running', 'queued', 'scheduled', 'up_for_retry')
) task
"""


@dataclass(frozen=True)
class Task:
    """A task that runs or is to run. `silent`: seconds since its last sign of life; `waited`: since it could have begun."""

    dag_id: str
    task_id: str
    state: str
    pool: str
    run_key: str
    silent: float | None
    waited: float | None


def find_standing(settings: StackSettings) -> list[str]:
    """Return what stands still, and how long; empty where nothing does, and where the database does not answer."""
    try:
        tasks, unwatched = read_tasks(settings)
    except (OSError, ValueError, ServiceFailed, subprocess.SubprocessError):
        # That it is down is told elsewhere.
        return []
    return [*describe_silent(tasks), *describe_waiting(tasks), *describe_watch(tasks, unwatched)]


def find_left(settings: StackSettings) -> list[str]:
    """Return a line about the files that nothing took out of the drop bucket for long; none where the store does not answer.

    The one look at what a watch is for: a sensor that hangs may give signs of life.
    """
    bucket = settings["ML_PIPELINE_DROP_BUCKET"]
    try:
        # Airflow's own key: who may drop files may not list them.
        listed = list(islice(StackStore(settings, "watch", is_patient=False).list(bucket, ""), _MOST_OBJECTS))
    except StoreUnreachable:
        return []
    return list(describe_left(bucket, listed, datetime.now(UTC)))


def describe_left(bucket: str, listed: Iterable[tuple[str, datetime]], now: datetime) -> Iterator[str]:
    """Say how many of the *listed* objects, with the times of their put, are drops that lie there for long, and name the oldest."""
    latest = now - timedelta(seconds=LONG_SECONDS)
    left = sorted((time, key) for key, time in listed if time < latest and is_drop_key(key))
    if left:
        time, key = left[0]
        one = len(left) == 1
        yield (
            f"{'1 file lies' if one else f'{len(left)} files lie'} in the drop bucket and {'was' if one else 'were'} not taken up"
            f"{'' if one else ', the longest'} for {describe_seconds((now - time).total_seconds())}: "
            f"s3://{bucket}/{escape(key)}. Where nothing above says why: runbooks/drop-not-picked-up.md."
        )


def describe_silent(tasks: list[Task]) -> Iterator[str]:
    """Name the tasks whose process gave no sign of life for long."""
    for task in tasks:
        if task.state == "running" and task.silent is not None and task.silent > LONG_SECONDS:
            follows = ", and no drop is taken up meanwhile" if task.dag_id == _WATCH else ""
            yield (
                f"`{task.task_id}`{_of(task)} gave no sign of life for {describe_seconds(task.silent)}{follows}: its process is gone "
                "or hangs. Airflow gives it up by itself in a while; at once: make down up."
            )


def describe_waiting(tasks: list[Task]) -> Iterator[str]:
    """Say for each pool how many of its tasks wait for a slot for long, and which the longest."""
    by_pool: dict[str, list[Task]] = {}
    for task in tasks:
        if task.state in ("queued", "scheduled") and task.waited is not None and task.waited > LONG_SECONDS:
            by_pool.setdefault(task.pool, []).append(task)
    for pool, waiting in sorted(by_pool.items()):
        longest = max(waiting, key=lambda task: task.waited or 0.0)
        busy = [task for task in tasks if task.state == "running" and task.pool == pool]
        many = "1 task waits" if len(waiting) == 1 else f"{len(waiting)} tasks wait"
        runs = ", ".join(f"`{task.task_id}`{_of(task)}" for task in busy[:3]) or "nothing"
        yield (
            f"{many} for a slot of the pool `{pool}`, the longest `{longest.task_id}`{_of(longest)} for "
            f"{describe_seconds(longest.waited or 0.0)}; in it {'run' if len(busy) > 1 else 'runs'} {runs}."
        )


def describe_watch(tasks: list[Task], unwatched: float) -> Iterator[str]:
    """Say where no task of `watch` looks for drops, or is about to; `unwatched`: seconds since the last one ended."""
    if unwatched > LONG_SECONDS and not any(task.dag_id == _WATCH for task in tasks):
        yield (
            f"Nothing has looked for drops for {describe_seconds(unwatched)}: no task of the Dag `{_WATCH}` runs or waits to run. "
            "Start the scheduler anew: make down up."
        )


def read_tasks(settings: StackSettings) -> tuple[list[Task], float]:
    """Return the tasks of the pipeline's Dags that run or are to run, and the seconds since a task of `watch` ended."""
    options = ["--dbname=airflow", "--tuples-only", "--no-align", f"--command={_QUERY}"]
    if settings.is_compose:
        # Inside its container the server's own user needs no password.
        argv = [*make_project_argv(settings, "exec", "-T", "postgres"), "psql", "--host=/tmp", *options]
        environment = dict(os.environ)
    else:
        where = [f"--host={socket_folder(settings)}", f"--port={PORT}", "--username=airflow"]
        argv = [program(settings, "psql"), *where, *options]
        environment = {"PGPASSWORD": settings["AIRFLOW_POSTGRES_PASSWORD"], "PGCONNECT_TIMEOUT": "5"}
    done = subprocess.run(
        argv, env=environment, capture_output=True, text=True, check=True, timeout=_DATABASE_SECONDS, cwd=settings.root
    )
    told = json.loads(done.stdout)
    return [task for task in (Task(**one) for one in told["tasks"]) if task.dag_id in DAGS], told["unwatched"] or 0.0


def _of(task: Task) -> str:
    return f" of {escape(task.run_key)}" if task.run_key else ""
