"""The arguments of an expectation: whether they have the right form, and what they are for columns of a type."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from ...errors import near_miss
from ...schema import Column
from .json_schema import find_schema_fault
from .offered import OFFERED, REFUSED, Offered
from .regular_expression import find_regex_fault
from .rule_value import find_inexact, parse_value


def say_unknown(name: str) -> str | None:
    """Return why no expectation is offered under *name*, or None where one is."""
    if name in OFFERED:
        return None
    offered = f"Offered are {', '.join(f'`{each}`' for each in OFFERED)}"
    if name in REFUSED:
        return f"`{name}` is not offered: {REFUSED[name]}. {offered}"
    return f"there is no expectation `{name}`.{near_miss(name, OFFERED) or f' {offered}'}"


def find_faults(name: str, given: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the arguments *given* to an offered expectation, whatever the columns are."""
    offered = OFFERED[name]
    kinds = _list_kinds(offered)
    unknown = {each: _ask_meant(each, kinds) for each in given if each not in kinds}
    faults = [f"there is no argument `{each}`.{meant}" for each, meant in unknown.items() if meant]
    others = [f"`{each}`" for each, meant in unknown.items() if not meant]
    if others:
        faults.append(f"there is no argument {' and no '.join(others)}, only {_list_names(kinds)}")
    faults += [f"`{each}` is missing" for each, kind in kinds.items() if kind.endswith("!") and given.get(each) is None]
    for each, value in given.items():
        kind = kinds.get(each, "").removesuffix("!")
        fault = _find_fault(value, kind) if kind and value is not None else None
        if fault is not None:
            faults.append(f"`{each}` {fault}")
    # A bound that has a wrong name is given.
    is_bound = any(given.get(each) is not None for each in ("min_value", "max_value")) or any(unknown.values())
    if "min_value" in kinds and not is_bound:
        faults.append("neither `min_value` nor `max_value` is given")
    return faults


def _ask_meant(name: str, known: Mapping[str, str]) -> str:
    # `min` and `max`, as `value_ranges` has them.
    return near_miss(f"{name}_value" if f"{name}_value" in known else name, known)


def _find_fault(value: Any, kind: str) -> str | None:
    choices = kind.split("|")
    is_of_kind, wanted = _KINDS.get(kind, (choices.__contains__, f"one of {_list_names(choices)}"))
    if not is_of_kind(value):
        return f"has to be {wanted}"
    if kind in {"regex", "regexes"}:
        return next(filter(None, map(find_regex_fault, [value] if kind == "regex" else value)), None)
    return find_schema_fault(value) if kind == "schema" else None


def list_columns(offered: Offered, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that the arguments *given* name."""
    if offered.columns == ("column_list",):
        return tuple(name.strip() for name in given["column_list"])
    return tuple(given[each].strip() for each in offered.columns)


def parse_arguments(offered: Offered, given: Mapping[str, Any], columns: Sequence[Column]) -> dict[str, Any]:
    """Return the arguments *given* with each value as the *columns* have it, without `mostly`.

    :raises ValueError: a value means nothing there, or nothing can lie between the bounds.
    """
    kinds = _list_kinds(offered)
    parsed = {
        name: _parse(value, kinds[name].removesuffix("!"), columns)
        for name, value in given.items()
        if value is not None and name != "mostly"
    }
    least, most = parsed.get("min_value"), parsed.get("max_value")
    inexact = find_inexact(least) or find_inexact(most)
    if inexact is not None:
        raise ValueError(inexact)
    if least is not None and most is not None and least > most:
        raise ValueError(f"`min_value` ({given['min_value']}) is greater than `max_value` ({given['max_value']})")
    return parsed


def _list_kinds(offered: Offered) -> dict[str, str]:
    named = {name: "columns!" if name == "column_list" else "text!" for name in offered.columns}
    return named | offered.arguments | ({"mostly": "share"} if offered.has_mostly else {})


def _list_names(names: Sequence[str] | Mapping[str, str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _is_value(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and value != []


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_value, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _are_texts(values: Any) -> bool:
    return _is_list(values) and all(isinstance(each, str) for each in values)


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(map(_is_number, values))


def _is_partition(value: Any) -> bool:
    """Return whether *value* has the share of each of some values, or of what lies between the ends of bins and beyond these."""
    if not isinstance(value, dict):
        return False
    weights: Any = value.get("weights")
    tails: Any = value.get("tail_weights", [0, 0])
    if not (_are_numbers(weights) and _are_numbers(tails) and len(tails) == 2):
        return False
    if min(*weights, *tails) < 0 or not math.isclose(sum(weights) + sum(tails), 1, rel_tol=1e-5):
        return False
    if value.keys() == {"values", "weights"}:
        values = value["values"]
        is_fit = isinstance(values, list) and all(map(_is_value, values))
        return is_fit and len(values) == len(set(values)) == len(weights)
    if value.keys() - {"tail_weights"} != {"bins", "weights"}:
        return False
    ends = value["bins"]
    return _are_numbers(ends) and len(ends) == len(weights) + 1 and all(low < high for low, high in pairwise(ends))


def _is_strftime(value: Any) -> bool:
    """Return whether a date that is written so can be read again."""
    if not isinstance(value, str) or value == "":
        return False
    try:
        written = datetime(2024, 1, 31, 12, 30, tzinfo=UTC).strftime(value)
        datetime.strptime(written, value)  # noqa: DTZ007 - whether it has a zone is the format's own matter
    except ValueError:
        return False
    return True


def _is_quantiles(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"quantiles", "value_ranges"}:
        return False
    shares, ranges = value["quantiles"], value["value_ranges"]
    return (
        _is_list(shares)
        and all(map(_is_share, shares))
        and isinstance(ranges, list)
        and len(ranges) == len(shares)
        and all(isinstance(each, list) and len(each) == 2 for each in ranges)
        and all(end is None or _is_value(end) for each in ranges for end in each)
    )


def _parse(value: Any, kind: str, columns: Sequence[Column]) -> Any:
    if kind == "value":
        return parse_value(value, columns[0])
    if kind == "values":
        return [parse_value(each, columns[0]) for each in value]
    if kind == "pairs":
        return [tuple(parse_value(each, column) for each, column in zip(pair, columns, strict=True)) for pair in value]
    if kind == "quantiles":
        ranges = [
            [None if end is None else parse_value(end, columns[0]) for end in each] for each in value["value_ranges"]
        ]
        for given, (least, most) in zip(value["value_ranges"], ranges, strict=True):
            if least is not None and most is not None and least > most:
                raise ValueError(f"`value_ranges` has {given}, and {given[0]} is greater than {given[1]}")
        return {"quantiles": value["quantiles"], "value_ranges": ranges}
    if kind == "names":
        return [name.strip() for name in value]
    return value


#: What each kind of argument has to be, and that in words; a value of a column is any but a list or an object.
_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "flag": (lambda value: isinstance(value, bool), "true or false"),
    "count": (lambda value: _is_number(value) and isinstance(value, int) and value >= 0, "a whole number of 0 or more"),
    "number": (_is_number, "a number"),
    "size": (lambda value: _is_number(value) and value >= 0, "a number of 0 or more"),
    "share": (_is_share, "a number from 0 to 1"),
    "text": (lambda value: isinstance(value, str) and value != "", "text"),
    "regex": (lambda value: isinstance(value, str), "a regular expression"),
    "regexes": (_are_texts, "a list of regular expressions"),
    "schema": (lambda value: isinstance(value, dict), "a JSON Schema, an object"),
    "partition": (
        _is_partition,
        (
            'an object such as {"values": ["a", "b"], "weights": [0.4, 0.6]} or {"bins": [0, 5, 9], "weights": [0.4, 0.6]}, '
            "whose weights are 1 together"
        ),
    ),
    "strftime": (_is_strftime, 'a format of dates that can be read, such as "%Y-%m-%d"'),
    "value": (_is_value, "a value"),
    "values": (lambda value: _is_list(value) and all(map(_is_value, value)), "a list of values that is not empty"),
    "pairs": (lambda value: _is_list(value) and all(map(_is_pair, value)), 'a list of pairs, such as [["a", 1]]'),
    "names": (_are_texts, "a list of names"),
    "columns": (lambda value: _are_texts(value) and len(value) > 1, "a list of two columns or more"),
    "quantiles": (_is_quantiles, 'an object such as {"quantiles": [0.5], "value_ranges": [[1, 9]]}'),
}
