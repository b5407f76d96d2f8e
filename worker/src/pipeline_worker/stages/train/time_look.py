"""Whether rows picked at random flatter a model: it is fitted once more on the earlier rows, and tested on the latest."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any

from ...errors import StageError
from ...number_text import write_number
from .candidates import Candidate
from .cross_validation import predict_anew
from .metric_table import METRICS
from .metrics import Measured, measure
from .plan import Plan
from .split_time import split_in_time

#: Where another fit is guessed to take more seconds of one core, there is no look.
_MOST_SECONDS = 5.0


@dataclass(frozen=True)
class TimeLook:
    """The metric that stands for all, by either split.

    :param at_random: its value for rows picked at random.
    :param in_time: its value for the latest rows.
    :param is_worse: whether chance hardly explains that the latter is worse.
    """

    metric: str
    column: str
    tested_from: str
    at_random: float
    in_time: float
    is_worse: bool

    def describe(self) -> dict[str, Any]:
        """Return what `metrics.json` has of it."""
        return {"time_column": self.column, "tested_from": self.tested_from, self.metric: self.in_time}

    def say(self) -> tuple[str, ...]:
        """Return a warning where the split in time is worse."""
        if not self.is_worse:
            return ()
        setting = json.dumps({"training_scenario": "time", "time_column": self.column}, ensure_ascii=False)
        note = (
            f"Rows picked at random flatter the model: {METRICS[self.metric].word} {write_number(self.at_random)}, and only "
            f"{write_number(self.in_time)} on the latest rows, from `{self.column}` {self.tested_from} on, where it learns from "
            f"earlier ones. If it is to predict what comes, give {setting}."
        )
        return (note,)


def look_in_time(plan: Plan, candidate: Candidate, measured: Measured) -> TimeLook | None:
    """Return how the *candidate*, *measured* on rows picked at random, does on the latest; None where that cannot be told.

    That is so without a column of times, where a fit may take more than five seconds, where there is no split in time, and where
    the latest rows are too few to know how far chance moves their metric.
    """
    request, column, times = plan.request, plan.table.split_columns.time, plan.table.times
    if request.training_scenario != "holdout" or column is None:
        return None
    rows = len(plan.target.array)
    if plan.guess(candidate, rows) > _MOST_SECONDS:
        return None
    try:
        split = split_in_time(plan.target.array, plan.kind, times, column, request.test_size)
    except StageError:
        return None
    target, seed = plan.target.array, request.random_state
    with warnings.catch_warnings():
        # What the libraries have to say, they said of the model itself.
        warnings.simplefilter("ignore")
        predicted = predict_anew(plan, candidate, split.train, split.test, request.hyperparameters)
        later = measure(
            plan.kind, target[split.train], target[split.test], predicted, headline=measured.headline, random_state=seed
        )
    name = measured.headline
    if later.headline != name or not later.interval:
        return None
    at_random, in_time = measured.model[name], later.model[name]
    lost = METRICS[name].sign * (at_random - in_time)
    # How far chance moves the difference of two values: the root of the sum of squares. A model without a fault has no interval.
    halves = [(each.interval.high - each.interval.low) / 2 for each in (measured, later) if each.interval]
    is_worse = bool(lost > sum(half**2 for half in halves) ** 0.5)
    return TimeLook(name, column, split.facts["tested_from"], at_random, in_time, is_worse)
