"""Columns that a model is not to see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_worker.errors import ColumnMissing, ParameterInvalid
from pipeline_worker.request import Request
from tests.worker.tables import ingest_table, make_hires, make_penguins

if TYPE_CHECKING:
    import pandas as pd

    from pipeline_worker.stages.train.plan import Plan

pytestmark = pytest.mark.slow("loads scikit-learn")


def plan(frame: pd.DataFrame, folder: Path, target: str, **params: list[str]) -> Plan:
    from pipeline_worker.stages.train.plan import make_plan

    parquet, schema = ingest_table(frame, folder)
    return make_plan(parquet, schema, Request.model_validate({"target_column": target, **params}))


def test_good_columns_are_kept(tmp_path: Path) -> None:
    """Dates, measures, categories, free text, and whole numbers that count something are features."""
    assert plan(make_penguins(), tmp_path, "species").useless == {}
    texts = make_hires().assign(note=[f"the day number {number} was fine" for number in range(240)])
    assert plan(texts.assign(year=range(1781, 2021)), tmp_path, "hires").useless == {}


def test_identifiers_row_numbers_and_constants_are_left_out(tmp_path: Path) -> None:
    """They are no features, are named with the reason and the line that puts them back, and are not asked for at prediction."""
    frame = make_penguins()
    frame = frame.assign(
        place=range(150),
        bird_id=range(90_000, 89_850, -1),
        code=[f"P-{number:05x}" for number in range(150)],
        planet="Earth",
    )
    # A row that has no target leaves a gap between the numbers of the others.
    frame.loc[40, "species"] = None
    found = plan(frame, tmp_path, "species")
    assert set(found.useless) == {"place", "bird_id", "code", "planet"}
    assert not set(found.useless) & {column.name for column in found.table.columns}
    assert not set(found.useless) & set(found.table.features)
    assert found.useless["planet"].startswith("Left out: it has the same value in each row.")
    assert found.useless["code"].endswith('give {"keep_columns": ["code"]}.')
    assert set(plan(frame, tmp_path, "species", keep_columns=["code", "planet"]).useless) == {"place", "bird_id"}


def test_the_only_columns_are_kept_whatever_they_are(tmp_path: Path) -> None:
    """With nothing else to learn from, a number of the row may be the time."""
    frame = make_hires()[["hires"]].assign(step=range(240))
    found = plan(frame, tmp_path, "hires")
    assert found.useless == {}
    assert found.suspects["step"].startswith("Kept only as no other column is left: it numbers the rows.")


def test_a_column_left_out_tells_what_ingest_noted_of_it(tmp_path: Path) -> None:
    """What reads like an identifier may be numbers in another form: the note has the line that reads them so."""
    frame = make_penguins().assign(code=["0007", *map(str, range(1000, 1149))])
    why = plan(frame, tmp_path, "species").useless["code"]
    assert "reads like an identifier. To use it all the same, give" in why
    assert why.endswith('give {"ingestion_config": {"column_types": {"code": "integer"}}}.')


def test_names_in_keep_columns_are_checked(tmp_path: Path) -> None:
    """A column that is not there, or that is to be dropped too, is named."""
    with pytest.raises(ColumnMissing, match="`keep_columns` names `iland`"):
        plan(make_penguins(), tmp_path, "species", keep_columns=["iland"])
    with pytest.raises(ParameterInvalid, match="in `drop_columns` and in `keep_columns`"):
        plan(make_penguins(), tmp_path, "species", keep_columns=["island"], drop_columns=["island"])
