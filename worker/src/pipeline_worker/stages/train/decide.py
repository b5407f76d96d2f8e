"""Decide which model is fitted, with which hyperparameters: by cross-validation on the rows to learn from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from ...errors import ParameterInvalid
from ...number_text import write_number
from .candidates import Candidate
from .choice import Choice, compare_candidates
from .cross_validation import CrossValidation, sample_rows
from .fit import Encodings
from .folds import make_folds
from .kind import CLASSIFICATION
from .metric_table import METRICS
from .plan import Plan
from .tuned import Tuned

Say = Callable[[str], None]
Timed = Callable[[str], AbstractContextManager[None]]


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


def say_choice(choice: Choice) -> str:
    """Return in a line which model won, by how much, and at what cost."""
    first, *others = choice.compared
    word = METRICS[choice.metric].word
    line = f"{first.candidate.name} is taken: {word} {write_number(first.score)}"
    if others:
        line += f", before {others[0].candidate.name} with {write_number(others[0].score)}"
    return f"{line}; {len(choice.compared)} compared in {choice.folds} folds of {choice.rows:,} rows, {choice.seconds:.1f} s"
