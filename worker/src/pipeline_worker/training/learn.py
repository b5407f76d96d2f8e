"""Carry out a plan: choose a model, fit it, measure it on the rows that were kept aside, and fit it anew on all rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from sklearn.base import BaseEstimator, clone

from ..errors import ParameterInvalid
from ..number_text import write_number
from ..serving.reader import UnseenLabelWarning
from .candidates import Candidate
from .choice import CHOICE_SECONDS, Choice, Compared, compare_candidates
from .cost import guess_seconds
from .cross_validation import CrossValidation, sample_rows
from .figures import draw_figures
from .fit import Encodings, Fitted, fit_pipeline
from .folds import make_folds
from .importance import measure_importance
from .kind import CLASSIFICATION
from .metric_table import METRICS
from .metrics import Measured, Predictions, choose_positive, describe_measured, measure, predict
from .models import make_estimator
from .out_of_fold import predict_out_of_fold
from .plan import Plan
from .progress import saying_progress
from .result import describe_result, note_result
from .tuned import Tuned, describe_tuned, note_tuned

Say = Callable[[str], None]
Timed = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Learned:
    """A fitted pipeline and what is known of it.

    :param choice: how the model was chosen; None where it was asked for.
    :param tuned: how its hyperparameters were found; None where they were not searched for.
    :param chosen: hyperparameters that nobody gave and that differ from scikit-learn's: name → value and reason.
    :param fitted: the pipeline that was measured; it has learned from the train part only.
    :param refitted: the same, fitted anew on all rows; None where that was not wanted, or *fitted* has learned from all.
    :param fitted_on: what the model to publish has learned from, in words.
    :param predicted: of the test part.
    :param described: the content of `metrics.json`.
    """

    candidate: Candidate
    choice: Choice | None
    tuned: Tuned | None
    chosen: dict[str, str]
    fitted: Fitted
    refitted: Fitted | None
    fitted_on: str
    predicted: Predictions
    measured: Measured
    described: dict[str, Any]

    @property
    def published(self) -> Fitted:
        """What is to be published."""
        return self.refitted or self.fitted

    @property
    def estimator(self) -> BaseEstimator:
        """The estimator that was measured."""
        estimator: BaseEstimator = self.fitted.pipeline.named_steps["model"]
        return estimator


def learn(plan: Plan, timed: Timed, say: Say = lambda _: None, choice_seconds: float = CHOICE_SECONDS) -> Learned:
    """Return what comes of *plan*.

    :param timed: takes the name of a step and measures what is inside.
    :param say: takes lines for the log.
    :param choice_seconds: no other candidate is compared after so many.
    :raises DataFault: no feature has any value to learn from.
    :raises ParameterInvalid: the model cannot work with the hyperparameters on this data.
    """
    request = plan.request
    encodings = Encodings(plan.table.columns, plan.train_features, request.random_state)
    choice = tuned = validation = None
    candidate = plan.candidates.all[0]
    if len(plan.candidates.all) > 1 or request.search:
        validation = _make_validation(plan, encodings)
    if len(plan.candidates.all) > 1:
        with timed("choose"):
            if validation:
                choice = _choose(plan, validation, say, choice_seconds)
                candidate = choice.candidate
            encodings.forget_all_but(candidate.model.family)
    if request.search and validation:
        # Loaded only now: it loads Optuna.
        from .tune import tune_candidate

        with timed("tune"):
            tuned = tune_candidate(candidate, validation, plan.train_target, request, say)
            candidate = replace(candidate, hyperparameters={**candidate.hyperparameters, **tuned.params})
    estimator, chosen = make_estimator(
        candidate.model, candidate.hyperparameters, plan.train_target, request.random_state
    )
    rows = len(plan.split.train)
    with timed("fit"), saying_progress(say, f"fitting on {rows:,} rows", _guess(plan, candidate, rows)):
        fitted = fit_pipeline(
            encodings.of(candidate.model.family), estimator, plan.train_target, candidate.model, request.hyperparameters
        )
    # That a label is in the test part alone is nothing that has to be told.
    with timed("measure"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UnseenLabelWarning)
        predicted = _predict(plan, candidate, fitted)
        measured = measure(
            plan.kind,
            plan.train_target,
            plan.test_target,
            predicted,
            headline=request.metric,
            random_state=request.random_state,
        )
        importance = measure_importance(
            fitted.pipeline, plan.test_features, plan.test_target, plan.kind, random_state=request.random_state
        )
    refitted = None
    if request.refit and not plan.split.folds:
        rows = plan.table.features.shape[0]
        with timed("refit"), saying_progress(say, f"fitting on all {rows:,} rows", _guess(plan, candidate, rows)):
            refitted = _refit(plan, candidate, estimator)
    described = describe_measured(
        measured, plan.kind, {"train": len(plan.split.train), "test": len(plan.split.test)}
    ) | {"importance": importance, "choice": choice.describe() if choice else None, **plan.split.facts}
    fitted_on = "all rows" if refitted or plan.split.folds else "the train part"
    return Learned(candidate, choice, tuned, chosen, fitted, refitted, fitted_on, predicted, measured, described)


def _predict(plan: Plan, candidate: Candidate, fitted: Fitted) -> Predictions:
    """Return what is predicted for the rows to measure on, by what has not learned from them."""
    if not plan.split.folds:
        return predict(fitted.pipeline, plan.test_features, plan.kind)
    return predict_out_of_fold(
        plan.table.columns,
        plan.train_features,
        plan.train_target,
        plan.kind,
        plan.split.folds,
        candidate.model,
        candidate.hyperparameters,
        plan.request.random_state,
    )


def _make_validation(plan: Plan, encodings: Encodings) -> CrossValidation | None:
    """Return what models are compared by; None where the split leaves nothing to compare them on.

    :raises ParameterInvalid: there is nothing, and hyperparameters are to be searched for.
    """
    request, wanted = plan.request, plan.candidates
    sample = sample_rows(plan.train_target, plan.kind, wanted.rows, request.random_state)
    target = plan.train_target[sample]
    groups, times = (None if each is None else each[sample] for each in (plan.split.groups, plan.split.times))
    folds = make_folds(target, plan.kind, wanted.folds, request.random_state, groups=groups, times=times)
    if not folds and request.search:
        raise ParameterInvalid(
            "The rows to learn from cannot be cut into parts to tune on: they are of one group, or of one time.",
            where="tuning",
            fix="Leave `tuning` out, or choose another `training_scenario`.",
            details={"parameter": "tuning"},
        )
    if not folds:
        return None
    if len(sample) < len(plan.train_target):
        encodings = Encodings(plan.table.columns, plan.train_features.iloc[sample], request.random_state)
    # Without a wish: what sees how sure a model is tells models apart sooner than what counts, or ranks.
    metric = request.metric or ("log_loss" if plan.kind == CLASSIFICATION else "r2")
    return CrossValidation(
        encodings,
        target,
        folds,
        plan.kind,
        metric,
        choose_positive(plan.train_target) if plan.classes == 2 else None,
        request.random_state,
    )


def _choose(plan: Plan, validation: CrossValidation, say: Say, seconds: float) -> Choice:
    def tell(each: Compared) -> None:
        say(
            f"compared: {each.candidate.name}: {METRICS[validation.metric].word} {write_number(each.score)} ± "
            f"{write_number(each.spread)} in {each.seconds:.1f} s"
        )

    return compare_candidates(plan.candidates.all, validation, validation.rows, tell, seconds)


def _refit(plan: Plan, candidate: Candidate, measured: BaseEstimator) -> Fitted:
    """Return what was measured, fitted anew on all rows; boosting that stopped early keeps the number of trees."""
    estimator = clone(measured)
    if getattr(measured, "do_early_stopping_", False):
        estimator.set_params(max_iter=measured.n_iter_, early_stopping=False)
    encodings = Encodings(plan.table.columns, plan.table.features, plan.request.random_state)
    return fit_pipeline(
        encodings.of(candidate.model.family),
        estimator,
        plan.target.array,
        candidate.model,
        plan.request.hyperparameters,
    )


def _guess(plan: Plan, candidate: Candidate, rows: int) -> float:
    return guess_seconds(candidate.model, candidate.hyperparameters, rows, plan.encoded, plan.classes)


def draw_learned(plan: Plan, learned: Learned) -> dict[str, bytes]:
    """Return file name → PNG of how well the test part is predicted."""
    return draw_figures(
        plan.kind,
        plan.target.name,
        plan.test_target,
        learned.predicted,
        learned.measured,
        learned.described["importance"],
    )


def describe_learned(plan: Plan, learned: Learned) -> dict[str, Any]:
    """Return what a manifest tells of a training, in small."""
    notes = [
        *note_result(learned.measured, plan.request.metric),
        *plan.table.notes,
        *plan.split.notes,
        *learned.fitted.notes,
    ]
    unused = learned.published.unused
    if unused:
        listed = ", ".join(f"`{name}`" for name in unused)
        notes.append(f"Without a value in any row to learn from, and so ignored: {listed}.")
    used, ranked = len(plan.table.columns) - len(learned.fitted.unused), len(learned.described["importance"])
    if ranked < used:
        notes.append(
            f"How much the model relies on a column was measured for {ranked} of {used}, in the time there is."
        )
    if learned.choice and learned.choice.left_out:
        notes.append(
            f"Not compared, as the time for it was over: {'; '.join(learned.choice.left_out)}. Another time, or on another machine, "
            "another model may be chosen: to have this one again, give "
            f'{{"model_name": "{learned.candidate.model.name}"}}.'
        )
    if learned.tuned:
        notes += note_tuned(learned.tuned, learned.candidate)
    return {
        "model_name": learned.candidate.model.name,
        "fitted_on": learned.fitted_on,
        "target_column": plan.target.name,
        "target_kind": plan.kind,
        "target_rule": plan.why,
        "rows": learned.described["rows"],
        "rows_without_target": plan.table.rows_without_target,
        "is_stratified": plan.split.is_stratified,
        **plan.split.facts,
        "features": len(plan.table.columns),
        "unused_columns": list(unused),
        "useless_columns": plan.useless,
        "suspect_columns": plan.suspects,
        "defaults_chosen": learned.chosen,
        "choice": learned.described["choice"],
        "tuning": describe_tuned(learned.tuned) if learned.tuned else None,
        **describe_result(learned.measured),
        "notes": notes,
    }


def say_choice(choice: Choice) -> str:
    """Return in a line which model won, by how much, and at what cost."""
    first, *others = choice.compared
    word = METRICS[choice.metric].word
    line = f"{first.candidate.name} is taken: {word} {write_number(first.score)}"
    if others:
        line += f", before {others[0].candidate.name} with {write_number(others[0].score)}"
    return f"{line}; {len(choice.compared)} compared in {choice.folds} folds of {choice.rows:,} rows, {choice.seconds:.1f} s"
