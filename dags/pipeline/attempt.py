"""One attempt of a stage: its command is run, its end judged, and said where a person looks. Nothing of Airflow's in it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pipeline.assets import Stage
from pipeline.conf import Ask
from pipeline.ending import Ending, Kind, describe, is_record_of, judge_exit
from pipeline.escape import escape
from pipeline.layout import Layout
from pipeline.receipt import put_failed_receipt, tell_time
from pipeline.retry import RETRIES, StageFailed, decide
from pipeline.run_key import choose_receipt_dataset, dataset_of_request
from pipeline.settings import Settings
from pipeline.store import AlreadyThere, ObjectMissing, Store, StoreError, StoreUnavailable, get_json, put_json


@dataclass(frozen=True)
class Exit:
    """How a command ended.

    :param code: its exit code, negative where a signal ended it.
    :param record: the failure record that it printed on a marked line.
    :param result: the last line of its stdout: the artifact's URI.
    :param last_words: the last lines of its log.
    :param is_stopped: whether Airflow asked for the end.
    :param ending: what the runner makes of the end, where it was not the command's own.
    :param guess: what the runner makes of the end, for a command that left no failure record.
    """

    code: int
    record: Mapping[str, Any] | None = None
    result: str = ""
    last_words: str = ""
    is_stopped: bool = False
    ending: Ending | None = None
    guess: Ending | None = None


@dataclass(frozen=True)
class Committed:
    """What a stage has committed: the manifest, and the URI of what it made."""

    manifest: Mapping[str, Any]
    result: str


#: Where an attempt says what happens: Airflow's logger, or Python's.
Log: TypeAlias = Any
#: Runs `python -m` with these arguments where the runner runs commands, and returns when it has ended.
RunCommand = Callable[[Sequence[str]], Exit]


@dataclass(frozen=True)
class Attempt:
    """One try of *stage* for *ask*.

    :param try_of_ask: 1 for the first try of this ask, counted on over its retries.
    """

    stage: Stage
    ask: Ask
    try_of_ask: int
    settings: Settings
    store: Store
    log: Log
    began: float = field(default_factory=time.monotonic)

    def run(self, run_command: RunCommand) -> Committed:
        """Return what the stage has committed when its command succeeded.

        :raises StageFailed: it did not; the log and the receipt say so, and the exception says what follows.
        """
        try:
            ended = run_command(build_arguments(self.stage, self.ask))
        except OSError as error:
            # No room for its folder, an interpreter that is none, arguments longer than the system takes.
            ended = Exit(126, last_words=str(error))
        ending = self._judge(ended)
        if ending.kind is not Kind.DONE:
            raise self.fail(ending)
        return Committed(self._read_manifest(), ended.result)

    def fail(self, ending: Ending) -> StageFailed:
        """Say how the attempt ended, in the log and, where the command could not, in the receipt."""
        crashes = self._count_crashes() if ending.kind is Kind.CRASH else 0
        decision = decide(ending.kind, try_of_ask=self.try_of_ask, earlier_crashes=crashes)
        record = ending.record
        fix = f"{record.get('fix')} (see {record.get('runbook')})"
        tell(self.log, str(record.get("what")), where=str(record.get("where")), fix=fix, then=decision.reason)
        if not ending.has_record and ending.kind in (Kind.STOPPED, Kind.OUTSIDE):
            self._put_record(ending)
        # A final refusal whose record names no dataset is one that the worker could not keep, nor tell in the receipt.
        is_refused = ending.kind in (Kind.DATA, Kind.REQUEST) and record.get("dataset") is not None
        if not (ending.has_record and (decision.is_retry or is_refused) and self._is_told(record)):
            # Whether what Airflow stopped is tried again depends on who asked for it; if it is, the worker says so.
            is_waiting = decision.is_retry and ending.kind is not Kind.STOPPED
            final = "refused" if ending.kind in (Kind.DATA, Kind.REQUEST) else "failed"
            self._put_receipt(ending, "waiting" if is_waiting else final)
        return StageFailed(ending, decision)

    def fail_timeout(self) -> StageFailed:
        """Say that the stage took too long and was ended."""
        seconds = self.settings.timeouts[self.stage.name].total_seconds()
        name = f"ML_PIPELINE_{self.stage.name.upper()}_TIMEOUT_SECONDS"
        said = describe(
            f"The stage took longer than its {seconds:g} seconds and was ended.",
            where=f"the setting {name}",
            fix=f"Use less data or a cheaper model, or raise {name}; then run the stage again.",
        )
        return self.fail(Ending(Kind.TIMEOUT, None, said, has_record=False))

    @contextmanager
    def restoring_marker(self) -> Iterator[None]:
        """Remove the marker that the command puts, however it ends, where nothing is to follow it.

        One that was there before stays: the run is unfinished for another reason, and the sweep finds it by its marker.
        """
        is_ours = not self.ask.is_cascading and self._has_no_marker()
        try:
            yield
        finally:
            if is_ours:
                self.remove_marker()

    def remove_marker(self) -> None:
        """Remove the marker of an unfinished run."""
        try:
            self.store.delete(self.settings.artifact_bucket, self._layout.marker(self.ask.run_key))
        except StoreError as error:
            self.log.warning("The marker of an unfinished run could not be removed: %s", error)

    def _has_no_marker(self) -> bool:
        try:
            self.store.get(self.settings.artifact_bucket, self._layout.marker(self.ask.run_key))
        except ObjectMissing:
            return True
        except StoreError as error:
            self.log.warning("Whether the run is marked as unfinished is not known: %s", error)
        return False

    @property
    def _layout(self) -> Layout:
        return Layout(self.settings.prefix)

    def _judge(self, ended: Exit) -> Ending:
        if ended.is_stopped:
            said = describe(
                "Airflow stopped this attempt.",
                where="this task",
                fix="Nothing, if you stopped it; else see whether the scheduler was restarted.",
            )
            return Ending(Kind.STOPPED, ended.code, said, has_record=False)
        if ended.ending is not None:
            return ended.ending
        record = self._check_record(ended.record)
        if ended.code != 0 and record is None:
            record = self._check_record(self._read_failure(self.ask.attempt))
        ending = judge_exit(ended.code, record, last_words=ended.last_words)
        return ending if ending.has_record or ended.guess is None else ended.guess

    def _check_record(self, record: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Return a failure record if it is this attempt's."""
        if record is None or is_record_of(record, self.ask.run_key, self.stage.name, self.ask.attempt):
            return record
        self.log.warning(
            "A failure record that is not this attempt's, or has no record's form, is left out of account."
        )
        return None

    def _read_manifest(self) -> Mapping[str, Any]:
        """Return the manifest that the command committed, or found to be committed already."""
        key = self._layout.manifest(self.ask.run_key, self.stage.name)
        where = f"s3://{self.settings.artifact_bucket}/{key}"
        try:
            manifest = get_json(self.store, self.settings.artifact_bucket, key)
        except StoreError as error:
            kind = Kind.OUTSIDE if isinstance(error, StoreUnavailable) else Kind.CRASH
            fix = "See whether the store is up, and whether Airflow's key may read there."
            said = describe(str(error), where=where, fix=fix, runbook="runbooks/storage-unreachable.md")
        else:
            if manifest is not None:
                return manifest
            kind = Kind.CRASH
            fix = "See whether the worker has the same bucket and prefix in its settings."
            said = describe("The command succeeded, but there is no manifest.", where=where, fix=fix)
        raise self.fail(Ending(kind, 0, said, has_record=False))

    def _read_failure(self, attempt: str) -> dict[str, Any] | None:
        key = self._layout.failure(self.ask.run_key, self.stage.name, attempt)
        try:
            return get_json(self.store, self.settings.artifact_bucket, key)
        except StoreError as error:
            self.log.warning("Whether attempt %s left a failure record is not known: %s", attempt, error)
            return None

    def _count_crashes(self) -> int:
        """Return how many earlier tries of this ask crashed: those that left no failure record of another kind."""
        stem, _, number = self.ask.attempt.rpartition(".")
        first = int(number) - min(self.try_of_ask, RETRIES + 1) + 1
        records = [self._read_failure(f"{stem}.{earlier}") for earlier in range(first, int(number))]
        return sum(record is None or record.get("exit") not in {1, 2, 75} for record in records)

    def _put_record(self, ending: Ending) -> None:
        """Keep a failure record of what Airflow stopped, or of an engine that is down: nobody could tell it from a crash."""
        key = self._layout.failure(self.ask.run_key, self.stage.name, self.ask.attempt)
        record = {
            "run_key": self.ask.run_key,
            "dataset": None,
            "stage": self.stage.name,
            "attempt": self.ask.attempt,
            "ask": self.ask.text,
            "exit": 75,
            "error": ending.kind.name.title(),
            **ending.record,
            "at": tell_time(),
        }
        try:
            put_json(self.store, self.settings.artifact_bucket, key, record, if_none_match=True)
        except AlreadyThere:
            self.log.info("The command had left a failure record before it was stopped.")
        except StoreError as error:
            self.log.warning("How this attempt ended could not be recorded: %s", error)

    def _is_told(self, record: Mapping[str, Any]) -> bool:
        """Return whether the receipt tells how this attempt ended; after a lost race it tells of the attempt that won."""
        if record.get("error") == "CommitLost":
            return True
        try:
            key = self._layout.receipt(self._choose_dataset(), self.ask.run_key)
            receipt = get_json(self.store, self.settings.artifact_bucket, key) or {}
        except StoreError as error:
            self.log.warning("Whether the receipt tells of this attempt is not known: %s", error)
            return False
        told = (receipt.get("stages") or {}).get(self.stage.name) or {}
        return told.get("attempt") == self.ask.attempt and told.get("state") in ("refused", "waiting", "failed")

    def _choose_dataset(self) -> str:
        """Return the dataset whose folder has the receipt."""
        drop = get_json(self.store, self.settings.artifact_bucket, self._layout.drop(self.ask.run_key))
        given = self.ask.values.get("dataset")
        guess = given if isinstance(given, str) else dataset_of_request(None, self.ask.values.get("data_source"))
        return choose_receipt_dataset(str((drop or {}).get("dataset") or guess), self.ask.run_key)

    def _put_receipt(self, ending: Ending, state: str) -> None:
        ask = self.ask
        reason = {name: ending.record.get(name) for name in ("what", "where", "fix", "runbook", "details")}
        try:
            put_failed_receipt(
                self.store,
                self.settings,
                run_key=ask.run_key,
                dataset=self._choose_dataset(),
                stage=self.stage.name,
                attempt=ask.attempt,
                seconds=time.monotonic() - self.began,
                state=state,
                reason=reason,
            )
        except StoreError as error:
            self.log.warning("The receipt could not be written: %s", error)


def tell(log: Log, what: str, *, where: str, fix: str, then: str) -> None:
    """Say at the end of a task's log what a person needs at a glance."""
    log.error("What happened: %s", escape(what))
    log.error("Where: %s", escape(where))
    log.error("What to do: %s", escape(fix))
    log.error("Next: %s.", then)


def build_arguments(stage: Stage, ask: Ask) -> list[str]:
    """Return what a command is told: all that Airflow knows. Everything else it reads from the store."""
    arguments = ["-m", f"pipeline_worker.cli.{stage.command}"]
    # A value of its own word that begins with `-`, as a Dag run's id may, would be taken for an option.
    arguments += [f"--run={ask.run_key}", f"--attempt={ask.attempt}", f"--ask={ask.text}"]
    if ask.is_again:
        arguments.append("--again")
    if ask.values:
        arguments.append(f"--params={json.dumps(ask.values, ensure_ascii=False)}")
    return arguments
