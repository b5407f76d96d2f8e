"""The rules that a dataset must satisfy: `data_validation`, checked against the columns that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ...column_note import say_note
from ...request import DataValidation, ValueRange
from ...schema import Column, Schema
from .expectation_rules import make_expectation
from .refusal import refuse_unusable
from .rule import MAX_MISSING_TARGET_SHARE, Fault, Rule, count_rows
from .rule_value import find_inexact, parse_value

_UNORDERED = {"text", "boolean"}
_SHOWN_VALUES = 10


def make_rules(validation: DataValidation, schema: Schema, target: str) -> list[Rule]:
    """Return the rules of *validation* and those that every target must satisfy, in a stable order.

    A column that `required_columns` names and that is not there breaks that rule: the data is at fault, and no other rule
    about it is looked at. A column that only another rule names and that is not there is a fault of the request: the name may
    be mistyped, and a rule that is never evaluated must not pass for one that holds.

    :raises ColumnMissing: rules name columns that are neither there nor required.
    :raises RuleUnusable: a rule can never hold, or makes no sense for the column's type.
    """
    faults: list[Fault] = []
    rules = _make_row_rules(validation, faults)
    required = list(dict.fromkeys([*validation.required_columns, target]))
    for name in required:
        rules.append(Rule("required_columns", name, "the column exists", missing=_say_missing(name, schema)))
    makers: tuple[tuple[str, Iterable[str], Callable[[Column], Rule | Fault]], ...] = (
        ("non_null_columns", dict.fromkeys(validation.non_null_columns), _make_non_null),
        (
            MAX_MISSING_TARGET_SHARE,
            # No missing value at all is more than this rule asks for.
            [target] if target not in validation.non_null_columns else [],
            lambda column: _make_missing_share(column, validation.max_missing_target_share),
        ),
        ("unique_columns", dict.fromkeys(validation.unique_columns), _make_unique),
        ("value_ranges", validation.value_ranges, lambda column: _make_range(column, validation.value_ranges)),
        ("allowed_values", validation.allowed_values, lambda column: _make_allowed(column, validation.allowed_values)),
    )
    for parameter, names, make in makers:
        for name in names:
            column = schema.find(name)
            if column is not None:
                made = make(column)
                rules.append(made) if isinstance(made, Rule) else faults.append(made)
            else:
                missing = schema.say_missing(name)
                faults.append(Fault(f"data_validation.{parameter}", missing, parameter, name, absent=name))
    for place, asked in enumerate(validation.expectations):
        expected = make_expectation(asked, place, schema)
        rules.append(expected) if isinstance(expected, Rule) else faults.extend(expected)
    unmet = [fault for fault in faults if fault.absent not in required]
    if unmet:
        raise refuse_unusable(unmet, validation, schema)
    return [_complete(rule, validation, faults) for rule in rules]


def _complete(rule: Rule, validation: DataValidation, faults: list[Fault]) -> Rule:
    """Return *rule* with its severity, and with the rules that are not looked at as its column is missing."""
    if rule.place is not None:
        return rule
    missing = rule.missing
    unseen = dict.fromkeys(
        f"`{fault.rule}`" for fault in faults if rule.column is not None and fault.absent == rule.column
    )
    if missing is not None and unseen:
        missing += f" Not looked at for it: {', '.join(unseen)}."
    return replace(rule, severity=validation.severity_of(rule.name), missing=missing)


def _make_row_rules(validation: DataValidation, faults: list[Fault]) -> list[Rule]:
    least, most = validation.min_row_count, validation.max_row_count
    rules = [Rule("min_row_count", None, f"at least {count_rows(least)}", {"min": least})]
    if most is not None:
        rules.append(Rule("max_row_count", None, f"at most {count_rows(most)}", {"max": most}))
        if most < least:
            message = f"{most} is less than `min_row_count` ({least})"
            faults.append(Fault("data_validation.max_row_count", message, "max_row_count"))
    return rules


def _make_non_null(column: Column) -> Rule:
    return Rule("non_null_columns", column.name, "no missing value")


def _make_missing_share(column: Column, most: float) -> Rule:
    expected = f"at most {100 * most:g} % of its values missing" if most else "no missing value"
    return Rule(MAX_MISSING_TARGET_SHARE, column.name, expected, {"share": most})


def _make_unique(column: Column) -> Rule:
    return Rule("unique_columns", column.name, "no repeated value")


def _make_range(column: Column, ranges: dict[str, ValueRange]) -> Rule | Fault:
    given = ranges[column.name]
    parameter = f"data_validation.value_ranges.{column.name}"
    try:
        least, most = _parse_range(column, given)
    except ValueError as error:
        return Fault(parameter, str(error), "value_ranges", column.name)
    ends = []
    if given.min is not None:
        ends.append(f"{'greater than' if given.strict_min else 'at least'} {given.min}")
    if given.max is not None:
        ends.append(f"{'less than' if given.strict_max else 'at most'} {given.max}")
    arguments = {"min": least, "max": most, "strict_min": given.strict_min, "strict_max": given.strict_max}
    return Rule("value_ranges", column.name, " and ".join(ends), arguments)


def _parse_range(column: Column, given: ValueRange) -> tuple[Any, Any]:
    """Return the ends of *given* as the values of *column* are.

    :raises ValueError: it can never hold for them.
    """
    if column.type in _UNORDERED:
        raise ValueError(f"`{column.name}` is {column.type}, which has no range.{say_note(column)}")
    try:
        least, most = (None if end is None else parse_value(end, column) for end in (given.min, given.max))
    except ValueError as error:
        raise ValueError(f"{error}.{say_note(column)}") from None
    inexact = find_inexact(least) or find_inexact(most)
    if inexact is not None:
        raise ValueError(inexact)
    if least is None and most is None:
        raise ValueError("it gives neither `min` nor `max`")
    if (given.strict_min and least is None) or (given.strict_max and most is None):
        raise ValueError("an end is called strict, and there is no such end")
    if least is not None and most is not None:
        if least > most:
            raise ValueError(f"`min` ({given.min}) is greater than `max` ({given.max})")
        if least == most and (given.strict_min or given.strict_max):
            raise ValueError(f"no value lies strictly between {given.min} and {given.max}")
    return least, most


def _make_allowed(column: Column, allowed: dict[str, list[bool | int | float | str]]) -> Rule | Fault:
    given = allowed[column.name]
    parameter = f"data_validation.allowed_values.{column.name}"
    if not given:
        return Fault(parameter, "the list is empty, so that no value would be allowed", "allowed_values", column.name)
    try:
        values = [parse_value(value, column) for value in given]
    except ValueError as error:
        return Fault(parameter, f"{error}.{say_note(column)}", "allowed_values", column.name)
    shown = ", ".join(repr(value) if isinstance(value, str) else str(value) for value in given[:_SHOWN_VALUES])
    more = f", ... ({len(given)} in all)" if len(given) > _SHOWN_VALUES else ""
    return Rule("allowed_values", column.name, f"one of {shown}{more}", {"values": values})


def _say_missing(name: str, schema: Schema) -> str | None:
    return None if schema.find(name) else schema.say_missing(name)
