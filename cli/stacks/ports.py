"""Ports: whether one is free, and who has it."""

import contextlib
import socket

from cli.errors import PortBusy
from cli.settings import LOOPBACK, StackSettings


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


def check_port(settings: StackSettings, service: str, setting: str, port: int) -> None:
    """Raise PortBusy, with the setting that changes the port, when a service could not listen on it."""
    if not is_free(port):
        raise PortBusy(
            f"Port {port} on {LOOPBACK}, which {service} needs, is taken by {describe_owner(port)}.\n"
            f"End that program, or choose another port: set {setting} in {settings.env_file}, then start again."
        )
