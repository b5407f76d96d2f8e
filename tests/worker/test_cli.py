"""The commands as a person uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
