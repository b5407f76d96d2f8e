"""The host that task logs are fetched from."""

from __future__ import annotations

import socket

from pipeline.log_host import name_log_host
from pipeline.settings import get_settings


def test_log_host(monkeypatch):
    """LOG_STREAM_HOST is the host of every task, where it is set; else it is the machine's own name."""
    monkeypatch.delenv("LOG_STREAM_HOST", raising=False)
    get_settings.cache_clear()
    assert name_log_host() == socket.gethostname()
    monkeypatch.setenv("LOG_STREAM_HOST", "logs.test")
    get_settings.cache_clear()
    assert name_log_host() == "logs.test"
    get_settings.cache_clear()
