"""The set-up: what pip and uv are told, when an environment is current, which Pythons are refused, and how make passes names."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.errors import MachineUnfit
from cli.settings import PROJECT
from cli.setup import environments, installers


def test_a_lock_block_has_version_and_hashes() -> None:
    """Uv itself is installed by pip from its lines of the lock, with hashes."""
    block = environments.read_block(environments.LOCKS["tools"], "uv")
    assert block.startswith("uv==")
    assert "--hash=sha256:" in block
    assert "via" not in block.splitlines()[0]
    with pytest.raises(MachineUnfit, match="make lock"):
        environments.read_block(environments.LOCKS["tools"], "not-there")


def test_an_environment_of_another_lock_or_place_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed lock, a moved repository and a removed Python are each noticed."""
    lock = tmp_path / "cli" / "requirements.lock"
    lock.parent.mkdir()
    lock.write_text("a==1\n")
    (tmp_path / "one" / "bin").mkdir(parents=True)
    (tmp_path / "one" / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    assert not environments.is_current("one", lock)
    environments.stamp_path("one", lock).write_text(environments.make_stamp("one", lock))
    assert environments.is_current("one", lock)
    lock.write_text("a==2\n")
    assert not environments.is_current("one", lock)
    lock.write_text("a==1\n")
    monkeypatch.setattr(environments, "ROOT", tmp_path / "moved")
    assert not environments.is_current("one", lock)
    monkeypatch.undo()
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    (tmp_path / "one" / "bin" / "python").unlink()
    assert not environments.is_current("one", lock)


@pytest.mark.slow("starts pip, which takes a second")
def test_uv_takes_the_index_that_pip_is_configured_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose pip.conf names a mirror installs from it with uv too."""
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://mirror.test/simple\nextra-index-url =\n  https://a.test/x\n  https://b.test/x\n"
    )
    for name in (*installers._UV_INDEX_NAMES, "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    environment = installers.make_uv_environment(environments.tools_python())
    assert environment["UV_DEFAULT_INDEX"] == "https://mirror.test/simple"
    assert environment["UV_INDEX"] == "https://a.test/x https://b.test/x"


@pytest.mark.slow("starts pip, which takes a second")
def test_uvs_own_index_wins_over_pips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who told uv where to look is not overruled."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.test/simple")
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.test/simple")
    environment = installers.make_uv_environment(environments.tools_python())
    assert environment["UV_DEFAULT_INDEX"] == "https://uv.test/simple"
    assert "https://pip.test/simple" not in [environment.get(name) for name in installers._UV_INDEX_NAMES]


def test_a_shells_settings_misplace_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """PIP_TARGET, PIP_USER, UV_SYSTEM_PYTHON and an active environment do not reach the installers."""
    for name in ("PIP_TARGET", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV", "PYTHONPATH"):
        monkeypatch.setenv(name, "/somewhere")
    monkeypatch.setenv("PIP_USER", "1")
    environment = installers.make_pip_environment()
    assert "/somewhere" not in environment.values()
    assert environment["PIP_USER"] == "0"


def test_a_failing_step_says_what_and_why() -> None:
    """The end of the installer's output is in the message, and that the next call goes on."""
    with pytest.raises(MachineUnfit, match=r"(?s)Installing x failed:.*no such index.*next call goes on"):
        environments.run([sys.executable, "-c", "import sys; sys.exit('no such index')"], {}, "Installing x")


def run_make(tmp_path: Path, *arguments: str) -> dict[str, str]:
    """Run make with a stand-in for Python that tells what reached it."""
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ)]))\n"
    )
    python.chmod(0o755)
    done = subprocess.run(
        ["make", f"PYTHON={python}", *arguments],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    told, environment = json.loads(done.stdout)
    assert told == ["-m", "cli.setup", arguments[0]]
    return dict(environment)


@pytest.mark.parametrize(
    "value",
    [
        "a b/ü.csv",
        '{"a": "$x", "b": "it\'s $(shell false)", "c": "`false`"}',
        "100 % #1",
        "two\nlines",
        "a\\b;false",
        "$$",
    ],
)
def test_make_passes_values_as_they_were_typed(tmp_path: Path, value: str) -> None:
    """No shell and no make takes apart what a person passes to a command."""
    assert run_make(tmp_path, "drop", f"FILE={value}")["FILE"] == value


def test_make_passes_every_variable_that_its_help_names(tmp_path: Path) -> None:
    """What `make help` offers, WAIT=0 among it, reaches the command."""
    told = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r"\b([A-Z]+)=", told))
    assert {"FILE", "PARAMS", "RUN", "STAGE", "WAIT"} <= names
    environment = run_make(tmp_path, "status", *(f"{name}=a $x for {name}" for name in names))
    assert {name: environment.get(name) for name in names} == {name: f"a $x for {name}" for name in names}


def test_make_passes_nothing_that_was_not_given(tmp_path: Path) -> None:
    """A command can tell an empty value from none."""
    assert not {"FILE", "PARAMS", "RUN"} & run_make(tmp_path, "status").keys()
