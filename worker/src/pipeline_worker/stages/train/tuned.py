"""What a search for hyperparameters found, and how it is told."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...number_text import write_number
from .candidates import Candidate
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

    :param rows: on how many rows to learn from they were cross-validated.
    :param seconds: how long it took.
    """

    metric: Metric
    rows: int
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
        return self.metric.sign * score


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
        "rows": tuned.rows,
        "params": tuned.params,
        "trial": best.number,
        "trials": len(tuned.trials),
        "states": dict(states),
        "seconds": round(tuned.seconds, 3),
        "random_state": tuned.random_state,
        "ended_by": tuned.ended_by,
        "is_repeatable": tuned.ended_by != "time",
    }


def measure_tuned(tuned: Tuned) -> dict[str, float]:
    """Return the metric of the best trial, and of the first one where that is done, by the names that MLflow has them under."""
    name, first = f"cv_{tuned.metric.name}", tuned.trials[0]
    before = {f"{name}_before_tuning": tuned.measure(first.score)} if first.state == "done" else {}
    return {name: tuned.measure(tuned.ranked[0].score)} | before


def write_tuned(tuned: Tuned, candidate: Candidate) -> dict[str, bytes]:
    """Return file name → JSON of what was found, and of all that was tried.

    :param candidate: with the hyperparameters that were found: these give the same model without a search.
    """
    found = {"model_name": candidate.model.name, "hyperparameters": dict(candidate.hyperparameters)}
    tried = [
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
    return {
        "best_params.json": _write(found | describe_tuned(tuned)),
        "trials.json": _write({"metric": tuned.metric.name, "trials": tried}),
    }


def say_tuned(tuned: Tuned) -> str:
    """Return what came of a search, in a few words."""
    first, best = tuned.trials[0], tuned.ranked[0]
    word = f"tuned in {len(tuned.trials)} trials: {tuned.metric.word} in cross-validation"
    if not best.number:
        return f"{word} {write_score(tuned, best)}, as no trial was better than the defaults"
    before = f"{write_score(tuned, first)} → " if first.state == "done" else ""
    return f"{word} {before}{write_score(tuned, best)}"


def note_tuned(tuned: Tuned, candidate: Candidate) -> list[str]:
    """Return what a person should know of a search, with the line to paste where one helps.

    :param candidate: as for :func:`write_tuned`.
    """
    seconds = f"{tuned.seconds:.0f} s" if tuned.seconds >= 1 else "less than a second"
    found = "".join(f", `{name}` {_write_value(value)}" for name, value in tuned.params.items())
    # A sentence of its own here, a part of one in the headline.
    folds = f"{len(tuned.ranked[0].scores)} folds of {tuned.rows:,} rows"
    notes = [f"T{say_tuned(tuned)[1:]}{found}; {folds}, {seconds}."]
    failed = [trial for trial in tuned.trials if trial.state == "failed"]
    if failed:
        notes.append(
            f"{candidate.model.name} refused {len(failed)} of {len(tuned.trials)} combinations of hyperparameters. "
            f"{write_params(failed[0].params)}: {failed[0].reason}"
        )
    if tuned.ended_by == "time":
        again = {
            "model_name": candidate.model.name,
            "hyperparameters": dict(candidate.hyperparameters),
            "tuning": False,
        }
        notes.append(
            "The search for hyperparameters ended by `timeout_seconds`: another time it may come further, or less far, and give another "
            f"model. This one without a search: {write_params(again)}"
        )
    return notes


def write_score(tuned: Tuned, trial: Trial) -> str:
    """Return the metric of a *trial* for people."""
    return write_number(tuned.measure(trial.score))


def write_params(params: Mapping[str, Any]) -> str:
    """Return *params* as JSON in a line; what JSON does not know is written as text."""
    return json.dumps(dict(params), ensure_ascii=False, default=str)


def _write(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False, default=str).encode()


def _write_value(value: Any) -> str:
    return write_number(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
