"""Rules of `data_validation` against the columns that there are."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest

from pipeline_worker.errors import ColumnMissing, RuleUnusable
from pipeline_worker.request import DataValidation
from pipeline_worker.schema import Column, Schema
from pipeline_worker.stages.validate.rule import Rule
from pipeline_worker.stages.validate.rules import make_rules

KINDS = {
    "mass": ("integer", "int64"),
    "price": ("number", "double"),
    "weight": ("number", "float"),
    "ok": ("boolean", "bool"),
    "name": ("text", "string"),
    "day": ("date", "date32[day]"),
    "at": ("timestamp", "timestamp[us]"),
    "utc": ("timestamp", "timestamp[us, tz=UTC]"),
    "clock": ("time", "time64[us]"),
}
SCHEMA = Schema(
    rows=100,
    columns=[
        Column.model_validate({"name": name, "type": kind, "parquet_type": stored, "nullable": True})
        for name, (kind, stored) in KINDS.items()
    ],
)


def make(**validation: Any) -> list[Rule]:
    return make_rules(DataValidation.model_validate(validation), SCHEMA, "name")


def test_order_is_stable_and_the_target_is_always_checked() -> None:
    """Rows first, then by kind; the target must exist and not be missing too often, and is not checked twice."""
    rules = make(
        max_row_count=200,
        non_null_columns=["mass", "name"],
        unique_columns=["mass"],
        required_columns=["price", "name"],
        value_ranges={"mass": {"min": 1}},
        allowed_values={"ok": [True]},
    )
    assert [(rule.name, rule.column) for rule in rules] == [
        ("min_row_count", None),
        ("max_row_count", None),
        ("required_columns", "price"),
        ("required_columns", "name"),
        ("non_null_columns", "mass"),
        ("non_null_columns", "name"),
        ("unique_columns", "mass"),
        ("value_ranges", "mass"),
        ("allowed_values", "ok"),
    ]
    assert [(rule.name, rule.column) for rule in make()] == [
        ("min_row_count", None),
        ("required_columns", "name"),
        ("max_missing_target_share", "name"),
    ]


T = dt.datetime


@pytest.mark.parametrize(
    ("column", "given", "least", "most", "expected"),
    [
        ("mass", {"min": 1, "max": 9}, 1, 9, "at least 1 and at most 9"),
        ("mass", {"min": "1", "max": 9.5}, 1, 9.5, "at least 1 and at most 9.5"),
        ("mass", {"min": 2**60 + 256}, 2**60 + 256, None, f"at least {2**60 + 256}"),
        ("mass", {"min": str(2**60 + 256)}, 2**60 + 256, None, f"at least {2**60 + 256}"),
        ("price", {"max": 9, "strict_max": True}, None, 9, "less than 9"),
        ("price", {"min": "0.5", "strict_min": True}, 0.5, None, "greater than 0.5"),
        ("price", {"min": 1, "max": 1}, 1, 1, "at least 1 and at most 1"),
        ("weight", {"max": 0.1}, None, 0.10000000149011612, "at most 0.1"),
        ("day", {"min": "2024-01-31"}, T(2024, 1, 31), None, "at least 2024-01-31"),
        (
            "at",
            {"min": "2024-01-31", "max": "2024-01-31T12:30"},
            T(2024, 1, 31),
            T(2024, 1, 31, 12, 30),
            "at least 2024-01-31 and at most 2024-01-31T12:30",
        ),
        (
            "at",
            {"max": "2024-01-31 12:30:15.5"},
            None,
            T(2024, 1, 31, 12, 30, 15, 500000),
            "at most 2024-01-31 12:30:15.5",
        ),
        (
            "utc",
            {"min": "2024-01-31T12:00:00+02:00"},
            T(2024, 1, 31, 10, tzinfo=dt.UTC),
            None,
            "at least 2024-01-31T12:00:00+02:00",
        ),
        ("utc", {"min": "2024-01-31T12:00Z"}, T(2024, 1, 31, 12, tzinfo=dt.UTC), None, "at least 2024-01-31T12:00Z"),
        ("utc", {"min": "2024-01-31"}, T(2024, 1, 31, tzinfo=dt.UTC), None, "at least 2024-01-31"),
        (
            "clock",
            {"min": "09:30", "max": "17:00:00.5"},
            34_200_000_000,
            61_200_500_000,
            "at least 09:30 and at most 17:00:00.5",
        ),
    ],
)
def test_bounds_are_parsed_to_the_type_of_the_column(
    column: str, given: dict[str, Any], least: Any, most: Any, expected: str
) -> None:
    """Numbers may be text, dates must be ISO text, and a bound of 32 bits is rounded as the column is."""
    rule = make(value_ranges={column: given})[-1]
    assert (rule.arguments["min"], rule.arguments["max"]) == (least, most)
    assert rule.expected == expected


@pytest.mark.parametrize(
    ("column", "given", "values"),
    [
        ("mass", [1, "2", 3.0], [1, 2, 3.0]),
        ("name", ["a", 1], ["a", "1"]),
        ("ok", [True, "false"], [True, False]),
        ("day", ["2024-01-31"], [T(2024, 1, 31)]),
        ("clock", ["00:00:01"], [1_000_000]),
    ],
)
def test_allowed_values_are_parsed_to_the_type_of_the_column(column: str, given: list[Any], values: list[Any]) -> None:
    """A label 1 of a text column is the text 1."""
    assert make(allowed_values={column: given})[-1].arguments["values"] == values


@pytest.mark.parametrize(
    ("validation", "parameter", "message"),
    [
        ({"value_ranges": {"day": {"min": 5}}}, "value_ranges.day", "5 is no date; `day` is date: give a date such as"),
        ({"value_ranges": {"day": {"min": "31.01.2024"}}}, "value_ranges.day", "'31.01.2024' is no date"),
        ({"value_ranges": {"day": {"min": "2024-02-30"}}}, "value_ranges.day", "day is out of range for month"),
        ({"value_ranges": {"day": {"min": "2024-01-31T10:00"}}}, "value_ranges.day", "is no date"),
        ({"value_ranges": {"at": {"min": "20240131"}}}, "value_ranges.at", "is no date with a time"),
        ({"value_ranges": {"at": {"min": "2024-01-31T10:00Z"}}}, "value_ranges.at", "has a time zone"),
        ({"value_ranges": {"clock": {"min": "9:30"}}}, "value_ranges.clock", "is no time of day"),
        ({"value_ranges": {"clock": {"min": "25:30"}}}, "value_ranges.clock", "hour must be in 0..23"),
        ({"value_ranges": {"mass": {"min": "many"}}}, "value_ranges.mass", "'many' is no finite number"),
        ({"value_ranges": {"mass": {"min": "nan"}}}, "value_ranges.mass", "'nan' is no finite number"),
        ({"value_ranges": {"mass": {"min": 10**400}}}, "value_ranges.mass", "is too large a number"),
        (
            {"value_ranges": {"mass": {"max": 2**53 + 1}}},
            "value_ranges.mass",
            "bounds are 64-bit floats, and 9007199254740993 is none: give 9007199254740992 or 9007199254740994",
        ),
        (
            {"value_ranges": {"mass": {"min": "-9007199254740995"}}},
            "value_ranges.mass",
            "-9007199254740995 is none: give -9007199254740996 or -9007199254740994",
        ),
        ({"allowed_values": {"price": ["1", "9" * 400]}}, "allowed_values.price", "is too large a number"),
        (
            {
                "expectations": [
                    {"type": "expect_column_max_to_be_between", "kwargs": {"column": "mass", "max_value": 2**60 + 1}}
                ]
            },
            "expectations.0",
            "1152921504606846977 is none: give 1152921504606846976 or 1152921504606847232",
        ),
        ({"value_ranges": {"mass": {"min": 9, "max": 1}}}, "value_ranges.mass", r"`min` \(9\) is greater than `max`"),
        (
            {"value_ranges": {"mass": {"min": 1, "max": 1, "strict_max": True}}},
            "value_ranges.mass",
            "no value lies strictly between 1 and 1",
        ),
        ({"value_ranges": {"mass": {}}}, "value_ranges.mass", "neither `min` nor `max`"),
        ({"value_ranges": {"mass": {"min": 1, "strict_max": True}}}, "value_ranges.mass", "is called strict"),
        ({"value_ranges": {"name": {"min": 1}}}, "value_ranges.name", "`name` is text, which has no range"),
        ({"value_ranges": {"ok": {"min": 0}}}, "value_ranges.ok", "`ok` is boolean, which has no range"),
        ({"allowed_values": {"mass": ["a"]}}, "allowed_values.mass", "'a' is no finite number; `mass` is integer"),
        ({"allowed_values": {"mass": [True]}}, "allowed_values.mass", "True is no finite number"),
        ({"allowed_values": {"name": [True]}}, "allowed_values.name", "True is no text"),
        ({"allowed_values": {"ok": [1]}}, "allowed_values.ok", "1 is neither true nor false"),
        ({"allowed_values": {"ok": []}}, "allowed_values.ok", "the list is empty"),
        ({"min_row_count": 10, "max_row_count": 5}, "max_row_count", "5 is less than `min_row_count`"),
    ],
)
def test_rule_that_makes_no_sense_is_a_fault_of_the_request(
    validation: dict[str, Any], parameter: str, message: str
) -> None:
    """It names the rule, the column and its type, and is never reported as bad data."""
    with pytest.raises(RuleUnusable, match=message) as raised:
        make(**validation)
    assert raised.value.where == f"data_validation.{parameter}"
    assert raised.value.exit_code == 2
    line = json.loads(
        re.split(
            r" What can be evaluated of these: | With the nearest names in their place: | To leave it out: ",
            raised.value.fix,
        )[1].removesuffix(".")
    )
    make(**line["data_validation"])


def test_a_rule_with_a_name_amiss_is_given_with_the_right_one() -> None:
    """Nothing of it is left out, and that is said."""
    with pytest.raises(ColumnMissing) as raised:
        make(value_ranges={"prize": {"min": 1}})
    assert raised.value.fix.endswith(
        ' With the nearest names in their place: {"data_validation": {"value_ranges": {"price": {"min": 1}}}}.'
    )


def test_text_column_that_should_be_numbers_says_why_it_is_not() -> None:
    """The note of the column comes with the refusal: one cell is to be mended, not the rule."""
    column = Column(
        name="mass", type="text", parquet_type="string", nullable=False, note="Text, because of 'x' in row 9."
    )
    schema = Schema(rows=10, columns=[column])
    with pytest.raises(RuleUnusable, match=r"which has no range\. Text, because of 'x' in row 9"):
        make_rules(DataValidation.model_validate({"value_ranges": {"mass": {"min": 1}}}), schema, "mass")


@pytest.mark.parametrize(
    "validation",
    [
        {"non_null_columns": ["prize"]},
        {"unique_columns": ["prize"]},
        {"value_ranges": {"prize": {"min": 1}}},
        {"allowed_values": {"prize": [1]}},
    ],
)
def test_rule_about_an_unknown_column_is_a_fault_of_the_request(validation: dict[str, Any]) -> None:
    """A mistyped name must not pass for a rule that holds; the near miss is named."""
    with pytest.raises(ColumnMissing, match=r"there is no such column\. Did you mean `price`") as raised:
        make(**validation)
    assert "name it in `required_columns` too" in raised.value.fix


def test_rule_about_a_required_column_that_is_missing_is_a_fault_of_the_data() -> None:
    """`required_columns` says that the name is right; it says once that the column is missing, and what is not looked at."""
    rules = make(
        required_columns=["prize"],
        value_ranges={"prize": {"min": 1}},
        unique_columns=["prize"],
        expectations=[{"type": "expect_column_values_to_be_null", "kwargs": {"column": "prize"}}],
    )
    (missing,) = [rule for rule in rules if "prize" in rule.subjects]
    assert missing.name == "required_columns"
    assert missing.missing == (
        "there is no such column. Did you mean `price`? Not looked at for it: `unique_columns`, `value_ranges`, `expectations`."
    )


def test_a_column_that_is_not_there_is_told_once() -> None:
    """However many rules name it; and what can be evaluated of these rules is given, with the column as it was meant."""
    with pytest.raises(ColumnMissing, match=r"^3 rules cannot be evaluated\. ") as raised:
        make(
            value_ranges={"prize": {"min": 1}, "mass": {"min": 2}},
            unique_columns=["prize", "name"],
            expectations=[
                {"type": "expect_column_values_to_be_null", "kwargs": {"column": "prize"}},
                {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "at"}},
            ],
        )
    assert raised.value.what.count("prize") == 1
    assert raised.value.what.endswith("`prize`: there is no such column. Did you mean `price`?")
    line = json.loads(raised.value.fix.rpartition(" What can be evaluated of these: ")[2].removesuffix("."))
    assert line == {
        "data_validation": {
            "unique_columns": ["price", "name"],
            "value_ranges": {"price": {"min": 1}, "mass": {"min": 2}},
            "expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "at"}}],
        }
    }
    make(**line["data_validation"])


def test_all_faults_are_told_at_once() -> None:
    """A person mends them in one go."""
    with pytest.raises(RuleUnusable, match="3 rules cannot be evaluated") as raised:
        make(
            value_ranges={"name": {"min": 1}, "mass": {"min": 9, "max": 1}},
            non_null_columns=["nowhere"],
        )
    assert [fault["parameter"] for fault in raised.value.details["faults"]] == [
        "data_validation.non_null_columns",
        "data_validation.value_ranges.name",
        "data_validation.value_ranges.mass",
    ]


def test_severity_is_that_of_the_rule() -> None:
    """A rule is an error, unless `severity` says otherwise; an expectation has a severity of its own."""
    unique = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": " mass ", "mostly": 0.5}}
    rules = make(
        unique_columns=["mass"],
        severity={"unique_columns": "warning"},
        expectations=[unique, unique | {"severity": "warning"}],
    )
    assert [(rule.name, rule.severity) for rule in rules if rule.column == "mass"] == [
        ("unique_columns", "warning"),
        ("expect_column_values_to_be_unique", "error"),
        ("expect_column_values_to_be_unique", "warning"),
    ]
    assert rules[-1].expected == "values to be unique (mostly 0.5)"


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("column_values_to_match_regex", {"column": "mass", "regex": "a"}, "`mass` is integer, and has to be text"),
        (
            "column_sum_to_be_between",
            {"column": "name", "min_value": 1},
            "`name` is text, and has to be integer or number",
        ),
        (
            "column_max_to_be_between",
            {"column": "day", "min_value": 5},
            "5 is no date; `day` is date: give a date such as",
        ),
        (
            "column_min_to_be_between",
            {"column": "mass", "min_value": 5, "max_value": 1},
            r"`min_value` \(5\) is greater",
        ),
        ("column_values_to_be_in_set", {"column": "ok", "value_set": [1]}, "1 is neither true nor false"),
        (
            "column_pair_values_to_be_equal",
            {"column_A": "mass", "column_B": "day"},
            "`day` is date, which do not compare",
        ),
        (
            "multicolumn_sum_to_equal",
            {"column_list": ["mass", "at"], "sum_total": 1},
            "`at` is timestamp, and has to be",
        ),
        (
            "column_quantile_values_to_be_between",
            {"column": "day", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [["2024-01-01", None]]}},
            "`day` is date, and has to be integer or number or time",
        ),
        (
            "column_quantile_values_to_be_between",
            {"column": "mass", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[9, 1]]}},
            r"`value_ranges` has \[9, 1\], and 9 is greater than 1",
        ),
    ],
)
def test_expectation_that_does_not_fit_its_column_is_a_fault_of_the_request(
    name: str, kwargs: dict[str, Any], message: str
) -> None:
    """It names the expectation, the column and what would fit, and gives the rules without it."""
    with pytest.raises(RuleUnusable, match=message) as raised:
        make(expectations=[{"type": f"expect_{name}", "kwargs": kwargs}])
    assert raised.value.where == "data_validation.expectations.0"
    assert raised.value.fix.endswith(' To leave it out: {"data_validation": {"expectations": []}}.')
