"""`summary.json`: each rule, what was expected and what was found; and the same as a table for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from ..schema import Schema
from .expectations import Finding
from .rules import MAX_MISSING_TARGET_SHARE

_SHOWN_EXAMPLES = 3
_WIDEST = 48
_LONGEST_VALUE = 200


def summarise(findings: Sequence[Finding], schema: Schema) -> dict[str, Any]:
    """Return the content of `summary.json`.

    ``satisfied``, ``rows``, ``rows_without_target`` (which training leaves out), ``rules_violated``, and ``rules``: for each
    ``rule`` (its name in `data_validation`) the ``column``, its ``type``, the ``note`` of `ingest` on it where there is one, what
    was ``expected`` and ``found`` in words, whether it is ``satisfied``, and for rules about values ``rows_checked``,
    ``rows_violating``, ``percent`` and up to 20 ``examples``, each with ``row`` (1 is the first row below the header), ``line`` of the
    CSV file (only where each row is one line of it) and ``value``.
    """
    rules = [_describe(finding, schema) for finding in findings]
    return {
        "format": 1,
        "satisfied": all(rule["satisfied"] for rule in rules),
        "rows": schema.rows,
        "rows_without_target": sum(
            finding.violating or 0 for finding in findings if finding.rule.name == MAX_MISSING_TARGET_SHARE
        ),
        "row_numbers": "1 is the first row below the header",
        "rules_violated": sum(not rule["satisfied"] for rule in rules),
        "rules": rules,
    }


def draw_table(rules: Sequence[dict[str, Any]]) -> str:
    """Return *rules* of a summary as lines of aligned columns."""
    lines = [("rule", "column", "expected", "found")]
    lines += [(rule["rule"], rule["column"] or "(rows)", _cut(rule["expected"]), rule["found"]) for rule in rules]
    widths = [max(len(line[position]) for line in lines) for position in range(3)]
    return "\n".join(
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]])
        for line in lines
    )


def _describe(finding: Finding, schema: Schema) -> dict[str, Any]:
    rule = finding.rule
    column = schema.find(rule.column) if rule.column else None
    described: dict[str, Any] = {
        "rule": rule.name,
        "column": rule.column,
        "type": column.type if column else None,
        "expected": rule.expected,
        "satisfied": finding.is_satisfied,
        "found": _say_found(finding, schema),
    }
    if column is not None and column.note:
        described["note"] = column.note
    if finding.checked is not None and finding.violating is not None:
        described |= {
            "rows_checked": finding.checked,
            "rows_violating": finding.violating,
            "percent": round(100 * finding.violating / finding.checked, 2) if finding.checked else 0.0,
            "examples": [
                {"row": row, **_find_line(row, schema), "value": _plain(value)}
                for row, value in zip(finding.rows, finding.offending, strict=True)
            ],
        }
    return described


def _say_found(finding: Finding, schema: Schema) -> str:
    rule = finding.rule
    if rule.missing is not None:
        return rule.missing
    if rule.column is None:
        return f"{finding.observed:,} rows"
    if finding.checked is None:
        return "it exists"
    if not finding.violating:
        return "no value at all" if not finding.checked else f"all {finding.checked:,} values"
    share = f"{finding.violating:,} of {finding.checked:,} values"
    verb = "is" if finding.violating == 1 else "are"
    if rule.name in {"non_null_columns", MAX_MISSING_TARGET_SHARE}:
        said = f"{share} {verb} missing"
        examples = [_place(row, schema) for row in finding.rows]
    elif rule.name == "unique_columns":
        said = f"{share} occur more than once"
        examples = _show_by_value(finding, schema, most_rows=2)
    else:
        said = f"{share} {verb} not"
        examples = _show_by_value(finding, schema, most_rows=1)
    more = ", ..." if len(examples) > _SHOWN_EXAMPLES or finding.violating > len(finding.rows) else ""
    return f"{said}: {', '.join(examples[:_SHOWN_EXAMPLES])}{more}"


def _show_by_value(finding: Finding, schema: Schema, *, most_rows: int) -> list[str]:
    """Return each offending value once, with the first rows that it stands in: it is seldom the repetition that matters."""
    places: dict[str, list[str]] = {}
    for row, value in zip(finding.rows, finding.offending, strict=True):
        places.setdefault(_show(value), []).append(_place(row, schema))
    return [f"{value} in {' and '.join(found[:most_rows])}" for value, found in places.items()]


def _place(row: int, schema: Schema) -> str:
    line = _find_line(row, schema).get("line")
    return f"row {row}" + (f" (line {line})" if line else "")


def _find_line(row: int, schema: Schema) -> dict[str, int]:
    return {} if schema.first_row_line is None else {"line": schema.first_row_line + row - 1}


def _show(value: Any) -> str:
    return _cut(repr(value) if isinstance(value, str) else str(_plain(value)))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return value[: _LONGEST_VALUE - 3] + "..."
    return value


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
