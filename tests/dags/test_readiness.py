"""Whether the stage Dags are there to take what is claimed."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from pipeline.watch import readiness
from pipeline.watch.readiness import StagesUnready, require_ready
from pipeline_contract.stages import STAGES

#: Airflow knows every Dag, and none is paused.
READY = {"ti": SimpleNamespace(get_dag=lambda _: SimpleNamespace(is_paused=False))}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give a copy of the stage Dags' files, which is the one that is looked at."""
    for name in STAGES:
        shutil.copy(readiness._DAGS / f"{name}.py", tmp_path)
    monkeypatch.setattr(readiness, "_DAGS", tmp_path)
    return tmp_path


def test_ready(folder):
    """With every stage Dag known, unpaused and whole, there is nothing to say."""
    require_ready(READY)


@pytest.mark.parametrize("content", ["from pipeline.assets import GONE\n", "def train(:\n", None])
def test_file_that_broke_after_it_was_parsed(folder, content):
    """A stage Dag that Airflow still knows and that cannot be read any more takes no drop: its file and fault are named."""
    path = folder / "train.py"
    path.unlink()
    if content:
        path.write_text(content)
    with pytest.raises(StagesUnready, match=r"train\.py does not parse: (ImportError|SyntaxError|FileNotFoundError)"):
        require_ready(READY)


def test_paused(folder):
    """A stage Dag that is paused is named."""
    ti = SimpleNamespace(get_dag=lambda name: SimpleNamespace(is_paused=name == "validate"))
    with pytest.raises(StagesUnready, match="`validate` is paused"):
        require_ready({"ti": ti})
