"""What is measured by a split at random, beside the latest rows; and models that learn from all rows."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline_worker.request import Request
from tests.worker.tables import ingest_table, make_penguins

if TYPE_CHECKING:
    import pandas as pd

    from pipeline_worker.stages.train.learn import Learned
    from pipeline_worker.stages.train.plan import Plan

pytestmark = pytest.mark.slow("trains models")


def learn_from(table: pd.DataFrame, folder: Path, **request: Any) -> tuple[Plan, Learned]:
    from pipeline_worker.stages.train.learn import learn
    from pipeline_worker.stages.train.plan import make_plan

    parquet, schema = ingest_table(table, folder)
    plan = make_plan(parquet, schema, Request(**request))
    return plan, learn(plan, lambda _: nullcontext())


def make_drift(rows: int = 400) -> pd.DataFrame:
    """Return a quantity that wanders with the days, beside numbers that say little of it."""
    import pandas as pd

    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d"),
            "noise": random.normal(size=rows),
            "level": np.cumsum(random.normal(0.3, 1, rows)),
        }
    )


def test_a_split_at_random_that_flatters_is_told(tmp_path: Path) -> None:
    """The warning has both numbers and the line to paste, and stands among the notes."""
    from pipeline_worker.stages.train.result import describe_learned

    plan, learned = learn_from(
        make_drift(), tmp_path, target_column="level", model_name="RandomForestRegressor", refit=False
    )
    assert learned.look is not None
    assert learned.look.at_random > 0.9
    assert learned.look.in_time < 0
    (note,) = learned.look.say()
    assert note.endswith('give {"training_scenario": "time", "time_column": "day"}.')
    assert note in describe_learned(plan, learned)["notes"]
    assert learned.described["split_in_time"]["r2"] == learned.look.in_time


def test_nothing_is_told_where_the_time_does_not_matter(tmp_path: Path) -> None:
    """Birds are the same on later days, and chance alone is no reason to warn."""
    asked = {"target_column": "species", "model_name": "LogisticRegression", "drop_columns": ["bill_length_mm"]}
    _, learned = learn_from(make_penguins(300), tmp_path, refit=False, **asked)
    assert learned.look is not None
    assert learned.look.say() == ()


def test_full_train_measures_out_of_fold_and_learns_from_all_rows(tmp_path: Path) -> None:
    """The model that is kept has seen each row, and those that were measured have not seen the rows they were measured on."""
    from pipeline_worker.stages.train.learn import draw_learned
    from pipeline_worker.stages.train.result import describe_learned, say_result

    table = make_penguins().assign(species=np.random.default_rng(3).permutation(make_penguins()["species"]))
    table.loc[3, "species"] = "Emperor"
    plan, learned = learn_from(
        table, tmp_path, target_column="species", model_name="RandomForestClassifier", training_scenario="full_train"
    )
    # A forest knows by heart what it has learned, and nothing else where the labels are shuffled.
    known = learned.published.pipeline.predict(plan.table.features) == plan.target.array
    assert known.mean() > 0.95
    assert learned.measured.model["accuracy"] < 0.6
    assert learned.refitted is None
    facts = describe_learned(plan, learned)
    assert facts["fitted_on"] == "all rows"
    assert facts["rows"] == {"train": 150, "test": 149}
    assert (facts["training_scenario"], facts["folds"]) == ("full_train", 5)
    assert learned.described["training_scenario"] == "full_train"
    assert "rows, by cross-validation in 5 folds" in say_result(plan, learned)
    assert draw_learned(plan, learned)


def test_models_are_compared_by_the_scenario_s_own_folds(tmp_path: Path) -> None:
    """Where groups are nearly copies of each other, the comparison does not see a group that it learned from."""
    import pandas as pd

    random = np.random.default_rng(0)
    bird = np.repeat(np.arange(40), 6)
    table = pd.DataFrame({name: random.normal(size=40)[bird] + random.normal(0, 0.01, 240) for name in "pqr"})
    table = table.assign(bird=bird, species=random.permutation(["a", "b"] * 20)[bird])
    asked = {"target_column": "species", "refit": False, "drop_columns": ["bird"]}
    _, by_groups = learn_from(table, tmp_path, training_scenario="group", group_column="bird", **asked)
    _, at_random = learn_from(table, tmp_path, **asked)
    assert by_groups.decision.choice is not None
    assert at_random.decision.choice is not None
    assert at_random.decision.choice.compared[0].score < 0.3
    assert by_groups.decision.choice.compared[0].score > 0.5
