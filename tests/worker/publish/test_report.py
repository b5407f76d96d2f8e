"""The page on a published model."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from html import escape
from html.parser import HTMLParser
from typing import Any

from pipeline_worker.stages.publish.report import Report, write_report

REPORT = Report(
    dataset="bikes",
    run_key="bikes.20260101T000000Z.aaaaaaaa",
    file="s3://drops/bikes/day.csv",
    landed_at=datetime(2026, 1, 1, tzinfo=UTC),
    trained={
        "model_name": "LinearRegression",
        "target_column": "hires",
        "target_rule": "regression",
        "headline_metric": "r2",
        "rows": {"train": 80, "test": 20},
        "features": 3,
        "notes": ["a note"],
        "suspect_columns": {"number": "an identifier"},
        "defaults_chosen": {"max_iter": "1000: more"},
        "unused_columns": ["void"],
    },
    request={"target_column": "hires", "drop_columns": ["id"], "test_size": 0.2, "model_version": None},
    profile={
        "rows": 100,
        "columns": [
            {"name": "hires", "type": "integer", "missing": 0, "distinct": 90, "min": 1, "max": 99},
            {"name": "id", "type": "text", "missing": 1, "distinct": 10, "distinct_is_at_least": True},
            {"name": "void", "type": "text", "missing": 100, "distinct": 0, "most_frequent": None},
        ],
    },
    summary={
        "rules": [{"rule": "unique_columns", "column": "id", "expected": "once", "found": "once", "satisfied": True}]
    },
    metrics={
        "kind": "regression",
        "model": {"rmse": 12345.6, "r2": 0.5},
        "baseline": {"rmse": 20000, "r2": -0.0001},
        "headline": "r2",
        "less_is_better": ["rmse"],
        "interval": {"level": 0.95, "low": 0.4, "high": 0.6, "lead_low": 0.4, "lead_high": 0.6},
        "against_baseline": "better than the baseline",
    },
    figures={"importance": b"png", "predictions": b"png"},
    location="s3://artifacts/models/x.pkl",
    digest="sha256:aa",
    version=3,
    newest=3,
    links={"Run in MLflow": "http://mlflow/#/runs/1", "Elsewhere": "javascript:alert(1)"},
)


class Outline(HTMLParser):
    """Fails on a tag that is not closed; keeps text and links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(str(dict(attrs)["href"]))
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(**changes: Any) -> tuple[str, Outline]:
    outline = Outline(write_report(dataclasses.replace(REPORT, **changes)))
    return " ".join(" ".join(outline.text).split()), outline


def test_the_page_tells_what_a_person_asks_first() -> None:
    """How good against what, from what data, where it is, how to load it, and what to look at."""
    text, outline = read()
    for wanted in (
        "bikes version 3",
        "LinearRegression predicts hires",
        "12,346 20,000",
        "R² 0.5 0.4 to 0.6; baseline -0.0001",
        "better than the baseline's by 0.4 to 0.6",
        "80 learned, 20 tested",
        "1 dropped, 1 ignored",
        "1 of 1 rules hold",
        "models:/bikes@newest",
        "s3://artifacts/models/x.pkl",
        "a note",
        "an identifier",
        "≥ 10",
    ):
        assert wanted in text
    assert outline.links == ["http://mlflow/#/runs/1"]


def test_what_loses_to_the_baseline_is_not_praised() -> None:
    """The first tile and the section say so, and no metric is in bold; untested classes are named."""
    worse = {
        "kind": "classification",
        "headline": "log_loss",
        "model": {"log_loss": 2.52, "accuracy": 0.7},
        "baseline": {"log_loss": 2.48, "accuracy": 0.6},
        "interval": {"why_none": "the test part has 2 rows of class 'rare', and 5 are needed"},
        "against_baseline": "worse than the baseline",
        "untested_classes": ["x" * 500],
    }
    page = write_report(dataclasses.replace(REPORT, metrics=worse))
    assert "baseline 2.48: worse than the baseline" in page
    assert "<b>worse than the baseline</b>" in page
    assert ">2.52</td>" in page
    assert "<b>2.52</b></td>" not in page
    assert "<b>0.7</b></td>" not in page
    assert "2 rows of class &#x27;rare&#x27;" in page
    assert "No row of class &#x27;xxxx" in page
    assert "x" * 100 not in page


def test_a_name_as_long_as_a_book_is_cut() -> None:
    """It is in full nowhere on the page."""
    name = "long" * 25_000
    page = write_report(
        dataclasses.replace(
            REPORT,
            trained=REPORT.trained
            | {"target_column": name, "notes": [f"`{name}` is odd."], "suspect_columns": {name: "odd"}},
            profile={"rows": 9, "columns": [{"name": name, "type": "text", "missing": 0, "distinct": 1}]},
            request={"drop_columns": [name]},
        )
    )
    assert len(page) < 20_000


def test_rows_without_a_target_are_counted_among_the_rows() -> None:
    """Rows that were neither learned nor tested are told where a person adds the others up."""
    assert "without a target" not in read()[0]
    text, _ = read(trained=REPORT.trained | {"rows_without_target": 7})  # type: ignore[operator]
    assert "80 learned, 20 tested, 7 without a target" in text


def test_the_code_to_copy_reads_the_file_as_it_is_written() -> None:
    """Another separator or encoding is told to pandas, and a Parquet file is read as one."""
    assert "predict(pandas.read_csv('day.csv'))" in read()[0]
    call = {"function": "read_csv", "options": {"sep": "\t", "encoding": "cp1252", "skiprows": 1}}
    text, _ = read(profile=REPORT.profile | {"pandas": call})  # type: ignore[operator]
    assert r"predict(pandas.read_csv('day.csv', sep='\t', encoding='cp1252', skiprows=1))" in text
    call = {"function": "read_parquet", "options": {}}
    text, _ = read(file="s3://drops/bikes/day.parquet", profile=REPORT.profile | {"pandas": call})  # type: ignore[operator]
    assert "predict(pandas.read_parquet('day.parquet'))" in text


def test_the_code_to_copy_opens_what_pandas_cannot() -> None:
    """An archive and JSON are opened by Python's own modules, which it imports, and a workbook by a package to install."""
    argument = "json.load(gzip.open({file}, 'rt', encoding='utf-8'))"
    call = {"function": "DataFrame", "options": {"dtype": "object"}, "argument": argument}
    text, _ = read(file="s3://drops/bikes/day.json.gz", profile=REPORT.profile | {"pandas": call})  # type: ignore[operator]
    assert "import gzip, json, mlflow, pandas" in text
    wanted = "pandas.DataFrame(json.load(gzip.open('day.json.gz', 'rt', encoding='utf-8')), dtype='object')"
    assert f"predict({wanted})" in text
    assert "python-calamine" not in text
    call = {"function": "read_excel", "options": {"engine": "calamine"}}
    text, _ = read(file="s3://drops/bikes/day.xlsx", profile=REPORT.profile | {"pandas": call})  # type: ignore[operator]
    assert "pip install python-calamine" in text


def test_what_pandas_cannot_be_told_stands_beside_its_call() -> None:
    """It does not see quotes, and so a person is told of words that mean two things."""
    call = {
        "function": "read_csv",
        "options": {"dtype": "str", "keep_default_na": False},
        "reads_otherwise": {"area": "`NA` is a label in quotes, and missing without them"},
    }
    text, _ = read(profile=REPORT.profile | {"pandas": call})  # type: ignore[operator]
    assert "predict(pandas.read_csv('day.csv', dtype='str', keep_default_na=False))" in text
    assert "is a label in quotes, and missing without them" in text


def test_what_ingest_noted_is_to_know() -> None:
    """The first notes stand before those of the training; of more it is said where they are."""
    text, _ = read(profile=REPORT.profile | {"notes": [f"`c{number}`: <odd>" for number in range(32)]})  # type: ignore[operator]
    assert "c0 : <odd> c1 : <odd>" in text
    assert "c29 : <odd> and 2 more of the columns, in profile.json a note" in text


def test_a_broken_rule_that_is_a_warning_is_to_know() -> None:
    """It stands there with what was expected and found, escaped, and among the rules it is none that holds."""
    rule = {
        "rule": "value_ranges",
        "column": "<b>",
        "expected": "at most 9",
        "found": "'<i>' in row 1",
        "satisfied": False,
    }
    page = write_report(dataclasses.replace(REPORT, summary={"rules": [rule | {"severity": "warning"}]}))
    assert (
        "<code>&lt;b&gt;</code>: expected at most 9, found &#x27;&lt;i&gt;&#x27; in row 1 (<code>value_ranges</code>, a warning)."
        in page
    )
    assert "<b>warning</b>" in page
    assert "0 of 1" in page


def test_a_version_that_is_not_the_newest_says_so() -> None:
    """The code to copy loads this version, not the newest."""
    text, _ = read(newest=4)
    assert "newest is version 4" in text
    assert "models:/bikes/3" in text


def test_a_page_with_little_to_tell_is_whole() -> None:
    """Objects that an older run lacks leave gaps, not errors."""
    text, _ = read(profile={}, summary={}, metrics={}, figures={}, trained={}, request={})
    assert "bikes" in text


def test_names_and_lines_to_paste_are_code() -> None:
    """What is between backticks is a name; what is to be pasted stands out, and whatever a file says is escaped."""
    from pipeline_worker.stages.publish.markup import show_note

    line = '{"ingestion_config": {"missing_values": {"<b>": ["a, b"]}}}'
    shown = show_note(f"`<b>`: 1 cell says `?`; if it is a label, give {line}.")
    pasted = escape(line)
    assert shown == f"<code>&lt;b&gt;</code>: 1 cell says <code>?</code>; if it is a label, give <code>{pasted}</code>."
