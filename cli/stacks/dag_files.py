"""Waits until Airflow has read every Dag file, and says which ones it could not read."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cli.runs.airflow_client import open_airflow
from cli.settings import StackSettings

_WITHIN_SECONDS = 60.0


def list_dag_files(settings: StackSettings) -> set[str]:
    """Return the names of the files that hold a Dag, by the words that Airflow itself looks for."""
    return {path.name for path in (settings.root / "dags").glob("*.py") if is_dag_file(path)}


def is_dag_file(path: Path) -> bool:
    """Return whether a Python file speaks of Dags and of Airflow."""
    text = path.read_text(encoding="utf-8", errors="replace").lower()
    return "dag" in text and "airflow" in text


def wait_for_dags(settings: StackSettings, since: float, pause: Callable[[float], bool]) -> list[str]:
    """Return, when every Dag file was read since a time, a line for each that could not be read.

    `pause`: called between two looks with seconds to wait; says whether to give up.
    """
    missing = list_dag_files(settings)
    end = time.monotonic() + _WITHIN_SECONDS
    with open_airflow(settings) as client:
        while True:
            dags = client.get("/api/v2/dags", params={"limit": 100}).raise_for_status().json()["dags"]
            read = {dag["relative_fileloc"]: dag["last_parsed_time"] for dag in dags if not dag["is_stale"]}
            errors = (
                client.get("/api/v2/importErrors", params={"limit": 100}).raise_for_status().json()["import_errors"]
            )
            broken = {error["filename"]: error for error in errors}
            read |= {name: error["timestamp"] for name, error in broken.items()}
            missing = {name for name in missing if not read.get(name) or parse_time(read[name]) < since}
            if not missing or time.monotonic() > end or pause(0.3):
                break
    lines = [f"dags/{name} does not parse: {describe_error(error)}" for name, error in sorted(broken.items())]
    return lines + [
        f"dags/{name} was not read within {_WITHIN_SECONDS:.0f} s" for name in sorted(missing - broken.keys())
    ]


def parse_time(text: str) -> float:
    """Return a time of the REST API in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def describe_error(error: dict[str, str]) -> str:
    """Return the last line of a trace: what went wrong."""
    return (error["stack_trace"].strip().splitlines() or ["?"])[-1]
