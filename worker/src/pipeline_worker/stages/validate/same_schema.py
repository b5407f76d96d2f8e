"""The columns of a dataset, compared with those of the last run that was published under the same `input_schema_version`."""

from __future__ import annotations

from ...published_schema import PublishedSchema
from ...schema import Schema
from .finding import Finding
from .rule import SAME_SCHEMA, Rule, Severity

#: What is found of a column that was not there before.
NEW = "a new column"
#: Whether all numbers of a column are whole is a matter of chance.
_SAME = {"integer": "number"}


def compare(
    schema: Schema, types: dict[str, str | None], version: str, published: PublishedSchema | None, severity: Severity
) -> list[Finding]:
    """Return a finding for each column that is missing, new or of another type; one that is satisfied where there is none.

    Missing values and the order of columns are no change, nor is a column of which either has no value at all.
    """
    if published is None:
        found = "none published yet, so that these are the first"
        return [_make(None, f"the columns of version {version!r}", severity, found, is_satisfied=True)]
    source = f"as in the last published run ({published.run_key})"
    findings = []
    for name, before in published.columns.items():
        if name not in types:
            expected, missing = f"{before or 'a column'}, {source}", schema.say_missing(name)
            findings.append(Finding(Rule(SAME_SCHEMA, name, expected, missing=missing, severity=severity), False))
        elif not _is_same(before, types[name]):
            findings.append(_make(name, f"{before}, {source}", severity, f"{types[name]}"))
    findings += [
        _make(name, f"no such column, {source}", severity, NEW) for name in types if name not in published.columns
    ]
    expected = f"the {len(published.columns)} columns of version {version!r}, {source}"
    return findings or [_make(None, expected, severity, "the same", is_satisfied=True)]


def _is_same(before: str | None, now: str | None) -> bool:
    return None in (before, now) or _SAME.get(str(before), before) == _SAME.get(str(now), now)


def _make(name: str | None, expected: str, severity: Severity, found: str, *, is_satisfied: bool = False) -> Finding:
    return Finding(Rule(SAME_SCHEMA, name, expected, severity=severity), is_satisfied, observed=found)
