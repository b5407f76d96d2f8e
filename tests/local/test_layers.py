"""What `test` runs, and what it leaves out and why."""

import pytest

from local.commands.test import LAYERS, find_engine_fault
from local.settings import PROJECT


def test_every_folder_of_tests_belongs_to_one_layer() -> None:
    """No test is forgotten, and none runs twice, but for the end-to-end tests: once on each stack."""
    folders = [folder for layer in LAYERS for folder in layer.folders]
    there = sorted({f"tests/{path.parts[-2]}" for path in PROJECT.glob("tests/*/test_*.py")})
    assert sorted(folders) == sorted([*there, "tests/e2e"])
    stacks = [dict(layer.environ).get("STACK") for layer in LAYERS if "tests/e2e" in layer.folders]
    assert sorted(stacks, key=str) == [None, "compose"]


def test_a_missing_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs a Docker engine is left out with the reason: no Docker at all, or none that answers."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    reasons = [find_engine_fault() or ""]
    monkeypatch.setenv("PATH", "/nonexistent")
    reasons.append(find_engine_fault() or "")
    assert "no Docker" in reasons[0]
    assert reasons[1] == "there is no Docker on this machine"
