"""What a training will do, decided and checked before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from ..column_note import telling_note
from ..request import Request
from ..schema import Schema
from .candidates import Candidates, choose_candidates, choose_kind
from .cost import count_encoded, guess_seconds
from .kind import CLASSIFICATION, Kind
from .models import make_estimator
from .split import Split, split_rows
from .suspects import find_suspects
from .table import Table, read_table
from .target import Target, describe_target
from .useless import find_useless


@dataclass(frozen=True)
class Plan:
    """The models that can be taken, the rows that they learn from, and those that the best is tested on.

    :param why: the target's kind and the models, and by which rule, in words.
    :param encoded: to about how many numbers a row is encoded.
    :param useless: column that the model is not to see → why.
    :param suspects: column → why a person should look at it.
    """

    table: Table
    target: Target
    split: Split
    kind: Kind
    candidates: Candidates
    encoded: int
    request: Request
    why: str
    useless: dict[str, str]
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

    @property
    def classes(self) -> int:
        """How many classes there are; 1 for a quantity."""
        return self.target.distinct if self.kind == CLASSIFICATION else 1

    def guess_fit(self, rows: int) -> float:
        """Return the seconds of one core that the most costly of the candidates may need for *rows*."""
        return max(
            guess_seconds(each.model, each.hyperparameters, rows, self.encoded, self.classes)
            for each in self.candidates.all
        )


def make_plan(dataset: Path, schema: Schema, request: Request) -> Plan:
    """Return the plan for the Parquet file *dataset*.

    :raises RequestFault: a column, the model, a hyperparameter or `test_size` does not fit the data.
    :raises DataFault: there is too little to learn from.
    """
    table = read_table(dataset, schema, request)
    with telling_note(schema.find(table.target_name)):
        target = describe_target(table.target, table.target_name)
        kind, rule = choose_kind(request.task, request.model_name, target)
        split = split_rows(target.array, kind, request.test_size, request.random_state)
    useless = find_useless(table.features, table.columns, request.keep_columns)
    table = table.without(useless)
    encoded = count_encoded(table.columns, table.features)
    candidates = choose_candidates(
        kind,
        request.model_name,
        request.hyperparameters,
        len(split.train),
        encoded,
        target.distinct if kind == CLASSIFICATION else 1,
    )
    for candidate in candidates.all:
        # So that a wrong hyperparameter is told before anything is computed.
        make_estimator(candidate.model, candidate.hyperparameters, target.array[split.train], request.random_state)
    return Plan(
        table=table,
        target=target,
        split=split,
        kind=kind,
        candidates=candidates,
        encoded=encoded,
        request=request,
        why=f"{kind} with {candidates.why}; {rule}",
        useless=useless,
        suspects=find_suspects(table.features, table.columns, target.array, kind),
    )


def say_work(plan: Plan, threads: int) -> str:
    """Return in a line how much there is to do: rows, columns, memory and seconds."""
    rows, columns, wanted = len(plan.split.train), plan.encoded, plan.candidates
    seconds = plan.guess_fit(rows) + plan.request.refit * plan.guess_fit(plan.table.features.shape[0])
    # As the file has them, encoded, and once more while a library works on them.
    megabytes = 3 * 8 * plan.table.features.shape[0] * columns / 1e6
    compared = ""
    if len(wanted.all) > 1:
        learned = wanted.rows * (wanted.folds - 1) // wanted.folds
        seconds += wanted.folds * sum(
            guess_seconds(each.model, each.hyperparameters, learned, columns, plan.classes) for each in wanted.all
        )
        compared = f"{len(wanted.all)} models in {wanted.folds} folds of {wanted.rows:,} rows, and then "
    return (
        f"{compared}one fit on {rows:,} rows by {len(plan.table.columns):,} columns ({columns:,} encoded) in {threads} "
        f"thread{'' if threads == 1 else 's'}: about {max(seconds / threads, 1):,.0f} s and {max(megabytes, 1):,.0f} MB"
    )
