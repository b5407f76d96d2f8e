"""Columns that a person should look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_worker.request import Request
from tests.worker.tables import ingest_table, make_hires, make_penguins

if TYPE_CHECKING:
    import pandas as pd

import pytest

pytestmark = pytest.mark.slow("loads scikit-learn")


def find(frame: pd.DataFrame, folder: Path, target: str) -> dict[str, str]:
    from pipeline_worker.training.plan import make_plan

    parquet, schema = ingest_table(frame, folder)
    return make_plan(parquet, schema, Request(target_column=target)).suspects


def test_good_columns_are_not_suspected(tmp_path: Path) -> None:
    """Dates, measures, categories and free text raise no alarm."""
    assert find(make_penguins(), tmp_path, "species") == {}
    assert find(make_hires(), tmp_path, "hires") == {}
    texts = make_hires().assign(note=[f"the day number {number} was fine" for number in range(240)])
    assert find(texts, tmp_path, "hires") == {}


def test_identifiers_are_suspected(tmp_path: Path) -> None:
    """Row numbers and codes tell a model nothing that it could use later."""
    frame = make_penguins()
    frame = frame.assign(row=range(1000, 1150), code=[f"P-{number:05x}" for number in range(150)])
    assert set(find(frame, tmp_path, "species")) == {"row", "code"}
    # A row that has no target leaves a gap between the numbers of the others.
    frame.loc[40, "species"] = None
    assert set(find(frame, tmp_path, "species")) == {"row", "code"}


def test_a_suspect_column_tells_what_ingest_noted_of_it(tmp_path: Path) -> None:
    """What reads like an identifier may be numbers in another form: the note has the line that reads them so."""
    frame = make_penguins()
    frame = frame.assign(code=["0007", *map(str, range(1000, 1149))])
    why = find(frame, tmp_path, "species")["code"]
    assert "reads like an identifier; if so, name it in `drop_columns`. Text, because of leading zeros" in why
    assert why.endswith('give {"ingestion_config": {"column_types": {"code": "integer"}}}.')


def test_columns_that_tell_the_target_are_suspected(tmp_path: Path) -> None:
    """The target under another name makes a model that is too good to be true."""
    frame = make_penguins()
    frame["kind"] = frame["species"].map({"Adelie": 7, "Chinstrap": 2, "Gentoo": 5})
    frame["tribe"] = frame["species"].str[:3].str.upper()
    assert set(find(frame, tmp_path, "species")) == {"kind", "tribe"}
    hires = make_hires()
    hires["double"] = hires["hires"] * 2 + 1
    assert set(find(hires, tmp_path, "hires")) == {"double"}
