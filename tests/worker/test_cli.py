"""The commands as a person uses them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMANDS = ["ingest_data", "validate_data", "train_model", "save_results"]


def run(command: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"pipeline_worker.cli.{command}", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_complete_and_shows_an_example(command: str) -> None:
    """`--help` names every argument and the exit codes, and shows a command line to copy."""
    shown = run(command, "--help")
    assert shown.returncode == 0
    for text in ("--run", "--attempt", "--ask", "--again", "--params", "--store", "75", f"cli.{command} --store lake"):
        assert text in shown.stdout, text


def test_help_loads_no_large_library() -> None:
    """A command that only answers for itself starts quickly."""
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pipeline_worker.cli.train_model", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    for library in ("sklearn", "pandas", "mlflow", "great_expectations", "duckdb"):
        assert f" {library}\n" not in listed, library


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1, "a": 2}'])
def test_broken_params_are_said(tmp_path: Path, text: str) -> None:
    """`--params` that is no JSON object is refused with 2, without a trace."""
    ended = run("ingest_data", "--store", str(tmp_path), "--params", text)
    assert ended.returncode == 2
    assert "--params" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_run_key_of_another_form_is_refused(tmp_path: Path) -> None:
    """A run key that would be another path is refused, and nothing is written."""
    ended = run("validate_data", "--store", str(tmp_path), "--run", "../../etc")
    assert ended.returncode == 2
    assert json.loads(ended.stdout.splitlines()[-1].removeprefix("PIPELINE-FAILURE "))["error"] == "ParameterInvalid"
    assert list(tmp_path.iterdir()) == []


def test_attempt_is_one_part_of_a_path(tmp_path: Path) -> None:
    """The attempt's name becomes a folder, so it cannot lead elsewhere."""
    for name in ("..", "a/b", ""):
        ended = run("ingest_data", "--store", str(tmp_path), "--attempt", name, "--ask", "x")
        assert ended.returncode == 2 or name == ""


def test_settings_file_fills_in_what_is_not_set(tmp_path: Path) -> None:
    """PIPELINE_ENV_FILE is read for names that the environment lacks; a file that is not there is named."""
    env_file = tmp_path / "settings.env"
    env_file.write_text(
        f"OBJECT_STORAGE_ENDPOINT_URL={(tmp_path / 'lake').as_uri()}\nML_PIPELINE_ARTIFACT_PREFIX=mine\n"
    )
    ended = run("ingest_data", PIPELINE_ENV_FILE=str(env_file), ML_PIPELINE_ARTIFACT_BUCKET="other")
    assert ended.returncode == 2
    assert (tmp_path / "lake" / "other" / "mine" / "receipts" / "unnamed").is_dir()
    ended = run("ingest_data", PIPELINE_ENV_FILE=str(tmp_path / "none"))
    assert ended.returncode == 2
    assert "PIPELINE_ENV_FILE" in ended.stderr


@pytest.mark.parametrize("url", ["localhost:8333", "http://", "minio"])
def test_endpoint_that_is_no_address_is_a_fault_of_the_setting(url: str) -> None:
    """It ends with 2 and a marked line, so that Airflow does not try it again."""
    ended = run("ingest_data", "--attempt", "one", "--ask", "me", OBJECT_STORAGE_ENDPOINT_URL=url)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    record = json.loads(ended.stdout.splitlines()[-1].removeprefix("PIPELINE-FAILURE "))
    assert (record["exit"], record["where"], record["attempt"]) == (2, "OBJECT_STORAGE_ENDPOINT_URL", "one")
    assert "http://" in record["fix"]


WORK_AND_WAIT = """
import contextlib, sys, time, types
from pathlib import Path
from pipeline_worker.cli.command import main

folder = Path(sys.argv[1])

@contextlib.contextmanager
def begun():
    (folder / "begun").touch()
    try:
        yield
    finally:
        (folder / "ended").touch()

def ingest(attempt):
    with begun():
        time.sleep(60)

module = types.ModuleType("pipeline_worker.ingest")
module.ingest = ingest
sys.modules["pipeline_worker.ingest"] = module
main("ingest", "", "", ["--store", sys.argv[1], "--params", '{"data_source": "s3://drops/_sources/a.csv"}'])
"""


@pytest.mark.parametrize("how", ["signal", "stdin"])
def test_command_that_is_stopped_ends_what_it_began(tmp_path: Path, how: str) -> None:
    """Asked to end, or left alone, it leaves no scratch folder and no run in MLflow that seems to go on."""
    (tmp_path / "drops" / "_sources").mkdir(parents=True)
    (tmp_path / "drops" / "_sources" / "a.csv").write_text("a")
    environ = {"PIPELINE_EXIT_WITH_STDIN": "1", "PIPELINE_SCRATCH_DIR": str(tmp_path / "scratch")}
    process = subprocess.Popen(
        [sys.executable, "-c", WORK_AND_WAIT, str(tmp_path)], stdin=subprocess.PIPE, env={**os.environ, **environ}
    )
    end = time.monotonic() + 20
    while not (tmp_path / "begun").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert process.stdin is not None
    if how == "signal":
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 143
        process.stdin.close()
    else:
        process.stdin.close()
        assert process.wait(5) == 143
    assert (tmp_path / "ended").exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_command_ends_with_its_starter(tmp_path: Path) -> None:
    """When the other end of stdin closes, the command is gone within moments, whatever it was doing."""
    (tmp_path / "drops" / "_sources").mkdir(parents=True)
    code = (
        "import sys, time, types; m = types.ModuleType('pipeline_worker.ingest'); m.ingest = lambda a: time.sleep(60);"
        "sys.modules['pipeline_worker.ingest'] = m; from pipeline_worker.cli.command import main;"
        f"open({str(tmp_path / 'drops' / '_sources' / 'a.csv')!r}, 'w').write('a');"
        f"main('ingest', '', '', ['--store', {str(tmp_path)!r}, '--params',"
        ' \'{"data_source": "s3://drops/_sources/a.csv"}\'])'
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, env={**os.environ, "PIPELINE_EXIT_WITH_STDIN": "1"}
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(5) == 143
