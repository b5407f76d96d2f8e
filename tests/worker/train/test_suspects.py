"""Columns that a person should look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline_worker.request import Request
from tests.worker.tables import ingest_table, make_hires, make_penguins

if TYPE_CHECKING:
    import pandas as pd

import pytest

pytestmark = pytest.mark.slow("loads scikit-learn")


def find(frame: pd.DataFrame, folder: Path, target: str) -> dict[str, str]:
    from pipeline_worker.stages.train.plan import make_plan

    parquet, schema = ingest_table(frame, folder)
    return make_plan(parquet, schema, Request(target_column=target)).suspects


def test_good_columns_are_not_suspected(tmp_path: Path) -> None:
    """Dates, measures, categories and free text raise no alarm."""
    assert find(make_penguins(), tmp_path, "species") == {}
    assert find(make_hires(), tmp_path, "hires") == {}
    texts = make_hires().assign(note=[f"the day number {number} was fine" for number in range(240)])
    assert find(texts, tmp_path, "hires") == {}


def test_columns_that_tell_the_target_are_suspected(tmp_path: Path) -> None:
    """The target under another name makes a model that is too good to be true."""
    frame = make_penguins()
    frame["kind"] = frame["species"].map({"Adelie": 7, "Chinstrap": 2, "Gentoo": 5})
    frame["tribe"] = frame["species"].str[:3].str.upper()
    frame["height"] = frame["species"].map({"Adelie": 7, "Chinstrap": 2, "Gentoo": 5}) + np.linspace(0, 1, 150)
    assert set(find(frame, tmp_path, "species")) == {"kind", "tribe", "height"}
    hires = make_hires()
    hires["double"] = hires["hires"] * 2 + 1
    hires["curve"] = np.exp((hires["hires"] + np.linspace(0, 0.1, 240)) / 200)
    assert set(find(hires, tmp_path, "hires")) == {"double", "curve"}
