"""A table of text is read once where its first rows say what its columns are, and again where a later row says otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest.extra_lines import find_body
from pipeline_worker.stages.ingest.text_format import TextFormat
from pipeline_worker.stages.ingest.text_table import convert_body


def convert_blocks(folder: Path, *blocks: list[str], **config: Any) -> tuple[str, list[Any], int]:
    """Return type and values of a column of cells that come in *blocks*, and how often they were read."""
    reads = 0

    def read(_: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        nonlocal reads
        reads += 1
        return (pa.record_batch([pa.array(cells, pa.string())], names=["0"]) for cells in blocks)

    cells = TextFormat(line="Row", header=("x",), header_line=1, first_row=(blocks[0][0],), last_row=(blocks[-1][-1],))
    target = folder / "dataset.parquet"
    body = find_body(read, cells, ["x"], IngestionConfig(**config), "x.xlsx", target)
    (column,) = convert_body(body, cells, ["x"], target, "x.xlsx").schema.columns
    return column.type, pq.read_table(target).column("x").to_pylist(), reads


@pytest.mark.parametrize(
    ("blocks", "kind", "values"),
    [
        ((["1", "2"], ["3", "-0"]), "integer", [1, 2, 3, 0]),
        ((["0.5", "0"], ["NA", "-0.25"], ["+0.5", "7"]), "number", [0.5, 0.0, None, -0.25, 0.5, 7.0]),
        ((["1,5"], ["1.234"], [" 2,5 "]), "number", [1.5, 1234.0, 2.5]),
        ((["true", "false"], ["True", "FALSE"], [" tRue", "?"]), "boolean", [True, False, True, False, True, None]),
        ((["a", " b"], ["NA"], ["c ", "d"]), "text", ["a", "b", "NA", "c", "d"]),
        ((["10:30", "9:15"], ["n/a"]), "time", ["10:30:00", "09:15:00", None]),
        ((["2024-01-31"], ["2024-2-1"], [" 2024-02-02", ""]), "date", ["2024-01-31", "2024-02-01", "2024-02-02", None]),
    ],
)
def test_cells_are_read_once_where_no_column_changes_its_type(
    tmp_path: Path, blocks: tuple[list[str], ...], kind: str, values: list[Any]
) -> None:
    """What the first rows say of the columns holds, whatever else later rows have to show."""
    found, read, reads = convert_blocks(tmp_path, *blocks)
    as_said = [
        each if each is None or isinstance(each, bool | float | int | str) else each.isoformat() for each in read
    ]
    assert (found, as_said, reads) == (kind, values, 1)


@pytest.mark.parametrize(
    ("blocks", "kind", "values"),
    [
        ((["1", "2"], ["3.5"]), "number", [1.0, 2.0, 3.5]),
        ((["1", "2"], ["007"]), "text", ["1", "2", "007"]),
        ((["0.5", "0"], ["-00.5"]), "text", ["0.5", "0", "-00.5"]),
        ((["1", "2"], ["9223372036854775808"]), "text", ["1", "2", "9223372036854775808"]),
        ((["true"], ["yes"]), "text", ["true", "yes"]),
        ((["2024-01-31 10:00"], ["2024-01-31 11"]), "text", ["2024-01-31 10:00", "2024-01-31 11"]),
        ((["", "NA"], ["1"]), "integer", [None, None, 1]),
        ((["1", "-"], ["(2)"]), "integer", [1, 0, -2]),
    ],
)
def test_cells_are_read_again_where_a_later_row_changes_the_type(
    tmp_path: Path, blocks: tuple[list[str], ...], kind: str, values: list[Any]
) -> None:
    """No value of the first attempt is left in the dataset."""
    assert convert_blocks(tmp_path, *blocks) == (kind, values, 2)


def test_given_words_that_look_like_values_are_missing_in_every_block(tmp_path: Path) -> None:
    """A quick look at a block does not take a given word for a value."""
    for words, blocks, values in (
        (["-1"], (["1", "2"], ["-1", "3"]), [1, 2, None, 3]),
        (["false"], (["true", "true"], ["false", "true"]), [True, True, None, True]),
    ):
        assert convert_blocks(tmp_path, *blocks, missing_values=words)[1:] == (values, 1)


def test_whole_numbers_that_models_take_for_the_same_become_text_in_a_draft_too(tmp_path: Path) -> None:
    """What is found in the written dataset itself is no less against it."""
    kind, values, reads = convert_blocks(tmp_path, ["1"], [f"{2**53}"], [f"{2**53 + 1}"])
    assert (kind, values, reads) == ("text", ["1", f"{2**53}", f"{2**53 + 1}"], 2)
