"""Carry out a plan: choose a model, fit it, measure it on the rows that were kept aside, and fit it anew on all rows."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator, clone

from ...serving.reader import UnseenLabelWarning
from .candidates import Candidate
from .cross_validation import predict_out_of_fold
from .decide import CHOICE_SECONDS, Decision, Say, Timed, decide
from .figures import draw_figures
from .fit import Encodings, Fitted, fit_pipeline
from .importance import measure_importance
from .metrics import Measured, describe_measured, measure, predict
from .models import make_estimator
from .plan import Plan
from .tested import Predictions
from .threshold import choose_threshold, find_estimator, set_threshold
from .time_look import TimeLook, look_in_time


@dataclass(frozen=True)
class Learned:
    """A fitted pipeline and what is known of it.

    :param chosen: hyperparameters that nobody gave and that differ from scikit-learn's: name → value and reason.
    :param fitted: the pipeline that was measured; it has learned from the train part only.
    :param refitted: the same, fitted anew on all rows; None where that was not wanted, or *fitted* has learned from all.
    :param look: how it does on the latest rows, where that could be told.
    :param fitted_on: what the model to publish has learned from, in words.
    :param predicted: of the test part.
    :param described: the content of `metrics.json`.
    """

    decision: Decision
    chosen: dict[str, str]
    fitted: Fitted
    refitted: Fitted | None
    fitted_on: str
    look: TimeLook | None
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
        estimator: BaseEstimator = find_estimator(self.fitted.pipeline)
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
    decision = decide(plan, encodings, timed, say, choice_seconds)
    candidate = decision.candidate
    estimator, chosen = make_estimator(
        candidate.model, candidate.hyperparameters, plan.train_target, request.random_state
    )
    rows = len(plan.split.train)
    with timed("fit"), saying_progress(say, f"fitting on {rows:,} rows", plan.guess(candidate, rows)):
        fitted = fit_pipeline(
            encodings.of(candidate.model.family), estimator, plan.train_target, candidate.model, request.hyperparameters
        )
    threshold = None
    if request.threshold == "tuned":
        with timed("threshold"):
            threshold = choose_threshold(plan, candidate)
            fitted = set_threshold(
                fitted, encodings.of(candidate.model.family), plan.train_target, threshold, plan.positive
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
    with timed("look in time"):
        look = look_in_time(plan, candidate, measured)
    refitted = None
    if request.refit and not plan.split.folds:
        rows = plan.table.features.shape[0]
        with timed("refit"), saying_progress(say, f"fitting on all {rows:,} rows", plan.guess(candidate, rows)):
            refitted = _refit(plan, candidate, estimator, threshold)
    described = describe_measured(
        measured, plan.kind, {"train": len(plan.split.train), "test": len(plan.split.test)}
    ) | {
        "importance": importance,
        "choice": decision.choice.describe() if decision.choice else None,
        "threshold": threshold,
        **plan.split.facts,
    }
    if look:
        described["split_in_time"] = look.describe()
    fitted_on = "all rows" if refitted or plan.split.folds else "the train part"
    return Learned(decision, chosen, fitted, refitted, fitted_on, look, predicted, measured, described)


def _predict(plan: Plan, candidate: Candidate, fitted: Fitted) -> Predictions:
    """Return what is predicted for the rows to measure on, by what has not learned from them."""
    if not plan.split.folds:
        return predict(fitted.pipeline, plan.test_features, plan.kind)
    return predict_out_of_fold(plan, candidate, plan.split.folds)


def _refit(plan: Plan, candidate: Candidate, measured: BaseEstimator, threshold: float | None) -> Fitted:
    """Return what was measured, fitted anew on all rows; boosting that stopped early keeps the number of trees."""
    estimator = clone(measured)
    if getattr(measured, "do_early_stopping_", False):
        estimator.set_params(max_iter=measured.n_iter_, early_stopping=False)
    encodings = Encodings(plan.table.columns, plan.table.features, plan.request.random_state)
    encoded = encodings.of(candidate.model.family)
    fitted = fit_pipeline(encoded, estimator, plan.target.array, candidate.model, plan.request.hyperparameters)
    return fitted if threshold is None else set_threshold(fitted, encoded, plan.target.array, threshold, plan.positive)


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


@contextmanager
def saying_progress(say: Say, what: str, guess: float, every: float = 10.0) -> Iterator[None]:
    """Say every so many seconds how long *what* has taken, while it goes on inside, in a library that says nothing.

    :param guess: how many seconds it may take.
    """
    ended = threading.Event()
    began = time.perf_counter()

    def tell() -> None:
        while not ended.wait(every):
            say(f"{what}: {time.perf_counter() - began:.0f} s so far, of about {max(guess, every):.0f}")

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
