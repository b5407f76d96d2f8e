"""Asks services whether they are healthy."""

import json
from urllib.request import ProxyHandler, build_opener

# Servers of the stack are on this machine: never through a proxy.
_OPENER = build_opener(ProxyHandler({}))


def read_url(url: str) -> bytes | None:
    """Return what a server on this machine answers, None when it does not, or with an error."""
    try:
        with _OPENER.open(url, timeout=5) as response:
            return bytes(response.read())
    except (OSError, ValueError):
        return None


def answers(url: str) -> bool:
    """Return whether a server answers with success."""
    return read_url(url) is not None


def read_json(url: str) -> dict[str, object] | None:
    """Return the JSON object that a server answers with, None when it does not."""
    body = read_url(url)
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
