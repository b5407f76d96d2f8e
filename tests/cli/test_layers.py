"""What `test` runs, and what it leaves out and why."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.dev.test import (
    LAYERS,
    Result,
    find_engine_fault,
    list_slowest,
    make_environ,
    run_job,
    summarise,
    tell_failed,
    tell_left_out,
)
from cli.settings import PROJECT


def test_every_folder_of_tests_belongs_to_one_layer() -> None:
    """No test is forgotten, and none runs twice, but for the end-to-end tests: once on each stack."""
    for path in PROJECT.glob("tests/**/test_*.py"):
        above = {str(folder) for folder in path.relative_to(PROJECT).parents}
        takers = [layer.name for layer in LAYERS if above & {*layer.folders} and not above & {*layer.apart}]
        assert len(takers) == 1 + ("tests/e2e" in above), f"{path}: {takers}"
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


SAMPLE = '''
import pytest

def test_passes():
    """Passes."""

@pytest.mark.slow("trains")
def test_is_slow():
    """Is for `make test`."""

@pytest.mark.long("soaks")
def test_is_long():
    """Is for `make test-long`."""

@pytest.mark.skipif(True, reason="there is no moon")
def test_is_skipped():
    """Is skipped."""

@pytest.mark.parametrize("server", ["weed"])
def test_asks_for_a_server(server, request):
    """Names a fixture that is a server's by its parameter."""
    request.getfixturevalue(server)

def test_fails():
    """Fails."""
    assert FAULTLESS
'''


def run_sample(tmp_path: Path, pace: str, *, is_good: bool) -> Result:
    """Run a file of tests as a layer is run."""
    sample, results = tmp_path / "test_sample.py", tmp_path / "sample.json"
    sample.write_text(SAMPLE.replace("FAULTLESS", str(is_good)))
    argv = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", str(sample)]
    argv += [f"--pace={pace}", f"--results={results}", f"--rootdir={PROJECT}"]
    return run_job("sample", argv, make_environ(), tmp_path)


@pytest.mark.slow("starts pytest")
def test_what_is_left_out_is_counted_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary says how many were skipped or are for another target, and why, and ends in pytest's own words."""
    result = run_sample(tmp_path, "quick", is_good=True)
    tell_left_out([result], {"compose": "there is no Docker on this machine"}, "quick")
    told = capsys.readouterr().out
    assert "✓ sample" in told
    assert "skipped: 1: there is no moon" in told
    assert "left to `make test`: 2: 1 trains; 1 needs an S3 server" in told
    assert "left to `make test-long`: 1: 1 soaks" in told
    assert "compose: left out, because there is no Docker on this machine" in told
    assert result.is_good
    assert re.fullmatch(r"=+ 2 passed, 1 skipped, 3 deselected in 61\.50s \(0:01:01\) =+", summarise([result], 61.5))
    assert "::test_passes" in list_slowest([result])


@pytest.mark.slow("starts pytest")
def test_a_failure_is_told_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A layer with a failed test fails with what it printed, and so does one that died without a word."""
    failed = run_sample(tmp_path, "quick", is_good=False)
    died = run_job("died", [sys.executable, "-c", "print('last words'); raise SystemExit(3)"], {}, tmp_path)
    tell_failed([failed, died])
    told = capsys.readouterr().out
    assert not failed.is_good
    assert "assert False" in told
    assert "last words" in told
    assert re.search(r"^FAILED .*::test_fails$", told, re.MULTILINE)
    assert (
        summarise([failed, died], 1).strip("= ").startswith("1 failed, 1 passed, 1 skipped, 3 deselected, 1 error in")
    )


@pytest.mark.slow("starts a command")
def test_without_an_engine_its_layers_are_left_out() -> None:
    """`make test` on a machine without an engine says so, and does not fail for it."""
    environment = {**make_environ(), "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    argv = [sys.executable, "-m", "cli", "test", "compose", "compose-stack"]
    done = subprocess.run(argv, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "compose: left out, because no Docker engine answers" in done.stdout
    assert "no tests ran in" in done.stdout.splitlines()[-1]
