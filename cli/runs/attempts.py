"""What was tried of a run, as its records say. Read with the key that Airflow reads runs with."""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli.errors import AirflowUnreachable
from cli.runs.airflow_api import Airflow, DagRun
from cli.runs.store import StackStore
from cli.settings import StackSettings
from cli.show import first_sentence
from pipeline_contract.exit_code import ExitCode
from pipeline_contract.layout import FAILURE, MANIFEST, STARTED, Layout
from pipeline_contract.records import Receipt, RecordInvalid, read_json
from pipeline_contract.stages import FIRST, STAGES
from pipeline_contract.state import State


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt of a stage.

    `name`: empty for a Dag run that began none. `at`: when it began, or, where it was refused at once, when it was. `result`:
    committed, replaced (committed, until a later one was), refused or failed; empty where it left no word. `reason`: why.
    """

    stage: str
    name: str
    ask: str
    at: datetime
    params: Mapping[str, Any]
    result: str
    reason: str

    @property
    def dag_run_id(self) -> str:
        """The Dag run that it is a try of, empty where a command was run by hand."""
        return self.ask.rpartition("/")[0]


def read_attempts(settings: StackSettings, run_key: str) -> list[AttemptRecord]:
    """Return the attempts of a run, stage by stage, each stage's oldest first."""
    store = StackStore(settings, "watch")
    bucket = settings.artifact_bucket
    run = Layout(settings.artifact_prefix).run(run_key)
    found: dict[tuple[str, str], set[str]] = {}
    stages = {run.stage(name): name for name in STAGES}
    for key, _ in store.list(bucket, f"{run.folder}/"):
        attempt, _, file = key.rpartition("/")
        folder, _, name = attempt.rpartition("/")
        if folder in stages and file in {STARTED, FAILURE, MANIFEST}:
            found.setdefault((stages[folder], name), set()).add(file)

    def read(key: str) -> Mapping[str, Any]:
        with contextlib.suppress(RecordInvalid):  # what someone else put there
            return read_json(store.read(bucket, key) or b"")
        return {}

    def read_attempt(entry: tuple[tuple[str, str], set[str]]) -> AttemptRecord | None:
        (stage, name), files = entry
        started = read(run.started(stage, name)) if STARTED in files else {}
        failure = read(run.failure(stage, name)) if FAILURE in files else {}
        try:
            at = datetime.fromisoformat(started.get("started_at") or failure.get("at") or "").astimezone()
        except (ValueError, TypeError):
            return None  # what someone else put there
        counts = committed[stage] == name
        if counts or (MANIFEST in files and not failure):
            result = "committed" if counts else "replaced"
        else:
            is_refused = failure.get("exit") in (ExitCode.DATA, ExitCode.REQUEST)
            result = (State.REFUSED if is_refused else State.FAILED) if failure else ""
        return AttemptRecord(
            stage=stage,
            name=name,
            ask=str(started.get("ask") or failure.get("ask") or ""),
            at=at,
            params=started.get("params") or failure.get("params") or {},
            result=result,
            reason=str(failure.get("what") or "") if result in {State.REFUSED, State.FAILED} else "",
        )

    with ThreadPoolExecutor(8) as threads:
        tried = {stage for stage, _ in found}
        manifests = threads.map(lambda stage: read(run.committed(stage)), tried)
        committed = {stage: manifest.get("attempt") for stage, manifest in zip(tried, manifests, strict=True)}
        attempts = threads.map(read_attempt, found.items())
        return _sort(attempt for attempt in attempts if attempt)


def find_runs(airflow: Airflow, run_key: str, attempts: Sequence[AttemptRecord]) -> list[DagRun] | None:
    """Return Airflow's runs of a run key, oldest first; None where Airflow does not answer.

    Those that carry no partition key, as Airflow's form sends none, are found by what the attempts say of whom they are.
    """
    try:
        runs = airflow.find_runs(run_key)
    except AirflowUnreachable:
        return None
    known = {(run.dag_id, run.dag_run_id) for run in runs}
    for dag_id, dag_run_id in {(attempt.stage, attempt.dag_run_id) for attempt in attempts} - known:
        if dag_run_id:
            try:
                runs.append(airflow.read_run(dag_id, dag_run_id))
            except AirflowUnreachable:
                continue  # deleted in Airflow
    return sorted(runs, key=lambda run: run.run_after)


def add_runs_without_attempt(attempts: Sequence[AttemptRecord], runs: Sequence[DagRun]) -> list[AttemptRecord]:
    """Return the attempts, and in their places the Dag runs that began none: refused at once, with nothing to do, or to come."""
    known = {(attempt.stage, attempt.dag_run_id) for attempt in attempts}
    words = {
        "queued": ("queued", ""),
        "running": ("starting", ""),
        "success": ("no work", "all of it was done already"),
        "failed": (State.FAILED, "it began no attempt; its log in Airflow says why"),
    }
    rest = [run for run in runs if (run.dag_id, run.dag_run_id) not in known and run.state in words]
    return _sort(
        [
            *attempts,
            *(
                AttemptRecord(run.dag_id, "", f"{run.dag_run_id}/0", run.run_after, {}, *words[run.state])
                for run in rest
            ),
        ]
    )


def tell_asker(attempt: AttemptRecord, run: DagRun | None) -> str:
    """Return who asked for an attempt, and with which parameters."""
    dag_run_id, _, clears = attempt.ask.rpartition("/")
    if not dag_run_id:
        asker = "command run by hand"
    elif clears != "0":
        asker = "task cleared"
    elif dag_run_id.startswith("asset_triggered__"):
        asker = "drop" if attempt.stage == FIRST.name else "event"
    else:
        asker = f"trigger by {run.user}" if run and run.user else "trigger"
    return f"{asker}, with {json.dumps(attempt.params, ensure_ascii=False)}" if attempt.params else asker


def tell_result(
    attempt: AttemptRecord, run: DagRun | None, receipt: Receipt, later: Sequence[AttemptRecord]
) -> tuple[str, str]:
    """Return how an attempt ended, and why; `later`: those that came after it."""
    if attempt.result:
        return attempt.result, first_sentence(attempt.reason) if attempt.reason else ""
    summary = receipt.stages.get(attempt.stage)
    if summary and summary.attempt == attempt.name and summary.state != State.RUNNING:
        return State.FAILED, first_sentence(summary.headline)
    is_followed = any(other.stage == attempt.stage and other.ask == attempt.ask for other in later)
    if is_followed or (run and run.is_over):
        return "no word", "it ended without a word"
    if run:
        return State.RUNNING, ""
    return "no word", "it runs, or ended without a word"


def _sort(attempts: Iterable[AttemptRecord]) -> list[AttemptRecord]:
    stages = list(STAGES)
    return sorted(attempts, key=lambda attempt: (stages.index(attempt.stage), attempt.at))
