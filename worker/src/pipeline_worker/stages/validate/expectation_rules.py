"""The rules that `data_validation.expectations` asks for, against the columns that there are."""

from __future__ import annotations

import json
from typing import Any

from ...column_note import say_note
from ...request import Expectation
from ...schema import Column, Schema
from .expectation_arguments import list_columns, parse_arguments
from .offered import OFFERED, Offered
from .rule import Fault, Rule

_WIDEST_ARGUMENT = 80
#: Pairs of columns that can be compared though their types differ.
_ALIKE = {"integer": "number"}


def make_expectation(asked: Expectation, place: int, schema: Schema) -> Rule | list[Fault]:
    """Return the rule of the entry at *place*, or why there is none: for each column that is not there, and else once."""
    offered = OFFERED[asked.type]
    parameter = f"data_validation.expectations.{place}"
    names = list_columns(offered, asked.kwargs)
    given = _name_columns(offered, asked.kwargs, names)
    absent = [name for name in dict.fromkeys(names) if schema.find(name) is None]
    if absent and asked.type != "expect_column_to_exist":
        return [Fault(parameter, schema.say_missing(name), "expectations", place, absent=name) for name in absent]
    columns = [column for column in map(schema.find, names) if column is not None]
    fault = _find_unfit(offered, columns)
    try:
        arguments = parse_arguments(offered, given, columns) if fault is None else {}
    except ValueError as error:
        fault = f"{error}{''.join(say_note(column) for column in columns[:1])}"
    if fault is not None:
        return [Fault(parameter, f"{asked.type}: {fault}", "expectations", place)]
    return Rule(
        asked.type,
        names[0] if len(names) == 1 else None,
        _say_expected(asked.type, offered, given),
        arguments,
        columns=names if len(names) > 1 else (),
        severity=asked.severity,
        mostly=1.0 if given.get("mostly") is None else given["mostly"],
        place=place,
    )


def _name_columns(offered: Offered, given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments *given* with the columns as the dataset names them."""
    if offered.columns == ("column_list",):
        return given | {"column_list": list(names)}
    return given | dict(zip(offered.columns, names, strict=True))


def _find_unfit(offered: Offered, columns: list[Column]) -> str | None:
    names = [column.name for column in columns]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        return f"`{repeated}` is named twice"
    for column in columns:
        if column.type not in offered.types:
            wanted = " or ".join(sorted(offered.types))
            return f"`{column.name}` is {column.type}, and has to be {wanted}.{say_note(column)}"
    kinds = {_ALIKE.get(column.type, column.type) for column in columns}
    if len(kinds) > 1 and offered.arguments.get("value_pairs_set") is None and "column_A" in offered.columns:
        first, second = columns
        return f"`{first.name}` is {first.type} and `{second.name}` is {second.type}, which do not compare"
    return None


def _say_expected(name: str, offered: Offered, given: dict[str, Any]) -> str:
    words = name.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    shown = [
        f"{argument} {_shorten(value)}"
        for argument, value in given.items()
        if argument not in offered.columns and value is not None
    ]
    return f"{words} ({', '.join(shown)})" if shown else words


def _shorten(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST_ARGUMENT else f"{text[: _WIDEST_ARGUMENT - 1]}…"
