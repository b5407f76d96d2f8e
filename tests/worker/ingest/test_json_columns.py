"""JSON lines that are as plain as those before them are read as columns, and become what they become record by record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_worker.errors import DataUnreadable
from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest import cell_file, json_records
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.data_format import DataFormat
from pipeline_worker.stages.ingest.formats import json_lines
from pipeline_worker.stages.ingest.json_columns import read_columns
from pipeline_worker.stages.ingest.native_cells import write_values

KINDS: dict[str, set[type]] = {
    "s": {str},
    "n": {int, float},
    "f": {float},
    "i": {int},
    "b": {bool},
    "o.s": {str},
    "z": set(),
}
NESTED = {"o": ["s"]}


def read_cells(*lines: str) -> dict[str, list[str]] | None:
    """Return the cells of *lines* after some that had the kinds above."""
    found = read_columns("".join(f"{line}\n" for line in lines).encode(), KINDS, NESTED)
    if found is None:
        return None
    cells, count = found
    assert count == len(lines)
    return {name: write_values(each).to_pylist() for name, each in cells.items()}


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        (
            {"s": "2024-01-31", "o": {"s": "2024-01-31T10:00:00Z"}},
            {"s": ["2024-01-31"], "o.s": ["2024-01-31T10:00:00Z"]},
        ),
        ({"s": 'é\n\u0000"} {', "o": {"s": "}\n{"}}, {"s": ['é\n\u0000"} {'], "o.s": ["}\n{"]}),
        ({"i": 9223372036854775807, "n": 7, "b": True}, {"i": ["9223372036854775807"], "n": ["7"], "b": ["true"]}),
        ({"f": 1.5, "n": 2.5, "i": -3, "b": False}, {"f": ["1.5"], "n": ["2.5"], "i": ["-3"], "b": ["false"]}),
        ({"f": 7.0}, {"f": ["7"]}),
        ({"f": -0.0}, {"f": ["-0"]}),
        ({"f": 1e-7}, {"f": ["1e-07"]}),
        ({"f": 1e15}, {"f": ["1000000000000000"]}),
        ({"f": 1e22}, {"f": ["1e+22"]}),
        ({"f": 0.30000000000000004}, {"f": ["0.30000000000000004"]}),
        ({"z": None, "s": None, "o": None, "f": 0.0001}, {"f": ["0.0001"]}),
        ({}, {}),
        ({"o": {}}, {}),
    ],
)
def test_plain_lines_give_the_cells_that_they_give_record_by_record(
    line: dict[str, Any], cells: dict[str, Any]
) -> None:
    """Text stays text, whatever it looks like, and each number keeps its value and how a label of it is written."""
    assert read_cells(json.dumps(line)) == cells


def test_a_missing_value_is_an_empty_cell_among_others() -> None:
    """So it is where a name is left out, and where an object is."""
    lines = (
        '{"s": "a", "f": 1e-9, "o": {"s": "b"}}',
        '{"o": null, "f": null}',
        '{"s": null, "o": {"s": null}, "f": 2.0}',
    )
    assert read_cells(*lines) == {"s": ["a", "", ""], "f": ["1e-09", "", "2"], "o.s": ["b", "", ""]}


@pytest.mark.parametrize(
    "lines",
    [
        ['{"s": "a", "s": "b"}'],
        ['{"o": {"s": "a", "s": "b"}}'],
        ['{"new": 1}'],
        ['{"o": {"new": 1}}'],
        ['{"o.s": "a"}'],
        ['{"s": 1}'],
        ['{"i": 1.0}'],
        ['{"i": 9223372036854775808}'],
        ['{"n": 9007199254740993}'],
        ['{"n": -0}'],
        ['{"f": NaN}'],
        ['{"f": Inf}'],
        ['{"f": 1e999}'],
        ['{"b": 1}'],
        ['{"z": 1}'],
        ['{"o": 1}'],
        ['{"s": "a"}{"s": "b"}'],
        ['{"s":', '"a"}'],
        ['{"s": "a"}{"o": {', '"s": "b"}}'],
        ['{"s": "a"},'],
        ['{"s": "a"', "}"],
        ["", '{"s": "a"}'],
        ['{"s": "\\ud800"}'],
        ['{"s": "\\udc00"}'],
        ['{"s": "a\tb"}'],
        ["[1]"],
        ["1"],
        ['\ufeff{"s": "a"}'],
        [f'{{"s": {"[" * 200_000}{"]" * 200_000}}}'],
        [f'{{"o": {{"s": {"[" * 200_000}{"]" * 200_000}}}}}'],
        [f"{''.join(['{', chr(34), 'o', chr(34), ':'] * 100_000)}1{'}' * 100_000}"],
    ],
)
def test_other_lines_are_left_to_be_read_record_by_record(lines: list[str]) -> None:
    """What is new, of another kind, broken or too deep to be read at all is never taken for what it is not."""
    assert read_cells(*lines) is None


def test_columns_of_several_kinds_and_of_arrays_are_left_as_well() -> None:
    """Nothing says how Arrow should read them."""
    for kinds in ({str, int}, {list}, {dict}):
        assert read_columns(b'{"a": null}\n', {"a": kinds}, {}) is None


@pytest.mark.parametrize(
    "later",
    [
        '{"a": 3, "b": "z", "c": {"d": 2.5}}',
        '{"b": "z", "c": null, "new": true, "a": 3}',
        '{"a": "x", "b": 1.5, "c": {"d": 1e-9, "e": [1, {"f": null}]}}',
        '{"a": 18446744073709551616, "b": null}',
        '\n {"a": 3, "b": " z "} \n',
        '{"a": 1, "b": "z"} {"a": 2}',
        '{"a": 1, "a": 2}',
        '{"a": 1, "c.d": 2, "c": {"d": 1}}',
        '{"a": tru}',
    ],
)
def test_the_dataset_is_the_same_by_lines_and_by_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    """What becomes of a file, or what is said against it, does not depend on which of its lines are read at once, and kept in memory."""
    path = tmp_path / "x.jsonl"
    first = '{"a": 1, "b": "x", "c": {"d": 0.5}}\n{"a": 2, "b": "", "c": {"d": 7.0}}\n'
    path.write_text(f"{first}{first}{later}\n{first}", encoding="utf-8")
    found = []
    # A block of one of these records is 25 bytes in memory: all go into the file, or all but the first, or none.
    for size, first_bytes, room in (
        (1, 1 << 20, 0),
        (1, 1 << 20, 30),
        (1 << 20, 1 << 20, 1 << 20),
        (1 << 20, len(first), 0),
    ):
        monkeypatch.setattr(cell_file, "_MEMORY_BYTES", room)
        monkeypatch.setattr(json_lines, "_BLOCK_BYTES", size)
        monkeypatch.setattr(json_lines, "_FIRST_BYTES", first_bytes)
        monkeypatch.setattr(json_records, "_BLOCK_CELLS", size)
        target = tmp_path / "dataset.parquet"
        try:
            converted = convert(path, target, "x.jsonl", DataFormat("jsonl", "given"), IngestionConfig())
            table: pa.Table = pq.read_table(target)
            found.append((converted, table.to_pydict()))
        except DataUnreadable as error:
            found.append((str(error), error.where))
    assert found == found[:1] * 4
