"""The rules that a dataset must satisfy: `data_validation`, checked against the columns that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ..column_note import say_note
from ..errors import ColumnMissing, RequestFault, RuleUnusable
from ..request import DataValidation, ValueRange
from ..schema import Column, Schema
from .rule_value import EXAMPLES, parse_value

#: The rule of every target; rows without a value are left out of training.
MAX_MISSING_TARGET_SHARE = "max_missing_target_share"
_UNORDERED = {"text", "boolean"}
_SHOWN_VALUES = 10


@dataclass(frozen=True)
class Rule:
    """One rule about the table or about one column.

    :param name: the name in `data_validation` that asks for it.
    :param column: None for rules about the number of rows.
    :param expected: what must hold, in words.
    :param arguments: bounds (`min`, `max`, `strict_min`, `strict_max`) or `values`, of the column's type; or a `share`.
    :param missing: why it cannot hold, where the column does not exist although `required_columns` asks for it.
    """

    name: str
    column: str | None
    expected: str
    arguments: dict[str, Any] = field(default_factory=dict)
    missing: str | None = None


@dataclass(frozen=True)
class _Fault:
    parameter: str
    message: str
    is_missing_column: bool = False


def make_rules(validation: DataValidation, schema: Schema, target: str) -> list[Rule]:
    """Return the rules of *validation* and those that every target must satisfy, in a stable order.

    A column that `required_columns` names and that is not there breaks that rule: the data is at fault. A column that
    only another rule names and that is not there is a fault of the request: the name may be mistyped, and a rule that
    is never evaluated must not pass for one that holds.

    :raises ColumnMissing: rules name columns that are neither there nor required.
    :raises RuleUnusable: a rule can never hold, or makes no sense for the column's type.
    """
    faults: list[_Fault] = []
    rules = _make_row_rules(validation, faults)
    required = list(dict.fromkeys([*validation.required_columns, target]))
    for name in required:
        rules.append(Rule("required_columns", name, "the column exists", missing=_say_missing(name, schema)))
    makers: tuple[tuple[str, Iterable[str], Callable[[Column], Rule | _Fault]], ...] = (
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
            elif name in required:
                rules.append(Rule(parameter, name, "(cannot be looked at)", missing=_say_missing(name, schema)))
            else:
                faults.append(_Fault(f"data_validation.{parameter}", f"`{name}`: {_say_missing(name, schema)}", True))
    if faults:
        raise _explain(faults, schema)
    return rules


def _make_row_rules(validation: DataValidation, faults: list[_Fault]) -> list[Rule]:
    least, most = validation.min_row_count, validation.max_row_count
    rules = [Rule("min_row_count", None, f"at least {least} rows", {"min": least})]
    if most is not None:
        rules.append(Rule("max_row_count", None, f"at most {most} rows", {"max": most}))
        if most < least:
            faults.append(_Fault("data_validation.max_row_count", f"{most} is less than `min_row_count` ({least})"))
    return rules


def _make_non_null(column: Column) -> Rule:
    return Rule("non_null_columns", column.name, "no missing value")


def _make_missing_share(column: Column, most: float) -> Rule:
    expected = f"at most {100 * most:g} % of its values missing" if most else "no missing value"
    return Rule(MAX_MISSING_TARGET_SHARE, column.name, expected, {"share": most})


def _make_unique(column: Column) -> Rule:
    return Rule("unique_columns", column.name, "no repeated value")


def _make_range(column: Column, ranges: dict[str, ValueRange]) -> Rule | _Fault:
    given = ranges[column.name]
    parameter = f"data_validation.value_ranges.{column.name}"
    fault = _find_range_fault(column, given)
    if fault is not None:
        return _Fault(parameter, fault)
    least, most = (None if end is None else parse_value(end, column) for end in (given.min, given.max))
    ends = []
    if given.min is not None:
        ends.append(f"{'greater than' if given.strict_min else 'at least'} {given.min}")
    if given.max is not None:
        ends.append(f"{'less than' if given.strict_max else 'at most'} {given.max}")
    arguments = {"min": least, "max": most, "strict_min": given.strict_min, "strict_max": given.strict_max}
    return Rule("value_ranges", column.name, " and ".join(ends), arguments)


def _find_range_fault(column: Column, given: ValueRange) -> str | None:  # noqa: PLR0911 - one for each fault
    """Return why *given* can never hold for the values of *column*, or None."""
    if column.type in _UNORDERED:
        return f"`{column.name}` is {column.type}, which has no range.{say_note(column)}"
    try:
        least, most = (None if end is None else parse_value(end, column) for end in (given.min, given.max))
    except ValueError as error:
        return f"{error}; `{column.name}` is {column.type}: give {EXAMPLES[column.type]}.{say_note(column)}"
    if least is None and most is None:
        return "it gives neither `min` nor `max`"
    if (given.strict_min and least is None) or (given.strict_max and most is None):
        return "an end is called strict, and there is no such end"
    if least is not None and most is not None:
        if least > most:
            return f"`min` ({given.min}) is greater than `max` ({given.max})"
        if least == most and (given.strict_min or given.strict_max):
            return f"no value lies strictly between {given.min} and {given.max}"
    return None


def _make_allowed(column: Column, allowed: dict[str, list[bool | int | float | str]]) -> Rule | _Fault:
    given = allowed[column.name]
    parameter = f"data_validation.allowed_values.{column.name}"
    if not given:
        return _Fault(parameter, "the list is empty, so that no value would be allowed")
    try:
        values = [parse_value(value, column) for value in given]
    except ValueError as error:
        wanted = f"`{column.name}` is {column.type}: give {EXAMPLES[column.type]}.{say_note(column)}"
        return _Fault(parameter, f"{error}; {wanted}")
    shown = ", ".join(repr(value) if isinstance(value, str) else str(value) for value in given[:_SHOWN_VALUES])
    more = f", ... ({len(given)} in all)" if len(given) > _SHOWN_VALUES else ""
    return Rule("allowed_values", column.name, f"one of {shown}{more}", {"values": values})


def _say_missing(name: str, schema: Schema) -> str | None:
    return None if schema.find(name) else schema.say_missing(name)


def _explain(faults: list[_Fault], schema: Schema) -> RequestFault:
    is_all_missing = all(fault.is_missing_column for fault in faults)
    kind = ColumnMissing if is_all_missing else RuleUnusable
    shown = [f"{fault.parameter}: {fault.message}" for fault in faults]
    fix = "Mend `data_validation`."
    if any(fault.is_missing_column for fault in faults):
        fix += (
            f" The columns are: {', '.join(f'`{name}`' for name in schema.names()[:30])}. If a column must be there,"
            " name it in `required_columns` too: then its absence is a fault of the data."
        )
    return kind(
        f"{len(faults)} {'rule' if len(faults) == 1 else 'rules'} cannot be evaluated. "
        + "; ".join(shown[:5])
        + (f"; and {len(shown) - 5} more" if len(shown) > 5 else "")
        + ".",
        where=", ".join(dict.fromkeys(fault.parameter for fault in faults[:5])),
        fix=fix,
        details={"faults": [{"parameter": fault.parameter, "message": fault.message} for fault in faults]},
    )
