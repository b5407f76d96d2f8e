"""Files of which only one column is found: read where blanks part the columns, else said for what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_worker.errors import DataUnreadable
from tests.worker.ingest.test_convert import convert_bytes
from tests.worker.printed_call import read_by_call

ALIGNED = 'id   size  "full  name"\n 1    1.5  no\n20    2.5  "yes,  sir"\n 3    3.5  no\t\n'


@pytest.mark.parametrize(
    ("text", "config", "columns"),
    [
        (ALIGNED, {}, {"id": [1, 20, 3], "size": [1.5, 2.5, 3.5], "full  name": ["no", "yes,  sir", "no"]}),
        ("\n" + ALIGNED.replace("\n", "\r\n"), {}, {"id": [1, 20, 3], "size": [1.5, 2.5, 3.5]}),
        ("a b\n1 x\n2 y\n", {}, {"a": [1, 2], "b": ["x", "y"]}),
        ("a\tb c\n1 2\tx\n2 \t3 y\n", {"separator": r"\s+"}, {"a": [1, 2], "b": [2, 3], "c": ["x", "y"]}),
        ("a b\n1 x\n2 y z\n3 z\n", {"separator": r"\s+", "max_bad_lines": 1}, {"a": [1, 3], "b": ["x", "z"]}),
        ("a b\n'x  \\' y' 1\nz 2\n", {"separator": r"\s+", "quote": "'", "escape": "\\"}, {"a": ["x  ' y", "z"]}),
    ],
)
def test_runs_of_blanks_part_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, config: dict[str, Any], columns: dict[str, list[Any]]
) -> None:
    """Those in quotes are kept, those at the ends of lines mean nothing, and the call of the report gives the same cells."""
    converted, found = convert_bytes(tmp_path, text.encode(), **config)
    assert {name: found[name] for name in columns} == columns
    _, table = read_by_call(tmp_path / "raw-data", converted, monkeypatch)
    assert {name: table[name].tolist() for name in columns} == {
        name: list(map(str, cells)) for name, cells in columns.items()
    }


def test_a_quoted_line_break_between_runs_of_blanks_is_refused(tmp_path: Path) -> None:
    """Its blanks could not be told from those between columns."""
    with pytest.raises(DataUnreadable, match="In line 2 a quote is never closed"):
        convert_bytes(tmp_path, b'a b\n1 "x\ny"\n', separator=r"\s+")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("label\nyes\nno\n", "The file has only one column, 'label': there is nothing to predict a target from."),
        ("label\n\nyes\n\nno\n", "The file has only one column, 'label', with empty lines between its rows: there is "),
        ("label\n\n\n\n", "The first line is 'label', and there is nothing below it but empty lines or blanks."),
        (" \n  \n\n", "The file has nothing but blanks and empty lines."),
        (" \na,b\n1,2\n", "The first line has nothing but blanks, and the header is to be there."),
        ("My table\na;b;c\n1;2;3\n", "Only one column was found: the first line is 'My table', while lines below it have 3."),
        ("a^b^c\n1^2^3\n", "Only one column was found, but every line has 2 `^`."),
        ("12:30:05 started\n12:30:06 ended here\n", "The file has only one column, '12:30:05 started'"),
        ("id  full name\n1  no\n2  yes\n", "The columns seem to be aligned by blanks, but line 2 has 2 words, and the first one has 3."),
    ],
)  # fmt: skip
def test_a_single_column_is_said_for_what_it_is(tmp_path: Path, text: str, what: str) -> None:
    """Which of the cases it is decides what a person can do."""
    with pytest.raises(DataUnreadable) as raised:
        convert_bytes(tmp_path, text.encode())
    assert raised.value.what.startswith(what)


@pytest.mark.parametrize(
    ("header", "is_text"), [("2024-01-01 12:00:00 INFO started worker", True), ("the label of it", False)]
)
def test_a_single_column_named_by_a_text_is_told_as_one(tmp_path: Path, header: str, is_text: bool) -> None:
    """A log has no header, and no name has so many words."""
    with pytest.raises(DataUnreadable, match="only one column") as raised:
        convert_bytes(tmp_path, f"{header}\nyes\nno\n".encode())
    assert raised.value.fix.startswith("The first line reads like a text or a log") == is_text


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a^b^c\n1^2^x\n3^4^y\n", ["a", "b", "c"]),
        ("a:b\n1:x\n2:y\n", ["a", "b"]),
        ("a\x01b\n1\x01x\n2\x01y\n", ["a", "b"]),
        ("a  b\n" + "1  x\n" * 20 + "2  y z\n", ["a", "b"]),
    ],
)
def test_the_line_of_the_refusal_reads_the_file(tmp_path: Path, text: str, columns: list[str]) -> None:
    """A sign that every line has as often is named as what may stand between the columns; and so are runs of blanks."""
    with pytest.raises(DataUnreadable) as raised:
        convert_bytes(tmp_path, text.encode())
    given = json.loads(raised.value.fix.rpartition("give ")[2])["ingestion_config"]
    assert list(convert_bytes(tmp_path, text.encode(), **given)[1]) == columns
