"""Each format, by itself and in an archive: the same table comes out, and the printed call gives a model the same."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_worker.limits import USUAL
from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import find_format
from pipeline_worker.stages.ingest.formats import FORMAT_NAMES
from pipeline_worker.stages.ingest.formats.loaded import FORMATS
from pipeline_worker.stages.ingest.unpacked import Unpacked, unpack
from tests.worker.conftest import FILES
from tests.worker.printed_call import read_by_call
from tests.worker.workbooks import write_ods, write_xlsx

DAYS = [dt.date(2024, 1, 31), None, dt.date(2024, 2, 29), dt.date(2024, 3, 1)]
ROWS: list[dict[str, Any]] = [
    {"id": 1, "price": 1.25, "shop": "007", "day": DAYS[0], "kind": "NA"},
    {"id": 2, "price": None, "shop": "012", "day": DAYS[1], "kind": "b"},
    {"id": 3, "price": 1.234, "shop": "12", "day": DAYS[2], "kind": "ü, x"},
    {"id": 4, "price": 2.5, "shop": "12", "day": DAYS[3], "kind": "b"},
]
TYPES = {"id": "integer", "price": "number", "shop": "text", "day": "date", "kind": "text"}


def _write_text(path: Path, separator: str) -> None:
    cells = [[*ROWS[0]], *([("" if cell is None else str(cell)) for cell in row.values()] for row in ROWS)]
    lines = (separator.join(f'"{cell}"' if "," in cell else cell for cell in row) for row in cells)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_json(path: Path) -> None:
    path.write_text(json.dumps(ROWS, default=str, indent=1), encoding="utf-8")


def _write_json_lines(path: Path) -> None:
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in ROWS), encoding="utf-8")


def _list_rows() -> Sequence[Sequence[Any]]:
    return [[*ROWS[0]], *([*row.values()] for row in ROWS)]


def _write_parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), path)


WRITERS: dict[str, Callable[[Path], object]] = {
    "csv": lambda path: _write_text(path, ","),
    "tsv": lambda path: _write_text(path, "\t"),
    "json": _write_json,
    "jsonl": _write_json_lines,
    "parquet": _write_parquet,
    "xlsx": lambda path: write_xlsx(path, {"Cover": [["Sales"]], "Sales": _list_rows()}),
    "xls": lambda path: path.write_bytes((FILES / "sales.xls").read_bytes()),
    "ods": lambda path: write_ods(path, {"Sales": _list_rows()}),
}


def pack(path: Path, how: str) -> Path:
    """Return the file at *path* in an archive."""
    if how == "zip":
        packed = path.with_suffix(".zip")
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("__MACOSX/._x", "x")
            archive.write(path, f"folder/{path.name}")
        return packed
    if how == "gzip":
        packed = path.with_name(f"{path.name}.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        return packed
    return path


def ingest(path: Path, **config: Any) -> tuple[Converted, Unpacked, dict[str, list[Any]]]:
    """Return what becomes of the file at *path*, what holds its table, and the columns of the dataset."""
    folder = path.with_name("scratch")
    folder.mkdir(exist_ok=True)
    settings = IngestionConfig(**config)
    unpacked = unpack(path, path.name, settings.member, folder / "unpacked", USUAL)
    data_format = find_format(unpacked.path, unpacked.name)
    converted = convert(unpacked.path, folder / "dataset.parquet", path.name, data_format, settings)
    return converted, unpacked, pq.read_table(folder / "dataset.parquet").to_pydict()


def check_call(path: Path, converted: Converted, unpacked: Unpacked, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the call that the report prints, which gives a model's reader what the dataset gives it."""
    import pandas as pd

    from pipeline_worker.serving.reader import Reader
    from pipeline_worker.serving.rules import describe_rules

    printed, raw = read_by_call(path, converted, monkeypatch, unpacked)
    table = pq.read_table(path.with_name("scratch") / "dataset.parquet").to_pandas(date_as_object=False)
    reader = Reader([describe_rules(column) for column in converted.schema.columns])
    pd.testing.assert_frame_equal(reader.read(raw.reset_index(drop=True)), reader.read(table))
    return printed


@pytest.mark.slow("loads pandas")
# A line to paste closes no file.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("how", ["plain", "zip", "gzip"])
@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_table_is_the_same_in_each_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, how: str
) -> None:
    """Types and values do not depend on the format, and the printed call gives a model what the dataset gives it."""
    WRITERS[name](tmp_path / f"x.{name}")
    path = pack(tmp_path / f"x.{name}", how)
    converted, unpacked, columns = ingest(path)
    assert {column.name: column.type for column in converted.schema.columns} == TYPES
    assert columns == {column: [row[column] for row in ROWS] for column in TYPES}
    check_call(path, converted, unpacked, monkeypatch)
    assert converted.pandas_unread == {}


def test_each_format_has_the_name_that_the_table_gives_it() -> None:
    """What `data_format` can be is what is read."""
    assert {name: each.name for name, each in FORMATS.items()} == {name: name for name in FORMAT_NAMES}


@pytest.mark.slow("loads pandas")
@pytest.mark.parametrize("name", ["x.csv.gz", "x.zip"])
def test_a_file_that_is_packed_by_its_name_alone_is_read_by_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The name alone would make pandas unpack it."""
    path = tmp_path / name
    path.write_text("a,b\n1,x\n2,y\n")
    converted, unpacked, _ = ingest(path)
    assert "compression=None" in check_call(path, converted, unpacked, monkeypatch)
