"""What a fit costs, guessed before it starts from rows, columns and classes alone: so the same on every machine.

The guesses are seconds of one core of a machine of 2024, fitted to measurements on made tables of 100 to 200,000 rows; they are there
to choose by and to tell a person how long it will be, not to be exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ...schema import Column
from .kind import CLASSIFICATION
from .model_table import Model
from .preparation import MANY_VALUES, TEXT_NUMBERS

#: What dates are encoded to: their seconds and parts.
_COLUMNS_OF = {"date": 6, "timestamp": 8}
_GLANCE = 1_000


def count_encoded(columns: Sequence[Column], features: pd.DataFrame) -> int:
    """Return to about how many numbers a row of *features* is encoded; whether text has many values is looked up in the first rows."""
    first = features.head(_GLANCE)
    return sum(
        (TEXT_NUMBERS if first[column.name].nunique() >= MANY_VALUES else 1)
        if column.type == "text"
        else _COLUMNS_OF.get(column.type, 1)
        for column in columns
    )


def guess_seconds(model: Model, hyperparameters: Mapping[str, Any], rows: int, columns: int, classes: int) -> float:
    """Return the seconds of one core that a fit of *rows* times *columns* encoded columns may take.

    :param classes: how many the target has; 1 for a quantity.
    """
    cells = rows * columns
    if model.family == "linear":
        # Least squares go by the square of the columns; the steps of a logistic regression by rows, columns and classes.
        steps = 100 * max(classes - 1, 1) if model.kind == CLASSIFICATION else columns
        return 0.005 + 1.2e-9 * cells * steps
    if model.family == "boosting":
        trees = _count(hyperparameters, "max_iter", 100) * (classes if classes > 2 else 1)
        leaves = min(_count(hyperparameters, "max_leaf_nodes", 31), max(rows / 20, 2))
        return float(trees * (6e-4 + 1e-5 * leaves + 7e-9 * cells + 1e-6 * columns * leaves) + 1e-7 * cells)
    looked_at = math.sqrt(columns) if model.kind == CLASSIFICATION else columns
    each = 2.3e-3 + (1.2e-8 if model.name.startswith("Extra") else 4e-8) * rows * math.log2(rows + 1) * looked_at
    return float(_count(hyperparameters, "n_estimators", 100) * each)


def _count(hyperparameters: Mapping[str, Any], name: str, usual: int) -> int:
    """Return what a person gave, where it is a number: whether it can be used is checked elsewhere."""
    value = hyperparameters.get(name)
    return value if isinstance(value, int) and value > 0 else usual
