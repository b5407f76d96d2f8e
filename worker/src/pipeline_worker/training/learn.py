"""Carry out a plan: fit, and measure on the rows that were kept aside."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from ..serving.reader import UnseenLabelWarning
from .figures import draw_figures
from .fit import Fitted, fit_pipeline
from .importance import measure_importance
from .metrics import Measured, Predictions, describe_measured, measure, predict
from .plan import Plan


@dataclass(frozen=True)
class Learned:
    """A fitted pipeline and what is known of it.

    :param predicted: of the test part.
    :param described: the content of `metrics.json`.
    """

    fitted: Fitted
    predicted: Predictions
    measured: Measured
    described: dict[str, Any]


def learn(
    plan: Plan,
    hyperparameters: Mapping[str, Any],
    random_state: int,
    timed: Callable[[str], AbstractContextManager[None]],
) -> Learned:
    """Return what comes of *plan*; *timed* takes the name of a step and measures what is inside.

    :raises DataFault: no feature has any value to learn from.
    :raises ParameterInvalid: the model cannot work with *hyperparameters* on this data.
    """
    kind = plan.model.kind
    with timed("fit"):
        fitted = fit_pipeline(
            plan.steps, plan.estimator, plan.train_features, plan.train_target, plan.model, hyperparameters
        )
    # That a label is in the test part alone is nothing that has to be told.
    with timed("measure"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UnseenLabelWarning)
        predicted = predict(fitted.pipeline, plan.test_features, kind)
        measured = measure(kind, plan.train_target, plan.test_target, predicted)
        importance = measure_importance(
            fitted.pipeline, plan.test_features, plan.test_target, kind, random_state=random_state
        )
    rows = {"train": len(plan.split.train), "test": len(plan.split.test)}
    described = describe_measured(measured, kind, rows) | {"importance": importance}
    return Learned(fitted, predicted, measured, described)


def draw_learned(plan: Plan, learned: Learned) -> dict[str, bytes]:
    """Return file name → PNG of how well the test part is predicted."""
    return draw_figures(
        plan.model.kind,
        plan.target.name,
        plan.test_target,
        learned.predicted,
        learned.measured,
        learned.described["importance"],
    )


def describe_learned(plan: Plan, learned: Learned) -> dict[str, Any]:
    """Return what a manifest tells of a training, in small."""
    notes = [*plan.table.notes, *plan.split.notes, *learned.fitted.notes]
    if learned.fitted.unused:
        listed = ", ".join(f"`{name}`" for name in learned.fitted.unused)
        notes.append(f"Without a value in any row to learn from, and so ignored: {listed}.")
    used, ranked = len(plan.table.columns) - len(learned.fitted.unused), len(learned.described["importance"])
    if ranked < used:
        notes.append(
            f"How much the model relies on a column was measured for {ranked} of {used}, in the time there is."
        )
    return {
        "model_name": plan.model.name,
        "model_is": "the one that was measured; it learned from the train part only",
        "target_column": plan.target.name,
        "target_kind": plan.model.kind,
        "target_rule": plan.why,
        "rows": learned.described["rows"],
        "rows_without_target": plan.table.rows_without_target,
        "is_stratified": plan.split.is_stratified,
        "features": len(plan.table.columns),
        "unused_columns": list(learned.fitted.unused),
        "suspect_columns": plan.suspects,
        "defaults_chosen": plan.chosen,
        "metrics": learned.measured.model,
        "baseline": learned.measured.baseline,
        "headline_metric": learned.measured.headline,
        "notes": notes,
    }


def draw_metrics(learned: Learned) -> str:
    """Return the metrics beside the baseline's as lines of aligned columns."""
    lines = [("on the test part", "model", "baseline")]
    for name, value in learned.measured.model.items():
        lines.append((name.replace("_", " "), f"{value:,.4g}", f"{learned.measured.baseline[name]:,.4g}"))
    return "\n".join(f"  {name:<18} {model:>12} {baseline:>12}" for name, model, baseline in lines)


def say_result(plan: Plan, learned: Learned) -> str:
    """Return the result in a line."""
    measured, rows = learned.measured, len(plan.split.test)
    name = measured.headline
    left_out = plan.table.rows_without_target
    return (
        f"{plan.model.name}: {name.replace('_', ' ')} {measured.model[name]:.3g} "
        f"(baseline {measured.baseline[name]:.3g}) on {rows} test row{'' if rows == 1 else 's'}"
        + (f"; {left_out:,} row{'' if left_out == 1 else 's'} without a target left out" if left_out else "")
    )
