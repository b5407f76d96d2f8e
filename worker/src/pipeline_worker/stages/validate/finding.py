"""What became of a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .rule import MAX_MISSING_TARGET_SHARE, Fault, Rule

#: Offending rows of a rule that are kept.
MOST_EXAMPLES = 20


@dataclass(frozen=True)
class Finding:
    """What became of one rule.

    :param observed: what was measured, for rules about the table or about a whole column: the number of rows, a mean, names; for
        sets of values those that are too many (`unexpected`) or too few (`missing`), and how many.
    :param checked: how many values were looked at; missing ones only by `non_null_columns` and `max_missing_target_share`.
    :param violating: how many of these are against the rule.
    :param rows: up to 20 of the rows that they stand in, counted from 1.
    :param offending: what stands there.
    """

    rule: Rule
    is_satisfied: bool
    observed: Any = None
    checked: int | None = None
    violating: int | None = None
    rows: tuple[int, ...] = ()
    offending: tuple[Any, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether it ends the run."""
        return not self.is_satisfied and self.rule.severity == "error"

    @property
    def is_warning(self) -> bool:
        """Whether it is broken, and only reported."""
        return not self.is_satisfied and self.rule.severity == "warning"


class RuleRaised(Exception):
    """Great Expectations raises where it is to evaluate a rule; *fault* says which one, and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def find_values(rule: Rule, checked: int, violating: int, examples: Mapping[int, Any]) -> Finding:
    """Return the finding for *checked* values of which some are against *rule*; *examples* are row → value."""
    return Finding(
        rule,
        _holds(rule, checked, violating),
        checked=checked,
        violating=violating,
        rows=tuple(examples),
        offending=tuple(examples.values()),
    )


def add_findings(first: Finding, second: Finding) -> Finding:
    """Return the finding for the rows of both."""
    checked, violating = (first.checked or 0) + (second.checked or 0), (first.violating or 0) + (second.violating or 0)
    examples = [*zip(first.rows, first.offending, strict=True), *zip(second.rows, second.offending, strict=True)]
    examples = sorted(examples, key=lambda each: each[0])[:MOST_EXAMPLES]
    return find_values(first.rule, checked, violating, dict(examples))


def _holds(rule: Rule, checked: int, violating: int) -> bool:
    # A share holds for all rows together, or not; one part of them tells nothing.
    if not checked:
        return True
    if rule.name == MAX_MISSING_TARGET_SHARE:
        return bool(violating / checked <= rule.arguments["share"])
    return (checked - violating) / checked >= rule.mostly
