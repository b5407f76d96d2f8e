"""Numbers as people read them, the same in logs, receipts, reports, figures and MLflow."""

from __future__ import annotations

import math


def write_number(value: object) -> str:
    """Return *value* with three digits that count, four from 1 on, and all of a whole number: 0.978, 12.35, 8,033.

    What is not quite one is never written as 1, as of a metric that would say that nothing is wrong.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "-"
    size = abs(value)
    if 0.9995 <= size < 1:
        return f"{value:.6f}".rstrip("0").rstrip(".")
    if 999.95 <= size < 1e15:
        return f"{value:,.0f}"
    # `+ 0` turns a negative zero into one that reads well.
    return f"{value + 0:.{3 if size < 1 else 4}g}"
