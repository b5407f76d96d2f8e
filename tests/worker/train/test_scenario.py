"""How a model is measured: by which split, by which columns, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline_worker.errors import ColumnMissing, DataFault, ParameterInvalid, StageError
from pipeline_worker.request import Request
from tests.worker.tables import ingest_table, make_penguins

if TYPE_CHECKING:
    import pandas as pd

    from pipeline_worker.stages.train.plan import Plan

pytestmark = pytest.mark.slow("loads pandas")


def plan_of(table: pd.DataFrame, folder: Path, target: str = "species", **request: Any) -> Plan:
    from pipeline_worker.stages.train.plan import make_plan

    parquet, schema = ingest_table(table, folder)
    return make_plan(parquet, schema, Request(target_column=target, **request))


def refusal_of(table: pd.DataFrame, folder: Path, **request: Any) -> StageError:
    with pytest.raises((ColumnMissing, DataFault, ParameterInvalid)) as raised:
        plan_of(table, folder, **request)
    return raised.value


def test_in_time_the_latest_rows_are_tested(tmp_path: Path) -> None:
    """The only column of dates says which they are, and the first day that is tested is told."""
    table = make_penguins().sample(frac=1, random_state=0)
    split = plan_of(table, tmp_path, training_scenario="time").split
    days = table["seen_on"].to_numpy()
    assert len(split.test) == 30
    assert days[split.train].max() < days[split.test].min() == split.facts["tested_from"] == "2024-04-30"
    assert split.facts["time_column"] == "seen_on"
    assert split.times is not None
    assert len(split.times) == 120


def test_a_time_column_may_be_numbers_and_dropped_and_have_gaps(tmp_path: Path) -> None:
    """Rows of one year are not cut apart, rows without one are learned, and the model does not see the column."""
    year = np.repeat(np.arange(2010, 2020), 15).astype(object)
    year[:4] = None
    table = make_penguins().assign(year=year)
    plan = plan_of(table, tmp_path, training_scenario="time", time_column="year", drop_columns=["year"], test_size=0.25)
    assert set(plan.split.test) == set(range(120, 150))
    assert plan.split.facts["tested_from"] == "2018"
    assert "year" not in plan.table.features
    assert any("30 rows instead of 37" in note for note in plan.split.notes)
    assert any("4 rows have no value in `year`" in note for note in plan.split.notes)


def test_a_class_that_only_comes_later_is_not_tested(tmp_path: Path) -> None:
    """Nothing could predict it; that is said, and the first line of the result says from when on rows were tested."""
    from pipeline_worker.stages.train.scenario import say_tested

    table = make_penguins()
    table.loc[147:, "species"] = "Emperor"
    plan = plan_of(table, tmp_path, training_scenario="time")
    assert len(plan.split.test) == 27
    assert "Emperor" not in {*plan.train_target, *plan.test_target}
    assert any(
        "3 rows from `seen_on` 2024-04-30 on are of classes that no earlier row has" in n for n in plan.split.notes
    )
    assert any("The class 'Emperor' has no row among those" in note for note in plan.split.notes)
    assert say_tested(plan.split) == "27 test rows from 2024-04-30 on"


def test_columns_that_say_nothing_of_time_are_refused(tmp_path: Path) -> None:
    """Each error says what to give instead, as a line to paste where there is one."""
    table = make_penguins().assign(other="2024-01-01", word=["soon", "late"] * 75)
    asked = {"training_scenario": "time"}
    several = refusal_of(table, tmp_path, **asked)
    assert "Several columns hold dates" in several.what
    assert several.fix == 'Give {"time_column": "seen_on"}, or another one of: `seen_on`, `other`.'
    none = refusal_of(table.drop(columns=["seen_on", "other"]), tmp_path, **asked)
    assert "No column holds dates" in none.what
    assert (
        none.fix
        == "Give `time_column`, if it is one of: `bill_length_mm`, `body_mass_g`; or else another `training_scenario`."
    )
    words = refusal_of(table[["species", "word"]], tmp_path, **asked)
    assert words.fix.startswith("No column can be it: give another `training_scenario`")
    wrong = refusal_of(table, tmp_path, **asked, time_column="seen_onn")
    assert "Did you mean `seen_on`?" in wrong.what
    assert wrong.fix.endswith('If `seen_on` is meant, give {"time_column": "seen_on"}.')
    text = refusal_of(table, tmp_path, **asked, time_column="word")
    assert '{"ingestion_config": {"column_types": {"word": "date"}}}' in text.fix
    assert "has the same value" in refusal_of(table, tmp_path, **asked, time_column="other").what
    assert "is the target" in refusal_of(table, tmp_path, **asked, time_column="species").what


def test_classes_that_change_with_the_time_are_refused(tmp_path: Path) -> None:
    """One class alone cannot be learned, and what no earlier row has cannot be tested."""
    table = make_penguins()
    table["species"] = ["a"] * 120 + ["b"] * 30
    assert (
        "before `seen_on` 2024-04-30 are of the same class"
        in refusal_of(table, tmp_path, training_scenario="time").what
    )
    table["species"] = ["a", "b"] * 60 + ["c"] * 30
    assert "can be tested" in refusal_of(table, tmp_path, training_scenario="time").what


def test_no_group_is_on_both_sides(tmp_path: Path) -> None:
    """Groups stay whole in split and folds, near the share that was asked for; the column is no feature."""
    from pipeline_worker.stages.train.folds import make_folds

    table = make_penguins(400).assign(ward=np.random.default_rng(0).integers(0, 30, 400))
    plan = plan_of(table, tmp_path, training_scenario="group", group_column="ward", drop_columns=["ward"])
    split, wards = plan.split, table["ward"].to_numpy()
    assert not set(wards[split.train]) & set(wards[split.test])
    assert abs(len(split.test) - 80) <= 8
    assert (plan.test_target == "Adelie").mean() == pytest.approx((plan.target.array == "Adelie").mean(), abs=0.1)
    assert "ward" not in plan.table.features
    assert any("`ward` says which rows belong together, and is no feature" in note for note in plan.table.notes)
    assert split.facts["groups"] == {"train": len(set(wards[split.train])), "test": len(set(wards[split.test]))}
    inside = wards[split.train]
    for fold in make_folds(plan.train_target, plan.kind, 3, 0, groups=split.groups):
        assert not set(inside[fold.train]) & set(inside[fold.test])
    again = plan_of(table, tmp_path, training_scenario="group", group_column="ward").split
    assert (again.test == split.test).all()


def test_groups_that_cannot_be_split_are_refused(tmp_path: Path) -> None:
    """A missing column, a single group, and classes of one group each have an answer of their own."""
    table = make_penguins().assign(one="x")
    asked = {"training_scenario": "group"}
    missing = refusal_of(table[["species", "bill_length_mm", "island", "one"]], tmp_path, **asked)
    assert "`group_column` is missing" in missing.what
    assert missing.fix == "Give `group_column`, if it is one of: `island`, `one`; or else another `training_scenario`."
    assert "Did you mean `island`?" in refusal_of(table, tmp_path, **asked, group_column="islnd").what
    assert "has the same value in all rows" in refusal_of(table, tmp_path, **asked, group_column="one").what
    table["kind"] = table["species"]
    assert "Each class lies in one group" in refusal_of(table, tmp_path, **asked, group_column="kind").what


def test_rows_without_a_group_stand_for_themselves(tmp_path: Path) -> None:
    """They are no group together, and that is said."""
    table = make_penguins().assign(ward=[None] * 100 + ["a"] * 25 + ["b"] * 25)
    split = plan_of(table, tmp_path, training_scenario="group", group_column="ward").split
    assert split.facts["groups"]["train"] + split.facts["groups"]["test"] == 102
    assert "100 rows have no value in `ward`, and were taken for a group each." in split.notes


def test_in_full_train_all_rows_are_learned_and_all_are_tested(tmp_path: Path) -> None:
    """Folds measure, by groups where they are named; a class with a single row is only learned, and that is said."""
    table = make_penguins().assign(ward=np.arange(150) % 12)
    table.loc[3, "species"] = "Emperor"
    split = plan_of(table, tmp_path, training_scenario="full_train").split
    assert (len(split.train), len(split.test), len(split.folds)) == (150, 149, 5)
    assert "The class 'Emperor' is too rare to be tested, and is only learned." in split.notes
    by_ward = plan_of(table, tmp_path, training_scenario="full_train", group_column="ward").split
    assert all(not set(fold.train % 12) & set(fold.test % 12) for fold in by_ward.folds)
    in_time = plan_of(table, tmp_path, training_scenario="full_train", time_column="seen_on").split
    assert all(fold.train.max() < fold.test.min() for fold in in_time.folds)
    assert any("the earliest by `seen_on`, were only learned" in note for note in in_time.notes)


def test_a_column_that_is_named_in_vain_is_said(tmp_path: Path) -> None:
    """Neither a `group_column` nor a `time_column` splits the rows under `holdout`, and is told with the line that lets it."""
    plan = plan_of(make_penguins(), tmp_path, group_column="island", time_column="seen_on")
    assert any('give {"training_scenario": "group"}' in note for note in plan.table.notes)
    assert any('give {"training_scenario": "time"}' in note for note in plan.table.notes)
    assert plan_of(make_penguins(), tmp_path).table.notes == ()
    assert "island" in plan.table.features


def test_copies_are_not_on_both_sides(tmp_path: Path) -> None:
    """They are counted, and kept together in split and folds."""
    import pandas as pd

    table = make_penguins().drop(columns="seen_on").assign(weight=np.random.default_rng(1).normal(size=150))
    pasted = pd.concat([table, table.head(60)], ignore_index=True)
    split = plan_of(pasted, tmp_path).split
    origin = np.arange(210) % 150
    assert not set(origin[split.train]) & set(origin[split.test])
    assert split.groups is not None
    assert len(set(split.groups)) == len(set(origin[split.train]))
    assert any(
        "60 of 210 rows are equal to an earlier one" in note and "They are copies" in note for note in split.notes
    )


def test_rows_that_chance_makes_equal_are_split_like_all_others(tmp_path: Path) -> None:
    """They are counted all the same."""
    split = plan_of(make_penguins()[["species", "island"]], tmp_path).split
    assert split.groups is None
    assert any("chance can explain that, so nothing has to be done" in note for note in split.notes)
