"""Airflow: scheduler with its executor, Dag processor, API server, and a triggerer where one is needed."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cli.errors import ServiceFailed
from cli.runs.airflow_api import last_line, open_airflow
from cli.settings import LOOPBACK, MOST_DAYS, StackSettings
from cli.stacks.airflow_environment import ROLES, make_airflow_environment, make_pipeline_environment
from cli.stacks.health import read_json
from cli.stacks.private_file import write_private
from cli.stacks.process import log_path, read_tail
from cli.stacks.service import Service

_DAGS_WITHIN_SECONDS = 60.0


def home(settings: StackSettings) -> Path:
    """Return Airflow's own folder."""
    return settings.state / "airflow"


def make_argv(settings: StackSettings, *arguments: str) -> tuple[str, ...]:
    """Return an Airflow command line. By its module: a script's first line would limit the length of our path."""
    return (str(settings.venv("airflow") / "bin" / "python"), "-P", "-m", "airflow", *arguments)


def write_airflow_files(settings: StackSettings) -> None:
    """Write the logins, and a configuration file that says where the configuration is.

    Without the file Airflow writes one with secrets of its own; without the logins it makes passwords and logs them.
    """
    logins = {settings[f"{user}_USERNAME"]: settings[f"{user}_PASSWORD"] for user in ROLES}
    write_private(home(settings) / "passwords.json", json.dumps(logins))
    write_private(
        home(settings) / "airflow.cfg", "# All configuration is in the environment; see cli/stacks/airflow*.py.\n"
    )


def remove_old_logs(settings: StackSettings) -> None:
    """Remove logs of tasks and of the Dag processor that are older than AIRFLOW_LOG_DAYS, and the folders that they leave empty."""
    oldest = time.time() - settings.read_int("AIRFLOW_LOG_DAYS", 1, MOST_DAYS) * 24 * 3600
    emptied = set()
    for name in ("tasks", "dags"):
        for folder, _, files in os.walk(settings.state / "logs" / name, topdown=False):
            for file in (Path(folder, file) for file in files):
                # What Airflow removes meanwhile is no fault.
                with contextlib.suppress(FileNotFoundError):
                    if file.lstat().st_mtime < oldest:
                        file.unlink()
                        emptied.add(folder)
            # No other: one that is empty may be of a task that begins.
            if folder in emptied:
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
                    emptied.add(str(Path(folder).parent))


def migrate_database(settings: StackSettings) -> None:
    """Bring the database to this version of Airflow; once, as asking costs seconds."""
    version = next(settings.venv("airflow").glob("lib/python*/site-packages/apache_airflow_core-*.dist-info")).name
    # In the database's own folder, so that it goes when the database goes.
    stamp = settings.state / "postgres" / "data" / "pipeline.airflow"
    if stamp.exists() and stamp.read_text() == version:
        return
    log = log_path(settings, "airflow-migrate")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(
            make_argv(settings, "db", "migrate"),
            env=make_airflow_environment(settings),
            cwd=home(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise ServiceFailed(
            f"Airflow's database could not be brought to {version}. The end of {log}:\n{read_tail(log)}"
        )
    write_private(stamp, version)


def is_component_healthy(settings: StackSettings, component: str, started: float) -> bool:
    """Return whether a component reported itself alive after it was started; an old report is of its forerunner."""
    health = read_json(f"{settings.airflow_url}/api/v2/monitor/health") or {}
    state = health.get(component)
    if not isinstance(state, dict) or state.get("status") != "healthy":
        return False
    reported = state.get(f"latest_{component}_heartbeat")
    return isinstance(reported, str) and read_time(reported) >= started


def read_time(text: str) -> float:
    """Return a time of the REST API in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def set_pool(settings: StackSettings) -> None:
    """Make the stages' pool, or give it the size of the setting."""
    name = settings["ML_PIPELINE_POOL"]
    wanted = {
        "slots": settings.read_int("ML_PIPELINE_POOL_SLOTS", 1, 1000),
        "description": "Commands of the stages that run at once (ML_PIPELINE_POOL_SLOTS).",
        "include_deferred": False,
    }
    with open_airflow(settings) as client:
        found = client.get(f"/api/v2/pools/{name}")
        if found.is_success and found.json()["slots"] != wanted["slots"]:
            client.patch(f"/api/v2/pools/{name}", json={"pool": name, **wanted}).raise_for_status()
        elif not found.is_success:
            client.post("/api/v2/pools", json={"name": name, **wanted}).raise_for_status()


def list_dag_files(settings: StackSettings) -> set[str]:
    """Return the names of the files that hold a Dag, by the words that Airflow itself looks for."""
    found = set()
    for path in (settings.root / "dags").glob("*.py"):
        text = path.read_text(encoding="utf-8", errors="replace").lower()
        if "dag" in text and "airflow" in text:
            found.add(path.name)
    return found


def wait_for_dags(settings: StackSettings, since: float, pause: Callable[[float], bool]) -> list[str]:
    """Return, when every Dag file was read since a time, a line for each that could not be read.

    `pause`: called between two looks with seconds to wait; says whether to give up.
    """
    missing = list_dag_files(settings)
    end = time.monotonic() + _DAGS_WITHIN_SECONDS
    with open_airflow(settings) as client:
        while True:
            dags = client.get("/api/v2/dags", params={"limit": 100}).raise_for_status().json()["dags"]
            read = {dag["relative_fileloc"]: dag["last_parsed_time"] for dag in dags if not dag["is_stale"]}
            faults = client.get("/api/v2/importErrors", params={"limit": 100}).raise_for_status().json()
            broken = {fault["filename"]: fault for fault in faults["import_errors"]}
            read |= {name: fault["timestamp"] for name, fault in broken.items()}
            missing = {name for name in missing if not read.get(name) or read_time(read[name]) < since}
            if not missing or time.monotonic() > end or pause(0.3):
                break
    lines = [f"dags/{name} does not parse: {last_line(fault['stack_trace'])}" for name, fault in sorted(broken.items())]
    return lines + [
        f"dags/{name} was not read within {_DAGS_WITHIN_SECONDS:.0f} s" for name in sorted(missing - broken.keys())
    ]


def make_airflow(settings: StackSettings) -> list[Service]:
    """Describe Airflow's processes."""
    port = settings.read_port("AIRFLOW_PORT")
    environment = make_airflow_environment(settings)

    def make_component(name: str, component: str, *arguments: str, has_keys: bool) -> Service:
        return Service(
            name=name,
            argv=make_argv(settings, *arguments),
            environment={**environment, **make_pipeline_environment(settings, has_keys=has_keys)},
            is_healthy=lambda started: is_component_healthy(settings, component, started),
            needs=("airflow-database",),
        )

    api_server = Service(
        name="airflow-api",
        argv=make_argv(settings, "api-server"),
        environment=environment,
        is_healthy=lambda _: read_json(f"http://{LOOPBACK}:{port}/api/v2/monitor/health") is not None,
        ports={"AIRFLOW_PORT": port},
        needs=("airflow-database",),
        finish=lambda: set_pool(settings),
        url=settings.airflow_url,
    )
    services = [
        api_server,
        # Tasks run in children of the scheduler: it alone, beside a triggerer, gets the keys to the store.
        make_component("airflow-scheduler", "scheduler", "scheduler", "--skip-serve-logs", has_keys=True),
        make_component("airflow-dags", "dag_processor", "dag-processor", has_keys=False),
    ]
    if settings.read_int("AIRFLOW_TRIGGERER", 0, 1):
        services.append(
            make_component("airflow-triggerer", "triggerer", "triggerer", "--skip-serve-logs", has_keys=True)
        )
    return services
