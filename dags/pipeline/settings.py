"""What the Dags take from their environment; the only module that reads it, once for each process."""

from __future__ import annotations

import functools
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pipeline_contract.env_file import parse_env_file
from pipeline_contract.layout import Layout
from pipeline_contract.settings import SETTINGS, WORKER, choose, list_read_by
from pipeline_contract.stages import STAGES

#: Names that a worker gets as Airflow has them, where they are set: how to reach the network, which certificates to trust.
PASSED_ON = (
    *("TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"),
)


@dataclass(frozen=True)
class DagSettings:
    """Where things are and how much of what; secrets are left out of `repr`.

    :param endpoint_url: the S3 endpoint; None is AWS.
    :param watch_access_key: Airflow's own key of the store; the worker's is only in *worker_values*.
    :param layout: where the objects lie in the artifact bucket.
    :param runner: where a command executes; `process` is a worker virtual environment on this machine.
    :param pool: the Airflow pool whose slots bound how many commands run at once.
    :param timeouts: how long one attempt of each stage may take.
    :param claim_max_bytes: how many bytes one cycle of `watch` claims; a larger drop is claimed alone.
    :param scratch: the folder in which each attempt gets one of its own.
    :param docker_url: the engine that worker containers run on.
    :param task_memory: what a worker container gets, as Docker writes it: `4g`.
    :param task_cpus: how many CPUs a worker container may use at most, parts of one too.
    :param task_network: the Docker network of worker containers.
    :param task_stack: tells this stack's worker containers from those of another one on the same engine.
    :param log_stream_host: the host that task logs are fetched from; None is the one that the task runs on.
    :param worker_values: the environment of a worker, but for its scratch folder.
    """

    endpoint_url: str | None
    region: str
    watch_access_key: str | None = field(repr=False)
    watch_secret_key: str | None = field(repr=False)
    drop_bucket: str
    artifact_bucket: str
    layout: Layout
    runner: str
    worker_python: str | None
    pool: str
    max_active_runs: int
    timeouts: Mapping[str, timedelta]
    claim_max_drops: int
    claim_max_bytes: int
    poke_seconds: float
    scratch: Path
    docker_url: str
    task_image: str
    task_memory: str
    task_cpus: float
    task_pids: int
    task_network: str
    task_stack: str
    log_stream_host: str | None
    worker_values: Mapping[str, str] = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be seen in a log."""
        values = (self.watch_secret_key, self.worker_values.get("OBJECT_STORAGE_SECRET_KEY"))
        return tuple(value for value in values if value)


@functools.cache
def get_settings() -> DagSettings:
    """Return the settings of this process."""
    return read_settings(os.environ)


def read_settings(environ: Mapping[str, str]) -> DagSettings:
    """Return the settings of *environ*, and of the file that its `PIPELINE_ENV_FILE` names for what is not set there.

    :raises ValueError: a number is none, or the file is not there; the message names the setting.
    """
    values = {**_read_env_file(environ.get("PIPELINE_ENV_FILE", "")), **environ}

    def get(name: str) -> str:
        return choose(values, name)

    def number(name: str, least: float) -> float:
        text = get(name)
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not value >= least:
            default = SETTINGS[name].default
            raise ValueError(f"{name} is `{text}`: give a number, at least {least:g} (default {default}).")
        return value

    # Where the worker's scratch folder is, its runner says.
    told = [setting.name for setting in list_read_by(WORKER) if setting.name != "PIPELINE_SCRATCH_DIR"]
    return DagSettings(
        endpoint_url=get("OBJECT_STORAGE_ENDPOINT_URL") or None,
        region=get("OBJECT_STORAGE_REGION"),
        watch_access_key=get("OBJECT_STORAGE_WATCH_ACCESS_KEY") or None,
        watch_secret_key=get("OBJECT_STORAGE_WATCH_SECRET_KEY") or None,
        drop_bucket=get("ML_PIPELINE_DROP_BUCKET"),
        artifact_bucket=get("ML_PIPELINE_ARTIFACT_BUCKET"),
        layout=Layout(get("ML_PIPELINE_ARTIFACT_PREFIX")),
        runner=get("ML_PIPELINE_RUNNER"),
        worker_python=get("ML_PIPELINE_WORKER_PYTHON") or None,
        pool=get("ML_PIPELINE_POOL"),
        max_active_runs=int(number("ML_PIPELINE_MAX_ACTIVE_RUNS", 1)),
        timeouts={stage.name: timedelta(seconds=number(stage.timeout_setting, 1)) for stage in STAGES.values()},
        claim_max_drops=int(number("ML_PIPELINE_CLAIM_MAX_DROPS", 1)),
        claim_max_bytes=int(number("ML_PIPELINE_CLAIM_MAX_BYTES", 1)),
        poke_seconds=number("ML_PIPELINE_POKE_SECONDS", 0.05),
        scratch=Path(get("PIPELINE_SCRATCH_DIR") or tempfile.gettempdir()),
        docker_url=get("ML_TASK_DOCKER_URL"),
        task_image=get("ML_TASK_IMAGE"),
        task_memory=_check_size("ML_TASK_MEMORY", get("ML_TASK_MEMORY")),
        task_cpus=number("ML_TASK_CPUS", 0.01),
        task_pids=int(number("ML_TASK_PIDS", 16)),
        task_network=get("ML_TASK_NETWORK"),
        task_stack=get("ML_TASK_STACK"),
        log_stream_host=get("LOG_STREAM_HOST") or None,
        worker_values={name: values[name] for name in (*told, *PASSED_ON) if values.get(name)},
    )


def _check_size(name: str, text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*[kmg]", text.lower()):
        raise ValueError(f"{name} is `{text}`: give a whole number with `k`, `m` or `g`, such as `4g`.")
    return text.lower()


def _read_env_file(path: str) -> dict[str, str]:
    if not path:
        return {}
    if not Path(path).is_file():
        raise ValueError(
            f"PIPELINE_ENV_FILE names `{path}`, which is no file: name a file of NAME=value lines, or unset it."
        )
    return parse_env_file(Path(path).read_text(encoding="utf-8"))
