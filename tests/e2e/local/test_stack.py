"""What runs when the local stack is up: every service, on loopback, healthy, and with its own secrets only."""

from __future__ import annotations

import contextlib
import re
import stat
import subprocess
import time
from concurrent.futures import Future

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from cli.stacks.postgres import PORT, program, socket_folder
from pipeline_contract.settings import SETTINGS
from tests.e2e.conftest import Done
from tests.e2e.pipeline import TASKS, wait_until
from tests.stack import Stack, is_alive

SERVICES = ["airflow-api", "airflow-dags", "airflow-scheduler", "mlflow", "postgres", "storage"]


def ask_airflow(stack: Stack, path: str) -> object:
    with stack.airflow() as client:
        return client.get(path).raise_for_status().json()


def test_all_services_run_and_have_a_record(stack: Stack) -> None:
    """After `up` every service runs, and its process id is known."""
    assert stack.services() == SERVICES
    assert all(stack.process(service).is_running() for service in SERVICES)


def test_up_says_who_and_where_but_no_secret(stack: Stack) -> None:
    """`up` names addresses, the user, and where the password is; it prints no password and no key."""
    said = stack.up()
    settings = stack.settings
    for word in (
        settings.airflow_url,
        settings.mlflow_url,
        settings.storage_url,
        "AIRFLOW_ADMIN_PASSWORD",
        str(settings.env_file),
    ):
        assert word in said
    assert not [name for name in secret_names() if settings[name] in said]


def test_starting_twice_starts_nothing(stack: Stack) -> None:
    """A second `up` leaves every process as it is; one that does not answer at once, beside all the runs, is waited for."""
    before = {service: stack.process(service).pid for service in SERVICES}
    assert re.search(r"^Everything (is|was) up", stack.up(), re.MULTILINE)
    assert {service: stack.process(service).pid for service in SERVICES} == before


def test_everything_listens_on_loopback_only(stack: Stack) -> None:
    """No process of the stack listens on an address that another machine could reach."""
    listening = set()
    services = {stack.process(service).pid for service in SERVICES}
    for process in stack.processes().values():
        try:
            listening |= {one.laddr for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN}
        except psutil.NoSuchProcess:
            continue  # commands of stages come and go
        except psutil.AccessDenied:
            # Those that supervise a task let nobody but root look at them.
            assert process.pid not in services
    assert len({address.port for address in listening}) >= 3  # Airflow, MLflow and the store at least
    assert {address.ip for address in listening} <= {"127.0.0.1", "::1"}


def test_postgres_does_not_listen_on_a_port(stack: Stack) -> None:
    """Postgres is reached through a socket in a folder that only its owner may enter."""
    connections = stack.process("postgres").net_connections("inet")
    assert not [connection for connection in connections if connection.status == psutil.CONN_LISTEN]
    assert stat.S_IMODE((stack.settings.state / "postgres" / "run").stat().st_mode) == 0o700


def test_nobody_else_gets_into_postgres(stack: Stack) -> None:
    """A wrong password, none, and another user's database are refused, each for that reason; the right password is not."""
    password = stack.settings["AIRFLOW_POSTGRES_PASSWORD"]
    tries = {
        ("airflow", "airflow", password): "",
        ("airflow", "airflow", "guessed"): "password authentication failed",
        ("airflow", "airflow", ""): "no password supplied",
        ("mlflow", "airflow", stack.settings["MLFLOW_POSTGRES_PASSWORD"]): "no pg_hba.conf entry",
        ("root", "postgres", password): "no pg_hba.conf entry",
    }
    where = [f"--host={socket_folder(stack.settings)}", f"--port={PORT}", "--no-password"]
    for (user, database, given), reason in tries.items():
        done = subprocess.run(
            [program(stack.settings, "psql"), *where, f"--username={user}", f"--dbname={database}", "-c", "SELECT 1"],
            env={"PGPASSWORD": given},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == (not reason), (user, database, done.stderr)
        assert reason in done.stderr, (user, database)


def secret_names() -> list[str]:
    return [name for name, setting in SETTINGS.items() if setting.is_secret]


@pytest.fixture(scope="module")
def command_lines(dropped: Future[Done]) -> set[str]:
    """Give all command lines of this machine that were seen while drops went through every stage, one to its end."""
    lines = set()
    while not dropped.done():
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                lines.add(" ".join(process.cmdline()))
        # Often enough: that each command was seen in one of the runs is asserted below.
        time.sleep(0.5)
    assert dropped.result().returncode == 0, dropped.result().stderr
    for command in TASKS.values():
        assert any(f"pipeline_worker.cli.{command}" in line for line in lines), command
    return lines


def test_no_secret_is_on_a_command_line(stack: Stack, command_lines: set[str]) -> None:
    """Other users of the machine can read command lines: none has a secret, not while stages run either."""
    secrets = {name: stack.settings[name] for name in secret_names()}
    assert [(name, line) for line in command_lines for name, secret in secrets.items() if secret in line] == []


@pytest.mark.usefixtures("command_lines")
def test_no_secret_is_in_a_log(stack: Stack) -> None:
    """Logs of services and of tasks can be shown around: none holds a secret, after every stage ran."""
    secrets = {name: stack.settings[name] for name in secret_names()}
    logs = {log: log.read_text(errors="replace") for log in (stack.settings.state / "logs").rglob("*.log*")}
    for name in (*SERVICES, *(f"dag_id={stage}" for stage in TASKS)):
        assert any(name in str(log) and text for log, text in logs.items()), f"no log of {name}"
    assert [(name, log) for log, text in logs.items() for name, secret in secrets.items() if secret in text] == []


def environ_of(stack: Stack, service: str) -> dict[str, str]:
    """Return what a service was started with, as its process still has it."""
    return dict(stack.process(service).environ())


@pytest.mark.parametrize(
    ("service", "has"),
    [
        ("storage", set()),
        (
            "mlflow",
            {"OBJECT_STORAGE_MLFLOW_ACCESS_KEY", "OBJECT_STORAGE_MLFLOW_SECRET_KEY", "MLFLOW_POSTGRES_PASSWORD"},
        ),
        (
            "airflow-dags",
            {"AIRFLOW_JWT_SECRET", "AIRFLOW_API_SECRET_KEY", "AIRFLOW_FERNET_KEY", "AIRFLOW_POSTGRES_PASSWORD"},
        ),
        (
            "airflow-scheduler",
            {
                *("AIRFLOW_JWT_SECRET", "AIRFLOW_API_SECRET_KEY", "AIRFLOW_FERNET_KEY", "AIRFLOW_POSTGRES_PASSWORD"),
                *("OBJECT_STORAGE_ACCESS_KEY", "OBJECT_STORAGE_SECRET_KEY"),
                *("OBJECT_STORAGE_WATCH_ACCESS_KEY", "OBJECT_STORAGE_WATCH_SECRET_KEY"),
            },
        ),
    ],
)
def test_a_service_knows_only_the_secrets_that_it_needs(stack: Stack, service: str, has: set[str]) -> None:
    """No service has another one's secrets in its environment, and none has root's key."""
    text = "\n".join(environ_of(stack, service).values())
    assert {name for name in secret_names() if stack.settings[name] in text} == has


def test_settings_file_is_its_owners(stack: Stack) -> None:
    """The file with all secrets is readable by its owner only, and so are the folders of the stack."""
    assert stat.S_IMODE(stack.settings.env_file.stat().st_mode) == 0o600
    for name in ("airflow", "logs", "postgres", "run", "scratch", "storage"):
        assert stat.S_IMODE((stack.settings.state / name).stat().st_mode) == 0o700, name


def test_airflow_takes_the_login_of_the_settings_and_no_other(stack: Stack) -> None:
    """The password of `.env` opens Airflow; the user's name as password, which is a known default, does not."""
    assert ask_airflow(stack, "/api/v2/version")
    login = {"username": "admin", "password": "admin"}
    assert httpx.post(f"{stack.settings.airflow_url}/auth/token", json=login, trust_env=False).status_code == 401


def test_the_pool_has_the_size_of_the_setting(stack: Stack) -> None:
    """The pool that bounds the stages is there when `up` returns."""
    pool = ask_airflow(stack, "/api/v2/pools/stages")
    assert isinstance(pool, dict)
    assert pool["slots"] == int(stack.settings["ML_PIPELINE_POOL_SLOTS"])


def test_every_dag_is_read_and_unpaused_when_up_returns(stack: Stack) -> None:
    """The Dags of the pipeline are there when `up` returns, none of them paused."""
    found = ask_airflow(stack, "/api/v2/dags")
    assert isinstance(found, dict)
    dags = {dag["dag_id"]: dag["is_paused"] for dag in found["dags"]}
    assert dags == dict.fromkeys(["ingest", "publish", "train", "validate", "watch"], False)


def test_status_says_what_runs_where(stack: Stack) -> None:
    """`status` has a line for each service, with its health and its address."""
    said = stack.run("status").stdout
    for service in (*SERVICES, "supervisor"):
        assert re.search(rf"^  ✓ {service} +healthy +pid ", said, re.MULTILINE), said
    assert stack.settings.airflow_url in said


@pytest.mark.usefixtures("settled")
def test_a_killed_sensor_looks_again_at_once(stack: Stack) -> None:
    """The process that looks after a task is killed: Airflow learns of it, ends what it left, and starts the task anew."""
    query = "SELECT pid FROM task_instance WHERE task_id = 'wait_for_drop' AND state = 'running' AND pid IS NOT NULL"
    before = wait_until(lambda: stack.ask_postgres(query) or None, "the sensor")
    sensor = psutil.Process(int(before))
    keeper = sensor.parent()
    assert keeper is not None
    assert keeper.ppid() == stack.process("airflow-scheduler").pid
    keeper.kill()
    wait_until(lambda: stack.ask_postgres(query) not in ("", before) or None, "the sensor to be started again")
    assert not is_alive(sensor)
