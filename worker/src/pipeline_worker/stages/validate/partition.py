"""The distribution that a divergence is measured from, as Great Expectations takes it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

_ENDS = 2


def is_partition(value: Any) -> bool:
    """Return whether *value* has the share of each of some values, or of what lies between the ends of bins and beyond these."""
    if not isinstance(value, dict):
        return False
    weights: Any = value.get("weights")
    tails: Any = value.get("tail_weights", [0, 0])
    if not (_are_numbers(weights) and _are_numbers(tails) and len(tails) == _ENDS):
        return False
    if min(*weights, *tails) < 0 or not math.isclose(sum(weights) + sum(tails), 1, rel_tol=1e-5):
        return False
    if value.keys() == {"values", "weights"}:
        return _are_values(value["values"], len(weights))
    return value.keys() - {"tail_weights"} == {"bins", "weights"} and _are_bins(value["bins"], len(weights))


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each) for each in values
    )


def _are_values(values: Any, count: int) -> bool:
    is_fit = isinstance(values, list) and all(isinstance(each, int | float | str) for each in values)
    return is_fit and len(values) == len(set(values)) == count


def _are_bins(ends: Any, count: int) -> bool:
    return _are_numbers(ends) and len(ends) == count + 1 and all(low < high for low, high in pairwise(ends))
