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

#: Names that a worker gets as Airflow has them, where they are set: how to reach the network, which certificates to trust.
PASSED_ON = (
    *("TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"),
)
#: What a worker reads of its own settings, forwarded under the same names. The worker's key and nobody else's.
_WORKER_NAMES = (
    *("OBJECT_STORAGE_ENDPOINT_URL", "OBJECT_STORAGE_REGION", "OBJECT_STORAGE_ACCESS_KEY", "OBJECT_STORAGE_SECRET_KEY"),
    *("OBJECT_STORAGE_BUCKET", "ML_PIPELINE_DROP_BUCKET", "ML_PIPELINE_ARTIFACT_BUCKET", "ML_PIPELINE_ARTIFACT_PREFIX"),
    *("ML_PIPELINE_SOURCE_PREFIXES", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_PUBLIC_URL"),
    *("ML_PIPELINE_MAX_FILE_BYTES", "ML_PIPELINE_MAX_ROWS", "ML_PIPELINE_MAX_COLUMNS", "ML_PIPELINE_MAX_CELL_BYTES"),
    *("ML_PIPELINE_MAX_TRAIN_CELLS", "ML_PIPELINE_CHOICE_SECONDS", "ML_PIPELINE_TRAIN_THREADS"),
)


@dataclass(frozen=True)
class Settings:
    """Where things are and how much of what; secrets are left out of `repr`.

    :param endpoint_url: the S3 endpoint; None is AWS.
    :param watch_access_key: Airflow's own key of the store; the worker's is only in *worker_values*.
    :param prefix: the part of every key in the artifact bucket, without slashes at its ends.
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
    prefix: str
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
def get_settings() -> Settings:
    """Return the settings of this process."""
    return read_settings(os.environ)


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings of *environ*, and of the file that its `PIPELINE_ENV_FILE` names for what is not set there.

    :raises ValueError: a number is none, or the file is not there; the message names the setting.
    """
    values = {**_read_env_file(environ.get("PIPELINE_ENV_FILE", "")), **environ}

    def get(name: str, default: str = "") -> str:
        return values.get(name, "").strip() or default

    def number(name: str, default: float, least: float) -> float:
        text = get(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not value >= least:
            raise ValueError(f"{name} is `{text}`: give a number, at least {least:g} (default {default:g}).")
        return value

    def timeout(name: str, default: int) -> timedelta:
        return timedelta(seconds=number(f"ML_PIPELINE_{name}_TIMEOUT_SECONDS", default, 1))

    return Settings(
        endpoint_url=get("OBJECT_STORAGE_ENDPOINT_URL") or None,
        region=get("OBJECT_STORAGE_REGION", "us-east-1"),
        watch_access_key=get("OBJECT_STORAGE_WATCH_ACCESS_KEY") or None,
        watch_secret_key=get("OBJECT_STORAGE_WATCH_SECRET_KEY") or None,
        drop_bucket=get("ML_PIPELINE_DROP_BUCKET", "drops"),
        artifact_bucket=get("ML_PIPELINE_ARTIFACT_BUCKET", get("OBJECT_STORAGE_BUCKET", "artifacts")),
        prefix=get("ML_PIPELINE_ARTIFACT_PREFIX", "ml-pipeline-runs").strip("/"),
        runner=get("ML_PIPELINE_RUNNER", "process"),
        worker_python=get("ML_PIPELINE_WORKER_PYTHON") or None,
        pool=get("ML_PIPELINE_POOL", "stages"),
        max_active_runs=int(number("ML_PIPELINE_MAX_ACTIVE_RUNS", 64, 1)),
        timeouts={
            "ingest": timeout("INGEST", 3600),
            "validate": timeout("VALIDATE", 3600),
            "train": timeout("TRAIN", 14400),
            "publish": timeout("PUBLISH", 3600),
        },
        claim_max_drops=int(number("ML_PIPELINE_CLAIM_MAX_DROPS", 200, 1)),
        claim_max_bytes=int(number("ML_PIPELINE_CLAIM_MAX_BYTES", 20 * 1024**3, 1)),
        poke_seconds=number("ML_PIPELINE_POKE_SECONDS", 0.5, 0.05),
        scratch=Path(get("PIPELINE_SCRATCH_DIR", tempfile.gettempdir())),
        docker_url=get("ML_TASK_DOCKER_URL", "unix:///var/run/docker.sock"),
        task_image=get("ML_TASK_IMAGE", "ml-pipeline-worker:0.1.0"),
        task_memory=_check_size("ML_TASK_MEMORY", get("ML_TASK_MEMORY", "4g")),
        task_cpus=number("ML_TASK_CPUS", 2, 0.01),
        task_pids=int(number("ML_TASK_PIDS", 512, 16)),
        task_network=get("ML_TASK_NETWORK", "ml-pipeline-tasks"),
        task_stack=get("ML_TASK_STACK", "ml-pipeline"),
        log_stream_host=get("LOG_STREAM_HOST") or None,
        worker_values={name: values[name] for name in (*_WORKER_NAMES, *PASSED_ON) if values.get(name)},
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
    from dotenv import dotenv_values

    return {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}
