"""What a search for hyperparameters found, and how it is told."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .metric_table import Metric

State = Literal["done", "pruned", "failed", "out of time"]
#: The number of trials, the time, or that all combinations were tried.
EndedBy = Literal["trials", "time", "combinations"]

#: So many of the best trials are shown one by one in MLflow.
TOLD_TRIALS = 10


@dataclass(frozen=True)
class Trial:
    """One combination of hyperparameters, and what came of it.

    :param params: the hyperparameters that are searched for; of the first trial, their defaults.
    :param scores: by fold, greater is better; fewer than there are folds unless it is done.
    :param reason: why it failed.
    """

    number: int
    params: dict[str, Any]
    scores: tuple[float, ...]
    state: State
    seconds: float
    reason: str | None = None

    @property
    def score(self) -> float:
        """The mean over the folds that were scored; minus infinity where none was."""
        return float(np.mean(self.scores)) if self.scores else -math.inf


@dataclass(frozen=True)
class Tuned:
    """The trials of a search, in order, at least one of them done; the first has the defaults.

    :param seconds: how long it took.
    """

    metric: Metric
    trials: tuple[Trial, ...]
    seconds: float
    random_state: int
    ended_by: EndedBy

    @property
    def ranked(self) -> list[Trial]:
        """The trials that are done, the best first; of equals the earlier, so that defaults stay where nothing is better."""
        return sorted((trial for trial in self.trials if trial.state == "done"), key=lambda trial: -trial.score)

    @property
    def params(self) -> dict[str, Any]:
        """The hyperparameters to set; none where the defaults are best."""
        best = self.ranked[0]
        return best.params if best.number else {}

    def measure(self, score: float) -> float:
        """Return the metric, as people know it, of what is scored so that greater is better."""
        return -score if self.metric.less_is_better else score


def describe_tuned(tuned: Tuned) -> dict[str, Any]:
    """Return what the manifest tells of a search."""
    best, first = tuned.ranked[0], tuned.trials[0]
    states = Counter(trial.state for trial in tuned.trials)
    return {
        "metric": tuned.metric.name,
        "less_is_better": tuned.metric.less_is_better,
        "score": tuned.measure(best.score),
        "default_score": tuned.measure(first.score) if first.state == "done" else None,
        "folds": len(best.scores),
        "params": tuned.params,
        "trial": best.number,
        "trials": len(tuned.trials),
        "states": dict(states),
        "seconds": round(tuned.seconds, 3),
        "random_state": tuned.random_state,
        "ended_by": tuned.ended_by,
        "is_repeatable": tuned.ended_by != "time",
    }


def describe_best(tuned: Tuned, model_name: str, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of `best_params.json`; `hyperparameters` is what gives the same model without a search."""
    return {"model_name": model_name, "hyperparameters": {**fixed, **tuned.params}} | describe_tuned(tuned)


def describe_trials(tuned: Tuned) -> list[dict[str, Any]]:
    """Return the content of `trials.json`, in the order in which they were tried."""
    return [
        {
            "number": trial.number,
            "params": trial.params,
            "scores": [tuned.measure(score) for score in trial.scores],
            "score": tuned.measure(trial.score) if trial.state == "done" else None,
            "state": trial.state,
            "seconds": trial.seconds,
        }
        | ({"reason": trial.reason} if trial.reason else {})
        for trial in tuned.trials
    ]


def say_tuned(tuned: Tuned) -> str:
    """Return what came of a search, in a few words."""
    first, best = tuned.trials[0], tuned.ranked[0]
    before = f"{write_score(tuned, first)} → " if first.state == "done" and best.number else ""
    none = "" if best.number else ", as no trial was better than the defaults"
    return (
        f"tuned: {tuned.metric.word} {before}{write_score(tuned, best)} in cross-validation{none} "
        f"({len(tuned.trials)} trials, {tuned.seconds:.0f} s)"
    )


def note_tuned(tuned: Tuned, model_name: str, fixed: Mapping[str, Any]) -> list[str]:
    """Return what a person should know of a search, with the line to paste where one helps."""
    notes = []
    failed = [trial for trial in tuned.trials if trial.state == "failed"]
    if failed:
        notes.append(
            f"{len(failed)} of {len(tuned.trials)} combinations of hyperparameters were refused by {model_name}. "
            f"{json.dumps(failed[0].params, ensure_ascii=False, default=str)}: {failed[0].reason}"
        )
    if tuned.ended_by == "time":
        again = {"model_name": model_name, "hyperparameters": {**fixed, **tuned.params}, "tuning": False}
        notes.append(
            f"The search for hyperparameters ended by `timeout_seconds`, after {len(tuned.trials)} trials: another time it may come "
            f"further, and give another model. The same model without a search: {json.dumps(again, ensure_ascii=False)}"
        )
    return notes


def write_score(tuned: Tuned, trial: Trial) -> str:
    """Return the metric of a *trial* for people."""
    return f"{tuned.measure(trial.score):.3g}"
