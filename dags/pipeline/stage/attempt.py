"""One attempt of a stage: its command is run, its end judged, and said where a person looks. Nothing of Airflow's in it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from pipeline.settings import DagSettings
from pipeline.stage.conf import Conf
from pipeline.stage.retry import RETRIES, StageFailed, decide
from pipeline.stage.verdict import Kind, Verdict, judge_exit
from pipeline.store import AirflowStore, get_drop, get_json
from pipeline_contract import identity
from pipeline_contract.attempt_name import split_attempt
from pipeline_contract.drop_key import choose_receipt_dataset, dataset_of_request
from pipeline_contract.escape import escape
from pipeline_contract.exit_code import NEED_RECORD, NOT_EXECUTABLE, ExitCode
from pipeline_contract.layout import RunLayout
from pipeline_contract.records import Failure, Reason, Receipt, RecordInvalid, StageSummary, read_json
from pipeline_contract.s3 import ObjectMissing, PreconditionFailed, StoreError
from pipeline_contract.stages import Stage
from pipeline_contract.state import State
from pipeline_contract.times import write_time


@dataclass(frozen=True)
class CommandExit:
    """How a command ended.

    :param code: its exit code, negative where a signal ended it.
    :param record: the failure record that it printed on a marked line.
    :param result: the last line of its stdout: the artifact's URI.
    :param last_words: the last lines of its log.
    :param is_stopped: whether Airflow asked for the end.
    :param verdict: what the runner makes of the end, where it was not the command's own.
    :param guess: what the runner makes of the end, for a command that left no failure record.
    """

    code: int
    record: Failure | None = None
    result: str = ""
    last_words: str = ""
    is_stopped: bool = False
    verdict: Verdict | None = None
    guess: Verdict | None = None


@dataclass(frozen=True)
class CommittedStage:
    """What a stage has committed: the manifest, and the URI of what it made."""

    manifest: Mapping[str, Any]
    result: str


#: Where an attempt says what happens: Airflow's logger, or Python's.
Log: TypeAlias = Any
#: Runs `python -m` with these arguments where the runner runs commands, and returns when it has ended.
RunCommand = Callable[[Sequence[str]], CommandExit]


@dataclass(frozen=True)
class StageAttempt:
    """One try of *stage*, for what the Dag run's *conf* asks.

    :param try_of_ask: 1 for the first try of this ask, counted on over its retries.
    """

    stage: Stage
    conf: Conf
    try_of_ask: int
    settings: DagSettings
    store: AirflowStore
    log: Log
    began: float = field(default_factory=time.monotonic)

    def run(self, run_command: RunCommand) -> CommittedStage:
        """Return what the stage has committed when its command succeeded.

        :raises StageFailed: it did not; the log and the receipt say so, and the exception says what follows.
        """
        try:
            ended = run_command(build_arguments(self.stage, self.conf))
        except OSError as error:
            # No room for its folder, an interpreter that is none, arguments longer than the system takes.
            ended = CommandExit(NOT_EXECUTABLE, last_words=str(error))
        verdict = self._judge(ended)
        if verdict.kind is not Kind.DONE:
            raise self.fail(verdict)
        return CommittedStage(self._read_manifest(), ended.result)

    def fail(self, verdict: Verdict) -> StageFailed:
        """Say how the attempt ended, in the log and, where the command could not, in the receipt."""
        crashes = self._count_crashes() if verdict.kind is Kind.CRASH else 0
        decision = decide(verdict.kind, try_of_ask=self.try_of_ask, earlier_crashes=crashes)
        reason, record = verdict.reason, verdict.record
        fix = f"{reason.fix} (see {reason.runbook})"
        tell(self.log, reason.what, where=reason.where, fix=fix, then=decision.reason)
        if record is None and verdict.kind in (Kind.STOPPED, Kind.OUTSIDE):
            self._put_record(verdict)
        # A final refusal whose record names no dataset is one that the worker could not keep, nor tell in the receipt.
        is_refused = verdict.kind in (Kind.DATA, Kind.REQUEST)
        is_kept = is_refused and record is not None and record.dataset is not None
        if record is None or not (decision.is_retry or is_kept) or not self._is_told(record):
            # Whether what Airflow stopped is tried again depends on who asked for it; if it is, the worker says so.
            is_waiting = decision.is_retry and verdict.kind is not Kind.STOPPED
            final = State.REFUSED if is_refused else State.FAILED
            self._put_receipt(reason, State.WAITING if is_waiting else final)
        return StageFailed(verdict, decision)

    def fail_timeout(self) -> StageFailed:
        """Say that the stage took too long and was ended."""
        seconds = self.settings.timeouts[self.stage.name].total_seconds()
        name = self.stage.timeout_setting
        reason = Reason(
            f"The stage took longer than its {seconds:g} seconds and was ended.",
            where=f"the setting {name}",
            fix=f"Use less data or a cheaper model, or raise {name}; then run the stage again.",
        )
        return self.fail(Verdict(Kind.TIMEOUT, None, reason))

    @contextmanager
    def restoring_marker(self) -> Iterator[None]:
        """Remove the marker that the command puts, however it ends, where nothing is to follow it.

        One that was there before stays: the run is unfinished for another reason, and the sweep finds it by its marker.
        """
        is_ours = not self.conf.is_cascading and self._has_no_marker()
        try:
            yield
        finally:
            if is_ours:
                self.remove_marker()

    def remove_marker(self) -> None:
        """Remove the marker of an unfinished run."""
        try:
            self.store.delete(self.settings.artifact_bucket, self._layout.marker)
        except StoreError as error:
            self.log.warning("The marker of an unfinished run could not be removed: %s", error)

    def _has_no_marker(self) -> bool:
        try:
            self.store.get(self.settings.artifact_bucket, self._layout.marker)
        except ObjectMissing:
            return True
        except StoreError as error:
            self.log.warning("Whether the run is marked as unfinished is not known: %s", error)
        return False

    @property
    def _layout(self) -> RunLayout:
        return self.settings.layout.run(self.conf.run_key)

    def _judge(self, ended: CommandExit) -> Verdict:
        if ended.is_stopped:
            reason = Reason(
                "Airflow stopped this attempt.",
                where="this task",
                fix="Nothing, if you stopped it; else see whether the scheduler was restarted.",
            )
            return Verdict(Kind.STOPPED, ended.code, reason)
        if ended.verdict is not None:
            return ended.verdict
        record = self._check_record(ended.record, self.conf.attempt)
        if ended.code != ExitCode.DONE and record is None:
            record = self._read_failure(self.conf.attempt)
        verdict = judge_exit(ended.code, record, last_words=ended.last_words)
        return ended.guess if verdict.record is None and ended.guess is not None else verdict

    def _check_record(self, record: Failure | None, attempt: str) -> Failure | None:
        """Return a failure record if it is that of *attempt*."""
        if record is None or record.is_of(self.conf.run_key, self.stage.name, attempt):
            return record
        self.log.warning("A failure record that is not this attempt's is left out of account.")
        return None

    def _read_manifest(self) -> Mapping[str, Any]:
        """Return the manifest that the command committed, or found to be committed already."""
        key = self._layout.committed(self.stage.name)
        where = f"s3://{self.settings.artifact_bucket}/{key}"
        try:
            manifest = get_json(self.store, self.settings.artifact_bucket, key)
        except StoreError as error:
            kind = Kind.OUTSIDE
            fix = "See whether the store is up, and whether Airflow's key may read there."
            reason = Reason(str(error), where, fix, "runbooks/storage-unreachable.md")
        else:
            if manifest is not None:
                return manifest
            kind = Kind.CRASH
            fix = "See whether the worker has the same bucket and prefix in its settings."
            reason = Reason("The command succeeded, but there is no manifest.", where, fix)
        raise self.fail(Verdict(kind, ExitCode.DONE, reason))

    def _read_failure(self, attempt: str) -> Failure | None:
        """Return the failure record that *attempt* left; whatever ran in the worker's process may have put anything there."""
        key = self._layout.failure(self.stage.name, attempt)
        try:
            record = Failure.read(read_json(self.store.get(self.settings.artifact_bucket, key)))
        except ObjectMissing:
            return None
        except RecordInvalid as error:
            self.log.warning("What attempt %s left as its failure record is left out of account: %s", attempt, error)
            return None
        except StoreError as error:
            self.log.warning("Whether attempt %s left a failure record is not known: %s", attempt, error)
            return None
        return self._check_record(record, attempt)

    def _count_crashes(self) -> int:
        """Return how many earlier tries of this ask crashed: those that left no failure record of another kind."""
        stem, number = split_attempt(self.conf.attempt)
        first = int(number) - min(self.try_of_ask, RETRIES + 1) + 1
        records = [self._read_failure(f"{stem}.{earlier}") for earlier in range(first, int(number))]
        return sum(record is None or record.exit not in NEED_RECORD for record in records)

    def _put_record(self, verdict: Verdict) -> None:
        """Keep a failure record of what Airflow stopped, or of an engine that is down: nobody could tell it from a crash."""
        key = self._layout.failure(self.stage.name, self.conf.attempt)
        record = Failure(
            run_key=self.conf.run_key,
            dataset=None,
            stage=self.stage.name,
            attempt=self.conf.attempt,
            ask=self.conf.ask,
            exit=ExitCode.OUTSIDE,
            error=verdict.kind.name.title(),
            **vars(verdict.reason),
        )
        try:
            self.store.put(self.settings.artifact_bucket, key, record.write(), if_none_match=True)
        except PreconditionFailed:
            self.log.info("The command had left a failure record before it was stopped.")
        except StoreError as error:
            self.log.warning("How this attempt ended could not be recorded: %s", error)

    def _is_told(self, record: Failure) -> bool:
        """Return whether the receipt tells how this attempt ended; after a lost race it tells of the attempt that won."""
        if record.error == "CommitLost":
            return True
        try:
            receipt = self._read_receipt(self._choose_dataset())
        except StoreError as error:
            self.log.warning("Whether the receipt tells of this attempt is not known: %s", error)
            return False
        told = receipt.stages.get(self.stage.name) if receipt else None
        if told is None or told.attempt != self.conf.attempt:
            return False
        return told.state in (State.REFUSED, State.WAITING, State.FAILED)

    def _read_receipt(self, dataset: str) -> Receipt | None:
        try:
            return Receipt.read(self.store.get(self.settings.artifact_bucket, self._layout.receipt(dataset)))
        except (ObjectMissing, RecordInvalid):
            return None

    def _choose_dataset(self) -> str:
        """Return the dataset whose folder has the receipt."""
        try:
            drop = get_drop(self.store, self.settings, self.conf.run_key)
        except RecordInvalid as error:
            self.log.warning("What the run began with cannot be read: %s", error)
            drop = None
        given = self.conf.values.get("dataset")
        guess = given if isinstance(given, str) else dataset_of_request(None, self.conf.values.get("data_source"))
        return choose_receipt_dataset(drop.dataset if drop else guess, self.conf.run_key)

    def _put_receipt(self, reason: Reason, state: State) -> None:
        """Write into the receipt that this attempt ended, and why; what else it says stays."""
        conf, stage = self.conf, self.stage.name
        seconds = round(time.monotonic() - self.began, 3)
        summary = StageSummary(state, conf.attempt, write_time(), seconds, reason.what)
        try:
            dataset = self._choose_dataset()
            before = self._read_receipt(dataset) or Receipt(conf.run_key, dataset, file="", state=state)
            receipt = replace(
                before,
                run_key=conf.run_key,
                dataset=dataset,
                state=state,
                stage=stage,
                reason=reason,
                stages={**before.stages, stage: summary},
                updated_at=write_time(),
            )
            self.store.put(self.settings.artifact_bucket, self._layout.receipt(dataset), receipt.write())
        except StoreError as error:
            self.log.warning("The receipt could not be written: %s", error)


def tell(log: Log, what: str, *, where: str, fix: str, then: str) -> None:
    """Say at the end of a task's log what a person needs at a glance."""
    log.error("What happened: %s", escape(what))
    log.error("Where: %s", escape(where))
    log.error("What to do: %s", escape(fix))
    log.error("Next: %s.", then)


def build_arguments(stage: Stage, conf: Conf) -> list[str]:
    """Return what a command is told: all that Airflow knows. Everything else it reads from the store."""
    arguments = ["-m", f"pipeline_worker.cli.{stage.command}"]
    # A value of its own word that begins with `-`, as a Dag run's id may, would be taken for an option.
    arguments += [f"--run={conf.run_key}", f"--attempt={conf.attempt}", f"--ask={conf.ask}"]
    if conf.is_again:
        arguments.append("--again")
    if conf.values:
        arguments.append(f"--params={json.dumps(conf.values, ensure_ascii=False)}")
    return arguments


def make_environment(settings: DagSettings) -> dict[str, str]:
    """Return what a command is told beside its arguments; the key to the store is in it."""
    return {
        **settings.worker_values,
        # The operator holds the other end of stdin: when it is killed, the command ends by itself.
        "PIPELINE_EXIT_WITH_STDIN": "1",
        identity.VARIABLE: identity.read_identity(),
    }
