"""Fit a pipeline on the part of the rows that is there to learn from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ..errors import DataFault
from .models import Model, refuse_hyperparameters
from .preparation import Steps, trace_columns


@dataclass(frozen=True)
class Fitted:
    """A pipeline from columns as the file has them to predictions.

    :param unused: columns that it ignores, because they had no value in any row that it learned from.
    :param notes: what the libraries warned of.
    """

    pipeline: Pipeline
    unused: tuple[str, ...]
    notes: tuple[str, ...]


def fit_pipeline(
    steps: Steps,
    estimator: BaseEstimator,
    features: pd.DataFrame,
    target: NDArray[Any],
    model: Model,
    hyperparameters: Mapping[str, Any],
) -> Fitted:
    """Return the fitted pipeline of *steps* and *estimator*; it has seen nothing but *features* and *target*.

    :raises DataFault: no feature has any value.
    :raises ParameterInvalid: the estimator cannot work with *hyperparameters* on this data.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        prepared: Any = features
        for _, step in steps:
            prepared = step.fit_transform(prepared, target)
            if prepared.shape[1] == 0:
                raise DataFault(
                    "No feature has a value in any row to learn from.",
                    where="the dataset",
                    fix="Fill in the columns, or take some out of `drop_columns`.",
                )
        try:
            estimator.fit(prepared, target)
        except (ValueError, TypeError, OverflowError) as error:
            # Without hyperparameters of a person's it is our fault, and shall look like it.
            if not hyperparameters:
                raise
            raise refuse_hyperparameters(model, hyperparameters, error) from error
    pipeline = Pipeline([*steps, ("model", estimator)])
    used = trace_columns(pipeline)
    return Fitted(
        pipeline=pipeline,
        unused=tuple(name for name in features if name not in used),
        notes=tuple(dict.fromkeys(f"{each.category.__name__}: {_first_line(each.message)}" for each in caught)),
    )


def _first_line(message: Warning | str) -> str:
    return str(message).strip().partition("\n")[0]
