"""The stack as a whole: which services it has, how they start together, and how they end."""

import fcntl
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial

from cli.errors import CommandError, ServiceFailed, SettingInvalid
from cli.progress import Progress
from cli.settings import StackSettings
from cli.stacks.airflow import make_airflow, migrate_database, remove_old_logs, wait_for_dags, write_airflow_files
from cli.stacks.ports import check_port
from cli.stacks.postgres import check_socket, make_postgres
from cli.stacks.process import (
    find_process,
    find_session,
    log_path,
    mark_ready,
    read_record,
    read_tail,
    start_process,
    stop_process,
)
from cli.stacks.service import Service
from cli.stacks.storage import make_storage, remove_sockets
from cli.stacks.supervision import NAME, ask_to_end, make_supervisor, read_state, start
from cli.stacks.tracking import make_tracking

HEALTHY_WITHIN_SECONDS = 300.0
WELL_AGAIN_WITHIN_SECONDS = 60.0
#: The supervisor's states of a service that it starts again by itself.
STARTED_AGAIN = ("STARTING", "RUNNING", "BACKOFF")


def make_services(settings: StackSettings) -> list[Service]:
    """Return all services in the order in which they are named to people."""
    services = [make_postgres(settings)]
    if settings.has_own_storage:
        services.append(make_storage(settings))
    if settings.has_own_mlflow:
        services.append(make_tracking(settings))
    return [*services, *make_airflow(settings)]


def make_folders(settings: StackSettings) -> None:
    """Make the folders that programs expect, readable by their owner only."""
    settings.state.mkdir(parents=True, exist_ok=True)
    for name in ("run", "logs", "home", "airflow", "storage"):
        (settings.state / name).mkdir(mode=0o700, exist_ok=True)
    settings.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def hold_lock(settings: StackSettings, progress: Progress) -> Iterator[None]:
    """Let one command at a time start or end services of this stack."""
    with (settings.state / "run" / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("  … another command is starting or stopping this stack: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start_service(settings: StackSettings, service: Service, cancelled: threading.Event) -> None:
    """Start one service, unless it is alive, and return when it is healthy."""
    log = log_path(settings, service.name)
    began, is_new = time.time(), find_process(read_record(settings, service.name)) is None
    if is_new:
        service.prepare()
        if read_state(settings, service.name) == "BACKOFF":
            # At once, rather than when the supervisor would try again.
            ask_to_end(settings, service.name)
        began = time.time()
        start(settings, service)
    patience = HEALTHY_WITHIN_SECONDS if is_new else WELL_AGAIN_WITHIN_SECONDS
    looks = 0
    while not service.is_healthy(began if is_new else 0):
        looks += 1
        # Less often, as it is a question to another program: whether it ended, and waits to be started again.
        if looks % 10 == 0 and read_state(settings, service.name) == "BACKOFF":
            end_service(settings, service.name, service)
            raise ServiceFailed(f"{service.name} ended instead of starting. The end of {log}:\n{read_tail(log)}")
        if time.time() - began > patience:
            raise ServiceFailed(
                f"{service.name} runs but is not healthy, {patience:.0f} s long. The end of {log}:\n{read_tail(log)}\n"
                "Start everything anew: make down up"
            )
        if cancelled.wait(0.05):
            return
    service.finish()
    mark_ready(settings, service.name)


def end_service(settings: StackSettings, name: str, service: Service | None) -> bool:
    """End a service and all that it started; return whether anything was alive. `service`: None where the settings know none."""
    is_asked = ask_to_end(settings, name)
    if service is None:
        return stop_process(settings, name, None if is_asked else signal.SIGTERM, 3.0)
    number = None if is_asked else service.stop_signal
    return stop_process(settings, name, number, service.grace_seconds, service.patience_seconds)


def end_unsupervised(settings: StackSettings, progress: Progress) -> None:
    """End what runs without the supervisor, which could not start it again: no program can be made another one's child."""
    if find_process(read_record(settings, NAME)):
        return
    left = [name for name in list_recorded(settings) if find_session(read_record(settings, name))]
    for name in left:
        stop_process(settings, name, signal.SIGTERM, 1.0, 3.0)
    if left:
        progress.say(f"  ! the supervisor is gone: what it left is ended and started anew ({', '.join(left)})")


def start_supervisor(settings: StackSettings, services: list[Service]) -> None:
    """Start the supervisor, unless it runs."""
    if find_process(read_record(settings, NAME)):
        return
    supervisor = make_supervisor(settings, services)
    supervisor.prepare()
    process = start_process(settings, supervisor)
    end = time.monotonic() + HEALTHY_WITHIN_SECONDS
    while not supervisor.is_healthy(0):
        if process.poll() is not None or time.monotonic() > end:
            stop_process(settings, NAME, signal.SIGKILL, 0)
            log = log_path(settings, NAME)
            raise ServiceFailed(f"The supervisor of the services does not start. The end of {log}:\n{read_tail(log)}")
        time.sleep(0.02)


def list_recorded(settings: StackSettings) -> list[str]:
    """Return the names of the services that were started and not ended, by their records, without the supervisor."""
    return [path.stem for path in sorted((settings.state / "run").glob("*.json")) if path.stem != NAME]


def find_missing(settings: StackSettings, services: list[Service], progress: Progress) -> list[Service]:
    """Return the services that do not run, are not healthy, or whose start was interrupted."""
    missing = []
    for service in services:
        record = read_record(settings, service.name)
        if record is None or find_process(record) is None:
            missing.append(service)
            # One that ended just now is being started again, and may have its ports already.
            if read_state(settings, service.name) not in STARTED_AGAIN:
                # Children of a killed service would hold its ports, or do its work a second time.
                stop_process(settings, service.name, service.stop_signal, 0)
                for setting, port in service.ports.items():
                    check_port(settings, service.name, setting, port)
            continue
        if record.fingerprint != service.fingerprint:
            progress.say(f"  ! {service.name} runs with older settings; new ones are taken by: make down up")
        if not record.is_ready or not service.is_healthy(0):
            missing.append(service)
    return missing


def choose_services(services: list[Service], names: Collection[str]) -> list[Service]:
    """Return the named services and all that they need; all services when none is named."""
    known = {service.name: service for service in services}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise SettingInvalid(f"No such service: {', '.join(wrong)}. There are: {', '.join(known)}.")
    chosen, found = set(), list(names or known)
    while found:
        name = found.pop()
        chosen.add(name)
        # Airflow's database is a step of its own and no service; it needs Postgres.
        found += ["postgres" if need == "airflow-database" else need for need in known[name].needs]
    return [service for service in services if service.name in chosen]


def start_stack(settings: StackSettings, progress: Progress, names: Collection[str] = ()) -> list[str]:
    """Start every service that does not run, side by side as far as they allow; return the names of those started.

    `names`: only these, and what they need.
    """
    make_folders(settings)
    with hold_lock(settings, progress):
        remove_old_logs(settings)
        services = make_services(settings)
        chosen = choose_services(services, names)
        check_socket(settings)
        end_unsupervised(settings, progress)
        missing = find_missing(settings, chosen, progress)
        start_supervisor(settings, services)
        run_steps(settings, missing, progress)
        return [service.name for service in missing]


def list_steps(
    settings: StackSettings, missing: list[Service], progress: Progress, cancelled: threading.Event
) -> dict[str, tuple[tuple[str, ...], Callable[[], None]]]:
    """Return what there is to do, by name: what has to be done before, and the deed."""
    steps: dict[str, tuple[tuple[str, ...], Callable[[], None]]] = {
        service.name: (service.needs, partial(start_service, settings, service, cancelled)) for service in missing
    }
    if any("airflow-database" in service.needs for service in missing):
        write_airflow_files(settings)
        steps["airflow-database"] = (("postgres",), partial(migrate_database, settings))
    if "airflow-dags" in steps:
        since = time.time()

        def read_dags() -> None:
            for line in wait_for_dags(settings, since, cancelled.wait):
                progress.say(f"  ! {line}")

        if "airflow-api" in steps:
            steps["dags"] = (("airflow-api", "airflow-dags"), read_dags)
    return steps


def run_steps(settings: StackSettings, missing: list[Service], progress: Progress) -> None:
    """Start services, each as soon as those that it needs are healthy."""
    cancelled = threading.Event()
    notes = {service.name: service.url for service in missing}
    waiting = list_steps(settings, missing, progress, cancelled)
    running: dict[Future[None], str] = {}
    failures: list[BaseException] = []
    with ThreadPoolExecutor(len(waiting) or 1) as pool:
        while (waiting and not failures) or running:
            for name, (needs, deed) in list(waiting.items()):
                if not failures and not any(need in waiting or need in running.values() for need in needs):
                    del waiting[name]
                    progress.begin(name)
                    running[pool.submit(deed)] = name
            try:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt:
                cancelled.set()
                raise
            for future in done:
                name = running.pop(future)
                if error := future.exception():
                    failures.append(error)
                    cancelled.set()
                    progress.end(name, mark="✗")
                elif not cancelled.is_set():
                    progress.end(name, note=notes.get(name, ""))
    if failures:
        raise failures[0]


def stop_stack(settings: StackSettings, progress: Progress) -> list[str]:
    """End every service: Airflow and MLflow first, then what they keep their data in; return who was alive."""
    if not (settings.state / "run").is_dir():
        return []
    stopped: list[str] = []

    def stop(name: str, service: Service | None) -> None:
        if find_session(read_record(settings, name)):
            progress.begin(name)
        if end_service(settings, name, service):
            stopped.append(name)
            progress.end(name)

    with hold_lock(settings, progress):
        try:
            services = {service.name: service for service in make_services(settings)}
        except CommandError:
            services = {}  # settings that cannot be used must not keep anything alive
        # By their records, so that a service that a changed setting leaves out now is ended as well.
        names = list_recorded(settings)
        keepers = ["postgres", "storage"]
        for group in (["airflow-scheduler"], [n for n in names if n not in keepers], keepers):
            with ThreadPoolExecutor(8) as pool:
                for future in [pool.submit(stop, name, services.get(name)) for name in group if name in names]:
                    future.result()
        # It keeps nothing by now, so there is nothing that it would have to end first.
        stop_process(settings, NAME, signal.SIGTERM, 3.0)
        for path in (settings.state / "run").glob("*.start"):
            path.unlink()  # they hold secrets, and are written anew
        remove_sockets(settings)
    return stopped
