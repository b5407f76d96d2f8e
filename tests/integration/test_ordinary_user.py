"""Postgres runs when the stack is started by root, with user namespaces and where a container refuses them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.stack import open_stack

pytestmark = [
    pytest.mark.slow("starts and stops Postgres"),
    pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user needs none of this"),
]


@pytest.fixture
def without_namespaces(tmp_path: Path) -> str:
    """Give a PATH whose `unshare` is refused, as in a container."""
    refused = tmp_path / "unshare"
    refused.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
    refused.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def test_postgres_runs_with_and_without_user_namespaces(without_namespaces: str) -> None:
    """Either way the server is no root, and a start the other way finds the data."""
    with open_stack() as stack:
        said = stack.run("up", "postgres", PATH=without_namespaces)
        assert said.returncode == 0, said.stderr
        assert stack.process("postgres").uids().real == 65534
        stack.ask_postgres("CREATE TABLE traces AS SELECT 'kept' AS word")
        stack.run("down")
        stack.up("postgres")
        assert stack.process("postgres").uids().real == 0, "root outside of its namespace only"
        assert stack.ask_postgres("SELECT word FROM traces") == "kept"
        stack.run("down")
        stack.run("up", "postgres", PATH=without_namespaces)
        assert stack.ask_postgres("SELECT word FROM traces") == "kept"


def test_no_way_to_be_ordinary_is_said_with_a_way_out(tmp_path: Path, without_namespaces: str) -> None:
    """Where nothing helps, the message says what was tried, and to use another user."""
    (tmp_path / "setpriv").symlink_to(tmp_path / "unshare")
    with open_stack() as stack:
        said = stack.run("up", "postgres", PATH=without_namespaces)
        assert said.returncode == 1
        assert "Operation not permitted" in said.stderr
        assert "as an ordinary user" in said.stderr
