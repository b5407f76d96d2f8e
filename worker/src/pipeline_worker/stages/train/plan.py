"""What a training will do, decided and checked before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from pipeline_contract.settings import SETTINGS

from ...column_note import telling_note
from ...errors import ParameterInvalid
from ...request import Request
from ...schema import Schema
from .candidates import Candidate, Candidates, choose_candidates, choose_kind
from .cost import count_encoded, guess_seconds
from .equal_rows import find_equal_rows
from .kind import CLASSIFICATION, Kind
from .metric_table import METRICS
from .metrics import choose_positive
from .models import choose_space, make_estimator
from .odd_columns import find_suspects, find_useless
from .scenario import make_split
from .split import Split
from .table import Table, read_table
from .target import Target, describe_target

#: Rows times encoded columns that are learned from at most, unless a setting says otherwise, and rows that always are.
MOST_CELLS, FEWEST_ROWS = int(SETTINGS["ML_PIPELINE_MAX_TRAIN_CELLS"].default), 1_000


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

    @cached_property
    def positive(self) -> Any:
        """The class that two-class metrics are about; None unless there are two."""
        return choose_positive(self.train_target) if self.classes == 2 else None

    def guess(self, candidate: Candidate, rows: int) -> float:
        """Return the seconds of one core that a fit of *candidate* to *rows* may need."""
        return guess_seconds(candidate.model, candidate.hyperparameters, rows, self.encoded, self.classes)

    def guess_fit(self, rows: int) -> float:
        """Return the seconds of one core that the most costly of the candidates may need for *rows*."""
        return max(self.guess(each, rows) for each in self.candidates.all)


def make_plan(dataset: Path, schema: Schema, request: Request, cells: int = MOST_CELLS) -> Plan:
    """Return the plan for the Parquet file *dataset*.

    :param cells: rows times encoded columns; of a table that has more, a sample is looked at.
    :raises RequestFault: a column, the model, a hyperparameter or `test_size` does not fit the data.
    :raises DataFault: there is too little to learn from.
    """
    table = _bound(read_table(dataset, schema, request), cells, request.random_state)
    with telling_note(schema.find(table.target_name)):
        target = describe_target(table.target, table.target_name)
        kind, rule = choose_kind(request.task, request.model_name, target)
    useless, kept = find_useless(table.features, table.columns, request.keep_columns)
    table = table.without(useless)
    equal = find_equal_rows(table.features, target.array)
    with telling_note(schema.find(table.target_name)):
        split = make_split(table, target.array, kind, request, equal)
    encoded = count_encoded(table.columns, table.features)
    candidates = choose_candidates(
        kind,
        request.model_name,
        request.hyperparameters,
        len(split.train),
        encoded,
        target.distinct if kind == CLASSIFICATION else 1,
        (request.search and request.search.search_space) or (),
    )
    for candidate in candidates.all:
        # So that a wrong hyperparameter is told before anything is computed.
        make_estimator(candidate.model, candidate.hyperparameters, target.array[split.train], request.random_state)
        if request.search:
            choose_space(candidate.model, request.search.search_space, request.hyperparameters)
    if request.metric:
        _check_metric(request.metric, "metric", kind, target)
    if request.threshold == "tuned" and (kind != CLASSIFICATION or target.distinct != 2):
        raise ParameterInvalid(
            f"A threshold is between two classes, and `{target.name}` is for {kind} with {target.distinct} different values.",
            where="threshold",
            fix='Give {"threshold": "most_probable"}.',
            details={"parameter": "threshold", "distinct": target.distinct},
        )
    if request.threshold == "tuned" and split.folds:
        raise ParameterInvalid(
            "In `full_train` no row is left that a threshold was not chosen on.",
            where="threshold",
            fix='Give {"threshold": "most_probable"}, or take another `training_scenario`.',
            details={"parameter": "threshold"},
        )
    if request.search and request.search.metric:
        _check_metric(request.search.metric, "tuning.metric", kind, target)
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
        suspects=kept | find_suspects(table.features, table.columns, target.array, kind),
    )


def _bound(table: Table, cells: int, random_state: int) -> Table:
    encoded = count_encoded(table.columns, table.features)
    rows = max(cells // max(encoded, 1), FEWEST_ROWS)
    if len(table.target) <= rows:
        return table
    needed = len(table.target) * encoded
    return table.sample(
        rows,
        random_state,
        f"all of them would be {needed:,} numbers to learn from, and {cells:,} are allowed. Where there is memory for more, write "
        f"ML_PIPELINE_MAX_TRAIN_CELLS={needed} into `.env`, and let `make down up` take it.",
    )


def _check_metric(name: str, parameter: str, kind: Kind, target: Target) -> None:
    metric = METRICS[name]
    if metric.kind == kind and (target.distinct == 2 or not metric.two_classes):
        return
    about = f"for {metric.kind}" if metric.kind != kind else "about the positive one of two classes"
    fitting = [
        each.name for each in METRICS.values() if each.kind == kind and (target.distinct == 2 or not each.two_classes)
    ]
    raise ParameterInvalid(
        f"`{name}` is {about}, and `{target.name}` is for {kind} with {target.distinct} different values.",
        where=parameter,
        fix=f"Use one of {', '.join(f'`{each}`' for each in fitting)}.",
        details={"parameter": parameter, "metric": name, "fitting": fitting},
    )


def say_work(plan: Plan, threads: int) -> str:
    """Return in a line how much there is to do: rows, columns, memory and seconds."""
    rows, columns, wanted = len(plan.split.train), plan.encoded, plan.candidates
    seconds = plan.guess_fit(rows)
    if plan.split.folds:
        seconds += sum(plan.guess_fit(len(fold.train)) for fold in plan.split.folds)
    elif plan.request.refit:
        seconds += plan.guess_fit(plan.table.features.shape[0])
    # As the file has them, encoded, and once more while a library works on them.
    megabytes = 3 * 8 * plan.table.features.shape[0] * columns / 1e6
    learned = wanted.rows * (wanted.folds - 1) // wanted.folds
    compared = ""
    if len(wanted.all) > 1:
        seconds += wanted.folds * sum(plan.guess(each, learned) for each in wanted.all)
        compared = f"{len(wanted.all)} models in {wanted.folds} folds of {wanted.rows:,} rows, and then "
    if search := plan.request.search:
        longest = search.most_trials * wanted.folds * plan.guess_fit(learned)
        seconds += min(longest, (search.timeout_seconds or longest) * threads)
        trials = f"{search.most_trials:,} trials" if search.n_trials or not search.timeout_seconds else "trials"
        within = f", for {search.timeout_seconds:g} s at most" if search.timeout_seconds else ""
        compared += f"{trials} in {wanted.folds} folds of {wanted.rows:,} rows{within}, and then "
    return (
        f"{compared}one fit on {rows:,} rows by {len(plan.table.columns):,} columns ({columns:,} encoded) in {threads} "
        f"thread{'' if threads == 1 else 's'}: about {max(seconds / threads, 1):,.0f} s and {max(megabytes, 1):,.0f} MB"
    )
