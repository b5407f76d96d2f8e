"""How well a model does on rows that it has not learned from, within the rows to learn from: what choices are made by."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from .fit import Encodings
from .folds import Fold
from .kind import Kind
from .metric_table import METRICS
from .metrics import predict, score
from .model_table import Model
from .models import make_estimator


@dataclass(frozen=True)
class CrossValidation:
    """Folds of the rows to learn from, and a metric.

    What prepares the rows has seen all of them, but no target: so each encoding is made once.

    :param encodings: of the rows that the *folds* are positions of.
    """

    encodings: Encodings
    target: NDArray[Any]
    folds: Sequence[Fold]
    kind: Kind
    metric: str
    positive: Any
    random_state: int

    def score(self, model: Model, hyperparameters: Mapping[str, Any]) -> Iterator[float]:
        """Yield the score of each fold: the metric, or what is below zero by it where less is better, so that more always is.

        :raises ParameterInvalid: the model has no such hyperparameter, or cannot take its value.
        """
        encoded = self.encodings.of(model.family).rows
        sign = METRICS[self.metric].sign
        for fold in self.folds:
            target = self.target[fold.train]
            estimator, _ = make_estimator(model, hyperparameters, target, self.random_state)
            # What a library has to say, it says again of the model that is chosen.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                estimator.fit(_safe_indexing(encoded, fold.train), target)
                predicted = predict(estimator, _safe_indexing(encoded, fold.test), self.kind)
            yield sign * score(self.metric, self.target[fold.test], predicted, self.positive)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.target)


def sample_rows(target: NDArray[Any], kind: Kind, rows: int, random_state: int) -> NDArray[np.int64]:
    """Return the positions of *rows* of the rows of *target*, in order; each class keeps its share, and two rows at least."""
    everything = np.arange(len(target))
    if rows >= len(target):
        return everything
    random = np.random.default_rng(random_state)
    chosen = random.permutation(len(target))[:rows]
    if kind == "classification":
        order = random.permutation(len(target))
        _, first = np.unique(target[order], return_index=True)
        rest = np.delete(order, first)
        _, second = np.unique(target[rest], return_index=True)
        chosen = np.union1d(chosen, np.concatenate([order[first], rest[second]]))
    return np.sort(chosen)
