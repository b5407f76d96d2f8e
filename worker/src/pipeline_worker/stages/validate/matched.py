"""Rules about regular expressions, evaluated by RE2: pandas, which Great Expectations asks, takes Python's own for some texts."""

from __future__ import annotations

from functools import reduce

import pyarrow.compute as pc

from .finding import MOST_EXAMPLES, Finding, find_values
from .parts import Part
from .rule import Rule

#: The expectations that are evaluated here, and whether a value that matches is against them.
MATCHED = {
    "expect_column_values_to_match_regex": False,
    "expect_column_values_to_match_regex_list": False,
    "expect_column_values_to_not_match_regex": True,
    "expect_column_values_to_not_match_regex_list": True,
}


def find_matched(rule: Rule, part: Part) -> Finding:
    """Return what became of *rule*, one of `MATCHED`, for the rows of *part*."""
    (name,) = rule.subjects
    values = part.table.column(name)
    regexes = rule.arguments.get("regex_list") or [rule.arguments["regex"]]
    # A missing value neither matches nor is against the rule.
    found = reduce(
        pc.and_ if rule.arguments.get("match_on") == "all" else pc.or_,
        [pc.match_substring_regex(values, regex) for regex in regexes],
    )
    rows = pc.indices_nonzero(found if MATCHED[rule.name] else pc.invert(found))
    examples = {part.count_row(row): values[row].as_py() for row in rows[:MOST_EXAMPLES].to_pylist()}
    return find_values(rule, len(values) - values.null_count, len(rows), examples)
