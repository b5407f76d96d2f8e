"""Decide which model is fitted, with which hyperparameters: candidates are compared by cross-validation on the rows to learn from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline_contract.settings import SETTINGS

from ...errors import ParameterInvalid
from ...number_text import write_number
from .candidates import Candidate
from .cross_validation import CrossValidation, sample_rows
from .fit import Encodings
from .folds import make_folds
from .kind import CLASSIFICATION
from .metric_table import METRICS
from .plan import Plan
from .tuned import Tuned

Say = Callable[[str], None]
Timed = Callable[[str], AbstractContextManager[None]]
#: Seconds after which no other candidate is begun: only for machines that are far slower than was guessed.
CHOICE_SECONDS = int(SETTINGS["ML_PIPELINE_CHOICE_SECONDS"].default)


@dataclass(frozen=True)
class Compared:
    """How a candidate did.

    :param score: the mean of the metric over the folds.
    :param spread: the standard deviation of it.
    """

    candidate: Candidate
    score: float
    spread: float
    seconds: float

    def describe(self) -> dict[str, Any]:
        """Return this for `metrics.json`."""
        return {
            "model": self.candidate.model.name,
            "character": self.candidate.character,
            "hyperparameters": dict(self.candidate.hyperparameters),
            "score": self.score,
            "spread": self.spread,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Choice:
    """The candidate that was taken, and those that it was compared with, the best first.

    :param rows: on how many rows to learn from.
    :param left_out: candidates that there was no time for; with any, the choice may be another one the next time.
    """

    candidate: Candidate
    metric: str
    compared: tuple[Compared, ...]
    folds: int
    rows: int
    seconds: float
    left_out: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """Return this for `metrics.json`."""
        return {
            "metric": self.metric,
            "folds": self.folds,
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "is_repeatable": not self.left_out,
            "candidates": [each.describe() for each in self.compared],
            "left_out": list(self.left_out),
        }


@dataclass(frozen=True)
class Decision:
    """What is fitted.

    :param choice: how the model was chosen; None where it was asked for, or nothing could be compared.
    :param tuned: how its hyperparameters were found; None where they were not searched for.
    """

    candidate: Candidate
    choice: Choice | None = None
    tuned: Tuned | None = None


def decide(plan: Plan, encodings: Encodings, timed: Timed, say: Say, choice_seconds: float) -> Decision:
    """Return which of the plan's candidates is fitted; *encodings* are of the rows to learn from.

    :raises DataFault: no feature has any value to learn from.
    :raises ParameterInvalid: hyperparameters are to be searched for, and cannot be.
    """
    request = plan.request
    decision = Decision(plan.candidates.all[0])
    has_choice = len(plan.candidates.all) > 1
    validation = _make_validation(plan, encodings) if has_choice or request.search else None
    if validation is None:
        return decision
    if has_choice:
        with timed("choose"):
            choice = compare_candidates(plan.candidates.all, validation, say, choice_seconds)
        decision = Decision(choice.candidate, choice)
        encodings.forget_all_but(choice.candidate.model.family)
        say(say_choice(choice))
    if request.search:
        # Loaded only now: it loads Optuna.
        from .tune import tune_candidate

        candidate = decision.candidate
        with timed("tune"):
            tuned = tune_candidate(candidate, validation, plan.train_target, request, say)
        searched = replace(candidate, hyperparameters={**candidate.hyperparameters, **tuned.params})
        decision = replace(decision, candidate=searched, tuned=tuned)
    return decision


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
            f"The {len(target):,} rows to learn from cannot be cut into parts to tune on: they are too few, of one group, or of one time.",
            where="tuning",
            fix='Give {"tuning": false}, add rows, or choose another `training_scenario`.',
            details={"parameter": "tuning"},
        )
    if not folds:
        return None
    if len(sample) < len(plan.train_target):
        encodings = Encodings(plan.table.columns, plan.train_features.iloc[sample], request.random_state)
    # Without a wish: what sees how sure a model is tells models apart sooner than what counts, or ranks.
    metric = request.metric or ("log_loss" if plan.kind == CLASSIFICATION else "r2")
    return CrossValidation(encodings, target, folds, plan.kind, metric, plan.positive, request.random_state)


def compare_candidates(
    candidates: Sequence[Candidate], validation: CrossValidation, say: Say, seconds: float
) -> Choice:
    """Return the candidate with the best mean over the folds; among equals the one that was named first.

    :param say: takes a line for the log on each, when it is done.
    :param seconds: none is begun later than that.
    """
    metric = METRICS[validation.metric]
    began = time.perf_counter()
    compared: list[Compared] = []
    left_out: list[str] = []
    for candidate in candidates:
        begins = time.perf_counter()
        if compared and begins - began > seconds:
            left_out.append(candidate.name)
            continue
        scores = np.array(list(validation.score(candidate.model, candidate.hyperparameters)))
        # A fold may lack what the metric is about.
        known = scores[~np.isnan(scores)]
        mean, spread = (known.mean(), known.std()) if len(known) else (-np.inf, 0.0)
        each = Compared(candidate, float(metric.sign * mean), float(spread), seconds=time.perf_counter() - begins)
        compared.append(each)
        say(
            f"compared: {candidate.name}: {metric.word} {write_number(each.score)} ± {write_number(each.spread)} in {each.seconds:.1f} s"
        )
    ranked = sorted(compared, key=lambda each: -metric.sign * each.score)
    return Choice(
        candidate=ranked[0].candidate,
        metric=validation.metric,
        compared=tuple(ranked),
        folds=len(validation.folds),
        rows=validation.rows,
        seconds=time.perf_counter() - began,
        left_out=tuple(left_out),
    )


def say_choice(choice: Choice) -> str:
    """Return in a line which model won, by how much, and at what cost."""
    first, *others = choice.compared
    word = METRICS[choice.metric].word
    line = f"{first.candidate.name} is taken: {word} {write_number(first.score)}"
    if others:
        line += f", before {others[0].candidate.name} with {write_number(others[0].score)}"
    return f"{line}; {len(choice.compared)} compared in {choice.folds} folds of {choice.rows:,} rows, {choice.seconds:.1f} s"
