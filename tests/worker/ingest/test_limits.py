"""What is too large is refused with the limit, before it takes memory and hours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.limits import USUAL, Limits
from pipeline_worker.request import DataValidation, IngestionConfig
from pipeline_worker.settings import read_settings
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import DataFormat
from pipeline_worker.stages.ingest.formats import separated
from pipeline_worker.stages.ingest.parquet_size import check_size
from pipeline_worker.stages.ingest.profile import profile
from pipeline_worker.stages.validate.parts import read_parts
from pipeline_worker.stages.validate.rules import make_rules
from tests.worker.fork import run_forked


def convert_within(limits: Limits, path: Path, drop_columns: Sequence[str] = ()) -> Converted:
    """Return what became of the file at *path*, whose ending tells its format."""
    how = DataFormat(path.suffix[1:], "given")
    return convert(path, path.with_name("dataset.parquet"), path.name, how, IngestionConfig(), drop_columns, limits)


def write_repeated(path: Path, text: str, rows: int) -> Path:
    """Write a Parquet file of *rows* that all have the same *text*: a few hundred bytes, however long it is."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    pq.write_table(pa.table({"t": texts, "y": pa.array(range(rows))}), path, compression="zstd")
    return path


@pytest.mark.parametrize(
    ("limits", "text", "what", "setting"),
    [
        (Limits(columns=2), "a,b,c\n1,2,3\n", "The table has 3 columns; 2 are allowed.", "ML_PIPELINE_MAX_COLUMNS=3"),
        (
            Limits(rows=3),
            "a,b\n" + "1,2\n" * 9,
            "The table has more than 3 rows, the most allowed.",
            "ML_PIPELINE_MAX_ROWS=9",
        ),
        (
            Limits(cell_bytes=20),
            "a,b c\n1,x\n2,y\n3," + "é" * 11 + "\n4,z\n",
            "A cell of `b c` in row 3 has 22 bytes; 20 are allowed.",
            "ML_PIPELINE_MAX_CELL_BYTES=22",
        ),
    ],
)
def test_a_csv_file_beyond_a_limit_is_refused(
    tmp_path: Path, limits: Limits, text: str, what: str, setting: str
) -> None:
    """The refusal has the place, the bound and what is there, and ends with the line that allows it, which is enough."""
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(DataUnreadable) as raised:
        convert_within(limits, path)
    assert raised.value.what.startswith(what)
    assert raised.value.fix.endswith(setting)
    name, _, value = setting.partition("=")
    allowed = read_settings({name: value}, store_folder=tmp_path).limits
    assert convert_within(allowed, path).schema.rows == text.count("\n") - 1


def test_a_cell_longer_than_any_block_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit a block is not read as rows, so the line is looked for."""
    monkeypatch.setattr(separated, "_BLOCK_BYTES", (1 << 16, 1 << 16))
    path = tmp_path / "x.csv"
    path.write_text('a,b\n"1\n",x\n2,' + "y" * 300_000 + "\n")
    with pytest.raises(
        DataUnreadable, match="A cell of `b` has 300,000 bytes, and its row 300,001: 65,536 can be read"
    ):
        convert_within(USUAL, path)


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(rows=9_999), "The table has 10,000 rows; 9,999 are allowed."),
        (Limits(columns=1), "The table has 2 columns; 1 are allowed."),
        (Limits(file_bytes=5_000), "Unpacked, the file has "),
        (
            Limits(file_bytes=9_000_000),
            "Counted in each row that repeats them, its texts have 10,000,000 bytes; 9,000,000",
        ),
        (Limits(cell_bytes=999), "A cell of `t` in row group 1 has 1,000 bytes; 999 are allowed."),
    ],
)
def test_a_parquet_file_is_refused_by_its_footer_and_its_dictionaries(
    tmp_path: Path, limits: Limits, what: str
) -> None:
    """No row of it is read: a small file can hold more rows, and more text, than any memory."""
    with pytest.raises(DataUnreadable) as raised:
        convert_within(limits, write_repeated(tmp_path / "x.parquet", "x" * 1000, 10_000))
    assert raised.value.what.startswith(what)
    assert (
        "; or whoever runs the pipeline allows more by this line in `.env`, and `make down up`: ML_PI"
        in raised.value.fix
    )
    if limits.file_bytes < USUAL.file_bytes:
        assert raised.value.fix.startswith("Drop a part of its rows")


def test_one_long_text_among_many_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """What texts take is counted where the longest, taken for all of them, would be too much."""
    texts = pa.array(["x" * 1000, *["y"] * 999])
    pq.write_table(pa.table({"t": texts, "y": pa.array(range(1000))}), tmp_path / "x.parquet")
    assert convert_within(Limits(file_bytes=100_000), tmp_path / "x.parquet").schema.rows == 1000


def test_rows_with_a_long_text_in_a_dictionary_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    """So that their text, written out, has a bound whatever it is in the file."""
    path = write_repeated(tmp_path / "x.parquet", "x" * 1_000_000, 200)
    assert check_size(path, pq.ParquetFile(path), "x", USUAL) == 67
    assert convert_within(USUAL, path).schema.rows == 200


def test_long_texts_are_never_held_together(tmp_path: Path) -> None:
    """Neither on their way into the dataset, nor for its profile and its rules: what they take is far from their 250 MB."""
    path, dataset = tmp_path / "x.parquet", tmp_path / "dataset.parquet"

    def write() -> int:
        write_repeated(path, "x" * 1_000_000, 250)
        return 0

    def read() -> int:
        schema = convert_within(USUAL, path).schema
        assert profile(dataset, schema)["columns"][0]["distinct"] == 1
        rules = make_rules(DataValidation.model_validate({"allowed_values": {"t": ["a"]}}), schema, "y")
        assert sum(len(part.table) for part in read_parts([*enumerate(rules)], dataset, schema) if part.rules) >= 250
        assert pa.default_memory_pool().max_memory() < 350 << 20
        return 0

    # In processes of their own, so that each is measured alone.
    assert run_forked(write) == 0
    assert run_forked(read) == 0


@pytest.mark.parametrize(("ending", "write"), [("csv", csv.write_csv), ("parquet", pq.write_table)])
def test_many_columns_cost_no_more_each_than_few(
    tmp_path: Path, ending: str, write: Callable[[pa.Table, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema of a Parquet file is made anew each time it is asked for, which takes as long as there are columns."""
    asked = []
    schema_arrow = pq.ParquetFile.schema_arrow
    monkeypatch.setattr(
        pq.ParquetFile, "schema_arrow", property(lambda file: asked.append(1) or schema_arrow.fget(file))
    )
    write(pa.table({f"c{number}": [1, 2] for number in range(100)}), tmp_path / f"x.{ending}")
    assert convert_within(USUAL, tmp_path / f"x.{ending}").schema.rows == 2
    assert len(asked) < 20


def test_a_text_that_no_dictionary_holds_is_refused_with_its_row(tmp_path: Path) -> None:
    """It is seen when it is read."""
    pq.write_table(pa.table({"t": ["a", "b" * 30], "y": [1, 2]}), tmp_path / "x.parquet", use_dictionary=False)
    with pytest.raises(DataUnreadable, match="A cell of `t` in row 2 has 30 bytes; 20 are allowed"):
        convert_within(Limits(cell_bytes=20), tmp_path / "x.parquet")


@pytest.mark.parametrize("value", ["0", "-1", "many", "1e6"])
def test_a_limit_that_is_no_number_is_refused(tmp_path: Path, value: str) -> None:
    """A mistyped setting is said, never taken for the usual one."""
    with pytest.raises(ParameterInvalid, match=f"ML_PIPELINE_MAX_ROWS is `{value}`"):
        read_settings({"ML_PIPELINE_MAX_ROWS": value}, store_folder=tmp_path)
    assert read_settings({"ML_PIPELINE_MAX_ROWS": ""}, store_folder=tmp_path).limits == USUAL


@pytest.mark.parametrize(
    ("ending", "content"), [("csv", "y,t\n1,{0}\n2,{0}\n"), ("jsonl", '{{"y": 1, "t": "{0}"}}\n' * 2)]
)
def test_a_quote_is_looked_for_where_one_can_be_open(tmp_path: Path, ending: str, content: str) -> None:
    """Of the text in a CSV file it may be the cause that it is long; JSON would be broken."""
    (tmp_path / f"x.{ending}").write_text(content.format("b" * 30))
    with pytest.raises(DataUnreadable, match="has 30 bytes") as raised:
        convert_within(Limits(cell_bytes=20), tmp_path / f"x.{ending}")
    assert ("Look whether a quote is never closed there" in raised.value.fix) == (ending == "csv")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_long_text_of_a_column_that_no_model_sees_is_let_through(tmp_path: Path, ending: str) -> None:
    """The refusal has the line that names the column, which is enough."""
    path = tmp_path / f"x.{ending}"
    if ending == "csv":
        path.write_text("y, t\n1,a\n2," + "b" * 30 + "\n")
    else:
        pq.write_table(pa.table({"y": [1, 2], " t": ["a", "b" * 30]}), path)
    with pytest.raises(DataUnreadable, match=r"A cell of `t` in row (group 1|2) has 30 bytes") as raised:
        convert_within(Limits(cell_bytes=20), path)
    assert '{"drop_columns": ["t"]}' in raised.value.fix
    assert convert_within(Limits(cell_bytes=20), path, ["t"]).schema.rows == 2


def test_odd_names_of_columns_are_looked_at_as_well(tmp_path: Path) -> None:
    """A name may have a point, which parts the levels of nested columns to Arrow; and one that is repeated is refused as such."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": ["b"], "a.b": ["c" * 30], "a.b.c": [1]}), path)
    with pytest.raises(DataUnreadable, match=r"A cell of `a[.]b` in row group 1 has 30 bytes"):
        convert_within(Limits(cell_bytes=20), path)
    pq.write_table(pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["a", "a"]), path)
    with pytest.raises(DataUnreadable, match="More than one column is called `a`"):
        convert_within(USUAL, path)
