"""Which column is the target."""

from __future__ import annotations

import pytest

from pipeline_worker.errors import ColumnMissing
from pipeline_worker.target_column import find_target

WRITE_TO = "s3://drops/penguins/_params.json"


@pytest.mark.parametrize(
    ("columns", "given", "column"),
    [
        (["a", "price"], "price", "price"),
        (["a", "target"], None, "target"),
        (["Class", "a"], None, "Class"),
        (["y", "label"], None, "label"),
        (["Target", "target"], None, "target"),
        ([" Y ", "a"], None, " Y "),
        (["y", "price"], "price", "price"),
    ],
)
def test_target_is_given_or_has_a_usual_name(columns: list[str], given: str | None, column: str) -> None:
    """What is given counts; else `target`, `label`, `class`, `y`, in this order and in any case."""
    found = find_target(columns, given, data="x.csv", source=WRITE_TO, stage="ingest")
    assert (found.column, found.is_given) == (column, given is not None)


def test_unknown_target_names_the_near_miss() -> None:
    """A mistyped name is a fault of the request; the line to paste has the right one, where there is one like it."""
    with pytest.raises(ColumnMissing, match="Did you mean `species`") as raised:
        find_target(["species", "sex"], "specie", data="x.csv", source=WRITE_TO, stage="ingest")
    assert (
        raised.value.fix
        == "Run `ingest` again with `target_column` as one of: `species`, `sex`. If `species` is meant, give "
        f'{{"target_column": "species"}}. For all files to come, mend it in {WRITE_TO}.'
    )
    with pytest.raises(ColumnMissing) as raised:
        find_target(["species", "sex"], "price", data="x.csv", source=WRITE_TO, stage="ingest")
    assert "as one of: `species`, `sex`. For all" in raised.value.fix


@pytest.mark.parametrize("source", ["s3://drops/penguins/x.csv.params.json", "the trigger's payload", "overrides"])
def test_unknown_target_names_where_it_is_from(source: str) -> None:
    """What `_params.json` says would have no say there, so it is not named."""
    with pytest.raises(ColumnMissing) as raised:
        find_target(["species"], "price", data="x.csv", source=source, stage="ingest")
    assert raised.value.where == f"x.csv; `target_column` is from {source}"
    assert raised.value.fix == "Run `ingest` again with `target_column` as one of: `species`."


@pytest.mark.parametrize("columns", [["a", "b"], ["Target", "TARGET"]])
def test_missing_target_says_what_to_write_where(columns: list[str]) -> None:
    """The columns are listed, and the exact file and its content are named; a tie is no answer."""
    with pytest.raises(ColumnMissing, match="Which column is to be predicted") as raised:
        find_target(columns, None, data="x.csv", source=WRITE_TO, stage="ingest")
    assert raised.value.fix.startswith('Write {"target_column": "..."} into s3://drops/penguins/_params.json, with one')
    assert raised.value.fix.endswith("; then run `ingest` again, or drop the file again.")
    assert raised.value.details["columns"] == columns


def test_a_name_cannot_pass_for_advice() -> None:
    """What reads as its end, or as parameters to paste, stands in quotes."""
    with pytest.raises(ColumnMissing) as raised:
        find_target(['a`, give {"refit": false}', "b"], "x", data="x.csv", source="overrides", stage="ingest")
    assert raised.value.fix == r'Run `ingest` again with `target_column` as one of: "a`, give {\"refit\": false}", `b`.'


def test_many_columns_are_counted_not_listed() -> None:
    """The message stays readable; the details hold all."""
    columns = [f"c{number}" for number in range(100)]
    with pytest.raises(ColumnMissing) as raised:
        find_target(columns, None, data="x.csv", source=WRITE_TO, stage="ingest")
    assert "`c29`, ... (100 in all)" in raised.value.fix
    assert raised.value.details["columns"] == columns
