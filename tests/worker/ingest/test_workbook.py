"""Workbooks: which sheet and rows are the table, what its cells are, and what is said where none is."""

from __future__ import annotations

import datetime as dt
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.limits import Limits
from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest import old_sheet_texts, sheet_size, sheet_texts, workbook_xml
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.data_format import DataFormat
from tests.worker.conftest import FILES
from tests.worker.ingest.test_formats import check_call, ingest
from tests.worker.workbooks import Rows, write_ods, write_xlsx

TABLE = [["a", "b"], [1, "x"], [2, "y"]]


def ingest_sheets(folder: Path, sheets: dict[str, Rows], **config: Any) -> Any:
    """Return what becomes of a workbook, what holds it, and the columns of the dataset."""
    return ingest(write_xlsx(folder / "x.xlsx", sheets), **config)


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        ([1, 2.0, None], "integer", [1, 2, None]),
        ([1.5, 2, "#N/A"], "number", [1.5, 2.0, None]),
        ([1.234, 5.678], "number", [1.234, 5.678]),
        (["1.234,5", "6,5"], "number", [1234.5, 6.5]),
        ([1, "n/a", 3], "integer", [1, None, 3]),
        (["007", "7"], "text", ["007", "7"]),
        (["A1", 12, 12.5, 7.0], "text", ["A1", "12", "12.5", "7"]),
        ([True, False, None], "boolean", [True, False, None]),
        ([True, "maybe"], "text", ["true", "maybe"]),
        ([dt.date(2024, 1, 31), None], "date", [dt.date(2024, 1, 31), None]),
        (
            [dt.datetime(2024, 1, 31, 10, 30), dt.datetime(2024, 2, 1)],  # noqa: DTZ001 - as workbooks have them
            "timestamp",
            [dt.datetime(2024, 1, 31, 10, 30), dt.datetime(2024, 2, 1)],  # noqa: DTZ001
        ),
        (["31.01.2024", "01.02.2024"], "date", [dt.date(2024, 1, 31), dt.date(2024, 2, 1)]),
        ([dt.time(9, 30), dt.time(23, 59, 59)], "time", [dt.time(9, 30), dt.time(23, 59, 59)]),
        ([dt.timedelta(hours=39, minutes=10), dt.timedelta(hours=2)], "number", [141000.0, 7200.0]),
    ],
)
@pytest.mark.slow("loads pandas")
def test_cells_are_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: list[Any], kind: str, values: list[Any]
) -> None:
    """Values keep their type, text is read as in a CSV file, and the printed call gives a model the same."""
    converted, unpacked, columns = ingest_sheets(tmp_path, {"S": [["x", "y"], *([cell, "t"] for cell in cells)]})
    assert (converted.schema.columns[0].type, columns["x"]) == (kind, values)
    if kind != "time":
        check_call(tmp_path / "x.xlsx", converted, unpacked, monkeypatch)


@pytest.mark.slow("loads pandas")
def test_what_stands_around_the_table_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A title, blank rows and columns, units and totals are no rows, and the printed call leaves the same out."""
    rows = [
        [None, "Report"],
        [],
        [None, "shop", "kilos", "heads", None, 2024],
        [None, None, "kg", "cm"],
        [None, "a", 1, 2, None, 5],
        [None, None, None, None],
        [None, "b", 3.5, 4, None, 6],
        [None, "c", 3, 9, None, 7],
        [None, "Total", 7.5, 15, None, 18],
    ]
    converted, unpacked, columns = ingest_sheets(tmp_path, {"Cover": [["Hello"]], "Data": rows})
    assert columns == {"shop": ["a", "b", "c"], "kilos": [1, 3.5, 3], "heads": [2, 4, 9], "2024": [5, 6, 7]}
    assert converted.notes[:2] == [
        (
            "Of the workbook the sheet `Data` was read, the first with a table, and not `Cover`; to read another, give "
            '{"ingestion_config": {"sheet": "Cover"}}.'
        ),
        "What stands above the header, which is row 3, was left out: 'Report'.",
    ]
    assert converted.notes[2].startswith("Row 4, below the header, has units")
    assert converted.notes[3].startswith("Row 9, the last, says `Total`")
    check_call(tmp_path / "x.xlsx", converted, unpacked, monkeypatch)


def test_a_sheet_can_be_given(tmp_path: Path) -> None:
    """Its name decides, and a near miss is named."""
    sheets = {"A": TABLE, "B": [["c", "d"], [5, 6]]}
    assert ingest_sheets(tmp_path, sheets, sheet="B")[2] == {"c": [5], "d": [6]}
    with pytest.raises(ParameterInvalid, match=r"no such sheet.*Use one of `A`, `B`"):
        ingest(tmp_path / "x.xlsx", sheet="C")


@pytest.mark.parametrize(
    ("sheets", "what"),
    [
        ({"S": []}, "No sheet of the workbook has a table"),
        ({"S": [["a", "b"]]}, "No sheet of the workbook has a table"),
        ({"S": [["only"], [1], [2]]}, "No sheet of the workbook has a table"),
        ({"S": [["a", "a"], [1, 2]]}, "More than one column has the same name (`a`: columns 1, 2)"),
        ({"S": [["x", 1.5], ["y", 2.5], ["z", 3.5]]}, "The first row seems to be a row, not a header: it holds '1.5'"),
    ],
)
def test_a_workbook_without_a_table_is_refused(tmp_path: Path, sheets: dict[str, Rows], what: str) -> None:
    """It says what a table is, or what its header lacks."""
    with pytest.raises(DataUnreadable) as raised:
        ingest_sheets(tmp_path, sheets)
    assert raised.value.what.startswith(what)


def rewrite(folder: Path, old: str, new: str, sheet: str = "worksheets/sheet1.xml") -> Path:
    """Write a workbook whose one sheet has *new* in the place of *old*, and lies at *sheet*."""
    path = write_xlsx(folder / "before.xlsx", {"S": TABLE})
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(folder / "x.xlsx", "w") as after:
        for member in before.namelist():
            content = before.read(member).decode().replace(old, new).replace("worksheets/sheet1.xml", sheet)
            after.writestr(member.replace("worksheets/sheet1.xml", sheet), content)
    return folder / "x.xlsx"


@pytest.mark.parametrize(
    ("place", "sheet"),
    [
        ('r="CV1048576"', "worksheets/sheet1.xml"),
        ("r='CV1048576'", "worksheets/sheet1.xml"),
        ('s="0" r = "cv1048576"', "worksheets/sheet1.xml"),
        ('r="CV1048576"', "other/sheet1.xml"),
        ('r="CV1048576"', "other/sheet1"),
    ],
)
def test_a_cell_far_away_takes_no_memory(tmp_path: Path, place: str, sheet: str) -> None:
    """Two cells of which one is in the last row are refused unread, however its place is written and wherever the sheet lies."""
    path = rewrite(tmp_path, 'r="B3"', place, sheet)
    with pytest.raises(DataUnreadable, match="reaches to row 1,048,576 and column 100"):
        ingest(path)


def test_a_cell_without_a_place_stands_in_its_row(tmp_path: Path) -> None:
    """Its row says where it is, and the cell before it in which column."""
    path = rewrite(
        tmp_path, '<row r="3"><c r="A3" s="0"><v>2</v></c><c r="B3"', '<row r="1048576"><c r="CU1048576"/><c'
    )
    with pytest.raises(DataUnreadable, match="reaches to row 1,048,576 and column 100"):
        ingest(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<worksheet", "<!DOCTYPE worksheet [<!ENTITY e 'x'>]><worksheet"),
        ('r="B3"', 'r="B3" r="XFD1048576"'),
        ("<worksheet", "<!-- -- <a --><worksheet"),
    ],
)
def test_a_sheet_that_is_no_xml_is_refused(tmp_path: Path, old: str, new: str) -> None:
    """What only a lenient reader reads is refused before one does, as its size cannot be known."""
    with pytest.raises(DataUnreadable, match=r"`xl/worksheets/sheet1.xml` is no XML as workbooks have it"):
        ingest(rewrite(tmp_path, old, new))


def test_a_row_that_is_repeated_takes_no_memory(tmp_path: Path) -> None:
    """In OpenDocument a row can stand there many times; it is counted before it is read."""
    with pytest.raises(DataUnreadable, match="A sheet reaches to row 100,000,002"):
        ingest(write_ods(tmp_path / "x.ods", {"S": TABLE}, repeated=100_000_000))


@pytest.mark.parametrize("write", [write_xlsx, write_ods])
def test_neither_the_header_nor_what_stands_above_it_counts_as_a_row(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    """A limit is on the rows of the table, as it is in other formats."""
    path = write(tmp_path / f"x.{write.__name__.removeprefix('write_')}", {"S": [["Sales", None], *TABLE]})
    how = DataFormat(path.suffix[1:], "given")

    def convert_within(rows: int) -> int:
        limits = Limits(rows=rows)
        return convert(path, tmp_path / "dataset.parquet", "x", how, IngestionConfig(), limits=limits).schema.rows

    assert convert_within(2) == 2
    with pytest.raises(DataUnreadable, match="The table has more than 1 rows, the most allowed") as raised:
        convert_within(1)
    assert raised.value.fix.endswith("ML_PIPELINE_MAX_ROWS=2")


def test_a_workbook_that_is_too_large_to_be_held_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what its archive says of its size, before it is read."""
    monkeypatch.setattr(sheet_size, "_MOST_BYTES", 100)
    with pytest.raises(DataUnreadable, match="and 100 are the most for one: it is read into memory as a whole"):
        ingest(write_xlsx(tmp_path / "x.xlsx", {"S": TABLE}))


def test_a_sheet_whose_size_lies_is_refused(tmp_path: Path) -> None:
    """What the archive says of its size is no bound for the reader."""
    path = rewrite(tmp_path, "<worksheet", " " * 100_000 + "<worksheet")
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), (99_000).to_bytes(4, "little")))
    with pytest.raises(DataUnreadable, match="The workbook is damaged"):
        ingest(path)


def test_a_repeated_row_is_counted_however_it_is_written(tmp_path: Path) -> None:
    """Neither quotes nor a value without its type hide it."""
    path = write_ods(tmp_path / "near.ods", {"S": TABLE}, repeated=100_000_000)
    with zipfile.ZipFile(path) as near, zipfile.ZipFile(tmp_path / "x.ods", "w") as far:
        for member in near.namelist():
            content = near.read(member).replace(b'"100000000"', b"'100000000'")
            far.writestr(member, content.replace(b'office:value-type="float" ', b""))
    with pytest.raises(DataUnreadable, match="A sheet reaches to row 100,000,002"):
        ingest(tmp_path / "x.ods")


def test_a_text_that_many_cells_share_is_counted_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text that stands in the file once takes its room in each cell: that is known before."""
    path = write_xlsx(tmp_path / "near.xlsx", {"S": TABLE})
    texts = "".join(f"<si><t>{'x' * size}</t></si>" for size in (2000, 1))
    with zipfile.ZipFile(path) as near, zipfile.ZipFile(tmp_path / "x.xlsx", "w") as shared:
        for member in near.namelist():
            content = near.read(member)
            if member.endswith("sheet1.xml"):
                cells = b"".join(b"<c t='s'><v>%d</v></c>" % (number % 2) for number in range(1000))
                content = content.replace(b"</row>", cells + b"</row>")
            shared.writestr(member, content)
        shared.writestr(sheet_texts.SHARED, f"<sst>{texts}</sst>")
    monkeypatch.setattr(workbook_xml, "_CHUNK_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "x.xlsx") as archive:
        sheets = [archive.getinfo("xl/worksheets/sheet1.xml")]
        monkeypatch.setattr(sheet_texts, "MOST_BYTES", 3_100_000)
        sheet_texts.check_texts(archive, sheets, 3000, "x")
        monkeypatch.setattr(sheet_texts, "MOST_BYTES", 2_900_000)
        with pytest.raises(DataUnreadable, match="more than 2,900,000 bytes together"):
            sheet_texts.check_texts(archive, sheets, 3000, "x")


def test_a_text_that_many_cells_of_an_old_workbook_share_is_counted_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is there; the texts of all cells of this one have 36 letters."""
    path = FILES / "sales.xls"
    monkeypatch.setattr(old_sheet_texts, "MOST_BYTES", 36)
    old_sheet_texts.check_old_texts(path, path.name)
    monkeypatch.setattr(old_sheet_texts, "MOST_BYTES", 35)
    with pytest.raises(DataUnreadable, match="the longest has 5"):
        old_sheet_texts.check_old_texts(path, path.name)


def test_texts_of_an_old_workbook_are_measured_however_they_are_written() -> None:
    """Narrow or wide, with formats and more behind them, and going on in a next record, where they may change their width."""

    def record(kind: int, body: bytes) -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    def begin(characters: int, how: int) -> bytes:
        return struct.pack("<HB", characters, how)

    # Two runs of formats (8 bytes) and 6 bytes of more, of which some stand in the next record, with nothing before them.
    formatted = begin(3, 0x0C) + struct.pack("<HI", 2, 6) + b"abc" + b"f" * 8
    split = begin(5, 0) + b"ab"
    texts = record(0xFC, bytes(8) + formatted + b"m" * 2) + record(0x3C, b"m" * 4 + split)
    texts += record(0x3C, b"\x01" + "字字字".encode("utf-16-le") + begin(2, 1) + "字字".encode("utf-16-le"))
    cells = b"".join(record(0xFD, struct.pack("<HHHI", 0, 0, 0, number)) for number in (0, 1, 2, 2, 9))
    assert old_sheet_texts.measure_texts(texts + cells) == (3 + (2 + 6) + 4 + 4, 8)
    assert old_sheet_texts.measure_texts(texts[:40] + cells)[0] < 19


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "The workbook is damaged, or only a part of it"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + b"\x3e\0\x03\0\xfe\xff\x09\0" + b"\xff\x7f" * 1500,
            "The workbook is damaged, or only a part of it: a number in it is impossibly large.",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "The workbook is encrypted by a password",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"), "This is a Word document"),
    ],
)
def test_what_is_no_workbook_after_all_is_said(tmp_path: Path, content: bytes, what: str) -> None:
    """An old file of Microsoft's can be a document, encrypted, or broken."""
    path = tmp_path / "x.xls"
    path.write_bytes(content)
    with pytest.raises(DataUnreadable) as raised:
        ingest(path)
    assert raised.value.what.startswith(what)


def test_a_binary_workbook_is_a_table_in_a_format_that_is_not_read(tmp_path: Path) -> None:
    """It is to be saved as another, and not to be looked for elsewhere."""
    path = tmp_path / "x.xlsb"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.bin", b"")
    with pytest.raises(DataUnreadable, match=r"\(\.xlsb\); it holds no table in a format that is read") as raised:
        ingest(path)
    assert raised.value.fix == "Save it as an Excel workbook (.xlsx), and drop that."


def test_half_a_workbook_is_damaged(tmp_path: Path) -> None:
    """It is called a workbook, and not an archive."""
    path = write_xlsx(tmp_path / "whole", {"S": TABLE})
    half = tmp_path / "x.xlsx"
    half.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataUnreadable, match=r"The workbook is damaged, or only a part of it: its end is missing[.]"):
        ingest(half)
