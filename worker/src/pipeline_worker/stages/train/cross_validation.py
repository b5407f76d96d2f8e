"""How well a model does on rows that it has not learned from, within the rows to learn from: what choices are made by."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from .candidates import Candidate
from .fit import Encodings, fit_pipeline
from .folds import Fold, Rows
from .kind import CLASSIFICATION, Kind
from .metric_table import METRICS
from .metrics import predict, score
from .model_table import Model
from .models import make_estimator
from .plan import Plan
from .tested import Predictions


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


def sample_rows(target: NDArray[Any], kind: Kind, rows: int, random_state: int) -> Rows:
    """Return the positions of *rows* of the rows of *target*, in order; each class keeps its share, and two rows at least."""
    everything = np.arange(len(target))
    if rows >= len(target):
        return everything
    random = np.random.default_rng(random_state)
    chosen = random.permutation(len(target))[:rows]
    if kind == CLASSIFICATION:
        order = random.permutation(len(target))
        _, first = np.unique(target[order], return_index=True)
        rest = np.delete(order, first)
        _, second = np.unique(target[rest], return_index=True)
        chosen = np.union1d(chosen, np.concatenate([order[first], rest[second]]))
    return np.sort(chosen)


def predict_anew(plan: Plan, candidate: Candidate, train: Rows, test: Rows, given: Mapping[str, Any]) -> Predictions:
    """Return what *candidate*, fitted to the rows *train* of the table with all that prepares them, predicts for the rows *test*.

    :param given: the hyperparameters whose fault it is, where the model cannot work.
    :raises DataFault: no feature has any value to learn from.
    :raises ParameterInvalid: the model cannot work with its hyperparameters on this data.
    """
    features, target, seed = plan.table.features, plan.target.array[train], plan.request.random_state
    estimator, _ = make_estimator(candidate.model, candidate.hyperparameters, target, seed)
    encoded = Encodings(plan.table.columns, features.iloc[train], seed).of(candidate.model.family)
    fitted = fit_pipeline(encoded, estimator, target, candidate.model, given)
    return predict(fitted.pipeline, features.iloc[test], plan.kind)


def predict_out_of_fold(plan: Plan, candidate: Candidate, folds: Sequence[Fold]) -> Predictions:
    """Return the predictions of *candidate* for the rows to learn from that *folds* test, in the order of the rows.

    A class that a fold has not learned has the score 0 there. Raises what :func:`predict_anew` does.
    """
    rows, classes = plan.split.train, np.unique(plan.train_target)
    labels, scores = [], []
    for fold in folds:
        predicted = predict_anew(plan, candidate, rows[fold.train], rows[fold.test], candidate.hyperparameters)
        labels.append(predicted.labels)
        if predicted.scores is not None:
            assert predicted.classes is not None
            wide = np.zeros((len(fold.test), len(classes)))
            wide[:, np.searchsorted(classes, predicted.classes)] = predicted.scores
            scores.append(wide)
    order = np.argsort(np.concatenate([fold.test for fold in folds]))
    if plan.kind != CLASSIFICATION:
        return Predictions(np.concatenate(labels)[order], None, None)
    return Predictions(np.concatenate(labels)[order], np.concatenate(scores)[order], classes)
