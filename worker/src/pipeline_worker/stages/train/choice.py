"""Compare the candidates, and take the best."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline_contract.settings import SETTINGS

from ...number_text import write_number
from .candidates import Candidate
from .cross_validation import CrossValidation
from .metric_table import METRICS

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


def compare_candidates(
    candidates: Sequence[Candidate],
    validation: CrossValidation,
    say: Callable[[str], None],
    seconds: float = CHOICE_SECONDS,
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
