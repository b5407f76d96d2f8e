"""What a command writes: into the task's log up to a length, and as what it can do no harm."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from pipeline.runners.output import Output
from pipeline_contract.records import Failure


class Said:
    """A log that keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def log(self, level: int, form: str, *values: Any) -> None:
        self.lines.append((level, form % values))

    def warning(self, form: str, *values: Any) -> None:
        self.log(logging.WARNING, form, *values)


@pytest.fixture
def said():
    """Give such a log."""
    return Said()


def test_the_workers_lines_keep_their_level_and_others_are_information(said):
    """A line in the worker's form has its level; a library's, whatever it says, has none."""
    output = Output(said)
    output.stderr.add(b"12:00:00 WARNING few rows\nERROR of a library\n12:00:00 ERROR   stopped\n")
    output.end(1)
    assert said.lines == [
        (logging.WARNING, "few rows"),
        (logging.INFO, "ERROR of a library"),
        (logging.ERROR, "stopped"),
    ]


def test_what_cannot_be_seen_is_written_out(said):
    """No colour, no moved cursor, no line that is none, no turned direction; letters of any script and tabs stay."""
    output = Output(said)
    output.stderr.add("a\x1b[31m\rb\x85c\u202ed\x00\tü字\n".encode())
    ended = output.end(3)
    assert said.lines == [(logging.INFO, r"a\u001b[31m\rb\u0085c\u202ed\u0000" + "\tü字")]
    assert ended.last_words == said.lines[0][1]


def test_a_log_of_the_greatest_length_is_said_whole(said):
    """50,000 lines are all there, in their order."""
    output = Output(said)
    lines = [f"line {number}" for number in range(50_000)]
    output.stderr.add("\n".join(lines).encode())
    output.end(0)
    assert [text for _, text in said.lines if text.startswith("line")] == lines
    assert "left out" not in said.lines[-1][1]
    assert len(said.lines) == 50_001  # and a word that the rest comes late


def test_a_longer_one_has_its_beginning_and_its_end(said):
    """What is left out is counted, in lines and bytes, at its place; the last line is there."""
    output = Output(said)
    output.stderr.add("".join(f"line {number:06}\n" for number in range(120_000)).encode())
    output.close()
    texts = [text for _, text in said.lines]
    assert texts[:2] == ["line 000000", "line 000001"]
    assert texts[39_999] == "line 039999"
    assert "too long" in texts[40_000]
    assert texts[40_001] == f"70000 lines ({70_000 * 11} bytes) of the log were left out here."
    assert texts[40_002] == "line 110000"
    assert texts[-1] == "line 119999"
    assert len(texts) == 50_002
    # A runner closes it, and asks for the end.
    output.end(0)
    assert len(said.lines) == 50_002


def test_long_lines_are_bounded_by_their_bytes(said):
    """280 MiB in few lines become 10 MiB at most."""
    output = Output(said)
    for _ in range(280 * 16):
        output.stderr.add(b"x" * 65_535 + b"\n")
    output.end(0)
    assert 9 << 20 < sum(len(text) for _, text in said.lines) <= (10 << 20) + 1000
    assert any("left out" in text for _, text in said.lines)


RECORD = Failure(
    "r", "penguins", "train", "run-1.1", "a", 75, "StoreDown", "The store is down.", "s3", "Wait.", "runbook"
)


def test_a_record_on_a_marked_line_counts(said):
    """The last record is the command's, whatever else it prints; the last line is its result."""
    output = Output(said)
    output.stdout.add(f"PIPELINE-FAILURE {{}}\n{RECORD.mark()}\nPIPELINE-FAILURE {{broken\nthe end\n".encode())
    ended = output.end(75)
    assert (ended.record, ended.result) == (RECORD, "the end")


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"exit": 75}),
        f" {RECORD.mark()}",
        "PIPELINE-FAILURE {broken",
        'PIPELINE-FAILURE "text"',
        'PIPELINE-FAILURE {"exit": 75, "what": "The store is down."}',
        "PIPELINE-FAILURE " + "[" * 60_000,
    ],
    ids=lambda line: line[:40],
)
def test_anything_else_is_no_record(said, line):
    """A line without the mark, or of another form after it, says nothing."""
    output = Output(said)
    output.stdout.add(line.encode())
    assert output.end(75).record is None
