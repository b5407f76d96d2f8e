"""Ports for the servers that tests start."""

from __future__ import annotations

import secrets

from cli.stacks.ports import is_free


def free_ports(count: int) -> list[int]:
    """Return ports that are free on loopback now, and whose number plus 10000 is free too (SeaweedFS' gRPC takes those).

    They lie below the range that the kernel takes ports for connections from: one of those may be in use, for the moment,
    when the server that it was chosen for begins to listen, or begins again.
    """
    chosen = secrets.SystemRandom().sample(range(10000, 17000), 100)
    return [port for port in chosen if is_free(port) and is_free(port + 10000)][:count]
