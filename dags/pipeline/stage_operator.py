"""A stage's task: what is the same wherever its command runs."""

from __future__ import annotations

import abc
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowTaskTimeout

from pipeline.assets import STAGES, Stage
from pipeline.conf import Ask, read_ask
from pipeline.ending import Ending, Kind, describe, judge_exit
from pipeline.layout import Layout
from pipeline.links import LINKS, choose_urls
from pipeline.receipt import put_failed_receipt
from pipeline.retry import RETRIES, StageFailed, count_tries, decide
from pipeline.run_key import dataset_of_request
from pipeline.settings import Settings, get_settings
from pipeline.store import Store, StoreError, StoreUnavailable, get_json


@dataclass(frozen=True)
class Exit:
    """How a command ended.

    :param code: its exit code, negative where a signal ended it.
    :param record: the failure record that it printed on a marked line.
    :param result: the last line of its stdout: the artifact's URI.
    :param last_words: the last lines of its log.
    """

    code: int
    record: Mapping[str, Any] | None
    result: str
    last_words: str


class StageOperator(BaseOperator):
    """Runs the command of one stage for one run, judges its end, and announces what it committed."""

    operator_extra_links = LINKS
    ui_color = "#e8f1ea"

    def __init__(self, *, stage: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        #: For the links: Airflow asks this object for them when the work is done.
        self.link_urls: dict[str, str] = {}
        self.is_stopped = False

    @abc.abstractmethod
    def run_command(self, arguments: Sequence[str], settings: Settings) -> Exit:
        """Run `python -m` with *arguments* where this runner runs commands, its log streamed into the task's."""

    def execute(self, context: Context) -> str:
        """Return the URI of what the stage made.

        :raises ConfRefused: the Dag run asks for what cannot be.
        :raises StageFailed: the attempt ended without its result.
        """
        settings = get_settings()
        stage = STAGES[self.stage]
        ask = _read_ask(self.stage, context)
        ti = context["ti"]
        ti.xcom_push("run_key", ask.run_key)
        self.log.info("Run %s, attempt %s%s.", ask.run_key, ask.attempt, " (again)" if ask.is_again else "")
        if not ask.is_cascading:
            # Whatever is still in it when the task succeeds gets an event, even one that nobody added.
            self.outlets = []
        began = time.monotonic()
        store = Store(settings)
        try:
            ended = self.run_command(build_arguments(stage, ask), settings)
            ending = self._judge(store, settings, ask, ended)
        except AirflowTaskTimeout:
            ending = Ending(Kind.TIMEOUT, None, _describe_timeout(self.stage, settings), has_record=False)
            self._fail(store, settings, ask, ending, context, began)
            raise
        if ending.kind is not Kind.DONE:
            raise StageFailed(ending, self._fail(store, settings, ask, ending, context, began))
        manifest = self._read_manifest(store, settings, ask, context, began)
        ti.xcom_push("dataset", manifest.get("dataset"))
        ti.xcom_push("manifest", manifest.get("uri"))
        self.link_urls = choose_urls(manifest.get("facts") or {})
        if ask.is_cascading:
            event = context["outlet_events"][stage.outlet]
            # A run without a partition key has to add its own; where the run has one this is the same key, and one event.
            event.add_partitions(ask.run_key)
            event.extra = {"manifest": manifest.get("uri")}
        else:
            store.delete(settings.artifact_bucket, Layout(settings.prefix).marker(ask.run_key))
        return ended.result

    def _judge(self, store: Store, settings: Settings, ask: Ask, ended: Exit) -> Ending:
        if self.is_stopped:
            said = describe(
                "Airflow stopped this attempt.",
                where="this task",
                fix="If you stopped it, nothing; else see whether the scheduler was restarted.",
            )
            return Ending(Kind.STOPPED, ended.code, said, has_record=False)
        record = ended.record
        if ended.code != 0 and record is None:
            key = Layout(settings.prefix).failure(ask.run_key, self.stage, ask.attempt)
            try:
                record = get_json(store, settings.artifact_bucket, key)
            except StoreError as error:
                self.log.warning("Whether the command left a failure record is not known: %s", error)
        return judge_exit(ended.code, record, last_words=ended.last_words)

    def _read_manifest(
        self, store: Store, settings: Settings, ask: Ask, context: Context, began: float
    ) -> Mapping[str, Any]:
        """Return the manifest that the command committed, or found to be committed already."""
        key = Layout(settings.prefix).manifest(ask.run_key, self.stage)
        where = f"s3://{settings.artifact_bucket}/{key}"
        try:
            manifest = get_json(store, settings.artifact_bucket, key)
        except StoreError as error:
            kind = Kind.OUTSIDE if isinstance(error, StoreUnavailable) else Kind.CRASH
            said = describe(str(error), where=where, fix="See whether the store is up and Airflow's key may read there.")
        else:
            if manifest is not None:
                return manifest
            kind = Kind.CRASH
            said = describe("The command succeeded, but left no manifest.", where=where, fix="Check the worker's settings.")
        ending = Ending(kind, 0, said, has_record=False)
        raise StageFailed(ending, self._fail(store, settings, ask, ending, context, began))

    def _fail(
        self, store: Store, settings: Settings, ask: Ask, ending: Ending, context: Context, began: float
    ) -> Any:
        """Say how the attempt ended, in the log and, where the command could not, in the receipt; return the decision."""
        ti = context["ti"]
        tries = count_tries(ti.try_number, ti.max_tries)
        crashes = 0
        if ending.kind is Kind.CRASH:
            crashes = self._count_crashes(store, settings, ask, tries)
        decision = decide(ending.kind, try_of_ask=tries, earlier_crashes=crashes)
        self.log.error("What happened:  %s", ending.record.get("what"))
        self.log.error("Where:          %s", ending.record.get("where"))
        self.log.error("What to do:     %s", ending.record.get("fix"))
        self.log.error("Next:           %s", decision.reason)
        if ending.has_record and (decision.is_retry or ending.kind in (Kind.DATA, Kind.REQUEST)):
            return decision
        reason = {name: ending.record.get(name) for name in ("what", "where", "fix", "runbook", "details")}
        try:
            dataset = self._find_dataset(store, settings, ask)
            put_failed_receipt(
                store,
                settings,
                run_key=ask.run_key,
                dataset=dataset,
                stage=self.stage,
                attempt=ask.attempt,
                seconds=time.monotonic() - began,
                will_retry=decision.is_retry,
                reason=reason,
            )
        except StoreError as error:
            self.log.warning("The receipt could not be written: %s", error)
        return decision

    def _count_crashes(self, store: Store, settings: Settings, ask: Ask, tries: int) -> int:
        """Return how many earlier tries of this ask crashed: those that left no failure record of another kind."""
        stem, _, number = ask.attempt.rpartition(".")
        crashes = 0
        for earlier in range(int(number) - min(tries, RETRIES + 1) + 1, int(number)):
            key = Layout(settings.prefix).failure(ask.run_key, self.stage, f"{stem}.{earlier}")
            try:
                record = get_json(store, settings.artifact_bucket, key)
            except StoreError:
                record = None
            crashes += record is None or record.get("exit") == 70
        return crashes

    def _find_dataset(self, store: Store, settings: Settings, ask: Ask) -> str:
        drop = get_json(store, settings.artifact_bucket, Layout(settings.prefix).drop(ask.run_key))
        if drop is not None:
            return str(drop.get("dataset"))
        return dataset_of_request(ask.values.get("dataset"), ask.values.get("data_source"))


def build_arguments(stage: Stage, ask: Ask) -> list[str]:
    """Return what a command is told: all that Airflow knows. Everything else it reads from the store."""
    arguments = ["-m", f"pipeline_worker.cli.{stage.command}"]
    arguments += ["--run", ask.run_key, "--attempt", ask.attempt, "--ask", ask.text]
    if ask.is_again:
        arguments.append("--again")
    if ask.values:
        arguments += ["--params", json.dumps(ask.values, ensure_ascii=False)]
    return arguments


def _read_ask(stage: str, context: Context) -> Ask:
    dag_run: Any = context["dag_run"]
    return read_ask(
        stage,
        dag_run.conf,
        partition_key=dag_run.partition_key,
        dag_run_id=dag_run.run_id,
        run_type=str(getattr(dag_run.run_type, "value", dag_run.run_type)),
        clear_number=dag_run.clear_number,
        try_number=context["ti"].try_number,
        time=dag_run.run_after or dag_run.logical_date or dag_run.start_date or datetime.now(UTC),
    )


def _describe_timeout(stage: str, settings: Settings) -> dict[str, Any]:
    seconds = settings.timeouts[stage].total_seconds()
    name = f"ML_PIPELINE_{stage.upper()}_TIMEOUT_SECONDS"
    return describe(
        f"The stage took longer than its {seconds:g} seconds and was ended.",
        where=f"the setting {name}",
        fix=f"Use less data or a cheaper model, or raise {name}; then run the stage again.",
    )
