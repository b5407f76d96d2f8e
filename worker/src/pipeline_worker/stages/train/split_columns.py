"""Which columns say how the rows may be split: when each row was, and what it is of."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ...column_note import say_note
from ...errors import ColumnMissing, ParameterInvalid, find_nearest, quote_name, quote_names
from ...request import Request
from ...schema import Column, Schema
from ..ingest.setting_line import write_setting

#: The types whose order can be that of time.
_TIMELY = {"date", "timestamp", "integer", "number"}


@dataclass(frozen=True)
class SplitColumns:
    """The names of the columns, each None where nothing depends on such a column.

    :param notes: what a person should know of them.
    """

    time: str | None = None
    group: str | None = None
    notes: tuple[str, ...] = ()


def choose_split_columns(schema: Schema, request: Request) -> SplitColumns:
    """Return the columns that the scenario needs; for `holdout` the one that shows whether time matters, if there is one.

    :raises ColumnMissing: a column that is named does not exist, or none is named and none, or more than one, can be meant.
    :raises ParameterInvalid: a column that is named says nothing of time, or is the target.
    """
    scenario = request.training_scenario
    time = _find_named(schema, request, "time_column", request.time_column)
    group = _find_named(schema, request, "group_column", request.group_column)
    others = [column for column in schema.columns if column.name != request.target_column]
    if scenario == "group" and group is None:
        # Measures hardly repeat, and which of the others says what a row is of, no type tells.
        named = [column.name for column in others if column.type != "number"]
        raise _ask_for_column("group", "group_column", named, "`group_column` is missing.", is_likely=False)
    if scenario in {"group", "full_train"} and group is not None:
        note = f"`{group.name}` says which rows belong together, and is no feature: it tells nothing of one that was not seen."
        return SplitColumns(group=group.name, notes=(note, *_say_unused(scenario, "time_column", time)))
    unused = _say_unused(scenario, "group_column", group)
    if time is not None:
        _refuse_timeless(time)
        if scenario == "holdout":
            unused = (*unused, *_say_unused(scenario, "time_column", time))
        return SplitColumns(time=time.name, notes=unused)
    dates = [column.name for column in others if column.type in {"date", "timestamp"}]
    if scenario == "time" and len(dates) != 1:
        why = (
            "Several columns hold dates."
            if dates
            else "No column holds dates; one of numbers, such as years, can be named."
        )
        named = dates or [column.name for column in others if column.type in _TIMELY]
        raise _ask_for_column("time", "time_column", named, why, is_likely=bool(dates))
    return SplitColumns(time=dates[0] if len(dates) == 1 and scenario != "full_train" else None, notes=unused)


def _find_named(schema: Schema, request: Request, parameter: str, name: str | None) -> Column | None:
    if name is None:
        return None
    column = schema.find(name)
    if column is None:
        nearest = find_nearest(name, schema.names())
        raise ColumnMissing(
            f"`{parameter}` names `{name}`, and {schema.say_missing(name)}",
            where=parameter,
            fix=f"Use one of the columns: {quote_names(schema.names())}."
            + (
                f" If {quote_name(nearest)} is meant, give {_write(parameter, nearest)}." if nearest is not None else ""
            ),
            details={"parameter": parameter, "column": name, "columns": schema.names()},
        )
    if name == request.target_column:
        raise ParameterInvalid(
            f"`{name}` is the target, and cannot be the `{parameter}`.",
            where=parameter,
            fix=f"Leave `{parameter}` out, or choose another column.",
            details={"parameter": parameter, "column": name},
        )
    return column


def _refuse_timeless(column: Column) -> None:
    """Refuse a column whose order is not that of time."""
    if column.type in _TIMELY:
        return
    if column.type == "text":
        setting = write_setting("column_types", column.name, "date")
        fix = f"If it holds dates, run `ingest` again with {setting} (or `timestamp`); the first cell that is none is named then."
    else:
        fix = "Name a column of dates, or of numbers such as years."
    raise ParameterInvalid(
        f"`time_column` names `{column.name}`, which is of the type {column.type}: that has no order in time.{say_note(column)}",
        where="time_column",
        fix=fix,
        details={"parameter": "time_column", "column": column.name, "type": column.type},
    )


def _ask_for_column(scenario: str, parameter: str, columns: list[str], why: str, *, is_likely: bool) -> ColumnMissing:
    """Return the question for one of the *columns*, the first of which is proposed where any is likely to be meant."""
    if is_likely:
        fix = f"Give {_write(parameter, columns[0])}, or another one of: {quote_names(columns)}."
    elif columns:
        fix = f"Give `{parameter}`, if it is one of: {quote_names(columns)}; or else another `training_scenario`."
    else:
        fix = "No column can be it: give another `training_scenario`, or add the column to the file."
    return ColumnMissing(
        f"`training_scenario` is `{scenario}`: by which column? {why}",
        where=parameter,
        fix=fix,
        details={"parameter": parameter, "columns": columns},
    )


def _say_unused(scenario: str, parameter: str, column: Column | None) -> tuple[str, ...]:
    """Return what to say of a *column* that is named in vain."""
    if column is None:
        return ()
    setting = _write("training_scenario", parameter.removesuffix("_column"))
    note = (
        f"`{parameter}` names `{column.name}`, and does not split the rows, as `training_scenario` is `{scenario}`. To split them by "
        f"it, give {setting}."
    )
    return (note,)


def _write(parameter: str, value: str) -> str:
    return json.dumps({parameter: value}, ensure_ascii=False)
