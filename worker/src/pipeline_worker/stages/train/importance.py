"""Which columns a model relies on: how its error grows when one of them is shuffled among the rows of the test part."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from .kind import Kind
from .metrics import predict, score_error
from .preparation import ENCODE, trace_columns
from .threads import limit_threads

_MAX_ROWS = 2_000
_REPEATS = 3


def measure_importance(
    pipeline: Pipeline,
    features: pd.DataFrame,
    actual: NDArray[Any],
    kind: Kind,
    *,
    random_state: int,
    seconds: float = 5.0,
) -> dict[str, float]:
    """Return column → mean growth of the error (log loss or RMSE), most important first, in about *seconds* at most.

    What a column was encoded to is shuffled together, which is the same as shuffling the column, and far faster.
    Where the time runs out, columns have fewer repeats, or are left out.
    """
    random = np.random.default_rng(random_state)
    position = list(pipeline.named_steps).index(ENCODE) + 1
    if len(actual) > _MAX_ROWS:
        rows = np.sort(random.permutation(len(actual))[:_MAX_ROWS])
        features, actual = features.iloc[rows], actual[rows]
    encoded: pd.DataFrame = pipeline[:position].transform(features)
    rest = pipeline[position:]
    outputs = trace_columns(pipeline)
    growths: dict[str, list[float]] = {}
    began = time.perf_counter()
    # However many rows there were to learn from, these are few.
    with limit_threads(len(actual)):
        whole = score_error(kind, actual, predict(rest, encoded, kind))
        for name, made in list(outputs.items()) * _REPEATS:
            if time.perf_counter() - began > seconds:
                break
            shuffled = encoded.copy()
            order = random.permutation(len(encoded))
            for each in made:
                shuffled[each] = encoded[each].array[order]
            growth = score_error(kind, actual, predict(rest, shuffled, kind)) - whole
            growths.setdefault(name, []).append(growth)
    means = {name: float(np.mean(values)) for name, values in growths.items()}
    return dict(sorted(means.items(), key=lambda pair: -pair[1]))
