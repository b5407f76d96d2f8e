"""Which format a file has, and what is said about files of other formats."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.ingestion.data_format import find_format

CSV = b"a,b\n1,2\n"
PARQUET = b"PAR1" + bytes(20) + b"PAR1"


def write(folder: Path, content: bytes) -> Path:
    path = folder / "raw-data"
    path.write_bytes(content)
    return path


def make_zip(*members: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for member in members:
            archive.writestr(member, "x")
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "given", "expected"),
    [
        ("s3://drops/p/x.csv", CSV, None, ("csv", "by its name")),
        ("s3://drops/p/X.CSV", CSV, None, ("csv", "by its name")),
        ("s3://drops/p/x.tsv", b"a\tb\n1\t2\n", None, ("tsv", "by its name")),
        ("s3://drops/p/x.parquet", PARQUET, None, ("parquet", "by its name")),
        ("s3://drops/p/x.dat", CSV, None, ("csv", "by its content")),
        ("s3://drops/p/data", PARQUET, None, ("parquet", "by its content")),
        ("s3://drops/p.q/data", CSV, None, ("csv", "by its content")),
        ("s3://drops/p/x.csv", b"a\tb\n1\t2\n", "tsv", ("tsv", "given")),
        ("s3://drops/p/x.json", CSV, "csv", ("csv", "given")),
        ("s3://drops/p/x.csv", b"\xef\xbb\xbf[a],[b]\n1,2\n", None, ("csv", "by its name")),
    ],
)
def test_format_is_given_or_named_or_found(
    tmp_path: Path, name: str, content: bytes, given: str | None, expected: tuple[str, str]
) -> None:
    """`data_format` decides, else the ending of the name in any case, else the first bytes."""
    found = find_format(write(tmp_path, content), name, given)
    assert (found.name, found.how) == expected


@pytest.mark.parametrize(
    ("name", "content", "kind", "advice"),
    [
        ("x.csv", make_zip("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook", "Save the sheet as CSV"),
        ("x.xlsx", make_zip("xl/workbook.xml"), "an Excel workbook", "Save the sheet as CSV"),
        ("x.csv", make_zip("word/document.xml"), "a Word document", "Write the table"),
        ("x.zip", make_zip("x.csv"), "a zip archive", "Unpack it"),
        ("x", b"PK\x03\x04 and then nothing", "a damaged zip archive", "Unpack it"),
        ("x.csv", b"\x89PNG\r\n\x1a\n0000", "a PNG image", "Write the table"),
        ("x.csv", b"\x1f\x8b\x08\x00", "a gzip file", "Unpack it"),
        ("x.csv.gz", b"\x1f\x8b\x08\x00", "a gzip file", "Unpack it"),
        ("x.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook", "Save the sheet as CSV"),
        ("x.csv", b'{"a": 1}', "a JSON file", "Write the table"),
        ("x.csv", b' [ {"a": 1} ]', "a JSON file", "Write the table"),
        ("x.jsonl", b"anything", "a JSON Lines file", "Write the table"),
        ("x.csv", b"<!DOCTYPE html><title>404", "an HTML page", "Write the table"),
        ("x.csv", b"%PDF-1.7", "a PDF document", "Write the table"),
        ("x.csv", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "git lfs pull"),
        ("x.parquet", b"PARE" + bytes(20), "an encrypted Parquet file", "Write the table"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, name: str, content: bytes, kind: str, advice: str) -> None:
    """A file of a format that cannot be read is called what it is, with what to do instead."""
    with pytest.raises(DataUnreadable) as raised:
        find_format(write(tmp_path, content), name)
    assert kind in raised.value.what
    assert "not available yet" in raised.value.what
    assert advice in raised.value.fix
    assert raised.value.where == name


def test_empty_file_is_unreadable(tmp_path: Path) -> None:
    """A file of 0 bytes is a fault of the data, and said to be empty."""
    with pytest.raises(DataUnreadable, match="0 bytes"):
        find_format(write(tmp_path, b""), "x.csv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", PARQUET, "this is a CSV file, but it is a Parquet file"),
        ("x.parquet", CSV, r"begins with b'a,b\\n1,2\\n' instead of b'PAR1'"),
    ],
)
def test_name_that_contradicts_the_content_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """A Parquet file called .csv, and the reverse, is a fault of the file."""
    with pytest.raises(DataUnreadable, match=message):
        find_format(write(tmp_path, content), name)


@pytest.mark.parametrize(
    ("given", "content", "message"),
    [
        ("csv", PARQUET, 'is "csv", but the file is a Parquet file'),
        ("parquet", CSV, 'is "parquet", but the file is no Parquet file'),
        ("csv", make_zip("xl/workbook.xml"), "the file is an Excel workbook"),
    ],
)
def test_data_format_that_contradicts_the_content_is_a_fault_of_the_request(
    tmp_path: Path, given: str, content: bytes, message: str
) -> None:
    """A wrong `data_format` is mended in the parameters, not in the file."""
    with pytest.raises(ParameterInvalid, match=message):
        find_format(write(tmp_path, content), "x.csv", given)
