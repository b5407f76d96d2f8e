"""Whether the stage Dags are there to take what is claimed: Airflow loses an event for a Dag that is paused or unknown."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError

from pipeline_contract.stages import STAGES

_DAGS = Path(__file__).parents[2]


class StagesUnready(AirflowException):
    """A stage Dag is paused or not parsed, so nothing may be claimed."""


def find_unready(context: Context) -> str:
    """Return which stage Dags are paused or not parsed yet, as a person reads it; empty when all are ready."""
    ti: Any = context["ti"]
    unready = []
    for name in STAGES:
        try:
            is_paused = ti.get_dag(name).is_paused
        except AirflowRuntimeError:
            unready.append(f"`{name}` is not parsed")
        else:
            if is_paused:
                unready.append(f"`{name}` is paused")
    return ", ".join(unready)


def require_ready(context: Context) -> None:
    """Do nothing if every stage Dag is ready, and its file can be read now.

    A Dag that was parsed once stays known to Airflow when its file breaks, and then its runs fail: what is claimed would
    have left the drop bucket for nothing.

    :raises StagesUnready: one is not; the message names it.
    """
    if unready := find_unready(context):
        raise StagesUnready(f"Nothing is claimed: {unready}. Unpause them, or see why they do not parse.")
    for path in (_DAGS / f"{name}.py" for name in STAGES):
        try:
            runpy.run_path(str(path))
        except Exception as error:
            raise StagesUnready(
                f"Nothing is claimed: {path} does not parse: {type(error).__name__}: {error}"
            ) from error
