"""`make demo`, as on a new machine: from a clean clone to a published model that predicts."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from cli.credentials import write_env_file
from cli.dev.test import make_environ
from cli.settings import PROJECT, read_settings
from tests.e2e.pipeline import PATIENCE_SECONDS
from tests.ports import choose_ports
from tests.stack import Stack

pytestmark = [
    pytest.mark.long("sets a clone up and starts a stack of its own"),
    pytest.mark.timeout(3 * PATIENCE_SECONDS),
]


@pytest.fixture
def clone() -> Iterator[Path]:
    """Give a clone with free ports, without anything set up; what a test starts in it is ended, whatever happens."""
    # A short path: a Unix socket's has 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="clone-"))
    clone = folder / "pipeline"
    subprocess.run(["git", "clone", "--quiet", PROJECT, clone], check=True)
    # The scheduler looks less often, as that keeps a core busy that other tests want.
    write_env_file(clone / ".env", {**choose_ports(), "AIRFLOW_SCHEDULER_SLEEP_SECONDS": "1"})
    stack = Stack(
        {}, read_settings({"PIPELINE_STATE_DIR": str(clone / ".state"), "PIPELINE_ENV_FILE": str(clone / ".env")})
    )
    try:
        yield clone
    finally:
        processes = list(stack.processes().values())
        try:
            make(clone, "down")
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            shutil.rmtree(folder, ignore_errors=True)


def make(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `make` in a clone; the test looks at code and output."""
    argv = ["make", "--no-print-directory", *words]
    return subprocess.run(argv, cwd=clone, env=make_environ(), capture_output=True, text=True, check=False)


def test_one_command_is_enough(clone: Path) -> None:
    """`make demo` sets up, starts, publishes and predicts, with the lines that the README shows, and stops on demand."""
    done = make(clone, "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = (clone / "README.md").read_text().partition("✓ claimed")[2].partition("\n...")[0]
    stages = re.findall(r"^✓ (\w+)", f"✓ claimed{shown}", re.MULTILINE)
    assert stages == ["claimed", "ingest", "validate", "train", "publish"]
    for stage in stages:
        assert re.search(rf"^✓ {stage} ", done.stdout, re.MULTILINE), done.stdout
    for line in (
        "344 rows, 8 columns, target `species`",
        "17 rules hold for 344 rows",
        "version 1 of `penguins`, now `newest`",
    ):
        assert line in shown
        assert line in done.stdout
    predicted = re.findall(r"^ *\d+ +(Adelie|Chinstrap|Gentoo) +(Adelie|Chinstrap|Gentoo)$", done.stdout, re.MULTILINE)
    assert len(predicted) >= 3
    assert done.stdout.count("All of it works.") == 1
    assert make(clone, "drop", "FILE=examples/broken/broken.csv").returncode != 0
    stopped = make(clone, "down")
    assert stopped.returncode == 0
    assert not [
        process for process in psutil.process_iter(["cmdline"]) if str(clone) in " ".join(process.info["cmdline"] or ())
    ]
