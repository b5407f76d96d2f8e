"""What a model says of rows that it has not learned from, where all rows are there to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .candidates import Candidate
from .fit import Encodings, fit_pipeline
from .folds import Fold
from .kind import CLASSIFICATION
from .metrics import Predictions, predict
from .models import make_estimator
from .plan import Plan


def predict_out_of_fold(plan: Plan, candidate: Candidate, folds: Sequence[Fold]) -> Predictions:
    """Return the predictions of *candidate* for the rows to learn from that *folds* test, in the order of the rows.

    In each fold everything is fitted anew, what prepares the rows too. A class that a fold has not learned has the score 0 there.

    :raises DataFault: no feature has any value to learn from.
    :raises ParameterInvalid: the model cannot work with its hyperparameters on this data.
    """
    features, target, kind, seed = plan.train_features, plan.train_target, plan.kind, plan.request.random_state
    model, hyperparameters = candidate.model, candidate.hyperparameters
    classes = np.unique(target)
    labels, scores = [], []
    for fold in folds:
        learned = target[fold.train]
        estimator, _ = make_estimator(model, hyperparameters, learned, seed)
        encoded = Encodings(plan.table.columns, features.iloc[fold.train], seed).of(model.family)
        fitted = fit_pipeline(encoded, estimator, learned, model, hyperparameters)
        predicted = predict(fitted.pipeline, features.iloc[fold.test], kind)
        labels.append(predicted.labels)
        if predicted.scores is not None:
            assert predicted.classes is not None
            wide = np.zeros((len(fold.test), len(classes)))
            wide[:, np.searchsorted(classes, predicted.classes)] = predicted.scores
            scores.append(wide)
    order = np.argsort(np.concatenate([fold.test for fold in folds]))
    if kind != CLASSIFICATION:
        return Predictions(np.concatenate(labels)[order], None, None)
    return Predictions(np.concatenate(labels)[order], np.concatenate(scores)[order], classes)
