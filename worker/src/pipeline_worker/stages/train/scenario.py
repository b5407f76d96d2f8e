"""How a model is measured: the split that `training_scenario` asks for, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataFault
from ...request import Request
from .equal_rows import EqualRows
from .folds import Rows, make_folds
from .kind import CLASSIFICATION, Kind
from .split import Split, split_rows
from .split_groups import number_groups, split_groups
from .split_time import rank_times, split_in_time
from .table import Table

#: So many folds measure a model that learns from all rows.
FOLDS = 5
_SHOWN_LABELS, _LONGEST_LABEL = 10, 40


def make_split(table: Table, target: NDArray[Any], kind: Kind, request: Request, equal: EqualRows) -> Split:
    """Return the split of the rows of *table* that *request* asks for; of classes, each that is tested is learned.

    :raises RequestFault: `test_size` or a column does not fit the data.
    :raises DataFault: nothing can be both learned and tested.
    """
    scenario, seed, columns = request.training_scenario, request.random_state, table.split_columns
    # In time, and among groups, a copy is what comes again.
    copies = equal.numbers if equal.are_copies and scenario in {"holdout", "full_train"} else None
    if scenario == "time":
        assert columns.time is not None
        split = split_in_time(target, kind, table.times, columns.time, request.test_size)
    elif scenario == "group":
        assert columns.group is not None
        split = split_groups(target, kind, table.groups, columns.group, request.test_size, seed)
    elif scenario == "full_train":
        split = _split_into_folds(table, target, kind, seed, copies)
    else:
        split = split_rows(target, kind, request.test_size, seed, copies=copies)
    return replace(
        split,
        facts={"training_scenario": scenario, **split.facts},
        notes=(
            *split.notes,
            *(_say_untested(target, split.test, scenario) if kind == CLASSIFICATION else ()),
            *equal.say(are_kept_together=copies is not None),
        ),
    )


def say_tested(split: Split) -> str:
    """Return which rows the model was measured on, as the end of a line."""
    rows, facts = len(split.test), split.facts
    counted = f"{rows:,} test row{'' if rows == 1 else 's'}"
    if split.folds:
        counted = f"{rows:,} rows, by cross-validation in {len(split.folds)} folds"
    elif "tested_from" in facts:
        counted += f" from {facts['tested_from']} on"
    elif "groups" in facts:
        counted += f" of {facts['groups']['test']} unseen groups"
    return counted


def _split_into_folds(table: Table, target: NDArray[Any], kind: Kind, random_state: int, copies: Rows | None) -> Split:
    """Return the split that learns from all rows, with the folds that measure the model."""
    columns, groups, times = table.split_columns, copies, None
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = {}
    if columns.group is not None:
        groups, notes = number_groups(table.groups, columns.group)
        facts = {"group_column": columns.group}
    elif columns.time is not None:
        groups, times = None, rank_times(table.times)
        facts = {"time_column": columns.time}
    folds = tuple(make_folds(target, kind, FOLDS, random_state, groups=groups, times=times))
    if not folds:
        raise DataFault(
            "No rows can be both learned and tested by cross-validation.",
            where="the target",
            fix="Add rows of the same classes, or choose another `target_column` or `training_scenario`.",
            details={"rows": len(target)},
        )
    test = np.sort(np.concatenate([fold.test for fold in folds]))
    if times is not None:
        learned = len(target) - len(test)
        notes = (f"{learned:,} of {len(target):,} rows, the earliest by `{columns.time}`, were only learned.",)
    return Split(
        np.arange(len(target)),
        test,
        is_stratified=kind == CLASSIFICATION and times is None,
        groups=groups,
        times=times,
        folds=folds,
        facts=facts | {"folds": len(folds)},
        notes=notes,
    )


def _say_untested(target: NDArray[Any], test: Rows, scenario: str) -> tuple[str, ...]:
    labels = np.setdiff1d(target, target[test]).tolist()
    if not labels:
        return ()
    are, have = ("are", "have") if len(labels) > 1 else ("is", "has")
    why = f"{are} too rare to be tested, and {are} only learned"
    if scenario in {"time", "group"}:
        why = f"{have} no row among those that were kept aside and could be tested, and {are} not tested"
    shown = ", ".join(map(_show, labels[:_SHOWN_LABELS]))
    if len(labels) == 1:
        return (f"The class {shown} {why}.",)
    more = f" and {len(labels) - _SHOWN_LABELS} more" if len(labels) > _SHOWN_LABELS else ""
    return (f"{len(labels)} classes {why}: {shown}{more}.",)


def _show(label: Any) -> str:
    if not isinstance(label, str):
        return str(label)
    return repr(label if len(label) <= _LONGEST_LABEL else f"{label[:_LONGEST_LABEL]}…")
