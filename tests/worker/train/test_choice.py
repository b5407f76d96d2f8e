"""Which models are compared where none is asked for, which is taken, and what is fitted anew."""

from __future__ import annotations

import json
import pickle
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline_worker.errors import ParameterInvalid
from pipeline_worker.request import Request
from pipeline_worker.stages.train.kind import CLASSIFICATION, REGRESSION
from tests.worker.tables import ingest_table, make_hires, make_penguins

if TYPE_CHECKING:
    import pandas as pd

    from pipeline_worker.stages.train.learn import Learned
    from pipeline_worker.stages.train.plan import Plan

pytestmark = pytest.mark.slow("trains models")


def plan_of(frame: pd.DataFrame, folder: Path, cells: int = 10**9, **params: Any) -> Plan:
    from pipeline_worker.stages.train.plan import make_plan

    parquet, schema = ingest_table(frame, folder)
    return make_plan(parquet, schema, Request.model_validate(params), cells)


def learn_of(plan: Plan, lines: list[str] | None = None, seconds: float = 600) -> Learned:
    from pipeline_worker.stages.train.learn import learn

    return learn(plan, lambda _: nullcontext(), (lines if lines is not None else []).append, seconds)


@cache
def chosen() -> tuple[Plan, Learned, list[str]]:
    """Return one training with a choice, made once for all tests that look at it."""
    lines: list[str] = []
    with TemporaryDirectory() as folder:
        plan = plan_of(make_penguins(), Path(folder), target_column="species")
    return plan, learn_of(plan, lines), lines


def test_each_family_is_compared_and_the_best_is_taken() -> None:
    """All candidates are told with their scores, in the log and in `metrics.json`; the first of them is fitted."""
    plan, learned, lines = chosen()
    choice = learned.decision.choice
    assert choice
    assert {each.model.family for each in plan.candidates.all} == {"linear", "boosting", "forest"}
    assert (
        len(choice.compared)
        == len(plan.candidates.all)
        == len([line for line in lines if line.startswith("compared: ")])
    )
    scores = [each.score for each in choice.compared]
    assert choice.metric == "log_loss"
    assert scores == sorted(scores)
    assert learned.decision.candidate == choice.compared[0].candidate
    assert type(learned.estimator).__name__ == learned.decision.candidate.model.name
    described = learned.described["choice"]
    assert described["is_repeatable"]
    assert [each["model"] for each in described["candidates"]] == [
        each.candidate.model.name for each in choice.compared
    ]


def test_the_model_to_publish_is_the_measured_one_fitted_anew_on_all_rows() -> None:
    """The same estimator with the same hyperparameters has learned from the rows of the test part too."""
    from pipeline_worker.stages.train.fit import Encodings
    from pipeline_worker.stages.train.threshold import find_estimator

    plan, learned, _ = chosen()
    assert learned.refitted
    measured, published = find_estimator(learned.fitted.pipeline), find_estimator(learned.published.pipeline)
    assert measured.get_params() == published.get_params()
    everything = Encodings(plan.table.columns, plan.table.features, 42).of(learned.decision.candidate.model.family).rows
    again = type(published)(**published.get_params()).fit(everything, plan.target.array)
    assert pickle.dumps(again) == pickle.dumps(published)
    assert pickle.dumps(measured) != pickle.dumps(published)


def test_without_refit_the_measured_model_is_the_one_to_publish(tmp_path: Path) -> None:
    """`refit: false` keeps the test part unseen."""
    plan = plan_of(make_penguins(), tmp_path, target_column="species", refit=False, model_name="LogisticRegression")
    learned = learn_of(plan)
    assert learned.refitted is None
    assert learned.published is learned.fitted
    assert learned.fitted_on == "the train part"


def test_boosting_that_stopped_early_keeps_its_number_of_trees(tmp_path: Path) -> None:
    """Fitted on all rows there are no rows left to stop by."""
    frame = make_hires(200)
    given = {"early_stopping": True, "max_iter": 200, "n_iter_no_change": 3}
    learned = learn_of(
        plan_of(
            frame, tmp_path, target_column="hires", model_name="HistGradientBoostingRegressor", hyperparameters=given
        )
    )
    assert learned.refitted
    published = learned.refitted.pipeline.named_steps["model"]
    assert published.n_iter_ == learned.estimator.n_iter_ < 200  # type: ignore[attr-defined]
    assert not published.do_early_stopping_


def test_the_metric_that_is_asked_for_decides(tmp_path: Path) -> None:
    """`metric` is what candidates are compared by, and the headline."""
    plan = plan_of(make_hires(60), tmp_path, target_column="hires", metric="mae")
    learned = learn_of(plan)
    assert learned.decision.choice
    assert learned.decision.choice.metric == learned.measured.headline == "mae"
    scores = [each.score for each in learned.decision.choice.compared]
    assert scores == sorted(scores)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"metric": "r2"}, "`r2` is for regression"),
        ({"metric": "f1"}, "about the positive one of two classes"),
        ({"task": "regression"}, "`task` is `regression`, and `species` is not for that: it is text"),
        ({"task": "regression", "model_name": "Ridge"}, "`task` is `regression`, and"),
        ({"hyperparameters": {"max_itr": 3}}, "`auto` has no hyperparameter `max_itr`. Did you mean `max_iter`"),
        ({"hyperparameters": {"max_itr": 3}}, "what to do: Write `max_iter` in its place, if that is meant."),
        ({"hyperparameters": {"C": 1.0, "max_depth": 3}}, "No model has all of the hyperparameters `C`, `max_depth`"),
        ({"hyperparameters": {"max_iter": "x"}}, "must be an int"),
        ({"threshold": "tuned"}, "A threshold is between two classes"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_computed(
    tmp_path: Path, params: dict[str, Any], message: str
) -> None:
    """Each with what is wrong, and where."""
    with pytest.raises(ParameterInvalid, match=message.replace("`", "`").replace(".", r"\.")):
        plan_of(make_penguins(40), tmp_path, target_column="species", **params)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"threshold": "tuned"}, {"threshold": "most_probable"}),
        ({"training_scenario": "full_train", "target_column": "is_tagged", "threshold": "tuned"}, {"threshold": "most_probable"}),
        ({"task": "regression"}, {"task": "classification"}),
        ({"task": "regression", "model_name": "Ridge"}, {"task": "classification", "model_name": "auto"}),
        (
            {"target_column": "body_mass_g", "task": "classification"},
            {"task": "regression"},
        ),
        ({"drop_columns": ["island", "species"]}, {"drop_columns": ["island"]}),
        ({"hyperparameters": {"max_iter": "x"}}, {"hyperparameters": {}}),
        (
            {"model_name": "Ridge", "target_column": "body_mass_g", "hyperparameters": {"alpha": 1.0}, "tuning": True},
            {"tuning": False},
        ),
    ],
)  # fmt: skip
def test_what_a_refusal_gives_is_taken(tmp_path: Path, params: dict[str, Any], told: dict[str, Any]) -> None:
    """A parameter that is to have no say is given as it is by default: an override cannot leave one out."""
    params = {"target_column": "species"} | params
    table = make_penguins(60)
    with pytest.raises(ParameterInvalid) as raised:
        plan_of(table, tmp_path, **params)
    fix = raised.value.fix
    found, _ = json.JSONDecoder().raw_decode(fix, fix.index("{"))
    assert found == told
    plan_of(table, tmp_path, **(params | told))


def test_hyperparameters_narrow_the_choice(tmp_path: Path) -> None:
    """Only models that have all of them are compared, each with what was given."""
    plan = plan_of(make_penguins(60), tmp_path, target_column="species", hyperparameters={"max_depth": 2})
    assert {each.model.family for each in plan.candidates.all} == {"boosting", "forest"}
    assert {each.hyperparameters["max_depth"] for each in plan.candidates.all} == {2}


def test_the_task_can_be_asked_for(tmp_path: Path) -> None:
    """Few whole numbers are classes, unless a person says that they are a quantity."""
    frame = make_penguins().assign(grade=np.tile([3, 5, 8], 50))
    assert plan_of(frame, tmp_path, target_column="grade").kind == CLASSIFICATION
    plan = plan_of(frame, tmp_path, target_column="grade", task="regression")
    assert plan.kind == REGRESSION
    assert plan.why.endswith("; asked for")
    assert {each.model.kind for each in plan.candidates.all} == {REGRESSION}


@pytest.mark.parametrize(
    ("rows", "columns", "classes", "folds", "compared", "families"),
    [
        (300, 7, 3, 3, 300, {"linear", "boosting", "forest"}),
        (3_000, 10, 2, 5, 3_000, {"linear", "boosting", "forest"}),
        (160_000, 20, 2, 3, 20_000, {"linear", "boosting"}),
        # As wide as this, a tree of boosting takes seconds.
        (40, 20_000, 2, 3, 40, {"linear", "forest"}),
    ],
)
def test_what_is_compared_follows_from_the_size_of_the_table(
    rows: int, columns: int, classes: int, folds: int, compared: int, families: set[str]
) -> None:
    """The same table has the same candidates on each machine, and a large one is compared on a part of its rows."""
    from pipeline_worker.stages.train.candidates import choose_candidates

    found = choose_candidates(CLASSIFICATION, "auto", {}, rows, columns, classes)
    assert (found.folds, found.rows) == (folds, compared)
    assert {each.model.family for each in found.all} == families
    assert found == choose_candidates(CLASSIFICATION, "auto", {}, rows, columns, classes)


def test_when_the_time_is_over_the_choice_is_marked(tmp_path: Path) -> None:
    """No other candidate is begun, those that were not are named, and the line is given that makes the model again."""
    from pipeline_worker.stages.train.result import describe_learned

    plan = plan_of(make_hires(60), tmp_path, target_column="hires")
    learned = learn_of(plan, seconds=0)
    assert learned.decision.choice
    assert len(learned.decision.choice.compared) == 1
    assert len(learned.decision.choice.left_out) == len(plan.candidates.all) - 1
    assert not learned.described["choice"]["is_repeatable"]
    (note,) = [note for note in describe_learned(plan, learned)["notes"] if "Not compared" in note]
    assert note.endswith('give {"model_name": "Ridge"}.')


def test_a_threshold_is_chosen_on_rows_that_the_model_has_not_learned(tmp_path: Path) -> None:
    """Where one class is rare it is found more often, probabilities stay, and the model to publish has the threshold too."""
    random = np.random.default_rng(3)
    frame = make_penguins(400)
    risk = frame["bill_length_mm"].fillna(44) + random.normal(0, 6, 400)
    frame["species"] = np.where(risk > np.quantile(risk, 0.92), "rare", "usual")
    plain, tuned = (
        learn_of(
            plan_of(frame, tmp_path, target_column="species", model_name="LogisticRegression", threshold=threshold)
        )
        for threshold in ("most_probable", "tuned")
    )
    assert 0 < tuned.described["threshold"] < 0.5
    assert tuned.measured.model["recall"] > plain.measured.model["recall"]
    assert tuned.measured.model["log_loss"] == plain.measured.model["log_loss"]
    features = plan_of(frame, tmp_path, target_column="species").table.features
    assert (tuned.published.pipeline.predict(features) == "rare").sum() > (
        plain.published.pipeline.predict(features) == "rare"
    ).sum()


def test_of_a_table_that_is_too_large_a_sample_is_learned(tmp_path: Path) -> None:
    """The note has the numbers, the setting, and the value that it would need; rows without a target are counted all the same."""
    frame = make_hires(1_500)
    frame.loc[[4, 7], "hires"] = None
    plan = plan_of(frame, tmp_path, cells=40_000, target_column="hires")
    rows = len(plan.target.array)
    assert rows == 40_000 // plan.encoded < 1_498
    assert plan.table.rows_without_target == 2
    assert plan.table.notes[0].startswith(f"Only {rows:,} of 1,498 rows, taken at random, were learned and tested")
    assert f"ML_PIPELINE_MAX_TRAIN_CELLS={1_498 * plan.encoded}" in plan.table.notes[0]


def test_a_long_step_says_how_far_it_is() -> None:
    """A line every so often, for as long as it takes, and none after that."""
    import time

    from pipeline_worker.stages.train.learn import saying_progress

    lines: list[str] = []
    with saying_progress(lines.append, "fitting", 3, every=0.02):
        while len(lines) < 2:
            time.sleep(0.01)
    told = len(lines)
    time.sleep(0.05)
    assert len(lines) == told
    assert lines[0] == "fitting: 0 s so far, of about 3"


def test_the_work_is_told_before_it_begins(tmp_path: Path) -> None:
    """How many models, folds, rows and columns, and about how many seconds and megabytes."""
    from pipeline_worker.stages.train.plan import say_work

    said = say_work(plan_of(make_penguins(), tmp_path, target_column="species"), 2)
    assert said.startswith("4 models in 3 folds of 120 rows, and then one fit on 120 rows by 5 columns (")
    assert said.endswith("in 2 threads: about 1 s and 1 MB")


def test_no_table_is_left_without_boosting() -> None:
    """What would take too long is compared in fewer folds rather than left out: of many rows, and of many columns."""
    from pipeline_worker.stages.train.candidates import choose_candidates

    for rows, columns in ((1_600, 500), (5_000, 120), (150_000, 50), (1_000_000, 60)):
        candidates = choose_candidates(CLASSIFICATION, "auto", {}, rows, columns, 2)
        families = [candidate.model.family for candidate in candidates.all]
        assert families.count("boosting") >= 2, (rows, columns, families)
    assert choose_candidates(CLASSIFICATION, "auto", {}, 1_600, 500, 2).folds == 2
    assert choose_candidates(CLASSIFICATION, "auto", {}, 1_600, 10, 2).folds == 5
