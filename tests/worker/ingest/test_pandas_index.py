"""Tables that pandas wrote with an index: it is a column where it says something, and the report's call brings it back."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import DataFormat
from tests.worker.conftest import REPORTS
from tests.worker.printed_call import read_by_call

pytestmark = pytest.mark.slow("loads pandas")


def convert_file(path: Path, folder: Path) -> Converted:
    return convert(path, folder / "dataset.parquet", path.name, DataFormat("parquet", "by its name"), IngestionConfig())


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("predict-named-index", ["wind", "temp", "yield", "station"]),
        ("predict-named-index-two", ["wind", "yield", "station", "temp"]),
    ],
)
def test_a_named_index_is_a_column_that_the_printed_call_brings_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, columns: list[str]
) -> None:
    """The table that the call gives has all columns of the schema, with the values of the dataset."""
    path = REPORTS / f"{name}.parquet"
    converted = convert_file(path, tmp_path)
    assert converted.schema.names() == columns
    assert converted.notes == []
    printed, table = read_by_call(path, converted, monkeypatch)
    assert printed == f"pandas.read_parquet('{path.name}').reset_index()"
    assert table[columns].to_dict("list") == pq.read_table(tmp_path / "dataset.parquet").to_pydict()


def test_times_of_day_are_read_by_the_plain_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an index there is nothing to bring back."""
    path = REPORTS / "predict-time-of-day.parquet"
    converted = convert_file(path, tmp_path)
    printed, table = read_by_call(path, converted, monkeypatch)
    assert printed == f"pandas.read_parquet('{path.name}')"
    assert sorted(table.columns) == sorted(converted.schema.names())


@pytest.mark.parametrize("rows", [[0, 1, 3], [3, 0, 1]])
def test_a_running_number_without_a_name_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[int]
) -> None:
    """Pandas writes it where rows were filtered or shuffled; it is no data."""
    import pandas as pd

    path = tmp_path / "x.parquet"
    pd.DataFrame({"x": [1, 2, 3, 4]}).loc[rows].to_parquet(path)
    converted = convert_file(path, tmp_path)
    assert converted.schema.names() == ["x"]
    assert converted.notes == [
        "`__index_level_0__` was left out: it holds the row labels of a pandas table, which are a running number."
    ]
    assert read_by_call(path, converted, monkeypatch)[0] == "pandas.read_parquet('x.parquet')"


def test_other_labels_without_a_name_are_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days as row labels say something; the column gets a name that no other has, and the call gives it the same."""
    import pandas as pd

    path = tmp_path / "x.parquet"
    days = pd.date_range("2024-01-01", periods=3)
    pd.DataFrame({"index": [1, 2, 3]}, index=days).to_parquet(path)
    converted = convert_file(path, tmp_path)
    assert [(each.name, each.type) for each in converted.schema.columns] == [
        ("index", "integer"),
        ("index.1", "timestamp"),
    ]
    assert converted.notes == [
        '`index.1`: The row labels of a pandas table; to leave them out, give {"drop_columns": ["index.1"]}.'
    ]
    printed, table = read_by_call(path, converted, monkeypatch)
    assert printed.endswith(".reset_index(names=['index.1'])")
    assert table["index.1"].tolist() == list(days)


def test_the_running_number_of_dask_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask gives the index a name where it has none, which says as little."""
    import pandas as pd

    path = tmp_path / "x.parquet"
    index = pd.Index([0, 1, 3], name="__null_dask_index__")
    pd.DataFrame({"x": [1, 2, 3]}, index=index).to_parquet(path)
    converted = convert_file(path, tmp_path)
    assert list(converted.schema.left_out) == ["__null_dask_index__"]
    assert read_by_call(path, converted, monkeypatch)[0] == "pandas.read_parquet('x.parquet')"


def test_an_index_of_several_levels_is_brought_back_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One level has a name, one has none, and one is a running number, which is left out of the dataset alone."""
    import pandas as pd

    path = tmp_path / "x.parquet"
    index = pd.MultiIndex.from_arrays([["a", "b"], ["u", "v"], [0, 1]], names=["station", None, None])
    pd.DataFrame({"x": [1, 2]}, index=index).to_parquet(path)
    converted = convert_file(path, tmp_path)
    assert converted.schema.names() == ["x", "station", "index"]
    table = read_by_call(path, converted, monkeypatch)[1]
    assert table[converted.schema.names()].to_numpy().tolist() == [[1, "a", "u"], [2, "b", "v"]]


def test_an_index_that_is_a_range_is_no_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pandas only describes it, with a name or without."""
    import pandas as pd

    path = tmp_path / "x.parquet"
    pd.DataFrame({"x": [1, 2]}, index=pd.RangeIndex(2, name="id")).to_parquet(path)
    converted = convert_file(path, tmp_path)
    assert (converted.schema.names(), converted.notes, converted.reset_index) == (["x"], [], None)
