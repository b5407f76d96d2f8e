"""Raw rows and a published model: a cell means to it what it meant to `ingest`, whatever way the file writes it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.data_format import DataFormat

if TYPE_CHECKING:
    import pandas as pd

    from pipeline_worker.schema import Schema
    from pipeline_worker.serving.reader import Reader

pytestmark = pytest.mark.slow("loads pandas")

#: Type in `schema.json` → columns of it, each in one of the ways in which files write such values.
WAYS: dict[str, list[list[str]]] = {
    "integer": [
        ["1", "-2", "+3", ""],
        ["1,234", "12,345,678", "-5"],
        ["1.234", "12.345.678"],
        ["12,34,567", "1,234"],
        ["1", "?", "n/a", "-", "missing"],
        ["(5)", "3", "-"],
        ["5-", "7"],
        ["\u22125", "2"],
        ["\uff11\uff12", "3"],
        ["12 345", "1 234 567", "7"],
        ["5%", "12%"],
        ["$5", "$ 1,234,567"],
        ["5 \u20ac", "7 \u20ac"],
        ["9007199254740993", "1"],
    ],
    "number": [
        ["1.5", "-2", "1e3", ".5", "2.", "", "inf"],
        ["1,234.5", "2", "NA"],
        ["1.234,5", "-2", "7"],
        ["1,5", "2,25", "--"],
        ["1'234.5", "2"],
        ["1\u00a0234,5", "2,25"],
        ["12 758,41", "3,5"],
        ["1.275,84-", "3,5"],
        ["(1,275.84)", "3.5"],
        ["$1,234.50", "$(2.50)", "-", "$ -"],
        ["R$ 1.234,50", "R$ 2,50"],
        ["12.5%", "-3%"],
        ["12,5 %", "3 %"],
        ["\u22125.5", "2"],
        ["\uff11\uff0e\uff15", "2.5"],
        ["1e-7", "123456789.123456789"],
        ["39:10:00", "5:52:00.25", "-1:30:00", ""],
    ],
    "boolean": [["true", "false", ""], ["TRUE", "False", "NA"]],
    "text": [
        ["a", "B", "", "None", "?"],
        ["007", "12", ""],
        ["yes", "no"],
        ["12 (3)", "4"],
        ["01/04/2024", "02/03/2024"],
        ["NA", "EU"],
    ],
    "date": [
        ["2024-01-31", "", "1999-12-01"],
        ["31.01.2024", "1.2.2024"],
        ["31/01/2024", "01/02/2024"],
        ["01/31/2024", "2/1/2024"],
        ["2024/01/31", "2024/2/1"],
        ["31-01-2024", "01-02-2024"],
        ["31 Jan 2024", "1 February 2024"],
        ["Jan 31, 2024", "Sept 1 2024"],
        ["1500-01-01", "2024-01-31"],
        ["03/25/23", "04/13/68", "12/31/23"],
        ["04-Mar-23", "5 April 23"],
        ["Mar 4, 23", "Apr. 5 22"],
    ],
    "timestamp": [
        ["2024-01-31 10:00", "2024-02-01T11:30:15.25", ""],
        ["31.01.2024 10:00", "01.02.2024"],
        ["01/31/2024 1:05 PM", "02/01/2024 12:10 am"],
        ["2024-01-31T10:00:00Z", "2024-01-31T10:00:00+02:00"],
        ["31.01.2024 10:00 +02:00", "01.02.2024 11:00 UTC"],
        ["2024-01-31 10:00:00.123456789", "2024-02-01 10:00:00"],
    ],
    "time": [["9:30", "09:30:15", "23:59:59.25", ""]],
}


def ingest(folder: Path, cells: list[str], **config: Any) -> tuple[Schema, pd.DataFrame, pd.DataFrame]:
    """Return what `ingest` makes of a column `x` with *cells*, and the same rows as the report's call gives them."""
    import pandas as pd
    import pyarrow.parquet as pq

    text = "n;x\n" + "".join(f"{row};{cell}\n" for row, cell in enumerate(cells))
    (folder / "data.csv").write_text(text, encoding="utf-8")
    target = folder / "dataset.parquet"
    settings = IngestionConfig(separator=";", **config)
    converted = convert(folder / "data.csv", target, "data.csv", DataFormat("csv", "given"), settings)
    table = pq.read_table(target)
    if converted.schema.columns[1].type == "time":
        import pyarrow.compute as pc

        table = table.set_column(1, "x", pc.cast(pc.cast(table.column("x"), "int64"), "duration[us]"))
    raw = pd.read_csv(folder / "data.csv", **converted.pandas_call[1])
    return converted.schema, table.to_pandas(date_as_object=False), raw


def make_reader(schema: Schema, learned: pd.DataFrame) -> Reader:
    from pipeline_worker.serving import rules

    return rules.make_reader(schema.columns, learned[[each.name for each in schema.columns if each.type == "text"]])


@pytest.mark.parametrize(
    ("kind", "cells"),
    [pytest.param(kind, cells, id=f"{kind}-{cells[0]}") for kind, ways in WAYS.items() for cells in ways],
)
def test_a_model_reads_cells_as_ingest_did(tmp_path: Path, kind: str, cells: list[str]) -> None:
    """The cells of a file, and the dataset that `ingest` made of them, are the same values to a model."""
    import pandas as pd

    schema, typed, raw = ingest(tmp_path, cells)
    assert schema.columns[1].type == kind
    reader = make_reader(schema, typed)
    wanted, found = reader(typed)["x"], reader(raw)["x"]
    pd.testing.assert_series_equal(found, wanted, check_dtype=kind not in {"date", "timestamp", "time"})
    assert found.isna().tolist() == typed["x"].isna().tolist() or "inf" in cells


@pytest.mark.parametrize(
    ("cells", "config"),
    [
        (["1", "-999", "3"], {"missing_values": {"x": ["-999"]}}),
        (["a", "nil", ""], {"missing_values": ["nil"]}),
        (["1", "2", "-"], {"missing_values": {"x": ["-"]}}),
        (["007", "12"], {"column_types": {"x": "integer"}}),
        (["7", "12"], {"column_types": {"x": "text"}}),
        (["$5", "-"], {"missing_values": {"x": ["-"]}}),
        (["01/04/2024", "02/03/2024"], {"date_order": "dmy"}),
        (["01/04/24", "02/03/24"], {"date_order": "ymd"}),
        (["5:52:00", "1:00:00"], {"column_types": {"x": "number"}}),
        (["01/31/2024", "02/01/2024"], {"column_types": {"x": "timestamp"}}),
    ],
)
def test_what_a_person_said_of_a_column_holds_for_a_model(
    tmp_path: Path, cells: list[str], config: dict[str, Any]
) -> None:
    """Words and types that the request gives are those of the model as well."""
    import pandas as pd

    schema, typed, raw = ingest(tmp_path, cells, **config)
    reader = make_reader(schema, typed)
    pd.testing.assert_series_equal(reader(raw)["x"], reader(typed)["x"])


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        (["1", "2"], "x"),
        (["1.5", "2"], "12 (3)"),
        (["1.5", "2"], "1e999"),
        (["1.234,5", "2"], "1,234.5"),
        (["true", "false"], "yes"),
        (["2024-01-31", "2024-02-01"], "31.01.2024"),
        (["2024-01-31", "2024-02-01"], "2024-02-30"),
        (["31.01.2024", "01.02.2024"], "01/31/2024"),
        (["2024-01-31 10:00", "2024-02-01 10:00"], "2024-02-01 10:00Z"),
        (["9:30", "10:00"], "24:00"),
        (["39:10:00", "5:52:00"], "39:10"),
        (["39:10:00", "5:52:00"], "7"),
        (["03/25/23", "04/13/23"], "25/03/23"),
    ],
)
def test_a_value_that_does_not_fit_is_named(tmp_path: Path, cells: list[str], value: str) -> None:
    """An error says column, row and value, as training would have read the column otherwise; it can be missing instead."""
    import pandas as pd

    from pipeline_worker.serving.reader import RowsUnreadableError

    schema, typed, _ = ingest(tmp_path, cells)
    reader = make_reader(schema, typed)
    rows = pd.DataFrame({"n": [1, 2, 3], "x": [*cells, value]}, index=[7, 7, 7])
    with pytest.raises(RowsUnreadableError, match="`x`, row 3: ") as caught:
        reader(rows)
    assert repr(value) in str(caught.value)
    assert caught.value.faults[0] | {"is": ""} == {"column": "x", "row": 3, "value": value, "is": ""}
    with pytest.warns(UserWarning, match="Taken for missing"):
        found = reader.read(rows, "missing")
    assert found["x"].isna().tolist() == [False, False, True]
    assert found.index.tolist() == [7, 7, 7]


@pytest.mark.parametrize(
    ("cells", "values", "wanted"),
    [
        # Labels that look like numbers, as pandas has them, with and without a missing one.
        (["7", "12", "x"], [7, 12, 7], ["7", "12", "7"]),
        (["7", "12", "x"], [7.0, None, 12.0], ["7", None, "12"]),
        (["1", "2"], [1, 2.5, " 1 "], [1.0, 2.5, 1.0]),
        (["true", "false"], [True, None, 0.0], [1.0, None, 0.0]),
        (["a", "b"], [" a ", "b", ""], ["a", "b", None]),
    ],
)
def test_values_of_other_types_mean_the_same(
    tmp_path: Path, cells: list[str], values: list[Any], wanted: list[Any]
) -> None:
    """What JSON, a dict or another reading of the file has instead of text is read, where it can mean one thing only."""
    import pandas as pd

    schema, typed, _ = ingest(tmp_path, cells)
    found = make_reader(schema, typed)(pd.DataFrame({"n": [1, 2, 3], "x": pd.Series(values, dtype=object)}))["x"]
    assert [None if pd.isna(value) else value for value in found] == wanted


@pytest.mark.parametrize("dtype", ["int64", "float64", "float32", "object"])
def test_a_number_that_means_missing_does_so_in_typed_rows(tmp_path: Path, dtype: str) -> None:
    """What a person said of the cells of a file holds for numbers of JSON or of a frame; beside such a column it is a number."""
    import pandas as pd

    schema, typed, _ = ingest(tmp_path, ["1", "-999", "3"], missing_values={"x": ["-999"], "n": []})
    numbers = pd.Series([1, -999, 3], dtype=dtype)
    found = make_reader(schema, typed)(pd.DataFrame({"n": numbers, "x": numbers}))
    assert found["x"].isna().tolist() == [False, True, False]
    assert found["n"].tolist() == [1, -999, 3]


@pytest.mark.parametrize(
    ("cells", "values", "wanted"),
    [
        # As databases give numbers: with a point, whatever the file has.
        (["1.234,5", "2"], [Decimal("1.234"), None, Decimal("1.5")], [1.234, None, 1.5]),
        (["39:10:00", "1:00:00"], [timedelta(seconds=5), "0:00:07", None], [5.0, 7.0, None]),
        # JSON has whole numbers of any length, and what is infinite is missing.
        (["1", "2"], [10**400, 10**30, 1], [None, 1e30, 1.0]),
    ],
)
def test_numbers_of_other_kinds_are_what_they_are(
    tmp_path: Path, cells: list[str], values: list[Any], wanted: list[Any]
) -> None:
    """They are not written in the column's form."""
    import pandas as pd

    schema, typed, _ = ingest(tmp_path, cells)
    found = make_reader(schema, typed)(pd.DataFrame({"n": [1, 2, 3], "x": pd.Series(values, dtype=object)}))["x"]
    assert [None if pd.isna(value) else value for value in found] == wanted


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["2024-01-31", "2024-02-01"], "date32[pyarrow]"),
        (["2024-01-31 10:00", "2024-02-01 11:00"], "timestamp[us][pyarrow]"),
        (["2024-01-31 10:00Z", "2024-02-01 11:00Z"], "timestamp[ns, tz=Europe/Berlin][pyarrow]"),
        (["39:10:00", "5:52:00"], "duration[us][pyarrow]"),
        (["7", "12", "x"], "category"),
    ],
)
def test_other_types_of_pandas_are_read(tmp_path: Path, cells: list[str], kind: str) -> None:
    """Those of Arrow, and categories, of which each may be a float as one is missing."""
    import pandas as pd

    schema, typed, _ = ingest(tmp_path, cells)
    reader = make_reader(schema, typed)
    column = reader(typed)["x"]
    if kind == "category":
        values = pd.Series([7.0, 12.0, None]).astype(kind)
        assert reader(pd.DataFrame({"n": [1, 2, 3], "x": values}))["x"].tolist()[:2] == ["7", "12"]
        return
    values = pd.to_timedelta(column, unit="s") if kind.startswith("duration") else column
    values = pd.Series([None if pd.isna(each) else each for each in values], dtype=object)
    if kind.startswith("date32"):
        values = values.map(lambda value: value.date())
    found = reader(pd.DataFrame({"n": typed["n"], "x": values.astype(kind)}))["x"]
    pd.testing.assert_series_equal(found, column, check_dtype=False)
    assert not isinstance(found.dtype, pd.ArrowDtype)


def test_a_label_that_was_rounded_is_refused(tmp_path: Path) -> None:
    """Two accounts that pandas made one float of are not taken for either of them."""
    import pandas as pd

    from pipeline_worker.serving.reader import RowsUnreadableError

    schema, typed, raw = ingest(tmp_path, ["9007199254740993", "9007199254740992"])
    reader = make_reader(schema, typed)
    assert reader(raw)["x"].tolist() == ["9007199254740993", "9007199254740992"]
    for kind in ("float64", object):
        rows = pd.DataFrame({"n": [1, 2], "x": pd.Series([9007199254740992.0, None], dtype=kind)})
        with pytest.raises(RowsUnreadableError, match=r"`x`, row 1: .* a float, too great to tell which digits"):
            reader(rows)


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    """Order, further columns and blanks around a name do not matter; a missing one and one that is there twice are named."""
    import pandas as pd

    from pipeline_worker.serving.reader import RowsUnreadableError

    schema, typed, raw = ingest(tmp_path, ["1", "2"])
    reader = make_reader(schema, typed)
    pd.testing.assert_frame_equal(reader(raw.rename(columns={"x": " x "})[[" x ", "n"]].assign(z=1)), reader(typed))
    with pytest.raises(RowsUnreadableError, match=r"lack a column that the model needs: `x`\. They have `n`\."):
        reader(raw[["n"]])
    with pytest.raises(RowsUnreadableError, match="more than one column called `x`"):
        reader(pd.concat([raw, raw[["x"]]], axis=1))


def test_a_label_that_training_did_not_have_is_told(tmp_path: Path) -> None:
    """It is predicted all the same, by the other columns."""
    import pandas as pd

    from pipeline_worker.serving.reader import UnseenLabelWarning

    schema, typed, _ = ingest(tmp_path, ["a", "b"])
    with pytest.warns(UnseenLabelWarning, match="`x`: training had no `c`"):
        make_reader(schema, typed)(pd.DataFrame({"n": [1, 2], "x": ["a", "c"]}))


def test_words_that_were_lost_on_the_way_are_labels_again(tmp_path: Path) -> None:
    """Where training had one label of pandas' words and no missing value, a server's missing value is that, with a warning."""
    import pandas as pd

    schema, typed, _ = ingest(tmp_path, ["NA", "EU"])
    reader = make_reader(schema, typed)
    rows = pd.DataFrame({"n": [1, 2], "x": ["EU", None]})
    with pytest.warns(UserWarning, match="1 missing values were taken for the label 'NA'"):
        assert reader.read(rows, are_words_lost=True)["x"].tolist() == ["EU", "NA"]
    assert reader.read(rows)["x"].isna().tolist() == [False, True]
    for cells in (["NA", "EU", ""], ["NA", "None", "EU"]):
        schema, typed, _ = ingest(tmp_path, cells)
        assert make_reader(schema, typed).read(rows, are_words_lost=True)["x"].isna().tolist() == [False, True]


def test_a_reader_takes_its_own_text_along(tmp_path: Path) -> None:
    """A pickle of it loads, reads, and is pickled again where this package is not installed."""
    schema, typed, _ = ingest(tmp_path, ["1.234,5", "2"])
    (tmp_path / "reader.pkl").write_bytes(pickle.dumps(make_reader(schema, typed)))
    code = (
        "import pickle, sys, pandas\n"
        "sys.modules['pipeline_worker'] = None\n"
        "reader = pickle.load(open('reader.pkl', 'rb'))\n"
        "rows = pandas.DataFrame({'n': ['0'], 'x': ['1.234,5']})\n"
        "again = pickle.loads(pickle.dumps(reader))\n"
        "print(reader(rows)['x'].tolist(), again(rows)['x'].tolist())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "[1234.5] [1234.5]\n", done.stderr
