"""What a training will do, decided and checked before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ..column_note import telling_note
from ..request import Request
from ..schema import Schema
from .models import Model, choose_model, make_estimator
from .preparation import Steps, make_steps
from .split import Split, split_rows
from .suspects import find_suspects
from .table import Table, read_table
from .target import Target, describe_target


@dataclass(frozen=True)
class Plan:
    """A model, the rows it learns from, and those it is tested on.

    :param why: the target's kind and the model, and by which rule, in words.
    :param chosen: hyperparameters that nobody gave and that differ from scikit-learn's: name → value and reason.
    :param suspects: column → why a person should look at it.
    """

    table: Table
    target: Target
    split: Split
    model: Model
    why: str
    estimator: BaseEstimator
    steps: Steps
    chosen: dict[str, str]
    suspects: dict[str, str]

    @property
    def train_features(self) -> pd.DataFrame:
        """The features to learn from."""
        return self.table.features.iloc[self.split.train]

    @property
    def test_features(self) -> pd.DataFrame:
        """The features of the rows that are kept aside."""
        return self.table.features.iloc[self.split.test]

    @property
    def train_target(self) -> NDArray[Any]:
        """The target to learn."""
        return self.target.array[self.split.train]

    @property
    def test_target(self) -> NDArray[Any]:
        """The target of the rows that are kept aside."""
        return self.target.array[self.split.test]


def make_plan(dataset: Path, schema: Schema, request: Request) -> Plan:
    """Return the plan for the Parquet file *dataset*.

    :raises RequestFault: a column, the model, a hyperparameter or `test_size` does not fit the data.
    :raises DataFault: there is too little to learn from.
    """
    table = read_table(dataset, schema, request)
    with telling_note(schema.find(table.target_name)):
        target = describe_target(table.target, table.target_name)
        model, why = choose_model(request.model_name, target)
        split = split_rows(target.array, model.kind, request.test_size, request.random_state)
    estimator, chosen = make_estimator(model, request.hyperparameters, target.array[split.train], request.random_state)
    return Plan(
        table=table,
        target=target,
        split=split,
        model=model,
        why=why,
        estimator=estimator,
        steps=make_steps(table.columns, table.features.iloc[split.train], model.family, request.random_state),
        chosen=chosen,
        suspects=find_suspects(table.features, table.columns, target.array, model.kind, table.rows),
    )
