"""A stage's task: what Airflow is asked and told, the same for every runner."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.sdk.log import mask_secret

from pipeline.assets import OUTLETS
from pipeline.settings import get_settings
from pipeline.stage.attempt import CommandExit, StageAttempt, tell
from pipeline.stage.conf import ConfRefused, read_conf
from pipeline.stage.links import LINKS, RunsLink, choose_urls, find_runs_url
from pipeline.stage.retry import StageFailed, count_tries
from pipeline.store import AirflowStore, get_drop
from pipeline_contract.stages import STAGES


class StageOperator(BaseOperator):
    """Runs the command of one stage for one run, and announces what it committed.

    A child class says where a command runs.
    """

    ui_color = "#e8f1ea"

    def __init__(self, *, stage: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.operator_extra_links = (RunsLink(), *LINKS.get(stage, ()))
        #: What the links lead to: Airflow asks this object for them when the work is done.
        self.urls: Mapping[str, str] = {}

    @abc.abstractmethod
    def run_command(self, arguments: Sequence[str]) -> CommandExit:
        """Run the worker's Python with *arguments*, its log streamed into the task's, and return how it ended."""

    def execute(self, context: Context) -> None:
        """Run the stage, and note run key, dataset and manifest as XComs, where a person and the links find them.

        :raises ConfRefused: the Dag run asks for what cannot be; nothing was started.
        :raises StageFailed: the attempt ended without its result.
        """
        settings = get_settings()
        store = AirflowStore(settings)
        ti = context["ti"]
        try:
            conf = read_conf(self.stage, context["dag_run"], ti.try_number, partial(get_drop, store, settings))
        except ConfRefused as refusal:
            tell(self.log, refusal.what, where=refusal.where, fix=refusal.fix, then="nothing was started")
            raise
        ti.xcom_push("run_key", conf.run_key)
        self.urls = {"runs": find_runs_url(conf.run_key)}
        self.log.info("Run %s, attempt %s%s.", conf.run_key, conf.attempt, ", again" if conf.is_again else "")
        if not conf.is_cascading:
            # What is still in it when the task succeeds gets an event, even one that nobody added.
            self.outlets = []
        for secret in settings.secrets:
            mask_secret(secret)
        tries = count_tries(ti.try_number, ti.max_tries)
        attempt = StageAttempt(STAGES[self.stage], conf, tries, settings, store, self.log)
        try:
            with attempt.restoring_marker():
                committed = attempt.run(self.run_command)
        except AirflowTaskTimeout:
            attempt.fail_timeout()
            raise
        except StageFailed as failure:
            record = failure.verdict.record
            if record is not None and record.dataset:
                ti.xcom_push("dataset", record.dataset)
            raise
        manifest = committed.manifest
        ti.xcom_push("dataset", manifest.get("dataset"))
        ti.xcom_push("manifest", manifest.get("uri"))
        self.urls = {**self.urls, **choose_urls(manifest)}
        for name, link in (manifest.get("links") or {}).items():
            self.log.info("%s: %s", name, link)
        if conf.is_cascading:
            event = context["outlet_events"][OUTLETS[self.stage]]
            # A run without a partition key has to add its own; where it has one this is the same key, and one event.
            event.add_partitions(conf.run_key)
            event.extra = {"manifest": manifest.get("uri")}
        self.log.info("Result: %s", committed.result)
