"""Lines of a CSV file that are no rows: units below the header, totals at the end; and rows that only look so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline_worker.errors import DataUnreadable
from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import DataFormat
from pipeline_worker.stages.ingest.formats import separated
from pipeline_worker.stages.ingest.totals import TOTAL_WORDS
from tests.worker.conftest import ROOT


def convert_text(folder: Path, text: str, **config: Any) -> tuple[Converted, dict[str, list[Any]]]:
    """Return what became of a CSV file with *text*, and the columns of the Parquet file."""
    raw, target = folder / "raw-data", folder / "dataset.parquet"
    raw.write_text(text, encoding="utf-8")
    converted = convert(raw, target, "x.csv", DataFormat("csv", "given"), IngestionConfig(**config))
    return converted, pq.read_table(target).to_pydict()


def find_setting(note: str) -> dict[str, Any]:
    """Return the line to paste that a note ends with."""
    found = re.search(r'give (\{"ingestion_config": .*\})\.$', note)
    assert found, note
    setting: dict[str, Any] = json.loads(found[1])["ingestion_config"]
    return setting


@pytest.mark.parametrize(
    ("text", "kinds", "says"),
    [
        # The word alone makes no text of a date or a number.
        ("day,n\n2024-01-01,1\n2024-01-02,5\nTotal,6\n", ["date", "integer"], "Line 4, the last, says `Total` (`day`)"),
        ("id,n\n1,1\n2,5\n3,\nGrand total:,6\n\n\n", ["integer", "integer"], "Line 5, the last, says `Grand total:`"),
        ("x;n;m\na;1,5;2\nb;1.233,0;2\nSUMME;1.234,5;\n", ["text", "number", "integer"], "its `n` is the sum"),
        ('x,n\na,$1\nb,"$1,233.50"\nTotal,"$1,234.50"\n', ["text", "number"], "its `n` is the sum"),
        # Floats do not add up exactly, and a sum may be written in fewer digits than what it is of.
        ("x,n\na,0.1\nb,0.2\nc,0.7\nSum,1.0\n", ["text", "number"], "its `n` is the sum"),
        ("x,n\na,1.4\nb,2.4\nc,9.1\nSum,13\n", ["text", "number"], "its `n` is the sum"),
        ("x,n\na,1.25\nb,3.35\nc,NA\nTotal,2.30\n", ["text", "number"], "its `n` is the mean"),
        ("x,n\na,1\nb,30\nTotal,15.5\n", ["text", "integer"], "its `n` is the mean"),
        # One column is enough: a rate has no sum.
        (
            "x,n,rate\na,1,0.5\nb,5,0.2\nTotal,6,0.25\n",
            ["text", "integer", "number"],
            "its `n` is the sum of the cells",
        ),
    ],
)
def test_a_line_of_totals_is_left_out_and_said(tmp_path: Path, text: str, kinds: list[str], says: str) -> None:
    """It is the last line, says a total's word, and has the sum or the mean of a column of numbers, to rounding."""
    converted, columns = convert_text(tmp_path, text)
    assert [column.type for column in converted.schema.columns] == kinds
    assert len(columns["n"]) == converted.schema.rows == len(text.split()) - 2 - (" " in text)
    (note,) = [note for note in converted.notes if note.startswith("Line ")]
    assert says in note
    assert find_setting(note) == {"column_types": {next(iter(columns)): "text"}}
    assert converted.pandas_call[1]["nrows"] == converted.schema.rows


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        # A shop called Total.
        ("x,n\na,1\nb,5\nTotal,4\n", True),
        ("x,n\na,1\nb,5\nTotal,7\n", True),
        # All alike, so that the mean says nothing; and a mark between 1 and 5 that is one by chance.
        ("x,n\na,1\nb,1\nTotal,1\n", True),
        ("x,n\na,1\nb,5\nTotal,3\n", True),
        # Subtotals: this is the last of them.
        ("x,n\na,1\nTotal,1\nb,5\nTotal,7\n", True),
        # It says more than a total does.
        ("x,y,n\na,u,1\nb,v,5\nTotal,w,6\n", True),
        # Not the last, or without the word.
        ("x,n\na,1\nb,5\nTotal,6\nc,4\n", False),
        ("x,n\na,1\nb,5\nTotals of b,6\n", False),
        ("x,n\na,1\nb,5\nc,6\n", False),
        ("x,n\nTotal,6\n", True),
    ],
)
def test_a_label_total_is_a_label(tmp_path: Path, text: str, is_told: bool) -> None:
    """The word alone leaves nothing out; a note names the line, where it is the last."""
    converted, columns = convert_text(tmp_path, text)
    assert len(columns["x"]) == text.count("\n") - 1
    told = [note for note in converted.notes if "is read as a row" in note]
    assert bool(told) is is_told
    assert all(note.startswith(f"Line {len(text.splitlines())}, the last, says `Total` (`x`)") for note in told)
    assert "nrows" not in converted.pandas_call[1]


def test_what_a_note_on_totals_says_keeps_the_line(tmp_path: Path) -> None:
    """Where the column is given as text, the word is a label of it, and nobody has to be told."""
    text = "x,n\na,1\nb,5\nTotal,6\n"
    setting = find_setting(convert_text(tmp_path, text)[0].notes[0])
    converted, columns = convert_text(tmp_path, text, **setting)
    assert columns == {"x": ["a", "b", "Total"], "n": [1, 5, 6]}
    assert converted.notes == []


@pytest.mark.parametrize(
    ("text", "kinds", "cells"),
    [
        (
            "t,o,kind\ndegC,umol/kg,-\n1.5,2,a\n2.5,3,b\n",
            ["number", "integer", "text"],
            ("`degC` (`t`)", "`-` (`kind`)"),
        ),
        ("t,o,kind\n°C,%,\n1.5,2,a\n2.5,3,b\n", ["number", "integer", "text"], ("`°C` (`t`)", "`%` (`o`)")),
        # Without a unit there is a 1; and of a date the zone is said.
        ("t,o,n\nm,s,1\n1.5,2,1\n2.5,3,1\n", ["number", "integer", "integer"], ("`1` (`n`)",)),
        ("at,t,o\nUTC,m,m\n2024-01-31,2,1\n2024-02-01,3,1\n", ["date", "integer", "integer"], ("`UTC` (`at`)",)),
        ('sep=;\nt;o\n"m / s";kg\n1,5;2\n2,5;3\n', ["number", "integer"], ("`m / s` (`t`)",)),
        ("\n\nt,o\nm,$\n1.5,?\n2.5,$3.50\n", ["number", "number"], ("`$` (`o`)",)),
    ],
)
def test_a_line_of_units_is_left_out_and_said(
    tmp_path: Path, text: str, kinds: list[str], cells: tuple[str, ...]
) -> None:
    """The columns are what they are without it, and rows have the lines of the file."""
    converted, columns = convert_text(tmp_path, text)
    assert [column.type for column in converted.schema.columns] == kinds
    assert {len(values) for values in columns.values()} == {converted.schema.rows} == {2}
    line = len(text.splitlines()) - 1
    assert converted.schema.first_row_line == line
    assert converted.notes[0].startswith(f"Line {line - 1}, below the header, has units")
    assert all(cell in converted.notes[0] for cell in cells)


@pytest.mark.parametrize(
    "text",
    [
        # Labels, of columns of labels.
        "x,y,n\nsmall,red,-\nlarge,blue,3\nsmall,blue,4\n",
        "x,y,n\nsmall,red,1\nlarge,blue,3\nsmall,blue,4\n",
        # The column has such words elsewhere too.
        "t,o\nlow,high\n1.5,2\n2.5,high\n",
        # One word may be a slip, and so are two beside a number, a label, or the number of the row.
        "t,o\nlow,2\n1.5,2\n2.5,3\n",
        "t,o,n\nlow,high,7\n1.5,2,1\n2.5,3,1\n",
        "t,o,kind\nlow,high,a\n1.5,2,a\n2.5,3,b\n",
        "id,t,o\n1,low,high\n2,2,1\n3,3,1\n",
        # Words for missing, and what begins with a number.
        "t,o\nn/a,missing\n1.5,2\n2.5,3\n",
        "t,o\n4a,5b\n1.5,2\n2.5,3\n",
        # Nothing below it.
        "t,o\ndegC,umol/kg\n",
    ],
)
def test_a_first_row_of_words_stays(tmp_path: Path, text: str) -> None:
    """What could be a row is one."""
    converted, columns = convert_text(tmp_path, text)
    assert {len(values) for values in columns.values()} == {text.count("\n") - 1}
    assert converted.schema.first_row_line == 2
    assert not any("units" in note for note in converted.notes)


def test_what_a_note_on_units_says_keeps_the_line(tmp_path: Path) -> None:
    """The words are missing in their columns then, beside those that were missing before."""
    text = "t,o\nlow,high\n1.5,NA\n2.5,3\n"
    setting = find_setting(convert_text(tmp_path, text)[0].notes[0])
    assert setting == {"missing_values": {"t": ["low"], "o": ["NA", "high"]}}
    _, columns = convert_text(tmp_path, text, **setting)
    assert columns == {"t": [None, 1.5, 2.5], "o": [None, None, 3]}


def test_a_refusal_below_units_names_the_row_as_it_is_counted(tmp_path: Path) -> None:
    """A type that is given holds for rows, not for units; row 1 is the first row that is kept."""
    types = {"o": "integer"}
    text = "t,o,n\nm,kg,1\n1.5,2,3\n2.5,x,4\n"
    with pytest.raises(DataUnreadable, match="row 2 has 'x'"):
        convert_text(tmp_path, text, column_types=types)
    converted, _ = convert_text(tmp_path, text.replace("x", "7"), column_types=types)
    assert converted.schema.first_row_line == 3


def test_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and the last row are those of the file, not of each block; also where a block has no other."""
    rows = "".join(f"{number},{number}.5\n" for number in range(10, 20))
    text = f"t,o\nm,kg\n{rows}Total,150\n"
    together, expected = convert_text(tmp_path, text)
    assert expected == {"t": list(range(10, 20)), "o": [number + 0.5 for number in range(10, 20)]}
    for size in (12, 16, 30, 64):
        monkeypatch.setattr(separated, "_BLOCK_BYTES", (size, size))
        assert convert_text(tmp_path, text) == (together, expected)


def test_words_of_totals_are_those_of_the_readme() -> None:
    """A person finds all of them there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = text.partition("<!-- total words -->")[2].partition("<!-- end of total words -->")[0]
    assert set(re.findall("`([^`]+)`", listed)) == TOTAL_WORDS


@pytest.mark.slow("loads pandas")
@pytest.mark.parametrize(
    "head",
    ["t,o,kind\n", "\nt,o,kind\n", "sep=,\nt,o,kind\n", "t,o,kind\n\n\n", '"t\n(mean)",o,kind\n', '\nt,"o\n",kind\n\n'],
)
def test_the_call_of_pandas_leaves_them_out_as_well(tmp_path: Path, head: str) -> None:
    """What the report prints gives the rows of the dataset."""
    import pandas as pd

    text = head + 'm,kg,-\n1,2,"a\nb"\n2,3,b\n7,4,a\n,9,Total\n'
    converted, columns = convert_text(tmp_path, text)
    assert list(columns.values()) == [[1, 2, 7], [2, 3, 4], ["a\nb", "b", "a"]]
    function, options = converted.pandas_call
    assert function == "read_csv"
    # As the file has them: the model reads the cells, and leaves blanks around names out.
    found = pd.read_csv(tmp_path / "raw-data", **options).to_dict("list")
    assert {name.strip(): cells for name, cells in found.items()} == {
        name: list(map(str, values)) for name, values in columns.items()
    }
