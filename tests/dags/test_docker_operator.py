"""The docker runner where there is no engine; on a real one it is tried in tests/compose."""

from __future__ import annotations

import gc
import json
import logging

import pytest
from airflow.providers.docker.operators.docker import DockerOperator

from pipeline.runners.docker_operator import PipelineDockerOperator
from pipeline.settings import get_settings
from pipeline.stage.attempt import StageAttempt
from pipeline.stage.conf import Conf
from pipeline.stage.retry import StageFailed
from pipeline.stage.verdict import Kind
from pipeline_contract.layout import Layout
from pipeline_contract.stages import STAGES


@pytest.fixture
def _no_engine(monkeypatch, tmp_path):
    """Let the settings name an engine that is not there."""
    monkeypatch.setenv("ML_TASK_DOCKER_URL", f"unix://{tmp_path}/docker.sock")
    get_settings.cache_clear()


def test_shows_no_secret(settings):
    """What Airflow renders, keeps and shows of the task is its image: no environment, no arguments, no key."""
    operator = PipelineDockerOperator(task_id="train_model", stage="train")
    assert isinstance(operator, DockerOperator)
    assert list(operator.template_fields) == ["image"]
    assert settings.worker_values["OBJECT_STORAGE_SECRET_KEY"] not in str(vars(operator))


@pytest.mark.usefixtures("_no_engine")
def test_engine_is_named_by_the_setting(settings, monkeypatch):
    """The engine is the one of the setting, whatever DOCKER_HOST says where a Dag file is parsed."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:1")
    assert PipelineDockerOperator(task_id="t", stage="train").docker_url == get_settings().docker_url


# The hook leaves the connection that it could not use to the garbage collection.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("_no_engine")
def test_engine_is_down(settings, store):
    """An engine that does not answer is waited for with back-off, and the receipt says so."""
    conf = Conf("penguins.20260131T120000Z.1a2b3c4d", "r/0", "r.1", {}, is_again=False, is_cascading=True)
    attempt = StageAttempt(STAGES["train"], conf, 1, get_settings(), store, logging.getLogger("tests.docker"))
    with pytest.raises(StageFailed, match="engine does not answer") as failure:
        attempt.run(PipelineDockerOperator(task_id="train_model", stage="train").run_command)
    assert (failure.value.verdict.kind, failure.value.decision.is_retry) == (Kind.OUTSIDE, True)
    assert "ML_TASK_DOCKER_URL" in failure.value.verdict.reason.fix
    receipt = store.get(settings.artifact_bucket, Layout("runs").run(conf.run_key).receipt("unnamed"))
    assert json.loads(receipt)["state"] == "waiting"
    # That connection is held by the traceback; collected here, or another test would be warned of it.
    del failure
    gc.collect()


@pytest.mark.usefixtures("_no_engine")
def test_kill_before_there_is_a_container(settings):
    """A task that is stopped before its container was made has nothing to stop."""
    PipelineDockerOperator(task_id="t", stage="train").on_kill()
