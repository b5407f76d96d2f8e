"""Says by its exit code whether a component of Airflow is well: `check_health.py scheduler`.

Airflow's own commands for it take seconds of CPU each time; this takes some tenths of one.
"""

import json
import os
import socket
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 25


def is_reported(component: str) -> bool:
    """Return whether the API server answers, and knows a recent sign of life of the component."""
    netloc = urlsplit(os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]).netloc
    connection = HTTPConnection(netloc, timeout=_TIMEOUT_SECONDS)
    connection.request("GET", "/api/v2/monitor/health")
    health = json.load(connection.getresponse())
    return component == "apiserver" or health[component]["status"] == "healthy"


def is_answering() -> bool:
    """Return whether this container's Celery worker answers through the queue."""
    from celery import Celery  # type: ignore[import-untyped]  # ships no types

    app = Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"])
    return bool(app.control.ping([f"celery@{socket.gethostname()}"], timeout=_TIMEOUT_SECONDS / 2))


if __name__ == "__main__":
    try:
        is_well = is_answering() if sys.argv[1] == "worker" else is_reported(sys.argv[1])
    except Exception as error:  # noqa: BLE001 - whatever it is, it is why
        sys.exit(f"{type(error).__name__}: {error}")
    sys.exit(0 if is_well else f"{sys.argv[1]}: no recent sign of life")
