"""What there is to see of a run: its receipt and Airflow's runs, put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cli.runs.airflow_api import DagRun
from pipeline_contract.attempt_name import is_attempt_of
from pipeline_contract.records import Reason, Receipt
from pipeline_contract.stages import FIRST, LAST, STAGES
from pipeline_contract.state import State


@dataclass(frozen=True)
class FollowedRun:
    """What a person asked for, and wants to see the end of.

    `first`: the stage that it began with. `dag_run`: the Dag run that it started, None for a drop. `is_cascading`: whether
    the later stages follow. `origin`: drop, trigger or rerun.
    """

    run_key: str
    dataset: str
    first: str = FIRST.name
    dag_run: DagRun | None = None
    is_cascading: bool = True
    origin: str = "drop"

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that have work to do."""
        names = tuple(STAGES)
        return names[names.index(self.first) :] if self.is_cascading else (self.first,)


@dataclass(frozen=True)
class Step:
    """One stage. `state`: ahead, queued, starting, running, waiting (it is tried again), done, refused or failed."""

    stage: str
    state: str
    note: str = ""


@dataclass(frozen=True)
class RunStatus:
    """A run as it stands. `end`: published, done (its one stage), refused or failed; None while it goes on."""

    steps: tuple[Step, ...]
    end: str | None
    reason: Reason | None = None

    @property
    def current(self) -> Step | None:
        """The step that is under way, or comes next."""
        return next((step for step in self.steps if step.state != State.DONE), None)


def make_status(followed: FollowedRun, receipt: Receipt | None, runs: Sequence[DagRun] | None) -> RunStatus:
    """Return what there is to see.

    `runs`: Airflow's runs of this run key, read before the receipt was; None when Airflow does not answer.
    """
    ours = receipt if receipt is not None and is_answer(receipt, followed) else None
    newest = choose_runs(followed, runs or ())
    steps = tuple(_see_step(stage, ours, newest.get(stage), knows_runs=runs is not None) for stage in followed.stages)
    end = next((step.state for step in steps if step.state in {State.REFUSED, State.FAILED}), None)
    if ours and ours.stage == "watch" and ours.state == State.FAILED:
        end = State.FAILED
    if end is None and followed.is_cascading and ours and ours.state == LAST.state:
        end = LAST.state
    if end is None and not followed.is_cascading and steps[0].state == State.DONE:
        end = State.DONE
    return RunStatus(steps, end, ours.reason if ours else None)


def is_answer(receipt: Receipt, followed: FollowedRun) -> bool:
    """Return whether the receipt is of what was asked for now, not of what the run did before."""
    if followed.dag_run is None:
        return True
    summary = receipt.stages.get(followed.first)
    return summary is not None and is_attempt_of(summary.attempt, followed.dag_run.dag_run_id)


def choose_runs(followed: FollowedRun, runs: Sequence[DagRun]) -> Mapping[str, DagRun]:
    """Return the newest Dag run of each stage, of those that are not older than what was asked for."""
    since: datetime | None = followed.dag_run.run_after if followed.dag_run else None
    newest = {run.dag_id: run for run in runs if since is None or run.run_after >= since}
    if followed.dag_run is not None:
        own = [run for run in runs if run.dag_run_id == followed.dag_run.dag_run_id]
        newest[followed.first] = own[-1] if own else followed.dag_run
    return newest


def _see_step(stage: str, receipt: Receipt | None, run: DagRun | None, *, knows_runs: bool) -> Step:
    summary = receipt.stages.get(stage) if receipt else None
    if summary is None:
        states = {"queued": "queued", "running": "starting", "success": State.DONE, "failed": State.FAILED}
        return Step(stage, states.get(run.state, "queued") if run else "ahead")
    if summary.state in {State.DONE, State.REFUSED}:
        return Step(stage, summary.state, summary.headline)
    # A crash is tried once more, and what was killed left no word: Airflow knows whether it is over.
    is_over = run.state == "failed" if run else not knows_runs and summary.state == State.FAILED
    if is_over:
        return Step(stage, State.FAILED, summary.headline)
    return Step(stage, State.RUNNING if summary.state == State.RUNNING else State.WAITING, summary.headline)
