"""Search for hyperparameters: trial after trial is cross-validated on the rows to learn from, and the best one is kept.

The first trial has the defaults, so the search never ends below them. Optuna proposes the others, from the seed and from what came of the
trials before, so that as many trials give the same ones again. It is loaded with this module.
"""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from ...errors import ParameterInvalid
from ...request import Request
from .candidates import Candidate
from .cross_validation import CrossValidation
from .metric_table import METRICS, Metric
from .models import choose_space, make_estimator
from .spaces import MOST_TRIALS, SearchRange, SearchSpace, list_combinations
from .tuned import EndedBy, State, Trial, Tuned, write_params, write_score

#: From hyperparameters to the score of each fold, one after the other; greater is better, and nan where a fold does not have the metric.
Score = Callable[[Mapping[str, Any]], Iterator[float]]
#: From the scores of the folds so far to how the trial ends before its last fold, or None.
Judge = Callable[[list[float]], State | None]

#: What a model raises that cannot work with its hyperparameters.
REFUSALS = (ParameterInvalid, ValueError, TypeError, OverflowError)
#: Seconds between two lines of the log.
_TELL_SECONDS = 5.0
_MAX_REASON = 300


def tune_candidate(
    candidate: Candidate,
    validation: CrossValidation,
    target: NDArray[Any],
    request: Request,
    say: Callable[[str], None],
) -> Tuned:
    """Return the search for better hyperparameters of *candidate* that *request* wants.

    :param target: of the rows to learn from.
    :param say: takes lines for the log.
    :raises ParameterInvalid: the model refused every combination, or the rows do not have the metric.
    """
    assert request.search is not None
    given = candidate.hyperparameters
    estimator, _ = make_estimator(candidate.model, given, target, request.random_state)
    judged = replace(validation, metric=request.search.metric or validation.metric)
    return tune(
        lambda params: judged.score(candidate.model, {**given, **params}),
        choose_space(candidate.model, request.search.search_space, request.hyperparameters),
        request,
        defaults=estimator.get_params(),
        metric=METRICS[judged.metric],
        rows=judged.rows,
        say=say,
    )


def tune(
    score: Score,
    space: SearchSpace,
    request: Request,
    *,
    defaults: Mapping[str, Any],
    metric: Metric,
    rows: int,
    say: Callable[[str], None],
) -> Tuned:
    """Return the trials of a search through *space*, at least one of them done.

    :param score: given the hyperparameters to set besides those that are fixed.
    :param request: says how long is searched, and from which seed.
    :param defaults: the values that the hyperparameters in *space* have where none is set.
    :raises ParameterInvalid: the model refused every combination.
    """
    assert request.search is not None
    most_trials, random_state = request.search.most_trials, request.random_state
    began = last_said = time.monotonic()
    end = began + (request.search.timeout_seconds or math.inf)
    default = {name: defaults[name] for name in space}
    # Where a person set others, the model may refuse the defaults too; else that is our fault.
    trials = [_try(score, 0, default, {}, lambda _: None, refusals=REFUSALS if request.hyperparameters else ())]
    study = _make_study(space, trials[0], random_state)
    combinations = list_combinations(space)
    if combinations is not None:
        others = [each for each in combinations if each != default]
        for number in np.random.default_rng(random_state).permutation(len(others)):
            study.enqueue_trial(others[number])
        most_trials = min(most_trials, len(others) + 1)
    while len(trials) < most_trials and time.monotonic() < end:
        trials.append(_ask(study, score, space, trials, end))
        if time.monotonic() - last_said >= _TELL_SECONDS and len(trials) < most_trials:
            last_said = time.monotonic()
            say(_say_progress(metric, trials, most_trials, last_said - began, end - last_said))
    if not any(trial.state == "done" for trial in trials):
        raise ParameterInvalid(
            f"None of {len(trials)} combinations of hyperparameters could be used. The last, "
            f"{write_params(trials[-1].params)}: {trials[-1].reason}",
            where="tuning",
            fix="Mend `hyperparameters` and `tuning.search_space` as scikit-learn's page on the model says; or, to do without them, "
            'give {"hyperparameters": {}, "tuning": true}.',
            details={"parameter": "tuning", "reasons": list(dict.fromkeys(trial.reason for trial in trials))},
        )
    ended_by: EndedBy = "trials" if combinations is None or len(trials) <= len(others) else "combinations"
    if len(trials) < most_trials or trials[-1].state == "out of time":
        ended_by = "time"
    return Tuned(metric, rows, tuple(trials), time.monotonic() - began, random_state, ended_by)


def _make_study(space: SearchSpace, first: Trial, random_state: int) -> optuna.Study:
    """Return a study, kept in memory, that knows of the *first* trial where that is a point of *space*, or near one."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        # That hyperparameters are looked at together is called experimental, as it has been for years.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=random_state, multivariate=True)
    study = optuna.create_study(
        direction="maximize", sampler=sampler, pruner=optuna.pruners.MedianPruner(n_startup_trials=5)
    )
    if first.state != "done":
        return study
    # Not where a default is none of the choices, or no number where a range of them is searched.
    with contextlib.suppress(ValueError, TypeError):
        study.add_trial(
            optuna.trial.create_trial(
                params={name: _move_inside(first.params[name], its) for name, its in space.items()},
                distributions=_make_distributions(space),
                value=first.score,
                intermediate_values=dict.fromkeys(range(len(first.scores)), 0.0),
            )
        )
    return study


def _move_inside(default: Any, searched: SearchRange | list[Any]) -> Any:
    return default if isinstance(searched, list) else min(max(default, searched.low), searched.high)


def _make_distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    made: dict[str, BaseDistribution] = {}
    for name, its in space.items():
        if isinstance(its, list):
            made[name] = CategoricalDistribution(its)
        elif its.is_whole:
            made[name] = IntDistribution(int(its.low), int(its.high), log=its.log, step=int(its.step or 1))
        else:
            made[name] = FloatDistribution(its.low, its.high, log=its.log, step=its.step)
    return made


def _ask(study: optuna.Study, score: Score, space: SearchSpace, trials: list[Trial], end: float) -> Trial:
    """Return the next trial that *study* proposes, tried; where it was tried before, with the same scores."""
    with warnings.catch_warnings():
        # Of a step that does not end at `high`.
        warnings.simplefilter("ignore", UserWarning)
        asked = study.ask(_make_distributions(space))
    folds = max(len(trial.scores) for trial in trials)
    # The same rows are easy or hard for all: what is compared is how far a trial is ahead of the first one.
    pairs = trials[0].scores if trials[0].state == "done" else (0.0,) * folds

    def judge(scores: list[float]) -> State | None:
        if len(scores) >= folds:
            return None
        if time.monotonic() >= end:
            return "out of time"
        asked.report(float(np.mean(np.subtract(scores, pairs[: len(scores)]))), len(scores) - 1)
        return "pruned" if asked.should_prune() else None

    same = next((trial for trial in trials if trial.params == asked.params), None)
    if same is not None:
        trial = replace(same, number=len(trials), seconds=0.0)
    else:
        trial = _try(score, len(trials), asked.params, asked.params, judge, REFUSALS)
    if trial.state == "done":
        study.tell(asked, trial.score)
    else:
        study.tell(asked, state=TrialState.PRUNED if trial.state == "pruned" else TrialState.FAIL)
    return trial


def _try(
    score: Score,
    number: int,
    params: dict[str, Any],
    given: dict[str, Any],
    judge: Judge,
    refusals: tuple[type[Exception], ...],
) -> Trial:
    """Return the trial *number* with the hyperparameters *given*, scored fold by fold until *judge* ends it."""
    began = time.monotonic()
    scores: list[float] = []
    state: State = "done"
    reason = None
    try:
        for value in score(given):
            if math.isnan(value):
                # These rows do not have the metric, whatever is predicted for them: an area under a curve of one class, for instance.
                continue
            if not math.isfinite(value):
                raise ValueError("the score of a fold is no number")
            scores.append(value)
            ended = judge(scores)
            if ended is not None:
                state = ended
                break
        if not scores:
            raise ParameterInvalid(
                "The rows to learn from do not have this metric in any fold.",
                where="tuning.metric",
                fix='Give another one in `tuning.metric`, or {"tuning": false}.',
                details={"parameter": "tuning.metric"},
            )
    except refusals as error:
        state, reason = "failed", _say_reason(error)
    return Trial(number, params, tuple(scores), state, round(time.monotonic() - began, 3), reason)


def _say_reason(error: Exception) -> str:
    text = " ".join((error.what if isinstance(error, ParameterInvalid) else str(error)).split())
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 1] + "…"


def _say_progress(metric: Metric, trials: list[Trial], most_trials: int, seconds: float, left: float) -> str:
    """Return how far a search is, how good it has become, and how many *seconds* it may still take at this pace."""
    left = min(left, seconds / len(trials) * (most_trials - len(trials)))
    so_far = Tuned(metric, 0, tuple(trials), seconds, 0, "trials")
    best = f"best {metric.word} {write_score(so_far, so_far.ranked[0])}" if so_far.ranked else "none has worked yet"
    of = f" of {most_trials}" if most_trials < MOST_TRIALS else ""
    return f"tuning: {len(trials)}{of} trials, {best}, about {left:.0f} s left"
