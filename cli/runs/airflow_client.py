"""A client of Airflow's REST API that is logged in as the administrator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.errors import AirflowUnreachable
from cli.settings import StackSettings

if TYPE_CHECKING:
    import httpx


@contextmanager
def open_airflow(settings: StackSettings) -> Iterator[httpx.Client]:
    """Log in and give a client whose paths are relative to Airflow's address; its errors become AirflowUnreachable."""
    import httpx

    login = {"username": settings["AIRFLOW_ADMIN_USERNAME"], "password": settings["AIRFLOW_ADMIN_PASSWORD"]}
    try:
        # Not through a proxy: Airflow is on this machine. Patient: it has just started, and so has everything else.
        with httpx.Client(base_url=settings.airflow_url, trust_env=False, timeout=120) as client:
            token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
    except httpx.HTTPError as error:
        raise AirflowUnreachable(f"Airflow at {settings.airflow_url} did not do what it was asked: {error}") from error
