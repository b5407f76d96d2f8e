"""How a training is told: in a line, as a table, and in notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...number_text import write_number
from ...short_name import name_classes
from ..validate.rule import count_rows
from .interval import describe_interval
from .metric_table import METRICS
from .metrics import Measured
from .scenario import say_tested
from .tuned import say_tuned

if TYPE_CHECKING:
    from .learn import Learned
    from .plan import Plan


def say_result(plan: Plan, learned: Learned) -> str:
    """Return the result in a line."""
    left_out = plan.table.rows_without_target
    ending = f"; {count_rows(left_out)} without a target left out" if left_out else ""
    searched = f"; {say_tuned(learned.decision.tuned)}" if learned.decision.tuned else ""
    return f"{learned.decision.candidate.model.name}: {say_measured(learned.measured, say_tested(plan.split))}{searched}{ending}"


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


def describe_result(measured: Measured) -> dict[str, Any]:
    """Return what a manifest tells of the metrics, as values and as people read them."""
    return {
        "metrics": measured.model,
        "baseline": measured.baseline,
        "headline_metric": measured.headline,
        "interval": describe_interval(measured.interval),
        "against_baseline": measured.verdict,
        "untested_classes": measured.untested,
        "metrics_shown": [list(row) for row in list_metrics(measured)],
    }


def collect_tracked(measured: Measured) -> Mapping[str, float]:
    """Return the metrics as MLflow keeps them: those of the model by their names, and what belongs to them beside these."""
    bounds = {
        f"{measured.headline}_{name}": value
        for name, value in describe_interval(measured.interval).items()
        if name in {"low", "high", "lead_low", "lead_high"}
    }
    return measured.model | {f"baseline_{name}": value for name, value in measured.baseline.items()} | bounds


def _say_lack(wanted: str, measured: Measured) -> str:
    if METRICS[wanted].two_classes and len(measured.labels) > 2:
        return f"there are {len(measured.labels)} classes instead of two"
    if (METRICS[wanted].kind == "classification") != bool(measured.labels):
        return f"it is about {METRICS[wanted].kind}"
    if wanted == "mape":
        return "some of its values are zero or nearly so"
    return "it has a single row" if wanted == "r2" else "all of its rows are of one class"
