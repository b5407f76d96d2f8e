"""Rules on real data, through Great Expectations."""

# ruff: noqa: DTZ001 - columns hold times without a zone
from __future__ import annotations

import datetime as dt
import socket
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_worker.request import DataValidation
from pipeline_worker.schema import Column, Schema
from pipeline_worker.stages.validate import parts
from pipeline_worker.stages.validate.expectations import evaluate
from pipeline_worker.stages.validate.finding import Finding, RuleRaised
from pipeline_worker.stages.validate.rule import Rule
from pipeline_worker.stages.validate.rules import make_rules

# Great Expectations imports two modules that Python 3.11 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning"),
    pytest.mark.slow("loads Great Expectations"),
]

TABLE = pa.table(
    {
        "id": [1, 2, 3, 4, 4],
        "mass": pa.array([3000, None, 7000, 2**60 + 1, -5], pa.int64()),
        "price": [0.5, 1.0, None, 2.0, float("inf")],
        "name": ["a", "b", None, "a", " b"],
        "ok": [True, None, False, True, True],
        "day": [dt.date(2024, 1, 31), dt.date(2024, 2, 1), None, dt.date(2023, 1, 1), dt.date(2024, 1, 31)],
        "at": pa.array([dt.datetime(2024, 1, day, 12) for day in range(1, 6)], pa.timestamp("us", "UTC")),
        "clock": [dt.time(9, 30), dt.time(17), None, dt.time(8), dt.time(9, 30)],
        "empty": pa.nulls(5, pa.string()),
    }
)
KINDS = {
    "id": "integer",
    "mass": "integer",
    "price": "number",
    "name": "text",
    "ok": "boolean",
    "day": "date",
    "at": "timestamp",
    "clock": "time",
    "empty": "text",
}


def write_table(folder: Path) -> tuple[Path, Schema]:
    """Return the table as a file, and its schema."""
    path = folder / "dataset.parquet"
    pq.write_table(TABLE, path)
    columns = [
        Column.model_validate(
            {"name": name, "type": KINDS[name], "parquet_type": str(TABLE.schema.field(name).type), "nullable": True}
        )
        for name in TABLE.column_names
    ]
    return path, Schema(rows=len(TABLE), columns=columns)


def make_table_rules(schema: Schema, **validation: Any) -> list[Rule]:
    """Return the rules of a request about the table."""
    return make_rules(DataValidation.model_validate({"min_row_count": 1, **validation}), schema, "id")


def evaluate_rules(folder: Path, **validation: Any) -> dict[tuple[str, str | None], Finding]:
    """Return what became of the rules that *validation* makes, by name and column."""
    path, schema = write_table(folder)
    rules = make_table_rules(schema, **validation)
    findings = evaluate(rules, path, schema)
    assert [finding.rule for finding in findings] == rules
    return {(finding.rule.name, finding.rule.column): finding for finding in findings}


@pytest.mark.parametrize(
    ("bounds", "satisfied"),
    [
        ({"min_row_count": 5}, {"min_row_count": True}),
        ({"min_row_count": 6}, {"min_row_count": False}),
        ({"max_row_count": 5}, {"max_row_count": True}),
        ({"max_row_count": 4}, {"max_row_count": False}),
    ],
)
def test_rows_are_counted(tmp_path: Path, bounds: dict[str, int], satisfied: dict[str, bool]) -> None:
    """Both bounds are inclusive."""
    found = evaluate_rules(tmp_path, **bounds)
    for name, expected in satisfied.items():
        finding = found[name, None]
        assert (finding.is_satisfied, finding.observed) == (expected, 5)


def test_columns_exist_or_not(tmp_path: Path) -> None:
    """A missing one is violated."""
    found = evaluate_rules(tmp_path, required_columns=["mass", "nowhere"])
    assert found["required_columns", "mass"].is_satisfied
    assert not found["required_columns", "nowhere"].is_satisfied


VALUE_CASES: list[tuple[str, str, Any, int, list[int], list[Any]]] = [
    ("non_null_columns", "mass", None, 5, [2], [None]),
    ("non_null_columns", "id", None, 5, [], []),
    ("non_null_columns", "empty", None, 5, [1, 2, 3, 4, 5], [None] * 5),
    ("unique_columns", "id", None, 5, [4, 5], [4, 4]),
    ("unique_columns", "mass", None, 4, [], []),
    ("unique_columns", "name", None, 4, [1, 4], ["a", "a"]),
    ("unique_columns", "clock", None, 4, [1, 5], [dt.time(9, 30)] * 2),
    ("value_ranges", "mass", {"min": 0, "max": 7000}, 4, [4, 5], [2**60 + 1, -5]),
    ("value_ranges", "mass", {"max": 2**60}, 4, [4], [2**60 + 1]),
    ("value_ranges", "mass", {"min": 3000, "strict_min": True, "max": 2**61}, 4, [1, 5], [3000, -5]),
    ("value_ranges", "price", {"max": 2, "strict_max": True}, 4, [4, 5], [2.0, float("inf")]),
    ("value_ranges", "price", {"min": 0.5}, 4, [], []),
    ("value_ranges", "day", {"min": "2024-01-31"}, 4, [4], [dt.date(2023, 1, 1)]),
    ("value_ranges", "day", {"max": "2024-02-01", "strict_max": True}, 4, [2], [dt.date(2024, 2, 1)]),
    (
        "value_ranges",
        "at",
        {"max": "2024-01-04T14:00+02:00", "strict_max": True},
        5,
        [4, 5],
        [dt.datetime(2024, 1, day, 12, tzinfo=dt.UTC) for day in (4, 5)],
    ),
    ("value_ranges", "clock", {"min": "09:00", "max": "17:00"}, 4, [4], [dt.time(8)]),
    ("allowed_values", "name", ["a", "b"], 4, [5], [" b"]),
    ("allowed_values", "mass", [3000, 7000, -5], 4, [4], [2**60 + 1]),
    ("allowed_values", "ok", [True], 4, [3], [False]),
    ("allowed_values", "day", ["2024-01-31", "2024-02-01"], 4, [4], [dt.date(2023, 1, 1)]),
    ("allowed_values", "clock", ["09:30", "17:00"], 4, [4], [dt.time(8)]),
    ("allowed_values", "empty", ["a"], 0, [], []),
]


@pytest.fixture(scope="module")
def value_findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    """Give what became of the rule of each case, all looked at together."""
    path, schema = write_table(tmp_path_factory.mktemp("values"))
    rules = [
        next(
            found
            for found in make_table_rules(schema, **{rule: [column] if argument is None else {column: argument}})
            if (found.name, found.column) == (rule, column)
        )
        for rule, column, argument, *_ in VALUE_CASES
    ]
    return evaluate(rules, path, schema)


@pytest.mark.parametrize("case", range(len(VALUE_CASES)))
def test_values_are_checked(value_findings: list[Finding], case: int) -> None:
    """Missing values count only for `non_null_columns`; rows are counted from 1; values are those of the dataset."""
    rule, column, _, checked, rows, values = VALUE_CASES[case]
    found = value_findings[case]
    assert (found.rule.name, found.rule.column) == (rule, column)
    assert (found.checked, found.violating) == (checked, len(rows))
    assert (list(found.rows), list(found.offending)) == (rows, values)
    assert found.is_satisfied == (not rows)


def test_twenty_offending_rows_are_kept(tmp_path: Path) -> None:
    """All are counted, and the first twenty kept."""
    path = tmp_path / "dataset.parquet"
    pq.write_table(pa.table({"x": list(range(100)), "y": list(range(100))}), path)
    schema = Schema(
        rows=100, columns=[Column(name=name, type="integer", parquet_type="int64", nullable=False) for name in "xy"]
    )
    rules = make_rules(DataValidation.model_validate({"value_ranges": {"x": {"min": 50}}}), schema, "y")
    finding = evaluate(rules, path, schema)[-1]
    assert (finding.violating, finding.rows) == (50, tuple(range(1, 21)))


@pytest.mark.parametrize(("values", "rows"), [(5, 5), (5, 2), (4, 1), (1, 3)])
def test_large_datasets_are_looked_at_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: int, rows: int
) -> None:
    """Where memory allows only a few rows of a few columns at a time, the findings are the same."""
    validation = {
        "min_row_count": 6,
        "required_columns": ["at", "id", "nowhere"],
        "non_null_columns": ["empty", "name"],
        "unique_columns": ["id", "name"],
        "value_ranges": {"mass": {"min": 0}, "price": {"max": 1}},
        "allowed_values": {"ok": [True]},
    }
    together = evaluate_rules(tmp_path, **validation)
    monkeypatch.setattr(parts, "_HELD_VALUES", values)
    monkeypatch.setattr(parts, "_ROWS_AT_ONCE", rows)
    assert evaluate_rules(tmp_path, **validation) == together


def test_a_share_holds_for_all_parts_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows without a target that lie close together are no more than they are among all rows."""
    monkeypatch.setattr(parts, "_HELD_VALUES", 1)
    monkeypatch.setattr(parts, "_ROWS_AT_ONCE", 2)
    path, schema = write_table(tmp_path)
    for share, is_satisfied in ((0.2, True), (0.19, False)):
        rules = make_rules(DataValidation(min_row_count=1, max_missing_target_share=share), schema, "price")
        finding = evaluate(rules, path, schema)[-1]
        assert (finding.rule.name, finding.rows, finding.checked) == ("max_missing_target_share", (3,), 5)
        assert finding.is_satisfied is is_satisfied


def test_repeated_values_are_found_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large dataset only rows are held whose value may be repeated: all are counted, and the first of them shown."""
    path = tmp_path / "dataset.parquet"
    numbers = [float(number) for number in range(100)]
    numbers[3], numbers[50], numbers[7], numbers[99], numbers[60] = 98.0, 98.0, -0.0, 1.0, 1.0
    texts = [None if number == 8 else f"{number:g}" for number in numbers]
    pq.write_table(pa.table({"x": [None if number == 8 else number for number in numbers], "s": texts}), path)
    kinds = {"x": ("number", "double"), "s": ("text", "string")}
    columns = [
        Column.model_validate({"name": name, "type": kind, "parquet_type": stored, "nullable": True})
        for name, (kind, stored) in kinds.items()
    ]
    schema = Schema(rows=100, columns=columns)
    rules = make_rules(DataValidation.model_validate({"unique_columns": ["x", "s"]}), schema, "x")
    monkeypatch.setattr(parts, "_HELD_VALUES", 4)
    monkeypatch.setattr(parts, "_ROWS_AT_ONCE", 7)
    (numbered, written) = [
        finding for finding in evaluate(rules, path, schema) if finding.rule.name == "unique_columns"
    ]
    assert (numbered.checked, numbered.violating, numbered.rows) == (99, 8, (1, 2, 4, 8, 51, 61, 99, 100))
    assert numbered.offending == (0.0, 1.0, 98.0, 0.0, 98.0, 1.0, 98.0, 1.0)
    assert (written.checked, written.rows) == (99, (2, 4, 51, 61, 99, 100))


def test_nothing_outside_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the network nor the folder for temporary files: no statistics, no reports that nobody asked for."""

    def refuse(*arguments: Any) -> None:
        raise AssertionError(f"an attempt to connect: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert evaluate_rules(tmp_path)["min_row_count", None].is_satisfied


def test_regular_expressions_come_to_an_end(tmp_path: Path) -> None:
    """A search takes no longer than the text is long, whatever the text; Python's own would take years on these."""
    path = tmp_path / "dataset.parquet"
    pq.write_table(pa.table({"name": ["a" * 60 + "!\n", None, "a" * 60, "ä " * 60 + "!"]}), path)
    schema = Schema(rows=4, columns=[Column(name="name", type="text", parquet_type="string", nullable=True)])
    asked = [
        ("expect_column_values_to_match_regex", {"regex": "^(a+)+$"}, (1, 4)),
        ("expect_column_values_to_not_match_regex", {"regex": r"^(\w+\s?)*$"}, (3,)),
        ("expect_column_values_to_match_regex_list", {"regex_list": ["^(a+)+$", r"!$"], "match_on": "any"}, (1,)),
        ("expect_column_values_to_match_regex_list", {"regex_list": ["^(a+)+", r"!\s?$"], "match_on": "all"}, (3, 4)),
        ("expect_column_values_to_not_match_regex_list", {"regex_list": ["^(a+)+$", r"!$"]}, (3, 4)),
    ]
    rules = [
        Rule(name, "name", "", {"column": "name", **given}, place=place) for place, (name, given, _) in enumerate(asked)
    ]
    findings = evaluate(rules, path, schema)
    assert [(finding.checked, finding.rows) for finding in findings] == [(3, rows) for *_, rows in asked]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("not_be_outliers", {"method": "iqr", "multiplier": -1}),
        ("match_strftime_format", {"strftime_format": "%Q"}),
    ],
)
def test_expectation_that_cannot_be_made_is_a_fault_of_the_request(
    tmp_path: Path, name: str, given: dict[str, Any]
) -> None:
    """Arguments that Great Expectations takes otherwise than was thought are no crash: the very rule is named."""
    path, schema = write_table(tmp_path)
    rules = make_table_rules(schema, unique_columns=["id"])
    wrong = Rule(f"expect_column_values_to_{name}", "price", "", {"column": "price", **given}, place=3)
    with pytest.raises(RuleRaised, match="cannot evaluate it on `price`") as raised:
        evaluate([*rules, wrong], path, schema)
    assert raised.value.fault.parameter == "data_validation.expectations.3"


def test_expectation_that_ends_all_others_is_found(tmp_path: Path) -> None:
    """Where Great Expectations raises for all rules at once, the one that it raises for is named."""
    path, schema = write_table(tmp_path)
    name, arguments = "expect_column_kl_divergence_to_be_less_than", {"partition_object": {"x": 1}, "threshold": 0.1}
    divergences = [
        Rule(name, "price", "", {"column": "price", **arguments, **given}, place=place)
        for place, given in enumerate([{"partition_object": {"bins": [0, 9], "weights": [1]}}, {}])
    ]
    with pytest.raises(RuleRaised, match="Invalid partition_object") as raised:
        evaluate(divergences, path, schema)
    assert raised.value.fault.key == 1


def test_rule_that_raises_is_a_fault_of_the_request(tmp_path: Path) -> None:
    """Whatever Great Expectations cannot compute is never reported as bad data, but as a fault of the very rule."""
    path = tmp_path / "dataset.parquet"
    pq.write_table(TABLE, path)
    schema = Schema(rows=5, columns=[Column(name="name", type="text", parquet_type="string", nullable=True)])
    arguments = {"min": 1, "max": None, "strict_min": False, "strict_max": False}
    with pytest.raises(RuleRaised, match="cannot evaluate it on `name`") as raised:
        evaluate([Rule("value_ranges", "name", "at least 1", arguments)], path, schema)
    assert (raised.value.fault.rule, raised.value.fault.key) == ("value_ranges", "name")
