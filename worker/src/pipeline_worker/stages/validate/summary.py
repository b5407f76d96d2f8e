"""`summary.json`: each rule, what was expected and what was found; and the same as a table for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from pipeline_contract.escape import escape

from ...schema import Schema
from ...wording import shorten
from .finding import Finding
from .rule import MAX_MISSING_TARGET_SHARE, SAME_SCHEMA, count_rows

_SHOWN_EXAMPLES = 3
_WIDEST = 48
_LONGEST_VALUE = 200


def summarise(findings: Sequence[Finding], schema: Schema) -> dict[str, Any]:
    """Return the content of `summary.json`.

    ``satisfied`` (all but warnings), ``rows``, ``rows_without_target`` (which training leaves out), ``rules_violated`` and
    ``warnings`` (how many), and ``rules``: for each ``rule`` (its name in `data_validation`, or the expectation's) the ``column``
    (or ``columns``, where it is about several), its ``type``, the ``note`` of `ingest` on it where there is one, what was
    ``expected`` and ``found`` in words, whether it is ``satisfied``, its ``severity``, and for rules about values ``rows_checked``,
    ``rows_violating``, ``percent`` and up to 20 ``examples``, each with ``row`` (1 is the first row below the header), ``line`` of the
    CSV file (only where each row is one line of it) and ``value``.
    """
    rules = [_describe(finding, schema) for finding in findings]
    return {
        "format": 1,
        "satisfied": not any(finding.is_error for finding in findings),
        "rows": schema.rows,
        "rows_without_target": sum(
            finding.violating or 0 for finding in findings if finding.rule.name == MAX_MISSING_TARGET_SHARE
        ),
        "row_numbers": "1 is the first row below the header",
        "rules_violated": sum(finding.is_error for finding in findings),
        "warnings": sum(finding.is_warning for finding in findings),
        "rules": rules,
    }


def draw_table(rules: Sequence[dict[str, Any]]) -> str:
    """Return *rules* of a summary as lines of aligned columns."""
    lines = [("rule", "column", "expected", "found")]
    lines += [
        (
            rule["rule"],
            name_subject(rule) or "(rows)",
            escape(shorten(rule["expected"], _WIDEST)),
            escape(rule["found"]),
        )
        for rule in rules
    ]
    widths = [max(len(line[position]) for line in lines) for position in range(3)]
    return "\n".join(
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]])
        for line in lines
    )


def describe_rule(rule: Mapping[str, Any]) -> str:
    """Return a *rule* of a summary with what was expected and found, to stand inside a sentence."""
    return f"`{name_subject(rule) or rule['rule']}`: expected {rule['expected']}, found {_end_open(str(rule['found']))}"


def _end_open(sentence: str) -> str:
    """Return a *sentence* without its full stop; three points say that there is more, and stay."""
    return sentence if sentence.endswith("...") else sentence.removesuffix(".")


def say_warning(rule: Mapping[str, Any]) -> str:
    """Return what a person should know of a broken *rule* of a summary that does not end the run."""
    return f"{describe_rule(rule)} (`{rule['rule']}`, a warning)."


def name_subject(rule: Mapping[str, Any]) -> str:
    """Return the columns that a *rule* of a summary is about, in one line; nothing where it is about the table."""
    name = rule.get("column") or ", ".join(rule.get("columns", ()))
    return name if name.isprintable() else repr(name)[1:-1]


def _describe(finding: Finding, schema: Schema) -> dict[str, Any]:
    rule = finding.rule
    column = schema.find(rule.column) if rule.column else None
    described: dict[str, Any] = {
        "rule": rule.name,
        "column": rule.column,
        "type": column.type if column else None,
        "expected": rule.expected,
        "satisfied": finding.is_satisfied,
        "severity": rule.severity,
        "found": _say_found(finding, schema),
    }
    if rule.columns:
        described["columns"] = list(rule.columns)
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
    if finding.checked is None:
        return _say_observed(finding)
    noun = "rows" if rule.columns else "values"
    if not finding.violating:
        return "no value at all" if not finding.checked else f"all {finding.checked:,} {noun}"
    share = f"{finding.violating:,} of {finding.checked:,} {noun}"
    verb = "is" if finding.violating == 1 else "are"
    if rule.expectation == "expect_column_values_to_not_be_null":
        said = f"{share} {verb} missing"
        examples = [_place(row, schema) for row in finding.rows]
    elif rule.name == "unique_columns":
        said = f"{share} occur more than once"
        examples = _show_by_value(finding, schema, most_rows=2)
    else:
        said = f"{share} {verb if rule.is_ours else 'does' if finding.violating == 1 else 'do'} not"
        examples = _show_by_value(finding, schema, most_rows=1)
    more = ", ..." if len(examples) > _SHOWN_EXAMPLES or finding.violating > len(finding.rows) else ""
    return f"{said}: {', '.join(examples[:_SHOWN_EXAMPLES])}{more}"


def _say_observed(finding: Finding) -> str:
    rule, observed = finding.rule, finding.observed
    if rule.expectation.startswith("expect_table_row_count"):
        return count_rows(observed)
    if rule.expectation == "expect_column_to_exist":
        return "it exists" if finding.is_satisfied else "it is not there"
    if rule.name == SAME_SCHEMA:
        return str(observed)
    if isinstance(observed, dict):
        said = [
            f"{sets['count']:,} {'too many' if kind == 'unexpected' else 'missing'}: {_show_several(sets['values'], sets['count'])}"
            for kind, sets in observed.items()
        ]
        return "; ".join(said) or "the same"
    if isinstance(observed, list | None):
        return _show_several(observed, len(observed)) if observed else "no value"
    return f"{observed:.10g}" if isinstance(observed, float) else _show(observed)


def _show_several(values: Sequence[Any], count: int) -> str:
    shown = ", ".join(_show(value) for value in values[:_SHOWN_EXAMPLES])
    return shown + (", ..." if count > _SHOWN_EXAMPLES else "")


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
    if isinstance(value, tuple):
        return f"({', '.join(_show(each) for each in value)})"
    if value is None:
        return "(missing)"
    return shorten(repr(value) if isinstance(value, str) else str(_plain(value)), _WIDEST)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return shorten(value, _LONGEST_VALUE) if isinstance(value, str) else value
