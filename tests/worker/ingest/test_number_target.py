"""A target of numbers with a few words in it, and labels that only look so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_worker.errors import DataUnreadable
from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.data_format import DataFormat
from pipeline_worker.stages.ingest.number_target import refuse_words_among_numbers

#: 100 prices, and as many as are different.
PRICES = [f"{number % 40 * 25 + 1000}.5" for number in range(100)]


def check(folder: Path, cells: list[str], **config: Any) -> str:
    """Look at a target with *cells*, and return what its column is, unless it is refused."""
    raw, parquet, given = folder / "raw-data", folder / "dataset.parquet", IngestionConfig(**config)
    rows = "".join(f"{cell};{number}\n" for number, cell in enumerate(cells))
    raw.write_text("x;y\n" + rows, encoding="utf-8")
    schema = convert(raw, parquet, "x.csv", DataFormat("csv", "given"), given).schema
    refuse_words_among_numbers(parquet, schema, "x", given, "s3://drops/x.csv", "csv")
    column = schema.find("x")
    assert column is not None
    return column.type


@pytest.mark.parametrize(
    ("cells", "what", "missing"),
    [
        (
            [*PRICES, "on request"],
            "numbers but for 1 of its 101 cells, which is none: 'on request' in row 101 (line 102).",
            1,
        ),
        (["ask", *PRICES, "sold"], "2 of its 102 cells, which are none: 'ask' in row 1 (line 2), 'sold' in row 102", 2),
        # A unit, which is no word for missing.
        ([*PRICES[:50], "2700 kg", *PRICES], "'2700 kg' in row 51 (line 52)", 0),
        ([*PRICES, "$ 2,700"], "'$ 2,700' in row 101", 0),
        # Numbers in other forms, and words for missing, which count for nothing.
        ([price.replace(".", ",") for price in PRICES] + ["ask"], "'ask' in row 101", 1),
        ([f"${price}" for price in PRICES] + ["ask"], "'ask' in row 101", 1),
        ([*PRICES, *["n/a"] * 50, "ask"], "1 of its 101 cells, which is none: 'ask' in row 151", 2),
        # Only the first ten are listed.
        ([*PRICES * 3, *[f"see note {number}" for number in range(11)]], "'see note 9' in row 310 (line 311), ...", 0),
    ],
)
def test_a_few_words_among_numbers_are_refused(tmp_path: Path, cells: list[str], what: str, missing: int) -> None:
    """The refusal lists rows and cells, and the lines that make these missing, where they can be, or all of them labels."""
    with pytest.raises(DataUnreadable) as raised:
        check(tmp_path, cells)
    assert what in raised.value.what
    assert raised.value.exit_code == 1
    assert raised.value.details["rows"][-1]["value"] == cells[raised.value.details["rows"][-1]["row"] - 1]
    settings = [json.loads(found)["ingestion_config"] for found in re.findall(r"\{.*?\}\}\}", raised.value.fix)]
    assert [len(setting["missing_values"]["x"]) for setting in settings[:-1]] == [missing] * bool(missing)
    # What is pasted does what it says.
    assert check(tmp_path, cells, **settings[-1]) == "text"
    if missing:
        assert check(tmp_path, cells, **settings[0]) == "number"


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "2", "3", "4a", "4b"] * 20,
        ["0", "1", "2", "3+"] * 20,
        # A few other labels beside twenty different numbers, or many beside more.
        [str(number % 20) for number in range(100)] + ["other"],
        [*PRICES, *["other"] * 6],
        # Codes, of which some begin with a zero.
        [str(number) for number in range(10_001, 10_100)] + ["09999"],
        # Nothing but numbers, that are text for another reason.
        [f"732 829 {number}" for number in range(300, 400)] + ["none"],
        [str(2**70 + number) for number in range(100)],
        ["Adelie", "Gentoo"] * 50,
        ["", "NA"] * 50,
    ],
)
def test_labels_stay_labels(tmp_path: Path, cells: list[str]) -> None:
    """Few different numbers, many words, and codes are classes, or names; training has its own word on those."""
    assert check(tmp_path, cells) == "text"


def test_numbers_with_words_for_missing_are_numbers(tmp_path: Path) -> None:
    """There is nothing to refuse: rows with such a word have no target."""
    assert check(tmp_path, [*PRICES, "n/a", "-", "?", ""]) == "number"


def test_what_is_given_for_the_column_is_all_that_is_missing(tmp_path: Path) -> None:
    """A word of the usual list that was not given is one among numbers as well, and the line to paste has both."""
    with pytest.raises(DataUnreadable, match="'n/a' in row 101") as raised:
        check(tmp_path, [*PRICES, "n/a", "ask"], missing_values={"x": ["ask"]})
    assert '{"ingestion_config": {"missing_values": {"x": ["ask", "n/a"]}}}' in raised.value.fix


def check_parquet(folder: Path, cells: list[str], **config: Any) -> str:
    """Look at a target with *cells* as text of a Parquet file, and return what its column is, unless it is refused."""
    raw, parquet, given = folder / "raw-data", folder / "dataset.parquet", IngestionConfig(**config)
    pq.write_table(pa.table({"x": cells}), raw)
    schema = convert(raw, parquet, "x.parquet", DataFormat("parquet", "given"), given).schema
    refuse_words_among_numbers(parquet, schema, "x", given, "s3://drops/x.parquet", "parquet")
    column = schema.find("x")
    assert column is not None
    return column.type


@pytest.mark.parametrize(
    ("cells", "kind"),
    [([*PRICES, "ask", "n/a"], "number"), ([*(f"{number},000" for number in range(1, 100)), "ask"], "integer")],
)
def test_text_of_a_parquet_file_is_refused_with_lines_that_make_it_numbers(
    tmp_path: Path, cells: list[str], kind: str
) -> None:
    """Without a type it would stay text, and each of its numbers would be a class once the words are missing."""
    with pytest.raises(DataUnreadable, match="'ask' in row 1") as raised:
        check_parquet(tmp_path, cells)
    mended, missing, labels = (
        json.loads(found)["ingestion_config"] for found in re.findall(r"\{.*?\}\}\}", raised.value.fix)
    )
    assert check_parquet(tmp_path, [cell for cell in cells if cell != "ask"], **mended) == kind
    assert check_parquet(tmp_path, cells, **missing) == kind
    assert check_parquet(tmp_path, cells, **labels) == "text"


@pytest.mark.parametrize("cells", [["1", "2", "3", "4a"] * 30, ["Adelie", "Gentoo"] * 50])
def test_labels_of_a_parquet_file_stay_labels(tmp_path: Path, cells: list[str]) -> None:
    """As those of a CSV file do."""
    assert check_parquet(tmp_path, cells) == "text"
