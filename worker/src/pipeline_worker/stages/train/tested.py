"""What a model says of the rows that it is tested on, and both as numbers, which is what metrics are quickly computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class Predictions:
    """What a model says of the test part.

    :param labels: predicted classes or numbers, one for each row.
    :param scores: rows by classes, in the order of *classes*; None for regression.
    """

    labels: NDArray[Any]
    scores: NDArray[Any] | None
    classes: NDArray[Any] | None

    def scores_of(self, label: Any) -> NDArray[Any]:
        """Return the probability of the class *label* for each row."""
        assert self.scores is not None
        assert self.classes is not None
        scores: NDArray[Any] = self.scores[:, np.flatnonzero(self.classes == label)[0]]
        return scores


@dataclass(frozen=True)
class Tested:
    """What is true of each row, and what was predicted.

    :param actual: the value of each row; of classes, their numbers.
    :param labels: what was predicted, likewise.
    :param scores: rows by classes; None for regression.
    :param classes: the label of each number.
    :param positive: the number of the class that is to be found; None unless there are two.
    """

    actual: NDArray[Any]
    labels: NDArray[Any]
    scores: NDArray[Any] | None = None
    classes: tuple[Any, ...] = ()
    positive: int | None = None

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """How many rows each class has."""
        return np.bincount(self.actual, minlength=len(self.classes))

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """The numbers of the classes that some row has."""
        return np.flatnonzero(self.rows)

    def take(self, rows: NDArray[np.int64]) -> Tested:
        """Return some of the rows."""
        scores = None if self.scores is None else self.scores[rows]
        return replace(self, actual=self.actual[rows], labels=self.labels[rows], scores=scores)


def number_classes(actual: NDArray[Any], predicted: Predictions, positive: Any = None) -> Tested:
    """Return *actual* and *predicted* as numbers, each class as its position among those that the model knows.

    A class that only the test part has, as after a split in time, comes behind them: the model gives it no probability at all.
    """
    if predicted.classes is None or predicted.scores is None:
        return Tested(actual.astype(float), predicted.labels.astype(float))
    known, scores = pd.Index(predicted.classes), predicted.scores
    numbers = known.get_indexer(pd.Index(actual))
    unknown = np.unique(actual[numbers < 0])
    if len(unknown):
        numbers[numbers < 0] = len(known) + pd.Index(unknown).get_indexer(pd.Index(actual[numbers < 0]))
        scores = np.column_stack([scores, np.zeros((len(scores), len(unknown)), scores.dtype)])
    return Tested(
        actual=numbers,
        labels=known.get_indexer(pd.Index(predicted.labels)),
        scores=scores,
        classes=(*predicted.classes.tolist(), *unknown.tolist()),
        positive=None if positive is None else int(known.get_loc(positive)),
    )
