"""What a model says of rows that it has not learned from, where all rows are there to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..schema import Column
from .fit import Encodings, fit_pipeline
from .folds import Fold
from .kind import CLASSIFICATION, Kind
from .metrics import Predictions, predict
from .model_table import Model
from .models import make_estimator


def predict_out_of_fold(
    columns: Sequence[Column],
    features: pd.DataFrame,
    target: NDArray[Any],
    kind: Kind,
    folds: Sequence[Fold],
    model: Model,
    hyperparameters: Mapping[str, Any],
    random_state: int,
) -> Predictions:
    """Return the predictions for the rows that *folds* test, in the order of the rows.

    In each fold everything is fitted anew, what prepares the rows too. A class that a fold has not learned has the score 0 there.

    :raises DataFault: no feature has any value to learn from.
    :raises ParameterInvalid: the model cannot work with *hyperparameters* on this data.
    """
    classes = np.unique(target)
    labels, scores = [], []
    for fold in folds:
        learned = target[fold.train]
        estimator, _ = make_estimator(model, hyperparameters, learned, random_state)
        encoded = Encodings(columns, features.iloc[fold.train], random_state).of(model.family)
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
