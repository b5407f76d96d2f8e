"""The dataset as a model sees it: the columns that it may use, and the column that it is to predict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from ..column_note import telling_note
from ..errors import ColumnMissing, DataFault, ParameterInvalid
from ..request import Request
from ..schema import Column, Schema

#: What is larger stands for "no value" where it occurs, and its square, which scaling needs, may be infinite.
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Table:
    """The rows of a dataset, cut into features and target.

    :param features: rows by columns; whole numbers with missing values are floats, times of day are durations since
        midnight, and everything else is as in the dataset.
    :param target: the values to predict, none of them missing.
    :param columns: the features as `schema.json` describes them.
    :param notes: what a person should know of the features.
    """

    features: pd.DataFrame
    target: pa.Array
    target_name: str
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()


def read_table(path: Path, schema: Schema, request: Request) -> Table:
    """Return the dataset in the Parquet file *path* as *request* cuts it; dropped columns are not even read.

    :raises RequestFault: the target or a column of `drop_columns` does not exist, or no feature is left.
    :raises DataFault: the target has missing values.
    """
    target_name, columns = choose_columns(schema, request)
    content = pq.read_table(path, columns=[target_name, *(column.name for column in columns)])
    target = content.column(target_name).combine_chunks()
    with telling_note(schema.find(target_name)):
        _refuse_missing_target(target, target_name)
    features = content.drop_columns([target_name])
    notes: list[str] = []
    for column in columns:
        if column.type == "time":
            position = features.column_names.index(column.name)
            features = features.set_column(position, column.name, _since_midnight(features.column(column.name)))
        elif column.type == "number":
            position = features.column_names.index(column.name)
            finite, note = _clear_infinite(features.column(column.name), column.name)
            if note:
                features = features.set_column(position, column.name, finite)
                notes.append(note)
    return Table(
        features=features.to_pandas(date_as_object=False),
        target=target,
        target_name=target_name,
        columns=tuple(columns),
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
    for parameter, wanted in (("target_column", [request.target_column]), ("drop_columns", request.drop_columns)):
        for name in wanted:
            if name not in names and not (parameter == "drop_columns" and name in schema.left_out):
                raise ColumnMissing(
                    f"`{parameter}` names `{name}`, and {schema.say_missing(name)}",
                    where=parameter,
                    fix=f"Use one of the columns: {', '.join(f'`{known}`' for known in names)}.",
                    details={"parameter": parameter, "column": name, "columns": names},
                )
    if request.target_column in request.drop_columns:
        raise ParameterInvalid(
            f"`{request.target_column}` is the target, and cannot be dropped.",
            where="drop_columns",
            fix="Take it out of `drop_columns`, or choose another `target_column`.",
            details={"parameter": "drop_columns", "column": request.target_column},
        )
    unused = {request.target_column, *request.drop_columns}
    features = [column for column in schema.columns if column.name not in unused]
    if not features:
        raise ParameterInvalid(
            "No column is left to predict from.",
            where="drop_columns" if request.drop_columns else "the dataset",
            fix="Take columns out of `drop_columns`, or add columns to the file.",
            details={"parameter": "drop_columns"},
        )
    return request.target_column, features


def _refuse_missing_target(target: pa.Array, name: str) -> None:
    is_missing = pc.is_null(target, nan_is_null=True)
    rows = [row + 1 for row in np.flatnonzero(is_missing.to_numpy(zero_copy_only=False)).tolist()]
    if not rows:
        return
    listed = ", ".join(map(str, rows[:10])) + (", …" if len(rows) > 10 else "")
    raise DataFault(
        f"{len(rows)} of {len(target)} rows have no value in the target `{name}`; nothing can be learned from them.",
        where=f"column `{name}`, rows {listed}",
        fix="Fill them in, or take these rows out of the file, and drop it again.",
        details={"column": name, "count": len(rows), "rows": rows[:20]},
    )


def _clear_infinite(values: pa.ChunkedArray, name: str) -> tuple[pa.ChunkedArray, str | None]:
    """Return *values* with nulls for what no model can compute with, and what to say of that."""
    is_beyond = pc.greater(pc.abs(values), _LARGEST)
    count = pc.sum(is_beyond).as_py() or 0
    if not count:
        return values, None
    row = pc.index(is_beyond, value=True).as_py() + 1
    note = (
        f"`{name}`: {count} of its {len(values)} values {'is' if count == 1 else 'are'} infinite, or too large to compute with (the "
        f"first in row {row}), and {'is' if count == 1 else 'are'} taken for missing. To leave the column out, name it in `drop_columns`."
    )
    return pc.if_else(is_beyond, pa.scalar(None, values.type), values), note


def _since_midnight(values: pa.ChunkedArray) -> pa.ChunkedArray:
    unit = values.type.unit
    whole = pc.cast(values, pa.int64() if types.is_time64(values.type) else pa.int32())
    return pc.cast(pc.cast(whole, pa.int64()), pa.duration(unit))
