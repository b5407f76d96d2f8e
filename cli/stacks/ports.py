"""Ports: whether one is free, who has it, and which ones a test may use."""

import contextlib
import secrets
import socket

from cli.errors import PortBusy
from cli.settings import INTERNAL_PORT_OFFSETS, LOOPBACK, Settings


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback address."""
    with socket.socket() as probe:
        # Servers set this option too: without it a port would count as busy for a minute after a server ended.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def describe_owner(port: int) -> str:
    """Name the program that listens on a port, as far as we may know."""
    # Here, as nobody else in this module needs it: tests in environments without it choose ports as well.
    import psutil  # type: ignore[import-untyped]  # ships no types

    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    return "another program"


def check_port(settings: Settings, service: str, setting: str, port: int) -> None:
    """Raise PortBusy, with the setting that changes the port, when a service could not listen on it."""
    if not is_free(port):
        raise PortBusy(
            f"Port {port} on {LOOPBACK}, which {service} needs, is taken by {describe_owner(port)}.\n"
            f"End that program, or choose another port: set {setting} in {settings.env_file}, then start again."
        )


def choose_ports() -> dict[str, str]:
    """Return settings with free ports, for a stack beside another one."""
    # By chance, so that two stacks that start at the same time do not meet; below the range that the kernel takes ports
    # from by itself.
    chance = secrets.SystemRandom()
    names = ("AIRFLOW_PORT", "MLFLOW_PORT", "OBJECT_STORAGE_PORT", "OBJECT_STORAGE_CONSOLE_PORT")
    ports = chance.sample([port for port in chance.sample(range(10000, 17000), 100) if is_free(port)], len(names))
    inside = next(
        first
        for first in chance.sample(range(17000, 22000, 5), 100)
        if all(is_free(first + offset) for offset in INTERNAL_PORT_OFFSETS.values())
    )
    return {**dict(zip(names, map(str, ports), strict=True)), "OBJECT_STORAGE_INTERNAL_PORT": str(inside)}
