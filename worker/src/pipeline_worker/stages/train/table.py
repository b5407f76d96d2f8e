"""The dataset as a model sees it: the columns that it may use, and the column that it is to predict."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import types

from ...column_note import telling_note
from ...errors import ColumnMissing, DataFault, ParameterInvalid, quote_name
from ...request import DataValidation, Request
from ...schema import Column, Schema
from ...serving.reader import GREATEST
from ..validate.rule import MAX_MISSING_TARGET_SHARE
from .split_columns import SplitColumns, choose_split_columns
from .target import MIN_ROWS


@dataclass(frozen=True)
class Table:
    """The rows of a dataset, cut into features and target.

    :param features: rows by columns; whole numbers with missing values are floats, times of day are durations since
        midnight, and everything else is as in the dataset.
    :param target: the values to predict, none of them missing: rows without one are left out, of the features too.
    :param columns: the features as `schema.json` describes them.
    :param rows: how many rows the dataset has.
    :param rows_without_target: how many of them were left out.
    :param split_columns: the columns that say how the rows may be split.
    :param times: when each row was, in the terms of its column; None without such a column.
    :param groups: what each row is of; None without such a column.
    :param notes: what a person should know of rows and features; rows are those of the dataset.
    """

    features: pd.DataFrame
    target: pa.Array
    target_name: str
    columns: tuple[Column, ...]
    rows: int
    rows_without_target: int
    split_columns: SplitColumns
    times: pa.Array | None = None
    groups: pa.Array | None = None
    notes: tuple[str, ...] = ()

    def without(self, names: Collection[str]) -> Table:
        """Return the table without the features *names*."""
        columns = tuple(column for column in self.columns if column.name not in names)
        return replace(self, features=self.features[[column.name for column in columns]], columns=columns)

    def sample(self, rows: int, random_state: int, why: str) -> Table:
        """Return the table with *rows* of its rows alone, in order, and a note that says so and *why*."""
        chosen = np.sort(np.random.default_rng(random_state).permutation(len(self.target))[:rows])
        times, groups = (None if each is None else each.take(chosen) for each in (self.times, self.groups))
        note = f"Only {rows:,} of {len(self.target):,} rows, taken at random, were learned and tested: {why}"
        return replace(
            self,
            features=self.features.iloc[chosen],
            target=self.target.take(chosen),
            times=times,
            groups=groups,
            notes=(note, *self.notes),
        )


def read_table(path: Path, schema: Schema, request: Request) -> Table:
    """Return the dataset in the Parquet file *path* as *request* cuts it; dropped columns are not even read.

    :raises RequestFault: the target or another column that is named does not exist or does not fit, or no feature is left.
    :raises DataFault: too many rows have no target, or it has infinite values.
    """
    target_name, columns = choose_columns(schema, request)
    split_columns = choose_split_columns(schema, request)
    splitting = (split_columns.time, split_columns.group)
    wanted = dict.fromkeys([target_name, *(column.name for column in columns), *filter(None, splitting)])
    content = pq.read_table(path, columns=list(wanted))
    target = content.column(target_name).combine_chunks()
    has_target = pc.invert(pc.is_null(target, nan_is_null=True))
    rows_without = np.flatnonzero(~has_target.to_numpy(zero_copy_only=False)) + 1
    with telling_note(schema.find(target_name)):
        _refuse_infinite_target(target, target_name)
        _refuse_missing_target(rows_without, len(target), target_name, request.data_validation)
    features = content.select([column.name for column in columns])
    times, groups = (content.column(name).combine_chunks() if name else None for name in splitting)
    notes: list[str] = []
    if len(rows_without):
        notes.append(_say_left_out(rows_without, len(target), target_name))
    notes += split_columns.notes
    for position, column in enumerate(columns):
        values = features.column(position)
        if column.type == "time":
            since_midnight = pc.subtract(values, pa.scalar(time(), values.type))
            features = features.set_column(position, column.name, since_midnight)
        elif column.type == "number":
            finite, note = _clear_infinite(values, column.name)
            if note:
                features = features.set_column(position, column.name, finite)
                notes.append(note)
    if len(rows_without):
        features, target = features.filter(has_target), target.filter(has_target)
        times, groups = (None if each is None else each.filter(has_target) for each in (times, groups))
    return Table(
        features=features.to_pandas(date_as_object=False),
        target=target,
        target_name=target_name,
        columns=tuple(columns),
        rows=len(content),
        rows_without_target=len(rows_without),
        split_columns=split_columns,
        times=times,
        groups=groups,
        notes=tuple(notes),
    )


def choose_columns(schema: Schema, request: Request) -> tuple[str, list[Column]]:
    """Return the name of the target, and the features.

    :raises RequestFault: a name is not that of a column, or no feature is left.
    """
    names = schema.names()
    if request.target_column is None:
        raise ParameterInvalid(
            "`target_column` is missing.",
            where="the request",
            fix=f"Give one of the columns: {', '.join(f'`{name}`' for name in names)}.",
            details={"parameter": "target_column", "columns": names},
        )
    for parameter, wanted in (
        ("target_column", [request.target_column]),
        ("drop_columns", request.drop_columns),
        ("keep_columns", request.keep_columns),
    ):
        for name in wanted:
            if name not in names and not (parameter == "drop_columns" and name in schema.left_out):
                raise ColumnMissing(
                    f"`{parameter}` names `{name}`, and {schema.say_missing(name)}",
                    where=parameter,
                    fix=f"Use one of the columns: {', '.join(map(quote_name, names))}.",
                    details={"parameter": parameter, "column": name, "columns": names},
                )
    if request.target_column in request.drop_columns:
        others = [name for name in request.drop_columns if name != request.target_column]
        raise ParameterInvalid(
            f"`{request.target_column}` is the target, and cannot be dropped.",
            where="drop_columns",
            fix=f"Give {json.dumps({'drop_columns': others}, ensure_ascii=False)}, or choose another `target_column`.",
            details={"parameter": "drop_columns", "column": request.target_column},
        )
    contradicting = [name for name in request.keep_columns if name in request.drop_columns]
    if contradicting:
        raise ParameterInvalid(
            f"`{contradicting[0]}` is in `drop_columns` and in `keep_columns`.",
            where="keep_columns",
            fix="Take it out of one of them.",
            details={"parameter": "keep_columns", "column": contradicting[0]},
        )
    unused = {request.target_column, *request.drop_columns}
    if request.training_scenario in {"group", "full_train"} and request.group_column is not None:
        unused.add(request.group_column)
    features = [column for column in schema.columns if column.name not in unused]
    if not features:
        raise ParameterInvalid(
            "No column is left to predict from.",
            where="drop_columns" if request.drop_columns else "the dataset",
            fix=f"{'Take columns out of `drop_columns`, or add' if request.drop_columns else 'Add'} columns to the file.",
            details={"parameter": "drop_columns"},
        )
    return request.target_column, features


def _refuse_infinite_target(target: pa.Array, name: str) -> None:
    is_infinite = pc.is_inf(target) if types.is_floating(target.type) else None
    if is_infinite is not None and pc.any(is_infinite).as_py():
        raise DataFault(
            f"The target `{name}` has infinite values.",
            where=f"column `{name}`, first in row {pc.index(is_infinite, value=True).as_py() + 1}",
            fix="Write numbers there, or take these rows out of the file, and drop it again.",
            details={"column": name},
        )


def _refuse_missing_target(without: NDArray[np.int64], rows: int, name: str, validation: DataValidation) -> None:
    """Refuse what `validate` refuses by the same rule, for where the target is another than it looked at.

    Where the others are too few to train on, that is what is to be said.
    """
    most = validation.max_missing_target_share
    is_warning = validation.severity_of(MAX_MISSING_TARGET_SHARE) == "warning"
    if not len(without) or is_warning or len(without) / rows <= most or rows - len(without) < MIN_ROWS:
        return
    setting = json.dumps(
        {"target_column": name, "data_validation": {"max_missing_target_share": 1}}, ensure_ascii=False
    )
    raise DataFault(
        f"{len(without):,} of {rows:,} rows have no value in the target `{name}`: more than {100 * most:g} % of them.",
        where=f"column `{name}`, rows {_list_rows(without)}",
        fix=f"Fill them in, or choose another `target_column`. To learn from the others all the same, run `validate` "
        f"again with {setting}.",
        details={"column": name, "count": len(without), "rows": without[:20].tolist()},
    )


def _say_left_out(without: NDArray[np.int64], rows: int, name: str) -> str:
    return (
        f"{len(without):,} of {rows:,} rows {'has' if len(without) == 1 else 'have'} no value in the target `{name}`, and "
        f"{'was' if len(without) == 1 else 'were'} neither learned nor tested: "
        f"{'row' if len(without) == 1 else 'rows'} {_list_rows(without)}. To have them refused, give "
        f'{{"data_validation": {{"non_null_columns": {json.dumps([name], ensure_ascii=False)}}}}}.'
    )


def _list_rows(rows: NDArray[np.int64]) -> str:
    return ", ".join(map(str, rows[:10].tolist())) + (", …" if len(rows) > 10 else "")


def _clear_infinite(values: pa.ChunkedArray, name: str) -> tuple[pa.ChunkedArray, str | None]:
    """Return *values* with nulls for what no model can compute with, and what to say of that."""
    is_beyond = pc.greater(pc.abs(values), GREATEST)
    count = pc.sum(is_beyond).as_py() or 0
    if not count:
        return values, None
    row = pc.index(is_beyond, value=True).as_py() + 1
    note = (
        f"`{name}`: {count} of its {len(values)} values {'is' if count == 1 else 'are'} infinite, or too large to compute with (the "
        f"first in row {row}), and {'is' if count == 1 else 'are'} taken for missing. To leave the column out, name it in `drop_columns`."
    )
    return pc.if_else(is_beyond, pa.scalar(None, values.type), values), note
