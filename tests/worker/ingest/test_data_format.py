"""Which format a file has, and what is said about files of other formats."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import pytest

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.stages.ingest.data_format import find_format

CSV = b"a,b\n1,2\n"
PARQUET = b"PAR1" + bytes(20) + b"PAR1"
LINES = b'{"a": 1}\n{"a": 2}\n'


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
        ("s3://drops/p/x.csv", b"ORCID,MM\n1,2\n", None, ("csv", "by its name")),
        ("s3://drops/p/x.csv", b"<a>,<b>\n1,2\n", None, ("csv", "by its name")),
        ("s3://drops/p/x.jsonl", b'{"a": 1}\nbroken', None, ("jsonl", "by its name")),
        ("s3://drops/p/x.csv", b"a\tb\n1\t2\n", "tsv", ("tsv", "given")),
        ("s3://drops/p/x.json", CSV, "csv", ("csv", "given")),
        ("s3://drops/p/x.csv", LINES, "csv", ("csv", "given")),
        ("s3://drops/p/x.json", b' [ {"a": 1} ]', None, ("json", "by its name")),
        ("s3://drops/p/x.json", b'{"a": [1, 2]}\n', None, ("json", "by its name")),
        ("s3://drops/p/x.ndjson", LINES, None, ("jsonl", "by its name")),
        ("s3://drops/p/x.txt", LINES, None, ("jsonl", "by its content")),
        ("s3://drops/p/x.json", '[{"a": 1}]'.encode("utf-16"), None, ("json", "by its name")),
        ("s3://drops/p/x.xlsm", make_zip("xl/workbook.xml"), None, ("xlsx", "by its name")),
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
    "content",
    [
        b"<DATE>,<OPEN>\n1,2\n",
        b"<DATE>\t<OPEN>\n1\t2\n",
        b"<DATE> <OPEN>\n1 2\n",
        b"<ERROR>,<DAY>\n1,2\n",
        b"- a,b: c\n1,2\n",
    ],
)
def test_names_of_columns_may_have_signs_of_other_texts(tmp_path: Path, content: bytes) -> None:
    """A separator between them tells that they are names."""
    assert find_format(write(tmp_path, content), "x.csv").name == "csv"


@pytest.mark.parametrize(
    ("name", "content", "kind", "advice"),
    [
        ("x.csv", b"\x89PNG\r\n\x1a\n0000", "a PNG picture; it is no table", "the file that was meant"),
        ("x.csv", b"%PDF-1.7", "a PDF document; it is no table", "the file that was meant"),
        ("x.csv", b" <!DOCTYPE html><title>404", "an HTML page; it is no table", "a login, or an error"),
        ("x.csv", b"<?xml version='1.0'?>", "an XML file; it holds no table", "CSV or Parquet"),
        ("x.csv", b"<rows>\n  <row><a>1</a></row>\n</rows>", "an XML file; it holds no table", "CSV or Parquet"),
        ("x.csv", b"<Error><Code>NoSuchKey</Code></Error>", "a server's error in XML; it is no table", "an error"),
        ("x.csv", b"<?xml version='1.0'?>\n<Error>\n<Code>", "a server's error in XML; it is no table", "an error"),
        ("x.csv", b"curl: (6) Could not resolve host", "an error of curl; it is no table", "download the file again"),
        ("x.txt", b"1 1:0.5 2:-3e2 \n0 2:1\n", "a LibSVM file; it holds no table", "CSV or Parquet"),
        ("x.pkl", pickle.dumps([1], 0), "a pickled Python object; it holds no table", "CSV or Parquet"),
        ("x.pkl", pickle.dumps({"a": 1}, 0), "a pickled Python object; it holds no table", "CSV or Parquet"),
        ("x.pkl", pickle.dumps(Path(), 0), "a pickled Python object; it holds no table", "CSV or Parquet"),
        ("x.py", CSV, "By its name this is a program (`.py`)", "ends in what it is"),
        ("x.csv", b"<!-- proxy, v2 -->\n<html><body>", "an HTML page; it is no table", "a login, or an error"),
        ("x.csv", b"% Weka\n@RELATION shop\n", "an ARFF file; it holds no table", "CSV or Parquet"),
        ("x.sql", b"-- dump\nCREATE TABLE t (a REAL, b TEXT);", "an SQL script; it holds no table", "CSV or Parquet"),
        ("x.yaml", b"---\n- size: 1\n  label: a\n", "a YAML file; it holds no table", "CSV or Parquet"),
        ("x.csv", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "git lfs pull"),
        ("x.parquet", b"PARE" + bytes(20), "an encrypted Parquet file", "without encryption"),
        ("x", b"SQLite format 3\0", "an SQLite database; it holds no table in a format", "CSV or Parquet"),
        ("x.pkl", b"\x80\x04\x95", "a pickled Python object; it holds no table in a format", "CSV or Parquet"),
        ("x.csv", b"BZh91AY&SY", "a bzip2 file; it holds no table in a format", "in zip or gzip"),
        ("x", b"ORC\x0a\x0b\0", "an ORC file; it holds no table in a format", "CSV or Parquet"),
        ("x.tar", bytes(257) + b"ustar", "a tar archive; it holds no table in a format", "in zip or gzip"),
        ("x.exe", CSV, "By its name this is a program (`.exe`)", "ends in what it is"),
        ("x.PDF", CSV, "By its name this is a document (`.pdf`)", "ends in what it is"),
        ("x.parquet", b"\0\1\2", "By its name this is a Parquet file, but it begins with", "damaged"),
        ("x.xlsx", b"\0\1\2", "By its name this is an Excel workbook, but it begins with", "damaged"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, name: str, content: bytes, kind: str, advice: str) -> None:
    """A file that is no table is called what it is, with where it may come from, or what to do instead."""
    with pytest.raises(DataUnreadable) as raised:
        find_format(write(tmp_path, content), name)
    assert kind in raised.value.what
    assert advice in raised.value.fix
    assert raised.value.where == name


def test_empty_file_is_unreadable(tmp_path: Path) -> None:
    """A file of 0 bytes is a fault of the data, and said to be empty."""
    with pytest.raises(DataUnreadable, match="0 bytes"):
        find_format(write(tmp_path, b""), "x.csv")


@pytest.mark.parametrize(
    ("name", "content", "note"),
    [
        (
            "x.csv",
            PARQUET,
            "By its name the file is a CSV file (`.csv`), but it is a Parquet file, and was read as that.",
        ),
        (
            "x.parquet",
            CSV,
            "By its name the file is a Parquet file (`.parquet`), but it is a CSV file, and was read as that.",
        ),
        (
            "x.xls",
            CSV,
            "By its name the file is an old Excel workbook (`.xls`), but it is a CSV file, and was read as that.",
        ),
        ("x.gz", CSV, "By its name the file is a gzip file (`.gz`), but it is a CSV file, and was read as that."),
        (
            "x.csv",
            LINES,
            "By its name the file is a CSV file (`.csv`), but it is a JSON lines file, and was read as that.",
        ),
        (
            "x.json",
            LINES,
            "By its name the file is a JSON file (`.json`), but it is a JSON lines file, and was read as that.",
        ),
    ],
)
def test_a_name_that_lies_is_told(tmp_path: Path, name: str, content: bytes, note: str) -> None:
    """A file is read as what it is, and a note says that its name is of something else."""
    found = find_format(write(tmp_path, content), name)
    assert (found.how, found.note) == ("by its content", note)


@pytest.mark.parametrize(
    ("given", "content", "message"),
    [
        ("csv", PARQUET, 'is "csv", but the file is a Parquet file'),
        ("parquet", CSV, 'is "parquet", but the file is no Parquet file: it begins with `a,b'),
        ("csv", make_zip("xl/workbook.xml"), "the file is an Excel workbook"),
        ("json", PARQUET, 'is "json", but the file is a Parquet file'),
        ("json", CSV, 'is "json", but the file is no JSON file'),
        ("jsonl", CSV, 'is "jsonl", but the file is no JSON lines file'),
    ],
)
def test_data_format_that_contradicts_the_content_is_a_fault_of_the_request(
    tmp_path: Path, given: str, content: bytes, message: str
) -> None:
    """A wrong `data_format` is mended in the parameters, not in the file; the line to paste has the right one."""
    with pytest.raises(ParameterInvalid, match=message) as raised:
        find_format(write(tmp_path, content), "x.csv", given)
    fix = raised.value.fix
    told, _ = json.JSONDecoder().raw_decode(fix, fix.index("{"))
    assert find_format(write(tmp_path, content), "x.csv", told["data_format"]).how == "given"
