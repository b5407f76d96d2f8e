"""Great Expectations' own expectations: which are offered, with which arguments, and that each one finds what it is to find."""

# ruff: noqa: DTZ001 - columns hold times without a zone
from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_worker.errors import ParameterInvalid
from pipeline_worker.request import DataValidation
from pipeline_worker.run.layer import Layer
from pipeline_worker.run.parameters import merge_layers
from pipeline_worker.schema import Column, Schema
from pipeline_worker.stages.validate import parts
from pipeline_worker.stages.validate.expectations import evaluate
from pipeline_worker.stages.validate.finding import Finding
from pipeline_worker.stages.validate.offered import OFFERED, REFUSED
from pipeline_worker.stages.validate.rules import make_rules
from pipeline_worker.stages.validate.summary import summarise
from tests.worker.conftest import ROOT

# Great Expectations imports two modules that Python 3.11 deprecates, and asks pandas in a way that is to change.
LOADS = [
    pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning"),
    pytest.mark.slow("loads Great Expectations"),
]

ROWS = 8
TABLE = pa.table(
    {
        "id": pa.array([1, 2, None, 4, 5, 6, 7, 7], pa.int64()),
        "big": pa.array([2, 3, 4, None, 6, 7, 8, 2**60 + 1], pa.int64()),
        "price": [0.5, None, 1.5, 2.0, 2.5, 3.0, 3.5, 900.0],
        "name": ["ab", "abc", None, "a1", "ab", "b", "c", "ä"],
        "kind": ["x", "x", "y", "x", "x", "x", "x", "x"],
        "ok": [True, None, False, True, True, True, True, True],
        "day": [dt.date(2024, 1, day) if day != 3 else None for day in range(1, 9)],
        "at": pa.array([dt.datetime(2024, 1, day, 12) for day in range(1, 9)], pa.timestamp("us", "UTC")),
        "clock": [dt.time(9 + hour) if hour != 2 else None for hour in range(8)],
        "json": ['{"a": 1}', '{"a": 2}', None, '{"a": "x"}', "[]", "7", '{"a": 3}', '{"a": 4}'],
        "twin": pa.array([1, 2, None, 4, 5, 6, 7, 7], pa.int64()),
        "written": ["2024-01-31", "2024-02-01", None, "yesterday", "x", "2024-02-02", "2024-02-03", "2024"],
    }
)
KINDS = [
    "integer",
    "integer",
    "number",
    "text",
    "text",
    "boolean",
    "date",
    "timestamp",
    "time",
    "text",
    "integer",
    "text",
]
SCHEMA = Schema(
    rows=ROWS,
    columns=[
        Column.model_validate({"name": field.name, "type": kind, "parquet_type": str(field.type), "nullable": True})
        for field, kind in zip(TABLE.schema, KINDS, strict=True)
    ],
)

#: Name, arguments that hold, arguments that are broken, and what is found then.
CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "column_distinct_values_to_be_in_set",
        {"column": "kind", "value_set": ["x", "y", "z"]},
        {"column": "id", "value_set": [1, 2, 4, 5]},
        "2 too many: 6, 7",
    ),
    (
        "column_distinct_values_to_contain_set",
        {"column": "ok", "value_set": [True, False]},
        {"column": "day", "value_set": ["2024-01-03", "2024-01-04"]},
        "1 missing: 2024-01-03",
    ),
    (
        "column_distinct_values_to_equal_set",
        {"column": "kind", "value_set": ["x", "y"]},
        {"column": "kind", "value_set": ["x", "z"]},
        "1 too many: 'y'; 1 missing: 'z'",
    ),
    (
        "column_kl_divergence_to_be_less_than",
        {"column": "kind", "partition_object": {"values": ["x", "y"], "weights": [0.9, 0.1]}, "threshold": 0.1},
        {"column": "id", "partition_object": {"bins": [0, 4, 8], "weights": [0.9, 0.1]}, "threshold": 0.1},
        "1.0765",
    ),
    ("column_max_to_be_between", {"column": "at", "max_value": "2024-01-09"}, {"column": "clock", "max_value": "15:30"}, "16:00:00"),
    ("column_mean_to_be_between", {"column": "id", "min_value": 4, "max_value": 5}, {"column": "price", "max_value": 9}, "130.4"),
    ("column_median_to_be_between", {"column": "id", "min_value": 5}, {"column": "price", "min_value": 9}, "2.5"),
    ("column_min_to_be_between", {"column": "day", "max_value": "2024-01-01"}, {"column": "day", "min_value": "2024-01-02"}, "2024-01-01"),
    (
        "column_most_common_value_to_be_in_set",
        {"column": "kind", "value_set": ["x"]},
        {"column": "ok", "value_set": [False]},
        "True",
    ),
    (
        "column_pair_values_a_to_be_greater_than_b",
        {"column_A": "big", "column_B": "id", "ignore_row_if": "either_value_is_missing"},
        {"column_A": "id", "column_B": "big", "or_equal": True},
        "8 of 8 rows do not: (1, 2) in row 1, (2, 3) in row 2, ((missing), 4) in row 3, ...",
    ),
    (
        "column_pair_values_to_be_equal",
        {"column_A": "twin", "column_B": "id"},
        {"column_A": "name", "column_B": "kind"},
        "8 of 8 rows do not: ('ab', 'x') in row 1, ('abc', 'x') in row 2, ((missing), 'y') in row 3, ...",
    ),
    (
        "column_pair_values_to_be_in_set",
        {"column_A": "kind", "column_B": "ok", "value_pairs_set": [["x", True], ["y", False]], "mostly": 0.8},
        {"column_A": "kind", "column_B": "id", "value_pairs_set": [["x", n] for n in (1, 2, 4, 5, 6)]},
        "3 of 8 rows do not: ('y', (missing)) in row 3, ('x', 7) in row 7",
    ),
    ("column_proportion_of_non_null_values_to_be_between", {"column": "id", "min_value": 0.8}, {"column": "ok", "min_value": 0.9}, "0.875"),
    ("column_proportion_of_unique_values_to_be_between", {"column": "at", "min_value": 1}, {"column": "kind", "min_value": 0.5}, "0.25"),
    (
        "column_quantile_values_to_be_between",
        {"column": "price", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[2, 3]]}},
        {"column": "clock", "quantile_ranges": {"quantiles": [0.1, 0.9], "value_ranges": [["09:00", "10:00"], [None, "12:00"]]}},
        "10:00:00, 15:00:00",
    ),
    ("column_stdev_to_be_between", {"column": "id", "max_value": 3}, {"column": "price", "max_value": 3}, "339"),
    ("column_sum_to_be_between", {"column": "id", "min_value": 32, "max_value": 32}, {"column": "price", "max_value": 3}, "913"),
    ("column_to_exist", {"column": "id", "column_index": 0}, {"column": "nowhere"}, "it is not there"),
    ("column_unique_value_count_to_be_between", {"column": "kind", "max_value": 2}, {"column": "clock", "max_value": 2}, "7"),
    (
        "column_value_lengths_to_be_between",
        {"column": "name", "max_value": 3},
        {"column": "name", "min_value": 2},
        "3 of 7 values do not: 'b' in row 6, 'c' in row 7, 'ä' in row 8",
    ),
    ("column_value_lengths_to_equal", {"column": "kind", "value": 1}, {"column": "name", "value": 1, "mostly": 0.5}, "4 of 7 values do not: "),
    (
        "column_value_z_scores_to_be_less_than",
        {"column": "id", "threshold": 3, "double_sided": True},
        {"column": "price", "threshold": 2, "double_sided": False},
        "1 of 7 values does not: 900.0 in row 8",
    ),
    (
        "column_values_to_be_between",
        {"column": "big", "min_value": 2},
        {"column": "big", "max_value": 2**60},
        "1 of 7 values does not: 1152921504606846977 in row 8",
    ),
    (
        "column_values_to_be_dateutil_parseable",
        {"column": "written", "mostly": 0.7},
        {"column": "written"},
        "2 of 7 values do not: 'yesterday' in row 4, 'x' in row 5",
    ),
    (
        "column_values_to_be_decreasing",
        {"column": "id", "mostly": 0.2},
        {"column": "at"},
        "7 of 8 values do not: 2024-01-02T12:00:00+00:00 in row 2",
    ),
    ("column_values_to_be_in_set", {"column": "kind", "value_set": ["x", "y"]}, {"column": "ok", "value_set": [True]}, "1 of 7 values does not: False in row 3"),
    (
        "column_values_to_be_increasing",
        {"column": "clock", "strictly": True},
        {"column": "id", "strictly": True},
        "1 of 7 values does not: 7 in row 8",
    ),
    ("column_values_to_be_json_parseable", {"column": "json"}, {"column": "name"}, "7 of 7 values do not: "),
    ("column_values_to_be_null", {"column": "ok", "mostly": 0.1}, {"column": "ok"}, "7 of 8 values do not: True in row 1, False in row 3"),
    ("column_values_to_be_unique", {"column": "big"}, {"column": "id"}, "2 of 7 values do not: 7 in row 7"),
    (
        "column_values_to_match_json_schema",
        {"column": "json", "json_schema": {"type": ["object", "array", "integer"]}},
        {"column": "json", "json_schema": {"properties": {"a": {"type": "integer"}}}},
        """1 of 7 values does not: '{"a": "x"}' in row 4""",
    ),
    (
        "column_values_to_match_regex",
        {"column": "name", "regex": r"^\pL+\d?$"},
        {"column": "name", "regex": "^[a-c]+$"},
        "2 of 7 values do not: 'a1' in row 4, 'ä' in row 8",
    ),
    (
        "column_values_to_match_regex_list",
        {"column": "name", "regex_list": ["^a", "^[bcä]"]},
        {"column": "name", "regex_list": ["^a", "b"], "match_on": "all"},
        "4 of 7 values do not: 'a1' in row 4, 'b' in row 6, 'c' in row 7, ...",
    ),
    (
        "column_values_to_match_strftime_format",
        {"column": "written", "strftime_format": "%Y-%m-%d", "mostly": 0.5},
        {"column": "written", "strftime_format": "%Y-%m-%d"},
        "3 of 7 values do not: 'yesterday' in row 4, 'x' in row 5, '2024' in row 8",
    ),
    ("column_values_to_not_be_in_set", {"column": "id", "value_set": [3]}, {"column": "clock", "value_set": ["10:00"]}, "1 of 7 values does not: 10:00:00 in row 2"),
    ("column_values_to_not_be_null", {"column": "at"}, {"column": "day"}, "1 of 8 values is missing: row 3"),
    (
        "column_values_to_not_be_outliers",
        {"column": "id", "method": "std", "multiplier": 3},
        {"column": "price"},
        "1 of 7 values does not: 900.0 in row 8",
    ),
    ("column_values_to_not_match_regex", {"column": "kind", "regex": "z"}, {"column": "name", "regex": "c$"}, "2 of 7 values do not: 'abc' in row 2, 'c' in row 7"),
    (
        "column_values_to_not_match_regex_list",
        {"column": "kind", "regex_list": ["z", "w"]},
        {"column": "name", "regex_list": ["1$", "ä"]},
        "2 of 7 values do not: 'a1' in row 4, 'ä' in row 8",
    ),
    (
        "compound_columns_to_be_unique",
        {"column_list": ["id", "big"]},
        {"column_list": ["kind", "ok"], "ignore_row_if": "any_value_is_missing"},
        "6 of 7 rows do not: ('x', True) in row 1",
    ),
    (
        "multicolumn_sum_to_equal",
        {"column_list": ["id", "twin"], "sum_total": 2, "mostly": 0.1},
        {"column_list": ["id", "price"], "sum_total": 1.5, "ignore_row_if": "any_value_is_missing"},
        "5 of 6 rows do not: (4, 2.0) in row 4",
    ),
    (
        "multicolumn_values_to_be_equal",
        {"column_list": ["id", "twin"]},
        {"column_list": ["id", "big"], "ignore_row_if": "any_value_is_missing"},
        "6 of 6 rows do not: (1, 2) in row 1",
    ),
    (
        "select_column_values_to_be_unique_within_record",
        {"column_list": ["id", "big"]},
        {"column_list": ["id", "twin"]},
        "7 of 7 rows do not: (1, 1) in row 1",
    ),
    ("table_column_count_to_be_between", {"min_value": 12, "max_value": 12}, {"max_value": 10}, "12"),
    ("table_column_count_to_equal", {"value": 12}, {"value": 11}, "12"),
    ("table_columns_to_match_ordered_list", {"column_list": ["id ", *TABLE.column_names[1:]]}, {"column_list": ["id"]}, "'id', 'big', 'price', ..."),
    ("table_columns_to_match_set", {"column_set": ["ok", "id"], "exact_match": False}, {"column_set": ["id"]}, "'at', 'big', 'clock', ..."),
    ("table_row_count_to_be_between", {"min_value": 8}, {"min_value": 8, "strict_min": True}, "8 rows"),
    ("table_row_count_to_equal", {"value": 8}, {"value": 1}, "8 rows"),
]  # fmt: skip


def make_findings(folder: Path) -> list[Finding]:
    """Return what became of each case, the one that holds and the one that is broken."""
    path = folder / "dataset.parquet"
    pq.write_table(TABLE, path)
    asked = [{"type": f"expect_{name}", "kwargs": kwargs} for name, *both, _ in CASES for kwargs in both]
    rules = make_rules(DataValidation.model_validate({"min_row_count": 1, "expectations": asked}), SCHEMA, "id")
    return [finding for finding in evaluate(rules, path, SCHEMA) if finding.rule.place is not None]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    """Give what became of all cases, looked at together."""
    return make_findings(tmp_path_factory.mktemp("offered"))


def test_every_offered_expectation_is_tried() -> None:
    """Each has a case, and no other has."""
    assert [f"expect_{name}" for name, *_ in CASES] == list(OFFERED)


def test_the_readme_lists_what_is_offered() -> None:
    """All of it, and nothing else."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = text.partition("<!-- expectations -->")[2].partition("<!-- end of expectations -->")[0]
    assert set(re.findall(r"`(expect_\w+)`", listed)) == set(OFFERED)


class TestEvaluated:
    """What Great Expectations makes of them."""

    pytestmark = LOADS

    @pytest.mark.parametrize("case", range(len(CASES)), ids=[case[0] for case in CASES])
    def test_it_holds_or_finds_what_is_wrong(self, findings: list[Finding], case: int) -> None:
        """With one set of arguments it holds; with the other it is broken, and says what was found."""
        holding, broken = findings[2 * case : 2 * case + 2]
        assert holding.is_satisfied, holding
        assert broken.is_error, broken
        (rule,) = summarise([broken], SCHEMA)["rules"]
        assert CASES[case][3] in rule["found"]
        json.dumps(rule, allow_nan=False)

    def test_the_findings_are_the_same_in_parts(
        self, findings: list[Finding], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where memory allows only a few rows at a time, what is about whole columns is still found."""
        monkeypatch.setattr(parts, "_HELD_VALUES", 6)
        monkeypatch.setattr(parts, "_ROWS_AT_ONCE", 3)
        assert make_findings(tmp_path) == findings

    def test_names_and_arguments_are_those_of_great_expectations(self) -> None:
        """Every one that it has is offered or refused by name, with the very arguments that it takes, but for conditions."""
        from great_expectations.expectations import registry

        ours = {"id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content"}
        ours |= {"severity", "windows", "batch_id", "row_condition", "condition_parser", "library_metadata"}
        assert {*OFFERED, *REFUSED} == set(registry.list_registered_expectation_implementations())
        for name, offered in OFFERED.items():
            fields = registry.get_expectation_impl(name).__fields__
            mine = {*offered.arguments, *offered.columns, *(["mostly"] if offered.has_mostly else [])}
            # The bounds of the divergence are what it finds, not what it takes.
            found = {"min_value", "max_value"} if "divergence" in name else set()
            assert mine == fields.keys() - ours - found, name
            needed = {each for each, kind in offered.arguments.items() if kind.endswith("!")} | set(offered.columns)
            assert {each for each, field in fields.items() if field.required} <= needed, name


def give_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the expectation that values are as a JSON Schema says."""
    return {"type": "expect_column_values_to_match_json_schema", "kwargs": {"column": "a", "json_schema": schema}}


def double_references(levels: int, make: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Return a JSON Schema whose definitions each refer twice to the one before, as *make* says."""
    defined = {f"d{level}": make({"$ref": f"#/$defs/d{level - 1}"}) for level in range(1, levels)}
    return {"$defs": {"d0": {"type": "integer"}, **defined}, "$ref": f"#/$defs/d{levels - 1}"}


def give_partition(partition: dict[str, Any]) -> dict[str, Any]:
    """Return the expectation that values are distributed so."""
    kwargs = {"column": "a", "partition_object": partition, "threshold": 0.1}
    return {"type": "expect_column_kl_divergence_to_be_less_than", "kwargs": kwargs}


def refuse(*expectations: dict[str, Any]) -> str:
    """Return why a request with these expectations is refused."""
    with pytest.raises(ParameterInvalid) as raised:
        merge_layers([Layer("penguins/_params.json", {"data_validation": {"expectations": list(expectations)}})])
    return raised.value.what


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"type": "expect_column_values_to_be_uniqe"}, "Did you mean `expect_column_values_to_be_unique`?"),
        ({"type": "ExpectColumnValuesToBeUnique"}, "Did you mean `expect_column_values_to_be_unique`?"),
        ({"type": "x"}, "there is no expectation `x`. Offered are `expect_column_distinct_values_to_be_in_set`, "),
        ({"type": "expect_column_values_to_match_like_pattern"}, "is not offered: it needs a database that speaks SQL; `expect_"),
        ({"type": "expect_table_row_count_to_equal_other_table"}, "is not offered: it needs a second table. Offered are `"),
        ({"type": "unexpected_rows_expectation"}, "needs a database that speaks SQL. Offered are `expect_column_distinct"),
        ({"type": "expect_column_values_to_be_of_type"}, 'a type is given by {"ingestion_config": {"column_types": {"size": "integer"}}}'),
        ({"type": "expect_column_values_to_be_unique"}, "expect_column_values_to_be_unique: `column` is missing"),
        ({"type": "expect_column_values_to_be_unique", "kwargs": {"colunm": "a"}}, "there is no argument `colunm`. Did you mean `column`?"),
        ({"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a", "mostly": 2}}, "`mostly` has to be a number from 0 to 1"),
        ({"type": "expect_column_max_to_be_between", "kwargs": {"column": "a", "mostly": 1}}, "there is no argument `mostly`, only `column`, `min"),
        (
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a", "row_condition": "x", "condition_parser": "pandas"}},
            "there is no argument `row_condition` and no `condition_parser`, only `column`, `mostly`.",
        ),
        ({"type": "expect_column_max_to_be_between", "kwargs": {"column": "a"}}, "between: neither `min_value` nor `max_value` is given."),
        (
            {"type": "expect_column_max_to_be_between", "kwargs": {"column": "a", "min": 0}},
            "expect_column_max_to_be_between: there is no argument `min`. Did you mean `min_value`?",
        ),
        (
            {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "a", "regex": "("}},
            "`regex` has to be a regular expression as RE2 has them, and `(` is none: missing ): (",
        ),
        (
            {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "a", "regex": "^(?=a)(a+)+$"}},
            "`regex` may not look ahead or behind (`(?=`, `(?<!`), or at an earlier group (`\\1`), as `^(?=a)(a+)+$` does",
        ),
        (
            {"type": "expect_column_values_to_not_match_regex_list", "kwargs": {"column": "a", "regex_list": ["a", r"(a)\1"]}},
            r"or at an earlier group (`\1`), as `(a)\1` does: such a search may never end. Write it without, or",
        ),
        ({"type": "expect_column_values_to_match_regex", "kwargs": {"column": "a", "regex": 1}}, "`regex` has to be a regular expression"),
        ({"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "a", "value_set": []}}, "`value_set` has to be a list of values"),
        (
            {"type": "expect_column_values_to_not_be_outliers", "kwargs": {"column": "a", "method": "x"}},
            "`method` has to be one of `iqr`, `std`",
        ),
        (
            {
                "type": "expect_column_values_to_match_json_schema",
                "kwargs": {"column": "a", "json_schema": {"items": {"$ref": "https://example.org/x"}}},
            },
            "`json_schema` has to be a JSON Schema that refers to nothing outside itself",
        ),
        (give_schema({"items": {"pattern": "^(a+)+$"}}), "has to be a JSON Schema without `pattern`, as a search for"),
        (give_schema({"patternProperties": {"^(a+)+$": {}}}), "has to be a JSON Schema without `patternProperties`"),
        (
            give_schema({"properties": {"a": {"type": 5}}}),
            "is no JSON Schema: at `$.properties.a.type`, 5 is not valid under any of the given schemas",
        ),
        (give_schema({"$ref": "#"}), "has to be a JSON Schema that comes to an end: a `$ref` in it leads back to itself"),
        (give_schema(double_references(40, lambda part: {"allOf": [part, part]})), "a JSON Schema of at most 10,000 parts, each `$ref`"),
        (
            give_schema(double_references(40, lambda part: {"properties": {"a": part}, "additionalProperties": part})),
            "where these double from level to level",
        ),
        (give_schema({"$ref": "#/$defs/no"}), "is no JSON Schema: PointerToNowhere: '/$defs/no' does not exist"),
        (give_schema({"$schema": "http://json-schema.org/draft-03/schema#", "extends": {"$ref": "#x"}}), "is no JSON Schema: "),
        ({"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a"]}}, "has to be a list of two columns or more"),
        (
            {"type": "expect_column_values_to_not_be_outliers", "kwargs": {"column": "a", "method": "iqr", "multiplier": -1}},
            "`multiplier` has to be a number of 0 or more",
        ),
        (
            {"type": "expect_column_values_to_match_strftime_format", "kwargs": {"column": "a", "strftime_format": "%Q"}},
            "`strftime_format` has to be a format of dates that can be read, such as",
        ),
        (
            {"type": "expect_column_values_to_match_strftime_format", "kwargs": {"column": "a", "strftime_format": "%Y\0"}},
            "`strftime_format` has to be a format of dates that can be read, such as",
        ),
        (give_partition({"x": 1}), "`partition_object` has to be an object such as {"),
        (give_partition({"values": ["a", "b"], "weights": [0.5, 0.6]}), "whose weights are 1 together"),
        (give_partition({"bins": [0, 9, 5], "weights": [0.5, 0.5]}), "`partition_object` has to be an object such as {"),
        ({"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}, "sevrity": "warning"}, "Did you mean `severity`?"),
        ({"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}, "severity": "critical"}, "should be 'error' or 'warning'"),
    ],
)  # fmt: skip
def test_wrong_expectation_is_refused_with_the_request(given: dict[str, Any], said: str) -> None:
    """Before any data is looked at: a wrong name, with the near miss or the list of what there is, and wrong arguments."""
    what = refuse({"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}, given)
    assert "`data_validation.expectations.1" in what
    assert said in what


@pytest.mark.parametrize(
    "given", ["expect_column_to_exist", {"expect_column_to_exist": {"column": "a"}}, ["expect_column_to_exist"]]
)
def test_another_form_of_expectations_is_refused_with_the_right_one(given: Any) -> None:
    """An example is shown, as there are several forms that people may think of."""
    with pytest.raises(
        ParameterInvalid, match=r"`data_validation.expectations`: a list of objects is needed, as in \{"
    ):
        merge_layers([Layer("x", {"data_validation": {"expectations": given}})])


def test_severity_of_an_unknown_rule_is_refused() -> None:
    """The near miss is named."""
    with pytest.raises(ParameterInvalid, match="Did you mean `unique_columns`") as raised:
        merge_layers([Layer("x", {"data_validation": {"severity": {"unique_colums": "warning"}}})])
    assert "`data_validation.severity.unique_colums" in raised.value.what
