"""The commands as a person uses them."""

from __future__ import annotations

import json
import logging
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline_contract.identity import read_identity
from pipeline_contract.records import FAILURE_MARK
from tests.worker.fork import run_forked

COMMANDS = ["ingest_data", "validate_data", "train_model", "save_results"]
# From Python 3.12 on, where a library of another test has left a thread behind.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@dataclass(frozen=True)
class CommandOutput:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def failure(self) -> dict[str, Any]:
        """The failure record in the last line."""
        record: dict[str, Any] = json.loads(self.stdout.splitlines()[-1].removeprefix(FAILURE_MARK))
        return record


def run(command: str, *arguments: str, **environ: str) -> CommandOutput:
    """Run `python -m pipeline_worker.cli.<command>` with nothing in its environment but *environ*."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err, Path(os.devnull).open() as nothing:

        def work() -> int:
            for number, file in enumerate((nothing, out, err)):
                os.dup2(file.fileno(), number)
            sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
            logging.getLogger().handlers.clear()
            os.environ.clear()
            os.environ.update(environ)
            sys.argv = [command, *arguments]
            runpy.run_module(f"pipeline_worker.cli.{command}", run_name="__main__", alter_sys=True)
            return 0

        code = run_forked(work)
        for file in (out, err):
            file.seek(0)
        return CommandOutput(code, out.read(), err.read())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_complete_and_shows_an_example(command: str) -> None:
    """`--help` names every argument and the exit codes, and shows a command line to copy."""
    shown = run(command, "--help")
    assert shown.returncode == 0
    for text in ("--run", "--attempt", "--ask", "--again", "--params", "--store", "75", f"cli.{command} --store lake"):
        assert text in shown.stdout, text


@pytest.mark.slow("starts a process")
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
    assert ended.failure["error"] == "ParameterInvalid"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["..", ".", "a/b", "/", "/etc", "../x", " "])
def test_attempt_is_one_part_of_a_path(tmp_path: Path, name: str) -> None:
    """The attempt's name becomes a folder, so it cannot lead elsewhere: it is refused, and nothing is written."""
    source = put_source(tmp_path)
    ended = run("ingest_data", "--store", str(tmp_path), "--attempt", name, "--ask", "x", "--params", source)
    assert ended.returncode == 2
    assert ended.failure["where"] == "--attempt"
    assert list_files(tmp_path) == {"drops/_sources/a.csv"}


def test_attempt_without_a_name_gets_one(tmp_path: Path) -> None:
    """An empty name is none: the attempt is called after the time, beside whatever the run has already."""
    ended = run("ingest_data", "--store", str(tmp_path), "--attempt", "", "--params", put_source(tmp_path))
    assert ended.returncode == 0, ended.stderr
    (manifest,) = (name for name in list_files(tmp_path) if name.endswith("/ingested/manifest.json"))
    assert json.loads((tmp_path / manifest).read_text())["attempt"].startswith("by-hand-")


def test_a_name_in_the_data_forges_no_line_of_the_log(tmp_path: Path) -> None:
    """A column may be called what it likes: its line break is written out, and all of it stays in what is said of it."""
    params = put_source(
        tmp_path, '"a\n12:00:00 ERROR   out of memory","a\n12:00:00 ERROR   out of memory",y\n1,2,u\n2,3,v\n'
    )
    ended = run("ingest_data", "--store", str(tmp_path), "--params", params)
    assert ended.returncode == 1, ended.stderr
    assert r"(`a\n12:00:00 ERROR   out of memory`: columns 1, 2)" in ended.stderr
    assert not [line for line in ended.stderr.splitlines() if line.startswith("12:00:00 ERROR")]


def put_source(folder: Path, text: str = "a,y\n1,u\n2,v\n") -> str:
    """Put a small file where a `data_source` may lie, and return the parameters that name it."""
    (folder / "drops" / "_sources").mkdir(parents=True)
    (folder / "drops" / "_sources" / "a.csv").write_text(text)
    return '{"data_source": "s3://drops/_sources/a.csv"}'


def list_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_settings_file_fills_in_what_is_not_set(tmp_path: Path) -> None:
    """PIPELINE_ENV_FILE is read for names that the environment lacks; a file that is not there is named."""
    env_file = tmp_path / "settings.env"
    env_file.write_text(
        f"OBJECT_STORAGE_ENDPOINT_URL={(tmp_path / 'lake').as_uri()}\nML_PIPELINE_ARTIFACT_PREFIX='mine' # a note\n"
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
    record = ended.failure
    assert (record["exit"], record["where"], record["attempt"]) == (2, "OBJECT_STORAGE_ENDPOINT_URL", "one")
    assert "http://" in record["fix"]


def test_a_worker_of_another_version_than_airflow_s_does_nothing(tmp_path: Path) -> None:
    """It says how it is built anew, and is tried again until then; one of the same version works."""
    invocation = ("--store", str(tmp_path), "--attempt", "one", "--params", put_source(tmp_path))
    ended = run("ingest_data", *invocation, PIPELINE_CONTRACT="another", OBJECT_STORAGE_ENDPOINT_URL="no address")
    assert ended.returncode == 75
    record = ended.failure
    assert (record["error"], record["exit"], record["attempt"]) == ("ContractDiffers", 75, "one")
    assert "of another version of the pipeline than Airflow's" in record["what"]
    assert "`docker compose build worker-image`" in record["fix"]
    assert list_files(tmp_path) == {"drops/_sources/a.csv"}
    assert run("ingest_data", *invocation, PIPELINE_CONTRACT=read_identity()).returncode == 0


WORK_AND_WAIT = """
import contextlib, signal, sys, time, types
from pathlib import Path
from pipeline_worker.cli.command import main

folder, how = Path(sys.argv[1]), sys.argv[2]

@contextlib.contextmanager
def begun():
    try:
        print("begun", flush=True)
        yield
    finally:
        (folder / "ended").touch()

def ingest(attempt):
    if how == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("begun", flush=True)
        time.sleep(60)
    with begun():
        time.sleep(60)

module = types.ModuleType("pipeline_worker.stages.ingest.stage")
module.ingest = ingest
sys.modules["pipeline_worker.stages.ingest.stage"] = module
main("ingest", "", "", ["--store", sys.argv[1], "--params", '{"data_source": "s3://drops/_sources/a.csv"}'])
"""


@contextmanager
def at_work(folder: Path, how: str) -> Iterator[subprocess.Popen[str]]:
    """Give a command that is in the middle of its work, on a store in *folder*."""
    put_source(folder)
    environ = {"PIPELINE_EXIT_WITH_STDIN": "1", "PIPELINE_SCRATCH_DIR": str(folder / "scratch")}
    with subprocess.Popen(
        [sys.executable, "-c", WORK_AND_WAIT, str(folder), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    ) as process:
        try:
            assert process.stdout is not None
            # Comes when it is there, or with the end of the process.
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


@pytest.mark.slow("starts a process")
@pytest.mark.parametrize("how", ["signal", "stdin"])
def test_command_that_is_stopped_ends_what_it_began(tmp_path: Path, how: str) -> None:
    """Asked to end, or left alone, it leaves no scratch folder and no run in MLflow that seems to go on.

    Who asked it to end keeps a record of that; left alone it does so itself, so that it is no crash and is tried again.
    """
    with at_work(tmp_path, how) as process:
        assert process.stdin is not None
        if how == "signal":
            process.send_signal(signal.SIGTERM)
        else:
            process.stdin.close()
        assert process.wait(20) == (143 if how == "signal" else 75)
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("failure.json")]
    assert [record["exit"] for record in records] == ([] if how == "signal" else [75])
    assert (tmp_path / "ended").exists()
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.slow("starts a process")
def test_command_ends_with_its_starter(tmp_path: Path) -> None:
    """When the other end of stdin closes, the command is gone within moments, whatever it was doing."""
    with at_work(tmp_path, "deaf") as process:
        assert process.poll() is None
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 143
