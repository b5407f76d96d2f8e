"""What a worker's container is made with: what bounds it, what it is found by, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from docker.types import LogConfig

from pipeline.settings import DagSettings
from pipeline_contract.attempt_name import split_attempt

#: The user of worker/Dockerfile; asked for by number, whatever another image says.
USER = "10001:10001"
#: The one folder that it can write to. The image has HOME, TMPDIR and caches there.
_SCRATCH = "/scratch"
_PREFIX = "ml-pipeline."
_CPU_PERIOD_MICROSECONDS = 100_000
#: So long whoever made a container has to start it, and to look at it when it has ended.
_PATIENCE = timedelta(minutes=1)


def make_bounds(settings: DagSettings) -> dict[str, Any]:
    """Return the arguments of `create_host_config` that keep a container within its bounds."""
    uid, gid = USER.split(":")
    return {
        "mem_limit": settings.task_memory,
        # The same again would be swap: a training that swaps is worse than one that is ended.
        "memswap_limit": settings.task_memory,
        # A quota: shares bound nothing as long as the machine has idle time, and a number of CPUs that is greater than the
        # machine's is refused.
        "cpu_period": _CPU_PERIOD_MICROSECONDS,
        "cpu_quota": int(settings.task_cpus * _CPU_PERIOD_MICROSECONDS),
        "pids_limit": settings.task_pids,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "tmpfs": {_SCRATCH: f"size={settings.task_memory},uid={uid},gid={gid},mode=0700"},
        "network_mode": settings.task_network,
        # Passes signals on: Python as process 1 would not hear them.
        "init": True,
        # The log goes to Airflow as it comes; this copy is for a look at a container that runs.
        "log_config": LogConfig(type="json-file", config={"max-size": "10m", "max-file": "1"}),
    }


def make_labels(settings: DagSettings, stage: str, arguments: Sequence[str]) -> dict[str, str]:
    """Return the labels of the container of one attempt, which the command's arguments name."""
    told = dict(word.partition("=")[::2] for word in arguments)
    values = {"stack": settings.task_stack, "stage": stage, "run": told["--run"], "attempt": told["--attempt"]}
    return {_PREFIX + name: value for name, value in values.items()}


def make_name(labels: Mapping[str, str]) -> str:
    """Return the name of the container of a stage of a run, the same for all attempts: there is one of them at a time.

    The engine's proxy lets through what is done to containers of such names. Compose's own have no dot in theirs.
    """
    return ".".join(["stage", *(labels[_PREFIX + part] for part in ("stack", "stage", "run"))])


def is_left_over(shown: Mapping[str, Any], labels: Mapping[str, str], now: datetime) -> bool:
    """Return whether nobody follows a container any more that has the name of the one that *labels* are for.

    Airflow runs one try of a task at a time, so whoever followed an earlier one is gone. Another Dag run at the same stage
    may well be alive: it is left alone while its command runs, and until it had the time to see how that ended.

    :param shown: what the engine shows of the container.
    """
    mine, its = labels[f"{_PREFIX}attempt"], shown["Config"]["Labels"].get(f"{_PREFIX}attempt", "")
    if split_attempt(its)[0] == split_attempt(mine)[0]:
        return True
    state = shown["State"]
    quiet_since = max(datetime.fromisoformat(time) for time in (shown["Created"], state["FinishedAt"]))
    return not state["Running"] and now - quiet_since > _PATIENCE
