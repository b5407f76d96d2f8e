"""Ports for the servers that tests start."""

from __future__ import annotations

import secrets

from cli.settings import INTERNAL_PORT_OFFSETS
from cli.stacks.ports import is_free


def free_ports(count: int) -> list[int]:
    """Return ports that are free on loopback now, and whose number plus 10000 is free too (SeaweedFS' gRPC takes those).

    They lie below the range that the kernel takes ports for connections from: one of those may be in use, for the moment,
    when the server that it was chosen for begins to listen, or begins again.
    """
    chosen = secrets.SystemRandom().sample(range(10000, 17000), 100)
    return [port for port in chosen if is_free(port) and is_free(port + 10000)][:count]


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
