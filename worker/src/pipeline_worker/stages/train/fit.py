"""Fit a pipeline on the part of the rows that is there to learn from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ...errors import DataFault
from ...schema import Column
from .model_table import Family, Model
from .models import refuse_hyperparameters
from .preparation import Steps, make_steps, trace_columns


@dataclass(frozen=True)
class Encoded:
    """Rows as numbers and categories, and what made them so.

    :param steps: fitted on these rows.
    :param rows: the numbers that a model learns from, a table or an array.
    :param names: the columns that went in.
    :param notes: what the libraries warned of.
    """

    steps: Steps
    rows: Any
    names: tuple[str, ...]
    notes: tuple[str, ...]


class Encodings:
    """The rows to learn from, encoded once for each family of models; the target plays no part in it."""

    def __init__(self, columns: Sequence[Column], features: pd.DataFrame, random_state: int) -> None:
        self._columns = columns
        self._features = features
        self._random_state = random_state
        self._encoded: dict[Family, Encoded] = {}

    def of(self, family: Family) -> Encoded:
        """Return the rows as models of *family* need them.

        :raises DataFault: no feature has any value.
        """
        if family not in self._encoded:
            self._encoded[family] = self._encode(make_steps(self._columns, self._features, family, self._random_state))
        return self._encoded[family]

    def forget_all_but(self, family: Family) -> None:
        """Free the memory of those that are of no use any more."""
        self._encoded = {name: encoded for name, encoded in self._encoded.items() if name == family}

    def _encode(self, steps: Steps) -> Encoded:
        rows: Any = self._features
        notes: list[str] = []
        with _keeping_warnings(notes):
            for _, step in steps:
                rows = step.fit_transform(rows)
                if rows.shape[1] == 0:
                    raise DataFault(
                        "No feature has a value in any row to learn from.",
                        where="the dataset",
                        fix="Fill in the columns that the model is to learn from, and drop the file again.",
                    )
        return Encoded(steps, rows, tuple(self._features), tuple(notes))


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
    encoded: Encoded,
    estimator: BaseEstimator,
    target: NDArray[Any],
    model: Model,
    hyperparameters: Mapping[str, Any],
) -> Fitted:
    """Return the pipeline of the steps that made *encoded*, and *estimator* fitted to *target*.

    :param hyperparameters: those that a person gave.
    :raises ParameterInvalid: the estimator cannot work with *hyperparameters* on this data.
    """
    notes = list(encoded.notes)
    with _keeping_warnings(notes):
        try:
            estimator.fit(encoded.rows, target)
        except (ValueError, TypeError, OverflowError) as error:
            # Without hyperparameters of a person's it is our fault, and shall look like it.
            if not hyperparameters:
                raise
            raise refuse_hyperparameters(model, hyperparameters, error) from error
    pipeline = Pipeline([*encoded.steps, ("model", estimator)])
    used = trace_columns(pipeline)
    return Fitted(
        pipeline=pipeline,
        unused=tuple(name for name in encoded.names if name not in used),
        notes=tuple(dict.fromkeys(notes)),
    )


@contextmanager
def _keeping_warnings(notes: list[str]) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    notes += [f"{each.category.__name__}: {_first_line(each.message)}" for each in caught]


def _first_line(message: Warning | str) -> str:
    return str(message).strip().partition("\n")[0]
