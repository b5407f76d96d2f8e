"""What tests of every layer share."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.minio_server import MinioServer, run_minio
from tests.weed import Weed, run_weed

if TYPE_CHECKING:
    from tests.stack import Stack

LEFT = pytest.StashKey[Counter[tuple[str, str]]]()


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """Give a real S3 server, one for the whole session."""
    with run_weed(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """Give a real MinIO, one for the whole session, as it is before the bootstrap."""
    with run_minio(tmp_path_factory.mktemp("minio")) as server:
        yield server


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Give a whole stack that runs, one for the whole session; a test that stops it starts it again.

    Its worker is the stub: what is around the stages is tested with it, and the stages with the examples.
    The local one, or with STACK=compose in the environment that of Docker Compose.
    """
    # Imported here, as the environments of Airflow and of the worker lack what it needs.
    from tests.compose_stack import run_compose
    from tests.stack import run_stub_stack

    with run_compose() if os.environ.get("STACK") == "compose" else run_stub_stack() as running:
        yield running


#: The fixtures behind which a server stands, and what it is called: a test that uses one is none for each save.
SERVERS = {
    "weed": "an S3 server",
    "minio": "MinIO",
    "stack": "a stack",
    "mlflow_server": "MLflow",
    "engine": "an engine",
}

NO_PARAMETERS = SimpleNamespace(params={})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take which of the tests to run, and where to note how they ended; `cli/dev/test.py` gives both."""
    parser.addoption("--pace", choices=["quick", "usual", "long", "all"], default="all", help="see find_pace")
    parser.addoption("--results", type=Path, help="file for what the summary of all layers is made of")


def pytest_configure(config: pytest.Config) -> None:
    """Explain the marks, and let whoever ends these tests end what they have started, as with Ctrl-C."""
    signal.signal(signal.SIGTERM, end_in_order)
    config.addinivalue_line("markers", "slow(why): not for each save; left to `make test`")
    config.addinivalue_line("markers", "long(why): repeated, exhaustive or long; left to `make test-long`")


def end_in_order(number: int, _frame: FrameType | None) -> None:
    """Interrupt the tests; once, so that nothing cuts short what ends their servers."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def find_pace(item: pytest.Item) -> tuple[str, str]:
    """Return which make target a test is for (`quick`, `usual` or `long`), and why."""
    for pace, mark in (("long", item.get_closest_marker("long")), ("usual", item.get_closest_marker("slow"))):
        if mark:
            return pace, str(mark.args[0])
    # A parameter may be the name of a fixture.
    names = {*getattr(item, "fixturenames", ()), *map(str, getattr(item, "callspec", NO_PARAMETERS).params.values())}
    needs = [what for name, what in SERVERS.items() if name in names]
    return ("usual", f"needs {needs[0]}") if needs else ("quick", "")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse a test without a sentence that states the behaviour, and leave those to another target that are for it."""
    silent = [item.nodeid for item in items if not getattr(getattr(item, "obj", None), "__doc__", None)]
    if silent:
        raise pytest.UsageError(f"tests without a docstring: {', '.join(silent)}")
    wanted = config.getoption("--pace")
    included = {"quick": {"quick"}, "usual": {"quick", "usual"}, "long": {"long"}, "all": {"quick", "usual", "long"}}
    paces = [(item, find_pace(item)) for item in items]
    left = [(item, pace) for item, pace in paces if pace[0] not in included[wanted]]
    config.stash[LEFT] = Counter(pace for _, pace in left)
    if left:
        config.hook.pytest_deselected(items=[item for item, _ in left])
        items[:] = [item for item, pace in paces if pace[0] in included[wanted]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Note how the tests ended, for the summary of all layers."""
    path = config.getoption("--results")
    if path is None:
        return
    stats = terminalreporter.stats
    kinds = ("passed", "failed", "error", "skipped", "xfailed", "xpassed", "deselected")
    noted = {
        "counts": {kind: len(stats.get(kind, ())) for kind in kinds},
        "failed": [report.nodeid for kind in ("failed", "error") for report in stats.get(kind, ())],
        "skipped": Counter(report.longrepr[2] for report in stats.get("skipped", ())),
        "left": [[*pace_and_why, count] for pace_and_why, count in config.stash.get(LEFT, Counter()).items()],
        "slowest": sorted(
            ([report.duration, report.when, report.nodeid] for reports in stats.values() for report in reports
             if isinstance(report, pytest.TestReport)), reverse=True,
        )[:25],
    }  # fmt: skip
    path.write_text(json.dumps(noted), encoding="utf-8")
