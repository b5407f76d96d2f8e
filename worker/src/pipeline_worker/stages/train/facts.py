"""What a manifest tells of a training, in small."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .result import describe_result, note_result
from .tuned import describe_tuned, note_tuned

if TYPE_CHECKING:
    from .learn import Learned
    from .plan import Plan


def describe_learned(plan: Plan, learned: Learned) -> dict[str, Any]:
    """Return the facts; the first of the notes are the most important."""
    described, decision = learned.described, learned.decision
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
        **describe_result(learned.measured),
        "notes": [
            *note_result(learned.measured, plan.request.metric),
            *(learned.look.say() if learned.look else ()),
            *plan.table.notes,
            *plan.split.notes,
            *learned.fitted.notes,
            *_note_columns(plan, learned),
            *_note_decision(plan, learned),
        ],
    }


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
