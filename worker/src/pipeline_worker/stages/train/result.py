"""How a training is told: in a line, as a table, in notes, and as what a manifest keeps of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...number_text import write_number
from ...short_name import name_classes
from ..validate.rule import count_rows
from .interval import describe_interval
from .metric_table import METRICS
from .metrics import Measured
from .scenario import say_tested
from .tuned import describe_tuned, note_tuned, say_tuned

if TYPE_CHECKING:
    from .learn import Learned
    from .plan import Plan


def say_result(plan: Plan, learned: Learned) -> str:
    """Return the result in a line."""
    left_out = plan.table.rows_without_target
    ending = f"; {count_rows(left_out)} without a target left out" if left_out else ""
    searched = f"; {say_tuned(learned.decision.tuned)}" if learned.decision.tuned else ""
    return f"{learned.decision.candidate.model.name}: {say_measured(learned.measured, say_tested(plan.split))}{searched}{ending}"


def describe_learned(plan: Plan, learned: Learned) -> dict[str, Any]:
    """Return what a manifest tells of a training, in small; the first of the notes are the most important."""
    described, decision, measured = learned.described, learned.decision, learned.measured
    return {
        "model_name": decision.candidate.model.name,
        "fitted_on": learned.fitted_on,
        "target_column": plan.target.name,
        "target_kind": plan.kind,
        "target_rule": plan.why,
        "rows": described["rows"],
        "rows_without_target": plan.table.rows_without_target,
        "is_stratified": plan.split.is_stratified,
        **plan.split.facts,
        "features": len(plan.table.columns),
        "unused_columns": list(learned.published.unused),
        "useless_columns": plan.useless,
        "suspect_columns": plan.suspects,
        "defaults_chosen": learned.chosen,
        "choice": described["choice"],
        "threshold": described["threshold"],
        "tuning": describe_tuned(decision.tuned) if decision.tuned else None,
        "metrics": measured.model,
        "baseline": measured.baseline,
        "headline_metric": measured.headline,
        "interval": describe_interval(measured.interval),
        "against_baseline": measured.verdict,
        "untested_classes": measured.untested,
        "metrics_shown": [list(row) for row in list_metrics(measured)],
        "notes": [
            *note_result(measured, plan.request.metric),
            *(learned.look.say() if learned.look else ()),
            *plan.table.notes,
            *plan.split.notes,
            *learned.fitted.notes,
            *_note_columns(plan, learned),
            *_note_decision(plan, learned),
        ],
    }


def say_measured(measured: Measured, tested: str) -> str:
    """Return the headline beside the baseline's, what it does not speak of, and whether it is any good.

    :param tested: on which rows.
    """
    name, interval = measured.headline, measured.interval
    bounds = f"{write_number(interval.low)} to {write_number(interval.high)}; " if interval else ""
    untested = f", none of them of {name_classes(measured.untested)}" if measured.untested else ""
    doubt = f": {measured.doubt}" if measured.doubt else ""
    return (
        f"{METRICS[name].word} {write_number(measured.model[name])} ({bounds}baseline {write_number(measured.baseline[name])}) "
        f"on {tested}{untested}{doubt}"
    )


def draw_metrics(learned: Learned) -> str:
    """Return the metrics beside the baseline's as lines of aligned columns."""
    lines = [("on the test part", "model", "baseline"), *list_metrics(learned.measured)]
    width = max(len(name) for name, *_ in lines)
    return "\n".join(f"  {name:<{width}} {model:>12} {baseline:>12}" for name, model, baseline in lines)


def list_metrics(measured: Measured) -> list[tuple[str, str, str]]:
    """Return the name, the model's value and the baseline's of each metric as people read them."""
    return [
        (METRICS[name].word, write_number(value), write_number(measured.baseline[name]))
        for name, value in measured.model.items()
    ]


def note_result(measured: Measured, wanted: str | None) -> list[str]:
    """Return what a person should know of the metrics, the most important first.

    :param wanted: the metric that was asked for.
    """
    notes = []
    word = METRICS[measured.headline].word
    if measured.doubt:
        notes.append(f"By its {word} the model is {measured.doubt}, which knows nothing of the features.")
    if wanted and wanted != measured.headline:
        notes.append(
            f"The test part has no {METRICS[wanted].word}: {_say_lack(wanted, measured)}. So the {word} stands for all."
        )
    if not measured.interval:
        notes.append(f"There is no confidence interval of the {word}: {measured.interval.why_none}.")
    return notes


def collect_tracked(measured: Measured) -> Mapping[str, float]:
    """Return the metrics as MLflow keeps them: those of the model by their names, and what belongs to them beside these."""
    names = ("low", "high", "lead_low", "lead_high") if measured.interval else ()
    bounds = {f"{measured.headline}_{name}": getattr(measured.interval, name) for name in names}
    return measured.model | {f"baseline_{name}": value for name, value in measured.baseline.items()} | bounds


def _note_columns(plan: Plan, learned: Learned) -> list[str]:
    notes = []
    if unused := learned.published.unused:
        listed = ", ".join(f"`{name}`" for name in unused)
        notes.append(f"Without a value in any row to learn from, and so ignored: {listed}.")
    used, ranked = len(plan.table.columns) - len(learned.fitted.unused), len(learned.described["importance"])
    if ranked < used:
        notes.append(
            f"How much the model relies on a column was measured for {ranked} of {used}, in the time there is."
        )
    return notes


def _note_decision(plan: Plan, learned: Learned) -> list[str]:
    notes = []
    candidate, choice, tuned = learned.decision.candidate, learned.decision.choice, learned.decision.tuned
    if choice and choice.left_out:
        again: dict[str, Any] = {"model_name": candidate.model.name}
        again |= {"hyperparameters": dict(candidate.hyperparameters)} if candidate.hyperparameters else {}
        notes.append(
            f"Not compared, as the time for it was over: {'; '.join(choice.left_out)}. Another time, or on another machine, "
            f"another model may be chosen: to have this one again, give {json.dumps(again, ensure_ascii=False)}."
        )
    if tuned:
        notes += note_tuned(tuned, candidate)
        if plan.split.folds:
            notes.append(
                "The hyperparameters were chosen on the rows that the model is measured on, which makes its metrics look a little too "
                'good: {"training_scenario": "holdout"} measures it on rows that a search has not seen.'
            )
    return notes


def _say_lack(wanted: str, measured: Measured) -> str:
    if METRICS[wanted].two_classes and len(measured.labels) > 2:
        return f"there are {len(measured.labels)} classes instead of two"
    if (METRICS[wanted].kind == "classification") != bool(measured.labels):
        return f"it is about {METRICS[wanted].kind}"
    if wanted == "mape":
        return "some of its values are zero or nearly so"
    return "it has a single row" if wanted == "r2" else "all of its rows are of one class"
