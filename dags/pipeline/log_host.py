"""The host that task logs are fetched from: what `[core] hostname_callable` of Airflow's configuration names."""

from __future__ import annotations

import socket

from pipeline.settings import get_settings


def name_log_host() -> str:
    """Return LOG_STREAM_HOST, or this machine's name.

    Airflow notes a task's host before any code of its operator runs, and asks that host for the log of a task that
    runs. A container's own name says nothing to other machines, and is gone with it.
    """
    return get_settings().log_stream_host or socket.gethostname()
