"""`status`: say what runs where, and what happened to the last drops."""

import argparse
import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import psutil  # type: ignore[import-untyped]  # ships no types

from cli.runs.last_drops import show_last_drops, show_run
from cli.settings import StackSettings, read_settings
from cli.stacks.compose import describe_containers
from cli.stacks.local import STARTED_AGAIN, make_services
from cli.stacks.process import find_process, find_session, read_record
from cli.stacks.service import Service
from cli.stacks.supervision import make_supervisor, read_state


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the run to tell more of."""
    parser.add_argument(
        "--run", default=os.environ.get("RUN", ""), dest="run_key", help="tell all of one run (also: RUN=<run key>)"
    )


def measure_memory(processes: list[psutil.Process]) -> int:
    """Return the bytes that processes take, shared pages counted once (in proportion)."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error, AttributeError):  # no proportional size outside Linux
            total += process.memory_full_info().pss
    return total


def describe_age(seconds: float) -> str:
    """Return a length of time in its largest unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def describe_service(settings: StackSettings, service: Service) -> tuple[str, bool]:
    """Return a line for a service, and whether it is healthy."""
    record = read_record(settings, service.name)
    process = find_process(record)
    if record is None or process is None:
        is_tried = read_state(settings, service.name) in STARTED_AGAIN
        return f"  ✗ {service.name:<18} down{', started again by itself' if is_tried else ''}", False
    is_healthy = service.is_healthy(0)
    mark, state = ("✓", "healthy") if is_healthy else ("!", "not healthy")
    memory = measure_memory(find_session(record)) / 1e6
    age = describe_age(time.time() - process.create_time())
    line = f"  {mark} {service.name:<18} {state:<12}pid {record.pid:<9} {memory:5.0f} MB   for {age:<9}{service.url}"
    return line.rstrip(), is_healthy


def describe_services(settings: StackSettings) -> tuple[list[str], bool]:
    """Return a line for each service, and whether all of them are healthy."""
    with ThreadPoolExecutor(8) as pool:  # a service that hangs keeps its own line waiting only
        services = make_services(settings)
        supervisor = make_supervisor(settings, services)
        told = list(pool.map(lambda service: describe_service(settings, service), [*services, supervisor]))
    return [line for line, _ in told], all(is_healthy for _, is_healthy in told)


def run(arguments: argparse.Namespace) -> int:
    """Print services and drops; 0 also when some are down, as that is an answer and no failure of this command."""
    settings = read_settings()
    if arguments.run_key:
        show_run(settings, arguments.run_key)
        return 0
    lines, is_up = describe_containers(settings) if settings.is_compose else describe_services(settings)
    print("\n".join(lines))
    if not settings.is_compose:
        print(f"\n  State and logs: {settings.state}, {settings.state / 'logs'}")
    if not is_up:
        print("  Start what is down: make up")
    show_last_drops(settings)
    return 0
