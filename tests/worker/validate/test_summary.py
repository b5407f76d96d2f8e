"""The summary of a validation, for programs and for people."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from pipeline_worker.schema import Column, Schema
from pipeline_worker.stages.validate.finding import Finding
from pipeline_worker.stages.validate.rule import Rule
from pipeline_worker.stages.validate.summary import describe_rule, draw_table, summarise

COLUMNS = [
    Column(name="mass", type="integer", parquet_type="int64", nullable=True),
    Column(name="name", type="text", parquet_type="string", nullable=True),
    Column(name="day", type="date", parquet_type="date32[day]", nullable=True),
    Column(name="price", type="number", parquet_type="double", nullable=True),
]
SCHEMA = Schema(rows=100, first_row_line=2, columns=COLUMNS)


def violated(name: str, column: str, rows: tuple[int, ...], values: tuple[object, ...], violating: int = 0) -> Finding:
    """Return a finding of a violated rule."""
    rule = Rule(name, column, "something")
    return Finding(rule, False, checked=80, violating=violating or len(rows), rows=rows, offending=values)


def test_rule_about_values_says_how_many_and_where() -> None:
    """Rows are counted from 1, lines are those of the file, and the percentage is of what was checked."""
    summary = summarise([violated("value_ranges", "mass", (7, 9), (12000, -1))], SCHEMA)
    assert summary["satisfied"] is False
    assert summary["rules_violated"] == 1
    assert summary["rules"] == [
        {
            "rule": "value_ranges",
            "column": "mass",
            "type": "integer",
            "expected": "something",
            "satisfied": False,
            "severity": "error",
            "found": "2 of 80 values are not: 12000 in row 7 (line 8), -1 in row 9 (line 10)",
            "rows_checked": 80,
            "rows_violating": 2,
            "percent": 2.5,
            "examples": [{"row": 7, "line": 8, "value": 12000}, {"row": 9, "line": 10, "value": -1}],
        }
    ]


def test_lines_are_left_out_where_they_are_not_known() -> None:
    """A wrong line would send a person to the wrong place."""
    schema = SCHEMA.model_copy(update={"first_row_line": None})
    rule = summarise([violated("value_ranges", "mass", (7,), (12000,))], schema)["rules"][0]
    assert rule["found"] == "1 of 80 values is not: 12000 in row 7"
    assert rule["examples"] == [{"row": 7, "value": 12000}]


def test_each_value_is_shown_once_and_three_at_most() -> None:
    """It is seldom the repetition that matters; the examples have all rows."""
    rows = (1, 2, 3, 4, 5, 6)
    found = violated("allowed_values", "name", rows, ("a", "a", "b", "a", "c", "d"), violating=60)
    rule = summarise([found], SCHEMA)["rules"][0]
    assert rule["found"] == (
        "60 of 80 values are not: 'a' in row 1 (line 2), 'b' in row 3 (line 4), 'c' in row 5 (line 6), ..."
    )
    assert [example["row"] for example in rule["examples"]] == [1, 2, 3, 4, 5, 6]


def test_repeated_values_are_shown_with_two_of_their_rows() -> None:
    """One row alone would not show what is repeated."""
    found = violated("unique_columns", "mass", (1, 2, 5, 7, 9), (4, 8, 4, 8, 4))
    assert summarise([found], SCHEMA)["rules"][0]["found"] == (
        "5 of 80 values occur more than once: 4 in row 1 (line 2) and row 5 (line 6), "
        "8 in row 2 (line 3) and row 7 (line 8)"
    )


def test_missing_values_are_shown_by_row_alone() -> None:
    """There is no value to show."""
    rule = summarise([violated("non_null_columns", "mass", (4, 9), (None, None))], SCHEMA)["rules"][0]
    assert rule["found"] == "2 of 80 values are missing: row 4 (line 5), row 9 (line 10)"


def test_values_are_json_whatever_they_are() -> None:
    """Dates as ISO text, infinite numbers as text, long text cut."""
    findings = [
        violated("value_ranges", "day", (1,), (dt.date(2024, 1, 31),)),
        violated("value_ranges", "price", (1,), (float("inf"),)),
        violated("allowed_values", "name", (1,), ("x" * 1000,)),
    ]
    summary = summarise(findings, SCHEMA)
    json.dumps(summary, allow_nan=False)
    values = [rule["examples"][0]["value"] for rule in summary["rules"]]
    assert values[:2] == ["2024-01-31", "inf"]
    assert len(values[2]) == 200
    assert len(summary["rules"][2]["found"]) < 120


def test_rules_that_hold_are_listed_too() -> None:
    """A person sees what was checked, not only what failed."""
    findings = [
        Finding(Rule("min_row_count", None, "at least 10 rows", {"min": 10}), True, observed=1234),
        Finding(Rule("required_columns", "mass", "the column exists"), True),
        Finding(Rule("required_columns", "mas", "the column exists", missing="there is no such column."), False),
        Finding(Rule("unique_columns", "mass", "no repeated value"), True, checked=80, violating=0),
        Finding(Rule("unique_columns", "name", "no repeated value"), True, checked=0, violating=0),
    ]
    summary = summarise(findings, SCHEMA)
    assert [rule["found"] for rule in summary["rules"]] == [
        "1,234 rows",
        "it exists",
        "there is no such column.",
        "all 80 values",
        "no value at all",
    ]


def test_table_is_aligned() -> None:
    """Columns of text stand below each other."""
    summary = summarise(
        [
            Finding(Rule("min_row_count", None, "at least 1000 rows"), False, observed=100),
            violated("value_ranges", "mass", (7,), (12000,)),
        ],
        SCHEMA,
    )
    assert draw_table(summary["rules"]).splitlines() == [
        "  rule           column  expected            found",
        "  min_row_count  (rows)  at least 1000 rows  100 rows",
        "  value_ranges   mass    something           1 of 80 values is not: 12000 in row 7 (line 8)",
    ]


def test_a_name_is_one_line() -> None:
    """A column named with a line break, and a false line of the log behind it, makes no line of the table."""
    found = Finding(Rule("required_columns", "a\n12:00 INFO all is well", "the column exists"), False)
    table = draw_table(summarise([found], SCHEMA)["rules"])
    assert len(table.splitlines()) == 2
    assert "a\\n12:00 INFO" in table


def test_what_was_expected_and_found_is_one_line() -> None:
    """Text of the request or of the data that has line breaks, or turns the line, is written out in the table."""
    rule = Rule("expect_table_columns_to_match_set", None, "the columns a\n12:00 INFO all is well")
    found = Finding(rule, False, observed="b\u202e\n12:01 INFO all is well")
    (_, line) = draw_table(summarise([found], SCHEMA)["rules"]).splitlines()
    assert "a\\n12:00 INFO" in line
    assert "b\\u202e\\n12:01 INFO" in line


@pytest.mark.parametrize(
    ("found", "ends"), [("there is no such column.", "no such column"), ("'a', 'b', ...", "'b', ...")]
)
def test_points_that_say_that_there_is_more_stay(found: str, ends: str) -> None:
    """What was found stands inside a sentence: its own full stop goes, and nothing else."""
    assert describe_rule({"rule": "x", "expected": "y", "found": found}).endswith(ends)
