"""Every setting, once: its name, what it is by default, whether it is a secret, and who reads it.

`.env.template` explains them, and `docker-compose.yaml` hands them on; tests compare both with this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Flag, auto
from types import MappingProxyType

from .stages import STAGES


class Reader(Flag):
    """Who reads a setting, beside the commands, which know them all."""

    WORKER = auto()
    DAGS = auto()
    BOOTSTRAP = auto()


WORKER, DAGS, BOOTSTRAP = Reader.WORKER, Reader.DAGS, Reader.BOOTSTRAP
NOBODY_ELSE = Reader(0)


@dataclass(frozen=True)
class Setting:
    """One setting; a *secret* has no default, and is made at the first start."""

    name: str
    default: str = ""
    readers: Reader = NOBODY_ELSE
    is_secret: bool = False


def _name_pair(who: str) -> tuple[str, str]:
    # The worker's own have nobody's name in them.
    part = "" if who == "worker" else f"{who.upper()}_"
    return f"OBJECT_STORAGE_{part}ACCESS_KEY", f"OBJECT_STORAGE_{part}SECRET_KEY"


#: Which settings hold the key to the store of whom.
KEYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {who: _name_pair(who) for who in ("root", "watch", "worker", "mlflow", "drop", "logs")}
)


def _make_pair(who: str, readers: Reader = BOOTSTRAP) -> list[Setting]:
    """Return the two settings of a key to the store."""
    return [Setting(name, readers=readers, is_secret=True) for name in KEYS[who]]


_TABLE = (
    Setting("STACK", "local"),
    Setting("OBJECT_STORAGE_ENDPOINT_URL", "", WORKER | DAGS | BOOTSTRAP),
    Setting("OBJECT_STORAGE_REGION", "us-east-1", WORKER | DAGS | BOOTSTRAP),
    *_make_pair("worker", WORKER | BOOTSTRAP),
    *_make_pair("watch", DAGS | BOOTSTRAP),
    *_make_pair("drop"),
    *_make_pair("mlflow"),
    *_make_pair("logs"),
    *_make_pair("root"),
    Setting("ML_PIPELINE_DROP_BUCKET", "drops", WORKER | DAGS | BOOTSTRAP),
    Setting("ML_PIPELINE_ARTIFACT_BUCKET", "", WORKER | DAGS | BOOTSTRAP),
    Setting("OBJECT_STORAGE_BUCKET", "", WORKER | DAGS | BOOTSTRAP),
    Setting("ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS", "30", BOOTSTRAP),
    Setting("ML_PIPELINE_ARTIFACT_PREFIX", "ml-pipeline-runs", WORKER | DAGS | BOOTSTRAP),
    Setting("ML_PIPELINE_SOURCE_PREFIXES", "", WORKER | BOOTSTRAP),
    Setting("MLFLOW_BUCKET", "mlflow", BOOTSTRAP),
    Setting("AIRFLOW_LOG_BUCKET", "airflow-logs", BOOTSTRAP),
    Setting("AIRFLOW_LOG_DAYS", "90", BOOTSTRAP),
    Setting("MLFLOW_TRACKING_URI", "", WORKER),
    Setting("MLFLOW_EXPERIMENT_NAME", "ml-pipeline", WORKER),
    Setting("MLFLOW_PUBLIC_URL", "", WORKER),
    Setting("MLFLOW_ALLOWED_HOSTS"),
    Setting("ML_PIPELINE_RUNNER", "process", DAGS),
    Setting("ML_PIPELINE_WORKER_PYTHON", "", DAGS),
    Setting("ML_PIPELINE_POOL", "stages", DAGS),
    Setting("ML_PIPELINE_POOL_SLOTS", "2", DAGS),
    Setting("ML_PIPELINE_MAX_ACTIVE_RUNS", "64", DAGS),
    *(Setting(stage.timeout_setting, str(stage.timeout_seconds), DAGS) for stage in STAGES.values()),
    Setting("ML_PIPELINE_CLAIM_MAX_DROPS", "200", DAGS),
    Setting("ML_PIPELINE_CLAIM_MAX_BYTES", str(20 << 30), DAGS),
    Setting("ML_PIPELINE_MAX_FILE_BYTES", str(2 << 30), WORKER),
    Setting("ML_PIPELINE_MAX_ROWS", "20000000", WORKER),
    Setting("ML_PIPELINE_MAX_COLUMNS", "5000", WORKER),
    Setting("ML_PIPELINE_MAX_CELL_BYTES", str(1 << 20), WORKER),
    Setting("ML_PIPELINE_MAX_TRAIN_CELLS", "200000000", WORKER),
    Setting("ML_PIPELINE_CHOICE_SECONDS", "30", WORKER),
    Setting("ML_PIPELINE_TRAIN_THREADS", "", WORKER),
    Setting("ML_PIPELINE_POKE_SECONDS", "0.5", DAGS),
    Setting("AIRFLOW_SCHEDULER_SLEEP_SECONDS", "0.1"),
    Setting("ML_TASK_IMAGE", "ml-pipeline-worker:0.1.0", DAGS),
    Setting("ML_TASK_MEMORY", "4g", DAGS),
    Setting("ML_TASK_CPUS", "2", DAGS),
    Setting("ML_TASK_PIDS", "512", DAGS),
    Setting("ML_TASK_NETWORK", "ml-pipeline-tasks", DAGS),
    Setting("ML_TASK_NETWORK_INTERNAL", "true"),
    Setting("ML_TASK_DOCKER_URL", "unix:///var/run/docker.sock", DAGS),
    Setting("ML_TASK_STACK", "ml-pipeline", DAGS),
    Setting("LOG_STREAM_HOST", "", DAGS),
    Setting("PIPELINE_PROJECT_ROOT"),
    Setting("PIPELINE_ENV_FILE"),
    Setting("PIPELINE_STATE_DIR"),
    Setting("PIPELINE_SCRATCH_DIR", "", WORKER | DAGS),
    *(
        Setting(f"AIRFLOW_{user}_{part}", "" if part == "PASSWORD" else name, is_secret=part == "PASSWORD")
        for user, name in (("ADMIN", "admin"), ("OPERATOR", "operator"), ("VIEWER", "viewer"), ("API", "pipeline-api"))
        for part in ("USERNAME", "PASSWORD")
    ),
    Setting("AIRFLOW_JWT_SECRET", is_secret=True),
    Setting("AIRFLOW_API_SECRET_KEY", is_secret=True),
    Setting("AIRFLOW_FERNET_KEY", is_secret=True),
    Setting("POSTGRES_PASSWORD", is_secret=True),
    Setting("AIRFLOW_POSTGRES_PASSWORD", is_secret=True),
    Setting("MLFLOW_POSTGRES_PASSWORD", is_secret=True),
    Setting("AIRFLOW_PORT", "8080"),
    Setting("MLFLOW_PORT", "5000"),
    Setting("OBJECT_STORAGE_PORT", "8333"),
    Setting("OBJECT_STORAGE_INTERNAL_PORT", "18330"),
    Setting("AIRFLOW_TRIGGERER", "0"),
    Setting("COMPOSE_PROJECT_NAME", "ml-pipeline"),
    Setting("COMPOSE_PROFILES", "minio,mlflow"),
    Setting("AIRFLOW_PUBLISH_ADDRESS", "127.0.0.1"),
    Setting("MLFLOW_PUBLISH_ADDRESS", "127.0.0.1"),
    Setting("OBJECT_STORAGE_PUBLISH_ADDRESS", "127.0.0.1"),
    Setting("AIRFLOW_PUBLIC_URL"),
    Setting("OBJECT_STORAGE_CONSOLE_PORT", "9001"),
    Setting("AIRFLOW_PROJ_DIR"),
    Setting("AIRFLOW_UID", "50000"),
    Setting("AIRFLOW_WORKERS", "1"),
    Setting("AIRFLOW_WORKER_CONCURRENCY", "4"),
    Setting("AIRFLOW_PARALLELISM", "32"),
    Setting("REDIS_PASSWORD", is_secret=True),
    Setting("DOCKER_SOCKET", "/var/run/docker.sock"),
    Setting("DOCKER_GID"),
    Setting("AIRFLOW_IMAGE_NAME", "ml-pipeline-airflow:0.1.0"),
    Setting("MLFLOW_IMAGE", "ml-pipeline-mlflow:0.1.0"),
    Setting("MINIO_IMAGE", "ml-pipeline-minio:0.1.0"),
    Setting("MINIO_BOOTSTRAP_IMAGE", "ml-pipeline-minio-bootstrap:0.1.0"),
    Setting("POSTGRES_IMAGE", "postgres:17.7"),
    Setting("REDIS_IMAGE", "redis:8.4.0"),
    Setting("HAPROXY_IMAGE", "haproxy:3.2.9"),
    Setting("AIRFLOW_BASE_IMAGE", "apache/airflow:slim-3.3.2-python3.13"),
    Setting("PYTHON_IMAGE", "python:3.13.11-slim-trixie"),
    Setting("DEBIAN_IMAGE", "debian:13.2-slim"),
    Setting("GO_IMAGE", "golang:1.26.8-trixie"),
)
#: The settings by name, in the order in which the template explains them.
SETTINGS: Mapping[str, Setting] = MappingProxyType({setting.name: setting for setting in _TABLE})


def list_read_by(reader: Reader) -> list[Setting]:
    """Return the settings that *reader*, or one of several, reads."""
    return [setting for setting in SETTINGS.values() if setting.readers & reader]


def choose(values: Mapping[str, str], name: str) -> str:
    """Return what *values* have for the setting called *name*, else its default; without blanks around it.

    The bucket of artifacts has an older name as well.
    """
    given = values.get(name, "").strip() or SETTINGS[name].default
    if name == "ML_PIPELINE_ARTIFACT_BUCKET" and not given:
        return values.get("OBJECT_STORAGE_BUCKET", "").strip() or "artifacts"
    return given.strip("/") if name == "ML_PIPELINE_ARTIFACT_PREFIX" else given
