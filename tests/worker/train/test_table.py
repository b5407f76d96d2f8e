"""The dataset as a model sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_worker.errors import ColumnMissing, DataFault, ParameterInvalid
from pipeline_worker.request import Request
from tests.worker.tables import ingest_table, make_hires, make_penguins

if TYPE_CHECKING:
    import pandas as pd

    from pipeline_worker.stages.train.table import Table

pytestmark = pytest.mark.slow("loads pandas")


def read(table: pd.DataFrame, folder: Path, **request: Any) -> Table:
    from pipeline_worker.stages.train.table import read_table

    parquet, schema = ingest_table(table, folder)
    return read_table(parquet, schema, Request(**request))


def test_features_are_all_columns_but_the_target_and_the_dropped(tmp_path: Path) -> None:
    """Nothing but the target and `drop_columns` is kept from the model."""
    table = read(make_penguins(), tmp_path, target_column="species", drop_columns=["island"])
    assert list(table.features) == ["bill_length_mm", "body_mass_g", "is_tagged", "seen_on"]
    assert [column.name for column in table.columns] == list(table.features)
    assert table.target[0].as_py() in {"Adelie", "Chinstrap", "Gentoo"}


def test_a_column_that_ingest_left_out_may_be_dropped(tmp_path: Path) -> None:
    """Its name is no mistake, although the dataset has no such column."""
    from pipeline_worker.stages.train.table import choose_columns

    _, schema = ingest_table(make_penguins(), tmp_path)
    schema = schema.model_copy(update={"left_out": {"photo": "it holds binary"}})
    _, columns = choose_columns(schema, Request(target_column="species", drop_columns=["photo", "island"]))
    assert len(columns) == 4
    with pytest.raises(ColumnMissing, match="`target_column` names `photo`, and `ingest` left it out: it holds binary"):
        choose_columns(schema, Request(target_column="photo"))


def test_types_are_those_that_the_libraries_take(tmp_path: Path) -> None:
    """Whole numbers with missing values come as floats, dates as dates, times of day as durations."""
    import pandas as pd

    penguins = read(make_penguins(), tmp_path, target_column="species").features
    assert penguins["body_mass_g"].dtype == "float64"
    assert penguins["body_mass_g"].isna().sum() == 3
    assert penguins["seen_on"].dtype.kind == "M"
    assert penguins["is_tagged"].dtype == bool
    hires = read(make_hires(), tmp_path, target_column="hires").features
    assert hires["opened"][1] == pd.Timedelta(hours=8, minutes=1)


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"target_column": "specis"}, ColumnMissing, "Did you mean `species`"),
        ({"target_column": "species", "drop_columns": ["Island"]}, ColumnMissing, "Did you mean `island`"),
        ({"target_column": "species", "drop_columns": ["species"]}, ParameterInvalid, "cannot be dropped"),
        ({}, ParameterInvalid, "`target_column` is missing"),
        (
            {
                "target_column": "species",
                "drop_columns": ["island", "bill_length_mm", "body_mass_g", "is_tagged", "seen_on"],
            },
            ParameterInvalid,
            "No column is left",
        ),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    tmp_path: Path, request_: dict[str, Any], error: type[Exception], message: str
) -> None:
    """A name that is no column is named with its near miss; the target cannot be dropped, nor all features."""
    with pytest.raises(error, match=message):
        read(make_penguins(), tmp_path, **request_)


def test_rows_without_a_target_are_left_out_and_said(tmp_path: Path) -> None:
    """Features and target of the other rows stay side by side, and a note names the rows as the file has them."""
    frame = make_penguins()
    frame.loc[[4, 9], "species"] = None
    table = read(frame, tmp_path, target_column="species")
    kept = frame.drop(index=[4, 9])
    assert table.target.to_pylist() == kept["species"].tolist()
    assert table.features["seen_on"].dt.strftime("%Y-%m-%d").tolist() == kept["seen_on"].tolist()
    assert (table.rows, table.rows_without_target) == (150, 2)
    (note,) = table.notes
    assert note.startswith("2 of 150 rows have no value in the target `species`")
    assert "rows 5, 10. " in note
    assert '{"data_validation": {"non_null_columns": ["species"]}}' in note


def test_more_rows_without_a_target_than_the_share_are_the_datas_fault(tmp_path: Path) -> None:
    """What `validate` would refuse is not learned from where the target was changed after it; the share itself may be given."""
    frame = make_penguins()
    frame.loc[:75, "species"] = None
    with pytest.raises(
        DataFault, match="76 of 150 rows have no value in the target `species`: more than 50 %"
    ) as raised:
        read(frame, tmp_path, target_column="species")
    assert raised.value.details["rows"] == list(range(1, 21))
    rules = {"max_missing_target_share": 0.51}
    assert read(frame, tmp_path, target_column="species", data_validation=rules).rows_without_target == 76
    warned = {"severity": {"max_missing_target_share": "warning"}}
    assert read(frame, tmp_path, target_column="species", data_validation=warned).rows_without_target == 76


def test_an_infinite_target_is_the_datas_fault_and_says_the_row(tmp_path: Path) -> None:
    """The row is that of the file, also where rows before it have no target."""
    frame = make_hires().astype({"hires": object})
    frame.loc[2, "hires"] = None
    frame.loc[6, "hires"] = "inf"
    with pytest.raises(DataFault, match="infinite values") as raised:
        read(frame, tmp_path, target_column="hires")
    assert raised.value.where == "column `hires`, first in row 7"


@pytest.mark.parametrize("value", ["inf", "-1e60"])
def test_numbers_that_cannot_be_computed_with_are_missing_and_said(tmp_path: Path, value: str) -> None:
    """An infinite number, or one beyond everything that is measured, costs a cell, not the file; the note names the row."""
    frame = make_penguins().astype({"bill_length_mm": object})
    frame.loc[6, "bill_length_mm"] = value
    table = read(frame, tmp_path, target_column="species")
    assert table.features["bill_length_mm"].isna().tolist() == [number in {3, 6, 40} for number in range(150)]
    (note,) = table.notes
    assert note.startswith("`bill_length_mm`: 1 of its 150 values is infinite")
    assert "row 7" in note
    assert "`drop_columns`" in note


def test_great_numbers_are_left_alone(tmp_path: Path) -> None:
    """What can be computed with stays, and nothing is said of it."""
    frame = make_penguins().astype({"bill_length_mm": object})
    frame.loc[6, "bill_length_mm"] = "1e30"
    table = read(frame, tmp_path, target_column="species")
    assert table.features["bill_length_mm"][6] == 1e30
    assert not table.notes
