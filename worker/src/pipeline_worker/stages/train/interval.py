"""How far chance may have moved a metric: the bounds that 95 of 100 resamples of the test part lie within."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...short_name import name_classes
from ..validate.rule import count_rows
from .metric_table import METRICS
from .tested import Tested
from .weighted import Counts, Values, weigh

LEVEL = 0.95
#: Fewer rows of a class say nothing of how much others would differ.
MIN_ROWS = 5
_RESAMPLES, _MIN_RESAMPLES = 1_000, 200
#: Of more rows so many are resampled, each of them as often as the rows that it stands for; of each class an equal share.
_MAX_ROWS, _MIN_CLASS = 5_000, 20
#: Rows by resamples, and by classes where each is ranked by itself: a second's work, and what is held at once.
_MOST_WORK, _CHUNK = 25_000_000, 2_000_000


@dataclass(frozen=True)
class Interval:
    """Bounds of a metric, and of how much better than the baseline's it is: above zero it is better.

    :param why_none: why the bounds are unknown, in words; else empty.
    """

    low: float = np.nan
    high: float = np.nan
    lead_low: float = np.nan
    lead_high: float = np.nan
    why_none: str = ""

    def __bool__(self) -> bool:
        """Whether the bounds are known."""
        return not self.why_none


def describe_interval(interval: Interval) -> dict[str, Any]:
    """Return the bounds as JSON has them, or why there are none."""
    if not interval:
        return {"why_none": interval.why_none}
    return {"level": LEVEL, **{name: value for name, value in asdict(interval).items() if name != "why_none"}}


def find_interval(name: str, model: Tested, baseline: Tested, values: tuple[float, float], seed: int) -> Interval:
    """Return the bounds of the metric *name*, the same for the same *seed*; *values* are the model's and the baseline's.

    Rows are resampled within their classes, so a baseline that says the same of every row has the same value in each resample.
    Where the test part has more than 5,000 rows (20 of each class at least), so many, chosen by chance, stand for all: the bounds
    are those of the whole test part, and about 2 % of their distance less exact. Measured with two classes, on one processor:
    0.05 s for 100 rows and 0.7 s for a million.
    """
    if why := _find_reason(model):
        return Interval(why_none=why)
    groups = _group_rows(model)
    random = np.random.default_rng(seed)
    most = max(_MAX_ROWS // len(groups), _MIN_CLASS)
    chosen = [rows if len(rows) <= most else random.choice(rows, most, replace=False) for rows in groups]
    taken = np.concatenate(chosen)
    sizes = [(len(rows), len(its)) for rows, its in zip(groups, chosen, strict=True)]
    ranked = len(groups) if name in {"roc_auc", "average_precision"} and model.positive is None else 1
    resamples = min(_RESAMPLES, _MOST_WORK // (len(taken) * ranked))
    if resamples < _MIN_RESAMPLES:
        return Interval(why_none=f"of {len(groups)} classes it would take too long")
    moved, moved_baseline = _resample(name, model.take(taken), baseline.take(taken), sizes, resamples, random)
    sign = METRICS[name].sign
    value, value_of_baseline = values
    low, high = value + _find_bounds(moved)
    if not high > low:
        return Interval(
            why_none="every resample of the test part gives the same value, as where the part is small or the target easy to tell"
        )
    leads = sign * (value - value_of_baseline + _find_bounds(moved - moved_baseline))
    # Where some rows stand for all, the bounds are moved to the metric of all, which must not move them out of what is possible.
    if METRICS[name].less_is_better:
        low = max(low, 0)
    else:
        high = min(high, 1)
    return Interval(float(low), float(high), float(leads.min()), float(leads.max()))


def _find_reason(tested: Tested) -> str:
    """Return why the rows are too few, or nothing."""
    if tested.scores is None:
        fewest, of_them = len(tested.actual), ""
    else:
        fewest, of_them = int(tested.rows.min()), f" of {name_classes([tested.classes[tested.rows.argmin()]])}"
    if fewest >= MIN_ROWS:
        return ""
    return f"the test part has {count_rows(fewest)}{of_them}, and {MIN_ROWS} are needed"


def _group_rows(tested: Tested) -> list[NDArray[np.int64]]:
    """Return the positions of the rows of each class, or of all rows."""
    if tested.scores is None:
        return [np.arange(len(tested.actual))]
    return np.split(np.argsort(tested.actual, kind="stable"), np.cumsum(tested.rows)[:-1])


def _resample(
    name: str,
    model: Tested,
    baseline: Tested,
    sizes: list[tuple[int, int]],
    resamples: int,
    random: np.random.Generator,
) -> tuple[Values, Values]:
    """Return how far each resample moves the model's metric, and the baseline's.

    :param sizes: of each class, one after the other: the rows that it has, and how many are there to stand for them.
    """

    def measure(counts: Counts) -> Values:
        of_model = weigh(name, model, counts)
        return np.stack(
            [of_model, np.zeros(len(counts)) if model.scores is not None else weigh(name, baseline, counts)]
        )

    whole = measure(np.concatenate([np.full((1, its), rows / its) for rows, its in sizes], axis=1))
    step = max(1, _CHUNK // len(model.actual))
    parts = []
    for begin in range(0, resamples, step):
        size = min(step, resamples - begin)
        drawn = [random.multinomial(rows, np.full(its, 1 / its), size) for rows, its in sizes]
        parts.append(measure(np.concatenate(drawn, axis=1).astype(float)))
    of_model, of_baseline = np.concatenate(parts, axis=1) - whole
    return of_model, of_baseline


def _find_bounds(moved: Values) -> Values:
    bounds: Values = np.nanquantile(moved, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return bounds
