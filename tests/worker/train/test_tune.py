"""Searching for hyperparameters: which are tried, how a search ends, and what is told of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline_worker.errors import ParameterInvalid
from pipeline_worker.request import Request, Tuning
from pipeline_worker.stages.train.metric_table import METRICS
from pipeline_worker.stages.train.model_table import MODELS
from pipeline_worker.stages.train.spaces import SearchRange, SearchSpace
from tests.worker.line import LIBRARY_WARNINGS, Line
from tests.worker.tables import ingest_table, make_hires, make_penguins

if TYPE_CHECKING:
    from pipeline_worker.stages.train.learn import Learned
    from pipeline_worker.stages.train.plan import Plan
    from pipeline_worker.stages.train.tuned import Tuned

pytestmark = [*LIBRARY_WARNINGS, pytest.mark.slow("loads Optuna and scikit-learn")]

#: What is scored best by `hill`.
TOP = 30.0
SPACE: SearchSpace = {"size": SearchRange(low=1e-2, high=1e3, log=True), "way": ["up", "down"]}
DEFAULTS = {"size": 1.0, "way": "down"}


class Hill:
    """A model whose score is known, in three folds, the second of which is hard for all; counts the folds that it is asked for."""

    def __init__(self) -> None:
        self.folds = 0

    def score(self, params: Mapping[str, Any]) -> Iterator[float]:
        given = DEFAULTS | dict(params)
        height = 1 - abs(np.log10(given["size"] / TOP)) - (given["way"] == "down")
        for hard in (0.0, -5.0, 0.1):
            self.folds += 1
            yield float(height + hard)


def search(
    score: Any,
    space: SearchSpace = SPACE,
    *,
    trials: int = 30,
    seconds: float | None = None,
    seed: int = 42,
    may_refuse: bool = False,
    defaults: Mapping[str, Any] = DEFAULTS,
    metric: str = "r2",
) -> Tuned:
    from pipeline_worker.stages.train.tune import tune

    wanted = Tuning(n_trials=trials, timeout_seconds=seconds)
    request = Request(tuning=wanted, random_state=seed, hyperparameters={"fixed": 1} if may_refuse else {})
    return tune(score, space, request, defaults=defaults, metric=METRICS[metric], rows=200, say=lambda _: None)


def candidate_of(name: str, **hyperparameters: Any) -> Any:
    from pipeline_worker.stages.train.candidates import Candidate

    return Candidate(MODELS[name], hyperparameters)


def test_a_search_finds_what_is_better_than_the_defaults() -> None:
    """It comes near the best values, of a range and of choices, in the number of trials that is given."""
    found = search(Hill().score)
    assert len(found.trials) == 30
    assert found.ended_by == "trials"
    assert found.trials[0].params == DEFAULTS
    assert found.params["way"] == "up"
    assert abs(np.log10(found.params["size"] / TOP)) < 0.3


def test_the_same_seed_tries_the_same() -> None:
    """Hyperparameters and scores of all trials depend on the seed alone; of fewer trials they are the first of them."""
    first, again, fewer, other = (
        [(trial.params, trial.scores, trial.state) for trial in search(Hill().score, trials=trials, seed=seed).trials]
        for trials, seed in ((24, 42), (24, 42), (13, 42), (24, 7))
    )
    assert first == again
    assert first[:13] == fewer
    assert first != other


def test_a_hopeless_trial_ends_before_its_last_fold() -> None:
    """What is behind half of the others is not scored to the end, though a fold that is hard for all holds nothing against it."""
    hill = Hill()
    found = search(hill.score)
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    assert all(len(trial.scores) < 3 for trial in pruned)
    assert hill.folds == sum(len(trial.scores) for trial in found.trials) < 75
    assert max(trial.score for trial in found.ranked) == found.ranked[0].score


def test_the_defaults_stay_where_nothing_is_better() -> None:
    """A space of worse values changes nothing, and the result says so."""
    from pipeline_worker.stages.train.tuned import describe_tuned, note_tuned, say_tuned

    found = search(Hill().score, {"size": SearchRange(low=1e-2, high=1e-1)}, trials=8)
    assert found.params == {}
    assert "no trial was better than the defaults" in say_tuned(found)
    assert describe_tuned(found)["score"] == describe_tuned(found)["default_score"]
    (note,) = note_tuned(found, candidate_of("Ridge"))
    assert note.endswith("; 3 folds of 200 rows, less than a second.")


def test_few_combinations_are_each_tried_once() -> None:
    """Where there are fewer than trials the search ends with them; the defaults are not tried twice."""
    space = {"size": [1.0, 10.0, 30.0], "way": ["up", "down"]}
    found = search(Hill().score, space)
    assert found.ended_by == "combinations"
    tried = [json.dumps(trial.params) for trial in found.trials]
    assert len(tried) == len(set(tried)) == 6
    assert found.params == {"size": 30.0, "way": "up"}
    steps = search(Hill().score, {"size": SearchRange(low=10, high=30, step=10)})
    assert sorted(trial.params["size"] for trial in steps.trials) == [1.0, 10, 20, 30]
    assert all(isinstance(trial.params["size"], int) for trial in steps.trials[1:])


def test_a_refused_combination_is_told_and_ends_nothing() -> None:
    """The trial failed, with the reason; the others count."""
    from pipeline_worker.stages.train.tuned import note_tuned, write_tuned

    def refusing(params: Mapping[str, Any]) -> Iterator[float]:
        if params.get("size", 1) > 100:
            raise ValueError("size is\ntoo large")
        yield from Hill().score(params)

    found = search(refusing)
    failed = [trial for trial in found.trials if trial.state == "failed"]
    assert failed
    assert all(trial.params["size"] > 100 and trial.reason == "size is too large" for trial in failed)
    notes = note_tuned(found, candidate_of("Ridge"))
    assert f"Ridge refused {len(failed)} of 30 combinations" in notes[1]
    assert "size is too large" in notes[1]
    written = json.loads(write_tuned(found, candidate_of("Ridge"))["trials.json"])["trials"]
    assert written[failed[0].number]["reason"] == "size is too large"
    assert written[failed[0].number]["score"] is None


def test_where_all_are_refused_the_request_is_at_fault() -> None:
    """A clear error says what was tried last and why it failed; that the model refuses its own defaults is our fault."""

    def refusing(_: Mapping[str, Any]) -> Iterator[float]:
        yield 1.0
        raise ValueError("never")

    with pytest.raises(ParameterInvalid, match=r"None of 3 combinations .* \{\"way\": \"up\"\}: never"):
        search(refusing, {"way": ["up", "left"]}, may_refuse=True)
    with pytest.raises(ValueError, match="never"):
        search(refusing)


def test_a_score_that_is_no_number_is_a_failure() -> None:
    """What overflows is never the best."""
    found = search(lambda params: iter([float("inf") if params else 1.0]), {"size": [2.0, 3.0]}, defaults={"size": 1.0})
    assert [trial.state for trial in found.trials] == ["done", "failed", "failed"]


def test_a_fold_without_the_metric_counts_for_nothing() -> None:
    """The mean is of the other folds; where no fold has the metric, that is the request's fault."""

    def partly(params: Mapping[str, Any]) -> Iterator[float]:
        yield from (1.0, float("nan"), 3.0 + len(params))

    found = search(partly, {"size": [2.0]}, defaults={"size": 1.0})
    assert [trial.score for trial in found.trials] == [2.0, 2.5]
    with pytest.raises(ParameterInvalid, match="do not have this metric in any fold"):
        search(lambda _: iter([float("nan")]))


def test_the_time_ends_a_search_and_that_is_said() -> None:
    """No trial begins after it, the one under way is left, and a note has the line that gives the same model again."""
    from pipeline_worker.stages.train.tuned import describe_tuned, note_tuned

    def slow(params: Mapping[str, Any]) -> Iterator[float]:
        for score in Hill().score(params):
            time.sleep(0.02)
            yield score

    found = search(slow, trials=10_000, seconds=0.3)
    assert found.ended_by == "time"
    assert 2 <= len(found.trials) < 20
    assert not describe_tuned(found)["is_repeatable"]
    note = note_tuned(found, candidate_of("Ridge", **found.params))[-1]
    assert "ended by `timeout_seconds`" in note
    line = json.loads(note[note.index("{") :])
    assert line == {"model_name": "Ridge", "hyperparameters": found.params, "tuning": False}
    assert Request.model_validate(line).tuning is False


def test_an_error_is_told_as_one() -> None:
    """A metric of which less is better is scored below zero, and told above it, from before to after."""
    from pipeline_worker.stages.train.tuned import measure_tuned, say_tuned

    def error(params: Mapping[str, Any]) -> Iterator[float]:
        yield -2.0 if not params else -0.5

    found = search(error, {"size": [5.0]}, metric="rmse")
    assert say_tuned(found) == "tuned in 2 trials: RMSE in cross-validation 2 → 0.5"
    assert measure_tuned(found) == {"cv_rmse": 0.5, "cv_rmse_before_tuning": 2.0}


def test_progress_has_the_best_so_far_and_the_time_left() -> None:
    """A line says how many trials there were, how good the best is, and how long it may take."""
    from pipeline_worker.stages.train.tune import _say_progress

    trials = list(search(Hill().score, trials=10).trials)
    line = _say_progress(METRICS["r2"], trials, 30, 5.0, float("inf"))
    assert line.startswith("tuning: 10 of 30 trials, best R² ")
    assert line.endswith("about 10 s left")
    assert _say_progress(METRICS["r2"], trials, 10_000, 5.0, 2.0).endswith("about 2 s left")


@pytest.mark.parametrize("name", MODELS)
def test_each_model_has_a_space_of_hyperparameters_that_it_takes(name: str) -> None:
    """What is built in names hyperparameters of the model, and no end of a range and no choice is refused."""
    from pipeline_worker.stages.train.models import make_estimator

    target = np.array([0.0, 1.0] * 10) if MODELS[name].kind == "regression" else np.array(["a", "b"] * 10)
    assert MODELS[name].space
    for parameter, its in MODELS[name].space.items():
        for value in its if isinstance(its, list) else (its.low, its.high):
            estimator, _ = make_estimator(MODELS[name], {parameter: value}, target, 0)
            assert estimator.get_params()[parameter] == value


@pytest.mark.parametrize(
    ("params", "where", "message"),
    [
        ({"model_name": "Ridge", "tuning": {"search_space": {"alfa": [1]}}}, "tuning.search_space.alfa", "`alpha`?"),
        ({"tuning": {"search_space": {"alfa": [1]}}}, "tuning.search_space.alfa", "`alpha`?"),
        (
            {"hyperparameters": {"alpha": 1}, "tuning": {"search_space": {"alpha": [1, 2]}}},
            "tuning.search_space.alpha",
            "set in `hyperparameters` as well",
        ),
        ({"model_name": "Ridge", "hyperparameters": {"alpha": 1}, "tuning": True}, "tuning", "All that a search tries"),
        ({"tuning": {"metric": "roc_auc"}}, "tuning.metric", "`roc_auc` is for classification"),
    ],
)
def test_a_search_that_cannot_be_is_refused_before_anything_is_computed(
    tmp_path: Path, params: dict[str, Any], where: str, message: str
) -> None:
    """The plan already names what is wrong, with the near miss, whether a model is named or not."""
    with pytest.raises(ParameterInvalid) as caught:
        plan_for(tmp_path, make_hires(60), target_column="hires", **params)
    assert caught.value.where == where
    assert message in caught.value.what


def test_a_metric_of_two_classes_is_refused_for_three(tmp_path: Path) -> None:
    """A search cannot be by what is not there."""
    with pytest.raises(ParameterInvalid, match="about the positive one of two classes"):
        plan_for(tmp_path, make_penguins(60), target_column="species", tuning={"metric": "precision"})


def test_only_models_that_have_what_is_searched_are_compared(tmp_path: Path) -> None:
    """`auto` looks at none that the search space is not about."""
    space = {"search_space": {"alpha": {"low": 1, "high": 100}}}
    plan = plan_for(tmp_path, make_hires(60), target_column="hires", tuning=space)
    assert {candidate.model.name for candidate in plan.candidates.all} == {"Ridge"}


def plan_for(folder: Path, frame: Any, **params: Any) -> Plan:
    from pipeline_worker.stages.train.plan import make_plan

    parquet, schema = ingest_table(frame, folder)
    return make_plan(parquet, schema, Request.model_validate(params))


def learn(folder: Path, frame: Any, **params: Any) -> Learned:
    from contextlib import nullcontext

    from pipeline_worker.stages.train.learn import learn as learn_plan

    return learn_plan(plan_for(folder, frame, **params), lambda _: nullcontext())


def test_a_tuned_model_is_the_same_again_without_a_search(tmp_path: Path) -> None:
    """Two searches with one seed find the same, and what they found, given as hyperparameters, makes the same model."""
    import pickle

    from pipeline_worker.stages.train.tuned import write_tuned

    given: dict[str, Any] = {"target_column": "hires", "model_name": "Ridge"}
    first, again = (learn(tmp_path, make_hires(), **given, tuning={"n_trials": 12}) for _ in range(2))
    assert first.decision.tuned
    assert again.decision.tuned
    assert first.decision.tuned.params.keys() == {"alpha"}
    assert [trial.scores for trial in first.decision.tuned.trials] == [
        trial.scores for trial in again.decision.tuned.trials
    ]
    found = json.loads(write_tuned(first.decision.tuned, first.decision.candidate)["best_params.json"])
    plain = learn(tmp_path, make_hires(), target_column="hires", **{
        name: found[name] for name in ("model_name", "hyperparameters")
    })  # fmt: skip
    models = {pickle.dumps(each.published.pipeline) for each in (first, again, plain)}
    assert len(models) == 1


def test_a_search_never_sees_the_test_part(tmp_path: Path) -> None:
    """Whatever the targets of the test part are, it tries and finds the same."""
    frame = make_hires()
    plan = plan_for(tmp_path, frame, target_column="hires", model_name="Ridge", tuning={"n_trials": 6})
    changed = frame.copy()
    changed.loc[plan.split.test, "hires"] = frame["hires"].sample(len(plan.split.test), random_state=1).to_numpy()
    first, second = (
        learn(tmp_path, each, target_column="hires", model_name="Ridge", tuning={"n_trials": 6})
        for each in (frame, changed)
    )
    assert first.decision.tuned
    assert second.decision.tuned
    assert [trial.scores for trial in first.decision.tuned.trials] == [
        trial.scores for trial in second.decision.tuned.trials
    ]


def test_the_winner_of_a_comparison_is_tuned(tmp_path: Path) -> None:
    """With `auto` a search begins with what was chosen, and is by the metric that it names."""
    learned = learn(
        tmp_path,
        make_penguins(90),
        target_column="species",
        hyperparameters={"max_iter": 500},
        tuning={"n_trials": 5, "metric": "f1_macro", "search_space": {"C": [0.01, 1, 3, 100]}},
    )
    assert learned.decision.choice
    assert learned.decision.tuned
    assert learned.decision.candidate.model == learned.decision.choice.candidate.model == MODELS["LogisticRegression"]
    assert learned.decision.tuned.metric.name == "f1_macro"
    assert learned.decision.tuned.trials[0].params["C"] == learned.decision.choice.candidate.hyperparameters.get(
        "C", 1.0
    )
    assert learned.estimator.get_params()["max_iter"] == 500


def test_rows_too_few_for_two_folds_are_said_to_be(tmp_path: Path) -> None:
    """Where no class has two rows to learn from, a search is refused rather than made up."""
    import pandas as pd

    frame = pd.DataFrame({"x": range(4), "class": ["a", "a", "b", "b"]})
    with pytest.raises(
        ParameterInvalid, match="The 2 rows to learn from cannot be cut into parts to tune on: they are too few"
    ):
        learn(tmp_path, frame, model_name="LogisticRegression", test_size=0.5, tuning=True, target_column="class")


def test_a_search_on_the_rows_that_are_measured_is_said_to_be(tmp_path: Path) -> None:
    """Without a test part of its own the metrics come out too good, and a note says so; with one nothing has to be said."""
    from pipeline_worker.stages.train.result import describe_learned

    said = []
    for scenario in ("full_train", "holdout"):
        given = {"target_column": "hires", "model_name": "Ridge", "training_scenario": scenario}
        params = given | {"tuning": {"n_trials": 2}}
        plan, learned = (make(tmp_path, make_hires(60), **params) for make in (plan_for, learn))
        said.append(any("a little too good" in note for note in describe_learned(plan, learned)["notes"]))
    assert said == [True, False]


def test_without_a_number_or_a_time_there_are_thirty_trials() -> None:
    """`true` and an empty object are the same; a time alone leaves the number open, and both bound it."""
    assert Request().search is None
    for given in (True, {}):
        asked = Request.model_validate({"tuning": given}).search
        assert asked == Tuning()
        assert asked.most_trials == 30
    assert Tuning(timeout_seconds=5).most_trials == 10_000
    assert Tuning(timeout_seconds=5, n_trials=7).most_trials == 7


def test_what_was_tried_is_in_the_store_and_in_mlflow(line: Line) -> None:
    """The search has two files, a part of the facts, a part of the headline, and its ten best trials as runs below the run."""
    from pipeline_worker.mlflow_server import MlflowServer

    given: dict[str, Any] = {"model_name": "Ridge", "tuning": {"n_trials": 16}}
    manifest = line.committed("train", line.train(make_hires(), target_column="hires", **given))
    best, tried = (
        json.loads(line.store.read(manifest.outputs[f"tuning_{name}"].uri)[0]) for name in ("best_params", "trials")
    )
    assert manifest.outputs["tuning_trials"].uri.endswith("/tuning/trials.json")
    facts = manifest.facts["tuning"]
    assert best == {"model_name": "Ridge", "hyperparameters": facts["params"]} | facts
    assert len(tried["trials"]) == facts["trials"] == 16
    assert facts["score"] > facts["default_score"]
    assert "tuned in 16 trials: R² in cross-validation" in manifest.summaries["train"].headline

    server = MlflowServer(line.settings)
    parent = manifest.facts["mlflow_run_id"]
    wanted = f"tags.mlflow.parentRunId = '{parent}'"
    runs = server.call("POST", "runs/search", {"experiment_ids": [manifest.facts["experiment_id"]], "filter": wanted})
    shown = {
        run["info"]["run_name"]: (
            {param["key"]: param["value"] for param in run["data"]["params"]},
            {metric["key"]: metric["value"] for metric in run["data"]["metrics"]},
        )
        for run in runs["runs"]
    }
    assert {run["info"]["status"] for run in runs["runs"]} == {"FINISHED"}
    done = [trial for trial in tried["trials"] if trial["state"] == "done"]
    assert len(shown) == min(10, len(done))
    params, metrics = shown[f"trial {facts['trial']}"]
    assert params == {"alpha": json.dumps(facts["params"]["alpha"])}
    assert metrics == {"cv_r2": facts["score"]}
    (run,) = server.call("POST", "runs/search", {
        "experiment_ids": [manifest.facts["experiment_id"]], "filter": f"attributes.run_id = '{parent}'"
    })["runs"]  # fmt: skip
    measured = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert (measured["cv_r2"], measured["cv_r2_before_tuning"]) == (
        facts["score"],
        facts["default_score"],
    )
    files = server.call("GET", "artifacts/list", {"run_id": parent, "path": "tuning"})["files"]
    assert {Path(file["path"]).name for file in files} == {"best_params.json", "trials.json"}
