"""The stage `validate`, after `ingest`, on a store in a folder."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from pipeline_contract.records import FAILURE_MARK
from pipeline_worker.published_schema import keep_schema
from pipeline_worker.run.attempt import Attempt, Outcome
from pipeline_worker.run.begin import Invocation
from pipeline_worker.run.manifest import read_committed
from pipeline_worker.run.stage import CommandOutput, run_stage
from pipeline_worker.settings import read_settings
from pipeline_worker.stages.ingest.stage import ingest
from pipeline_worker.stages.validate.stage import validate
from pipeline_worker.store.base import open_store

# Great Expectations imports two modules that Python 3.11 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning"),
    pytest.mark.slow("loads Great Expectations"),
]

KEY = "penguins.20260101T000000Z.aaaaaaaa"
SOURCE = "s3://drops/_sources/penguins.csv"
ROWS = b"species,mass,island\n" + b"Adelie,3750,Dream\n" * 20 + b"Gentoo,,Biscoe\n" + b"Adelie,99999,Dram\n"


class Bench:
    """An ingested file, and attempts to validate it."""

    def __init__(self, folder: Path, content: bytes = ROWS, **given: Any) -> None:
        self.settings = read_settings({"PIPELINE_SCRATCH_DIR": str(folder / "scratch")}, store_folder=folder)
        self.store = open_store(self.settings)
        self.layout = self.settings.layout.run(KEY)
        self.store.put(SOURCE, content)
        params = {"data_source": SOURCE, "target_column": "species"} | given
        ask = Invocation("ingest", KEY, "first", "first", False, params)
        assert run_stage(ask, ingest, self.store, self.settings).exit_code == 0

    def run(self, attempt: str = "first", **rules: Any) -> CommandOutput:
        return self.ask({"data_validation": rules} if rules else {}, attempt)

    def ask(self, params: dict[str, Any], attempt: str = "first") -> CommandOutput:
        return run_stage(
            Invocation("validate", KEY, attempt, attempt, False, params), validate, self.store, self.settings
        )

    def summary(self, attempt: str = "first") -> dict[str, Any]:
        uri = f"{self.layout.attempt('validate', attempt)}/summary.json"
        found: dict[str, Any] = json.loads(self.store.read(uri)[0])
        return found


def test_rules_that_hold_are_reported_and_committed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Exit 0; stdout has the summary and then its URI; the log names what was checked."""
    bench = Bench(tmp_path)
    with caplog.at_level(logging.INFO, "pipeline_worker"):
        ended = bench.run(allowed_values={"species": ["Adelie", "Gentoo"]})
    assert ended.exit_code == 0
    committed = read_committed(bench.store, bench.layout, "validate")
    assert committed is not None
    assert ended.stdout[-1] == committed.manifest.outputs["summary"].uri
    assert json.loads(ended.stdout[0]) == bench.summary()
    assert committed.manifest.facts == {"rules": 4, "warnings": 0, "rows": 22, "rows_without_target": 0}
    assert set(committed.manifest.artifacts) >= {"dataset", "schema", "profile", "summary"}
    assert "all 4 rules hold" in caplog.text
    assert "one of 'Adelie', 'Gentoo'" in caplog.text


def test_a_violated_rule_tells_what_ingest_noted_of_its_column(tmp_path: Path) -> None:
    """Once for each column, in the reason and in summary.json; a column without a note adds nothing."""
    bench = Bench(tmp_path, ROWS + b"Adelie,5000,NA\n")
    rules = {"allowed_values": {"island": ["Dream", "Biscoe"]}, "unique_columns": ["island", "species"]}
    failure = json.loads(bench.run(**rules).stdout[-1].removeprefix(FAILURE_MARK))
    note = bench.summary()["rules"][-1]["note"]
    assert note.startswith("1 cell says `NA`, kept as a label; if it means missing, give {")
    assert failure["what"].endswith(f". `island`: {note}")
    assert failure["what"].count(note) == 1


def test_violated_rules_stop_the_run_and_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Exit 1; summary.json is there, and record, receipt and log say which rule, which column, what was found."""
    bench = Bench(tmp_path)
    with caplog.at_level(logging.INFO, "pipeline_worker"):
        ended = bench.run(value_ranges={"mass": {"min": 2000, "max": 7000}}, non_null_columns=["mass"])
    assert ended.exit_code == 1
    assert read_committed(bench.store, bench.layout, "validate") is None
    summary = bench.summary()
    assert summary["rules_violated"] == 2
    assert json.loads(ended.stdout[0]) == summary
    failure = json.loads(ended.stdout[-1].removeprefix(FAILURE_MARK))
    assert failure["error"] == "RulesViolated"
    assert failure["what"] == (
        "2 of 5 rules are violated. `mass`: expected no missing value, found 1 of 22 values is missing: row 21 "
        "(line 22); `mass`: expected at least 2000 and at most 7000, found 1 of 21 values is not: 99999 in row 22 "
        "(line 23)."
    )
    assert failure["where"] == f"{SOURCE}, `mass`"
    receipt = json.loads(bench.store.read(bench.layout.receipt("penguins"))[0])
    assert (receipt["state"], receipt["stage"]) == ("refused", "validate")
    assert receipt["reason"]["details"]["rules"] == summary["rules"]
    table = caplog.text[caplog.text.index("2 of 5 rules are violated:") :].splitlines()
    assert table[1].split() == ["rule", "column", "expected", "found"]
    assert table[2].split()[:2] == ["non_null_columns", "mass"]
    assert "99999 in row 22 (line 23)" in table[3]


def read_failure(ended: CommandOutput) -> dict[str, Any]:
    """Return the failure record that an attempt told."""
    found: dict[str, Any] = json.loads(ended.stdout[-1].removeprefix(FAILURE_MARK))
    return found


def read_line(failure: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that a refusal ends with."""
    found: dict[str, Any] = json.loads(failure["fix"][failure["fix"].index("{") :].removesuffix("."))
    return found


SCHEMA = {"type": "expect_column_values_to_match_json_schema", "kwargs": {"column": "island", "json_schema": {}}}
NULL = {"type": "expect_column_values_to_be_null", "kwargs": {"column": "mass"}}
UNIQUE = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "mass"}}


@pytest.mark.parametrize(
    ("rules", "line", "remedy"),
    [
        (
            {"min_row_count": 50},
            {"min_row_count": 22},
            "Add rows to the file, and drop it again. If the data is right, run `validate` again with {",
        ),
        ({"max_row_count": 12}, {"max_row_count": 22}, "Take rows out of the file, and drop it again. "),
        (
            {
                "value_ranges": {"mass": {"max": 9}},
                "severity": {"unique_columns": "warning"},
                "unique_columns": ["mass"],
            },
            {"severity": {"unique_columns": "warning", "value_ranges": "warning"}},
            "Mend these rows in the file, and drop it again. If the data is right, mend the rule, or let it only warn: run",
        ),
        (
            {"required_columns": ["Island"], "min_row_count": 23},
            {"min_row_count": 22, "severity": {"required_columns": "warning"}},
            "Add rows to the file, add the missing columns to the file, and drop it again. If the data is right, mend",
        ),
        (
            {"expectations": [NULL, UNIQUE, UNIQUE | {"severity": "warning"}]},
            {"expectations": [each | {"severity": "warning"} for each in (NULL, UNIQUE, UNIQUE)]},
            "Mend these rows in the file, and drop it again. If the data is right, mend the rule, or let them only warn: run",
        ),
        ({"expectations": [SCHEMA]}, {"expectations": []}, "Mend `data_validation`."),
        ({"value_ranges": {"species": {"min": 1}}, "unique_columns": ["speces"]}, None, "Mend `data_validation`."),
    ],
)
def test_a_refusal_ends_with_the_line_that_goes_on(
    tmp_path: Path, rules: dict[str, Any], line: dict[str, Any] | None, remedy: str
) -> None:
    """It says what mends the data, and carries the very rules that it is about; with them the run goes on."""
    bench = Bench(tmp_path)
    failure = read_failure(bench.run(**rules))
    assert failure["fix"].startswith(remedy)
    found = read_line(failure)
    assert line in (None, found["data_validation"])
    again = bench.ask({"data_validation": rules | found["data_validation"]}, "second")
    assert again.exit_code == (0 if line else 1)
    if not line:
        # What could not be evaluated is mended, and turns out to be violated.
        assert found == {"data_validation": {"unique_columns": ["species"], "value_ranges": {}}}
        assert bench.ask(rules_of(rules, found, read_line(read_failure(again))), "third").exit_code == 0


def test_words_of_the_request_that_empty_the_target_are_named(tmp_path: Path) -> None:
    """What is to be filled in is there; of many rules the log has those that are not shown."""
    content = b"species,mass\n" + b"a,1\n" * 12
    config = {"ingestion_config": {"missing_values": {"species": ["a"], "mass": ["b"]}}}
    failure = read_failure(Bench(tmp_path, content, **config).run(required_columns=["b", "c", "d"]))
    assert "take `a` out of `missing_values` if the target has them as values, or fill in the target" in failure["fix"]
    assert "; and 1 more, all of which the log shows." in failure["what"]


def rules_of(rules: dict[str, Any], *lines: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that *lines*, pasted one after the other, make of *rules*."""
    for line in lines:
        rules = rules | line["data_validation"]
    return {"data_validation": rules}


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (
            b"species,mass\n" + b",1\n" * 20 + b"a,2\n" * 3,
            "Fill in the target in these rows",
        ),
        (b"species,mass\n" + b"a,1\nb,2\nc,3\n", "Add rows to the file"),
    ],
)
def test_what_no_rule_mends_ends_without_a_line(tmp_path: Path, content: bytes, remedy: str) -> None:
    """With too few rows to train on, `train` would refuse what `validate` let pass."""
    failure = read_failure(Bench(tmp_path, content).run())
    assert failure["fix"] == (
        f"{remedy}, and drop it again. `train` needs at least 4 rows with a target, whatever the rules are."
    )


def test_a_broken_rule_that_is_a_warning_is_told_and_ends_nothing(tmp_path: Path) -> None:
    """Exit 0: it is a note of the receipt, and the summary says that all is well but for so many warnings."""
    bench = Bench(tmp_path)
    expectations = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "mass"}, "severity": "warning"}
    ]
    expectations += [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "mass", "mostly": 0.9}}]
    ended = bench.run(expectations=expectations, unique_columns=["island"], severity={"unique_columns": "warning"})
    assert ended.exit_code == 0
    summary = bench.summary()
    assert (summary["satisfied"], summary["rules_violated"], summary["warnings"]) == (True, 0, 2)
    receipt = json.loads(bench.store.read(bench.layout.receipt("penguins"))[0])
    assert receipt["stages"]["validate"]["headline"] == "4 of 6 rules hold for 22 rows"
    assert receipt["stages"]["validate"]["notes"] == [
        "`island`: expected no repeated value, found 20 of 22 values occur more than once: 'Dream' in row 1 (line 2) and row 2 (line 3) (`unique_columns`, a warning).",
        "`mass`: expected values to not be null, found 1 of 22 values is missing: row 21 (line 22) (`expect_column_values_to_not_be_null`, a warning).",
    ]


def test_one_row_is_one_row(tmp_path: Path) -> None:
    """Too few are told in the singular where it is one."""
    failure = read_failure(Bench(tmp_path, b"species,mass\na,1\n").run())
    assert failure["what"] == "1 of 3 rules is violated. `min_row_count`: expected at least 10 rows, found 1 row."


def keep(attempt: Attempt) -> Outcome:
    """Do what `publish` does for the schema."""
    keep_schema(attempt)
    return Outcome({}, {}, "", "")


class Versions:
    """Files of one dataset, each a run of its own, ingested and validated under an `input_schema_version`."""

    def __init__(self, folder: Path) -> None:
        self.settings = read_settings({"PIPELINE_SCRATCH_DIR": str(folder / "scratch")}, store_folder=folder)
        self.store = open_store(self.settings)

    def validate(
        self, number: int, content: str, version: str, is_published: bool = True, **params: Any
    ) -> CommandOutput:
        """Return how the run of this number ended; those that hold are published."""
        source = f"s3://drops/_sources/{number}.csv"
        self.store.put(source, (content + "\n").encode())
        key = f"birds.20260101T00000{number}Z.aaaaaaaa"
        first = {
            "data_source": source,
            "dataset": "birds & all",
            "target_column": "kind",
            "input_schema_version": version,
            "data_validation": {"min_row_count": 1},
        }
        assert (
            run_stage(Invocation("ingest", key, "a", "a", True, first), ingest, self.store, self.settings).exit_code
            == 0
        )
        ended = run_stage(Invocation("validate", key, "a", "a", True, params), validate, self.store, self.settings)
        if ended.exit_code == 0 and is_published:
            assert (
                run_stage(Invocation("train", key, "a", "a", True, {}), keep, self.store, self.settings).exit_code == 0
            )
        return ended

    def find(self, ended: CommandOutput) -> list[tuple[str | None, str, str]]:
        """Return what was found out about the schema: column, expected, found."""
        rules = json.loads(ended.stdout[0])["rules"]
        return [(rule["column"], rule["expected"], rule["found"]) for rule in rules if rule["rule"] == "same_schema"]


FIRST = "birds.20260101T000001Z.aaaaaaaa"


def test_the_layout_is_compared_with_the_last_published_run_of_its_version(tmp_path: Path) -> None:
    """What is missing, new or of another type is named; a whole column that has fractions now, or missing values, is none."""
    versions = Versions(tmp_path)
    first = versions.validate(1, "kind,mass,day,note\na,1,2024-01-31,x\nb,2,2024-02-01,y", "v 1")
    said = "none published yet, so that these are the first"
    assert versions.find(first) == [(None, "the columns of version 'v 1'", said)]
    kept = [
        info.uri.partition("/schemas/")[2] for info in versions.store.list("s3://artifacts/") if "/schemas/" in info.uri
    ]
    assert kept == ["birds%20%26%20all/v%201.json"]

    same = versions.validate(2, "day,kind,mass,note\n2024-01-31,a,1.5,\n,b,,", "v 1", is_published=False)
    assert same.exit_code == 0
    assert versions.find(same) == [
        (None, f"the 4 columns of version 'v 1', as in the last published run ({FIRST})", "the same")
    ]

    content = "kind,mass,Note,note\na,heavy,1,x\nb,light,2,y"
    changed = versions.validate(3, content, "v 1")
    assert changed.exit_code == 1
    assert versions.find(changed) == [
        ("mass", f"integer, as in the last published run ({FIRST})", "text"),
        ("day", f"date, as in the last published run ({FIRST})", "there is no such column."),
        ("Note", f"no such column, as in the last published run ({FIRST})", "a new column"),
    ]
    failure = read_failure(changed)
    assert failure["fix"].startswith(
        "Let the column have the type that it had, add the missing columns to the file, leave out the new columns, or give the new "
        "layout another `input_schema_version`, which starts afresh, and drop it again. "
    )
    assert read_line(failure) == {"data_validation": {"severity": {"same_schema": "warning"}}}

    warned = versions.validate(4, content, "v 1", is_published=False, **read_line(failure))
    assert warned.exit_code == 0
    assert json.loads(warned.stdout[0])["warnings"] == 3
    assert versions.validate(5, content, "v 1", input_schema_version="v 2").exit_code == 0
    assert versions.validate(6, content, "v 2").exit_code == 0
    assert versions.validate(7, content, "v 1").exit_code == 1


def test_missing_required_column_is_a_fault_of_the_data(tmp_path: Path) -> None:
    """Exit 1, with the near miss."""
    ended = Bench(tmp_path).run(required_columns=["Island"])
    assert ended.exit_code == 1
    assert "found there is no such column. Did you mean `island`?" in ended.stdout[-1]


def test_rule_that_cannot_be_evaluated_is_a_fault_of_the_request(tmp_path: Path) -> None:
    """Exit 2, and no summary that could be taken for a finding."""
    bench = Bench(tmp_path)
    ended = bench.run(value_ranges={"species": {"min": 1}})
    assert ended.exit_code == 2
    assert "`species` is text, which has no range" in ended.stdout[-1]
    assert bench.store.head(f"{bench.layout.attempt('validate', 'first')}/summary.json") is None


def test_unknown_target_of_an_override_is_a_fault_of_the_request(tmp_path: Path) -> None:
    """Exit 2, with the near miss, as it would have been at `ingest`."""
    bench = Bench(tmp_path)
    ask = Invocation("validate", KEY, "first", "first", False, {"target_column": "specis"})
    ended = run_stage(ask, validate, bench.store, bench.settings)
    assert ended.exit_code == 2
    assert "Did you mean `species`?" in ended.stdout[-1]


def test_too_few_rows_are_refused_without_any_parameter(tmp_path: Path) -> None:
    """Ten rows are the least that a model is trained on, unless it is said otherwise."""
    bench = Bench(tmp_path, b"species,mass\na,1\nb,2\n")
    assert bench.run("first").exit_code == 1
    assert bench.summary()["rules"][0]["found"] == "2 rows"
    assert bench.run("second", min_row_count=1).exit_code == 0


@pytest.mark.parametrize(
    ("filled", "missing", "rules", "violated"),
    [
        (10, 10, {}, []),
        (10, 11, {}, [("max_missing_target_share", "at most 50 % of its values missing")]),
        (10, 11, {"max_missing_target_share": 0.6}, []),
        # 0.29 * 100 is a little less than 29.
        (71, 29, {"max_missing_target_share": 0.29}, []),
        (10, 1, {"max_missing_target_share": 0}, [("max_missing_target_share", "no missing value")]),
        (10, 1, {"non_null_columns": ["species"]}, [("non_null_columns", "no missing value")]),
    ],
)
def test_rows_without_a_target_are_refused_beyond_their_share(
    tmp_path: Path, filled: int, missing: int, rules: dict[str, Any], violated: list[tuple[str, str]]
) -> None:
    """Up to the share they are counted; above it, or where the target is to have no missing value at all, the run stops."""
    bench = Bench(tmp_path, b"species,mass\n" + b"a,1\n" * filled + b",2\n" * missing)
    ended = bench.run(**rules)
    summary = bench.summary()
    broken = [rule for rule in summary["rules"] if not rule["satisfied"]]
    assert [(rule["rule"], rule["expected"]) for rule in broken] == violated
    assert ended.exit_code == (1 if violated else 0)
    (rule,) = [each for each in summary["rules"] if each["rule"] in {"max_missing_target_share", "non_null_columns"}]
    assert (rule["column"], rule["rows_violating"]) == ("species", missing)
    if not violated:
        committed = read_committed(bench.store, bench.layout, "validate")
        assert committed is not None
        assert committed.manifest.facts["rows_without_target"] == summary["rows_without_target"] == missing
        assert committed.manifest.summaries["validate"].headline.endswith(f"{missing} of them without a target")
