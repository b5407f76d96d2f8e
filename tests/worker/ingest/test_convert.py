"""CSV files become Parquet with types: every value counts, and nothing is dropped without a word."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import random
import re
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.limits import Limits
from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest import bad_lines
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import DataFormat
from pipeline_worker.stages.ingest.formats import separated
from pipeline_worker.stages.ingest.guess import Guess
from pipeline_worker.stages.ingest.missing_words import MISSING_WORDS

UTC = dt.UTC


def convert_bytes(folder: Path, content: bytes, **config: Any) -> tuple[Converted, dict[str, list[Any]]]:
    """Return what became of a CSV file with *content*, and the columns of the Parquet file."""
    raw, target = folder / "raw-data", folder / "dataset.parquet"
    raw.write_bytes(content)
    converted = convert(raw, target, "x.csv", DataFormat("csv", "by its name"), IngestionConfig(**config))
    return converted, pq.read_table(target).to_pydict()


def convert_column(folder: Path, cells: list[str], *, separator: str = ",", **config: Any) -> tuple[Any, list[Any]]:
    """Return the description of a column with *cells*, beside a column of text, and its values."""
    quoted = ['"' + cell.replace('"', '""') + '"' if re.search('[,;"\n]', cell) else cell for cell in cells]
    text = f"x{separator}other\n" + "".join(f"{cell}{separator}text\n" for cell in quoted)
    converted, columns = convert_bytes(folder, text.encode(), **config)
    return converted.schema.columns[0], columns["x"]


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "-2", "0"], "integer", [1, -2, 0]),
        (["1", "", "3"], "integer", [1, None, 3]),
        (["+1", "2"], "integer", [1, 2]),
        ([" 1", "2 "], "integer", [1, 2]),
        (["9223372036854775807", "-9223372036854775808"], "integer", [2**63 - 1, -(2**63)]),
        (["9223372036854775808", "1"], "text", ["9223372036854775808", "1"]),
        (["9223372036854775808", "1.5"], "number", [9.223372036854775808e18, 1.5]),
        (["1.5", "2"], "number", [1.5, 2.0]),
        (["1e3", "2E-2"], "number", [1000.0, 0.02]),
        ([".5", "5.", "-0.25"], "number", [0.5, 5.0, -0.25]),
        (["0.1", "1e400"], "text", ["0.1", "1e400"]),
        (["1.5", "inf", "-Infinity"], "number", [1.5, math.inf, -math.inf]),
        (["0x1f", "0x20"], "text", ["0x1f", "0x20"]),
        (["1_000", "2"], "text", ["1_000", "2"]),
        (["00123", "45678"], "text", ["00123", "45678"]),
        (["007.5", "1.5"], "text", ["007.5", "1.5"]),
        (["-0", "0"], "integer", [0, 0]),
        (["1", "abc", "2.5"], "text", ["1", "abc", "2.5"]),
        (["1", "true"], "text", ["1", "true"]),
        (["true", "False", "TRUE", ""], "boolean", [True, False, True, None]),
        (["yes", "no"], "text", ["yes", "no"]),
        (["0", "1"], "integer", [0, 1]),
        (["12 %", "13 %"], "integer", [12, 13]),
        (["a", " b ", "  "], "text", ["a", "b", None]),
        (["None", "none", "x"], "text", ["None", "none", "x"]),
        (["", "NA", " NA "], "text", [None, None, None]),
        (["a\nb", 'say "x"', "c,d"], "text", ["a\nb", 'say "x"', "c,d"]),
    ],
)
def test_values_decide_the_type(tmp_path: Path, cells: list[str], kind: str, values: list[Any]) -> None:
    """A type is what every value of the column is; codes with leading zeros, and what would lose digits, stay text."""
    column, found = convert_column(tmp_path, cells)
    assert column.type == kind
    assert found == values


@pytest.mark.parametrize("word", MISSING_WORDS)
def test_words_for_missing_are_missing_beside_numbers(tmp_path: Path, word: str) -> None:
    """Each of them is missing in a column of numbers, and the column says that it is nullable; in text it is a label."""
    column, values = convert_column(tmp_path, ["1", word])
    assert (column.type, column.nullable, values) == ("integer", True, [1, None])
    column, values = convert_column(tmp_path, ["a", word])
    assert (column.type, column.nullable, values) == ("text", word == "", ["a", word or None])


D = dt.date
T = dt.datetime


@pytest.mark.parametrize(
    ("cells", "kind", "label", "values"),
    [
        (["2024-01-31", ""], "date", None, [D(2024, 1, 31), None]),
        (["2024-1-5", "2024-12-31"], "date", None, [D(2024, 1, 5), D(2024, 12, 31)]),
        (["2024/01/31", "2024/2/1"], "date", "YYYY/MM/DD", [D(2024, 1, 31), D(2024, 2, 1)]),
        (["31.01.2024", "1.2.2024"], "date", "DD.MM.YYYY", [D(2024, 1, 31), D(2024, 2, 1)]),
        (["01.02.2024", "03.04.2024"], "date", "DD.MM.YYYY", [D(2024, 2, 1), D(2024, 4, 3)]),
        (["31/01/2024", "01/02/2024"], "date", "DD/MM/YYYY", [D(2024, 1, 31), D(2024, 2, 1)]),
        (["01/31/2024", "01/02/2024"], "date", "MM/DD/YYYY", [D(2024, 1, 31), D(2024, 1, 2)]),
        (["31-01-2024", "01-02-2024"], "date", "DD-MM-YYYY", [D(2024, 1, 31), D(2024, 2, 1)]),
        (["31 Jan 2024", "1 february 2024"], "date", "DD Mon YYYY", [D(2024, 1, 31), D(2024, 2, 1)]),
        (["31-Jan-2024", "01-Sep-2024"], "date", "DD Mon YYYY", [D(2024, 1, 31), D(2024, 9, 1)]),
        (["Jan 31, 2024", "May 1, 2024"], "date", "Mon DD, YYYY", [D(2024, 1, 31), D(2024, 5, 1)]),
        (["2024-01-31 10:00:00"], "timestamp", None, [T(2024, 1, 31, 10)]),
        (["2024-01-31T10:00", "2024-02-01"], "timestamp", None, [T(2024, 1, 31, 10), T(2024, 2, 1)]),
        (["2024-01-31 10:00:00.125"], "timestamp", None, [T(2024, 1, 31, 10, 0, 0, 125000)]),
        (["31.01.2024 9:05", "01.02.2024"], "timestamp", "DD.MM.YYYY", [T(2024, 1, 31, 9, 5), T(2024, 2, 1)]),
        (
            ["1/31/2024 2:30:00 PM", "2/1/2024 12:15 AM", "2/1/2024 12:00 pm"],
            "timestamp",
            "MM/DD/YYYY",
            [T(2024, 1, 31, 14, 30), T(2024, 2, 1, 0, 15), T(2024, 2, 1, 12)],
        ),
        (
            ["2024-01-31T10:00:00Z", "2024-01-31T10:00:00+02:00"],
            "timestamp",
            None,
            [T(2024, 1, 31, 10, tzinfo=UTC), T(2024, 1, 31, 8, tzinfo=UTC)],
        ),
        (["9:30", "23:59:59"], "time", None, [dt.time(9, 30), dt.time(23, 59, 59)]),
        (["2024-02-30", "2024-01-01"], "text", None, ["2024-02-30", "2024-01-01"]),
        (["31.02.2024", "01.01.2024"], "text", None, ["31.02.2024", "01.01.2024"]),
        (["0000-00-00", "2024-01-01"], "text", None, ["0000-00-00", "2024-01-01"]),
        (["2024-01-31 10", "2024-01-31 11"], "text", None, ["2024-01-31 10", "2024-01-31 11"]),
        (["31.01.24", "01.02.24"], "text", None, ["31.01.24", "01.02.24"]),
        (["20240131", "20240201"], "integer", None, [20240131, 20240201]),
        (["25:00", "10:00"], "text", None, ["25:00", "10:00"]),
        (
            ["2024-01-31T10:00:00Z", "2024-01-31T10:00:00"],
            "text",
            None,
            ["2024-01-31T10:00:00Z", "2024-01-31T10:00:00"],
        ),
        (["31/01/2024", "01/31/2024"], "text", None, ["31/01/2024", "01/31/2024"]),
    ],
)
def test_dates_and_times_are_typed(
    tmp_path: Path, cells: list[str], kind: str, label: str | None, values: list[Any]
) -> None:
    """Dates of one format are dates; days that are in no calendar, and mixtures, stay text."""
    column, found = convert_column(tmp_path, cells)
    assert (column.type, column.format) == (kind, label)
    assert found == values


def test_nanoseconds_are_kept(tmp_path: Path) -> None:
    """Times with nine digits lose none of them."""
    column, _ = convert_column(tmp_path, ["2024-01-31 10:00:00.123456789", "2024-01-31 10:00:00"])
    assert column.parquet_type == "timestamp[ns]"
    written = pq.read_table(tmp_path / "dataset.parquet").column("x").cast("int64").to_pylist()
    assert written[0] % 1_000_000_000 == 123456789


def test_dates_that_fit_two_formats_follow_the_rest_of_the_file(tmp_path: Path) -> None:
    """03/04 is in April where another column of the file has the day first; that is said."""
    converted, columns = convert_bytes(tmp_path, b"a,b\n03/04/2024,31/01/2024\n05/06/2024,01/02/2024\n")
    assert columns["a"] == [D(2024, 4, 3), D(2024, 6, 5)]
    (note,) = converted.notes
    assert note == (
        "`a`: Read as DD/MM/YYYY, like other dates of the file; by itself it could be DD/MM/YYYY or MM/DD/YYYY; "
        'to keep it as text, give {"ingestion_config": {"column_types": {"a": "text"}}}.'
    )


def test_dates_that_fit_two_formats_stay_text_where_nothing_decides(tmp_path: Path) -> None:
    """They are not guessed: a month for a day goes unnoticed until a model is wrong."""
    column, values = convert_column(tmp_path, ["03/04/2024", "05/06/2024"])
    assert (column.type, values) == ("text", ["03/04/2024", "05/06/2024"])
    assert column.note == (
        "Text: its dates could be DD/MM/YYYY or MM/DD/YYYY; if they are dates, give "
        '{"ingestion_config": {"date_order": "dmy"}} or {"ingestion_config": {"date_order": "mdy"}}.'
    )


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1,5", "2,25"], "number", [1.5, 2.25]),
        (["1.234,5", "2"], "number", [1234.5, 2.0]),
        (["1.234.567", "2"], "integer", [1234567, 2]),
        (["0,123", "1,234"], "number", [0.123, 1.234]),
        (["-1,5e3", "2"], "number", [-1500.0, 2.0]),
        (["1,234.5", "2"], "number", [1234.5, 2.0]),
        (["1,234,567", "2"], "integer", [1234567, 2]),
        (["1'234.5", "2"], "number", [1234.5, 2.0]),
        (["1\u00a0234,5", "2"], "number", [1234.5, 2.0]),
        (["1,23,456", "2"], "integer", [123456, 2]),
        (["1.23.456", "2"], "text", ["1.23.456", "2"]),
        (["1,5", "1.5"], "text", ["1,5", "1.5"]),
        (["01.234,5", "2"], "text", ["01.234,5", "2"]),
    ],
)
def test_decimal_commas_and_signs_between_thousands_are_found(
    tmp_path: Path, cells: list[str], kind: str, values: list[Any]
) -> None:
    """What only one reading allows is read so, whatever separates the columns."""
    for separator in ",;":
        column, found = convert_column(tmp_path, cells, separator=separator)
        assert (column.type, found) == (kind, values)


@pytest.mark.parametrize(
    ("cells", "label", "sign"),
    [
        (["1,234.50", "2.5"], "1,234.5", "point"),
        (["2.5", "1'234.5"], "1,234.5", "point"),
        (["1.234,5", "2,5"], "1.234,5", "comma"),
        (["1,234,567", "2"], "1,234", "point"),
        (["1234.5", "2"], None, "point"),
    ],
)
def test_how_numbers_are_written_is_kept(tmp_path: Path, cells: list[str], label: str | None, sign: str) -> None:
    """The schema says where signs stand between thousands; only a decimal comma is called one."""
    text = "x;y\n" + "".join(f"{cell};a\n" for cell in cells)
    converted, _ = convert_bytes(tmp_path, text.encode())
    assert converted.schema.columns[0].format == label
    assert f"decimal sign {sign} (found)" in converted.found


@pytest.mark.parametrize(
    ("separator", "cells", "config", "values"),
    [
        (",", ["1,234", "5,678"], {}, [1234, 5678]),
        (";", ["1,234", "5,678"], {}, [1.234, 5.678]),
        (";", ["1.234", "5.678"], {}, [1.234, 5.678]),
        (",", ["1,234", "5,678"], {"decimal": ","}, [1.234, 5.678]),
        (";", ["1.234", "5.678"], {"decimal": ","}, [1234, 5678]),
        (";", ["1,234", "5,678"], {"decimal": "."}, [1234, 5678]),
    ],
)
def test_one_sign_before_three_digits_is_decided_and_said(
    tmp_path: Path, separator: str, cells: list[str], config: dict[str, str], values: list[Any]
) -> None:
    """Both readings of 1,234 are possible: what is given decides, else the usual one, with a note that says how to."""
    column, found = convert_column(tmp_path, cells, separator=separator, **config)
    assert found == values
    if config:
        assert column.note is None
    else:
        assert "not certain" in (column.note or "")
        assert '{"ingestion_config": {"decimal": "' in (column.note or "")


def test_other_columns_decide_what_a_sign_means(tmp_path: Path) -> None:
    """1.234 is a thousand in a file whose other numbers have a decimal comma."""
    converted, columns = convert_bytes(tmp_path, b"a;b\n1.234;0,5\n5.678;1,5\n")
    assert columns == {"a": [1234, 5678], "b": [0.5, 1.5]}
    assert "like elsewhere in the file" in converted.notes[0]
    assert "decimal sign comma (found)" in converted.found


@pytest.mark.parametrize(("cell", "value"), [("1.234", 1234.0), ("1234", 1234.0)])
def test_a_decimal_comma_holds_in_blocks_that_have_none(tmp_path: Path, cell: str, value: float) -> None:
    """What Arrow would read as a fraction is a thousand there as well."""
    many = 150_000
    column, values = convert_column(tmp_path, ["1.234,5"] * many + [cell] * many, separator=";")
    assert (column.type, values[0], values[-1]) == ("number", 1234.5, value)
    assert convert_column(tmp_path, ["1.234", "2"], decimal=",", column_types={"x": "number"})[1] == [1234.0, 2.0]


def test_a_fraction_with_a_point_is_against_a_decimal_comma_in_a_later_block() -> None:
    """`1.5` is no number beside `1,5`, wherever the first of each stands."""
    guess = Guess(None, "x")
    guess.look(pa.array(["1,5"]), 1)
    guess.look(pa.array(["1.234"]), 2)
    assert [each.type for each in guess.numbers] == ["number"]
    guess.look(pa.array(["1.5"]), 3)
    assert guess.numbers == []


def test_given_decimal_sign_makes_the_other_text(tmp_path: Path) -> None:
    """With a decimal comma given, 1.5 is no number; that is told, as the setting may be wrong."""
    column, _ = convert_column(tmp_path, ["7", "1.5", "2.5"], decimal=",")
    assert column.type == "text"
    assert column.note == (
        "Text, because of '1.5' in row 2: `ingestion_config.decimal` is `,`; if these are numbers, leave it out or give the other."
    )
    converted, _ = convert_bytes(tmp_path, b"a,b\n1.5,x\n", decimal=",")
    assert "decimal sign comma (given)" in converted.found


@pytest.mark.parametrize(("cells", "rows"), [(["5.55", "1,94"], (1, 2)), (["1", "1,94", "2", "5.55", "3.5"], (2, 4))])
def test_numbers_that_are_written_in_two_ways_are_told(tmp_path: Path, cells: list[str], rows: tuple[int, int]) -> None:
    """Both signs in one column are no numbers, and text without a word would be a class for each."""
    column, _ = convert_column(tmp_path, cells)
    assert column.type == "text"
    shown = {f"{cell!r} in row {row}" for row, cell in enumerate(cells, 1) if row in rows}
    assert column.note is not None
    assert column.note.startswith("Text, because its numbers are written in two ways: ")
    assert all(each in column.note for each in shown)


@pytest.mark.parametrize("last", ["abc", "1.2.3"])
def test_numbers_in_two_ways_beside_something_else_are_text(tmp_path: Path, last: str) -> None:
    """They are no numbers at all."""
    column, _ = convert_column(tmp_path, ["5.55", "1,94", last])
    assert "two ways" not in (column.note or "")


@pytest.mark.slow("reads megabytes")
def test_type_is_found_from_every_row(tmp_path: Path) -> None:
    """One word in the last of many rows makes a column text, wherever blocks end, and nothing becomes missing."""
    count = 400_000
    cells = "".join(f"{row},{row}.5\n" for row in range(count))
    converted, columns = convert_bytes(tmp_path, f"a,b\n{cells}abc,1\n".encode())
    assert [column.type for column in converted.schema.columns] == ["text", "number"]
    assert columns["a"] == [*map(str, range(count)), "abc"]
    assert converted.schema.columns[0].note == (
        f"Text, because of 'abc' in row {count + 1}: the values around it are whole numbers; if `abc` means missing, "
        'give {"ingestion_config": {"missing_values": {"a": ["abc"]}}}.'
    )


@pytest.mark.slow("reads megabytes")
def test_types_that_widen_over_blocks_keep_all_values(tmp_path: Path) -> None:
    """Whole numbers, then dates without times, then the wider kind: values of the earlier blocks are kept."""
    head = "1,2024-01-31,1\n" * 200_000
    tail = '1.5,2024-01-31 10:00:00,"1,234"\n'
    converted, columns = convert_bytes(tmp_path, f"a,b,c\n{head}{tail}".encode(), decimal=".")
    assert [column.type for column in converted.schema.columns] == ["number", "timestamp", "integer"]
    assert columns["a"][-2:] == [1.0, 1.5]
    assert columns["b"][-2:] == [T(2024, 1, 31), T(2024, 1, 31, 10)]
    assert columns["c"][-2:] == [1, 1234]


def test_nearly_numeric_columns_say_which_value_made_them_text(tmp_path: Path) -> None:
    """The row and the value are named, so that a person can mend one cell."""
    column, _ = convert_column(tmp_path, [*map(str, range(20)), "n.a.", *map(str, range(20))])
    assert column.note == (
        "Text, because of 'n.a.' in row 21: the values around it are whole numbers; if `n.a.` means missing, "
        'give {"ingestion_config": {"missing_values": {"x": ["n.a."]}}}.'
    )


def test_leading_zeros_are_said(tmp_path: Path) -> None:
    """A column that looks like numbers is said to be text because of them."""
    column, _ = convert_column(tmp_path, [*(str(row) for row in range(10_000, 10_020)), "00123"])
    assert column.note == (
        "Text, because of leading zeros: '00123' in row 21; if they are numbers, "
        'give {"ingestion_config": {"column_types": {"x": "integer"}}}.'
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_make_no_difference(tmp_path: Path, encoding: str, line_end: str) -> None:
    """The same table comes out of each of them."""
    text = line_end.join(["größe;name", "1,5;José", "2,5;Zoë", ""])
    converted, columns = convert_bytes(tmp_path, text.encode(encoding))
    assert columns == {"größe": [1.5, 2.5], "name": ["José", "Zoë"]}
    assert converted.schema.first_row_line == 2


def test_mixed_line_ends_are_read(tmp_path: Path) -> None:
    """Files that were glued together have them."""
    _, columns = convert_bytes(tmp_path, b"a,b\n1,2\r\n3,4\n")
    assert columns == {"a": [1, 3], "b": [2, 4]}


def test_what_was_found_and_given_is_said(tmp_path: Path) -> None:
    """One line for the log names each, and where it is from."""
    converted, _ = convert_bytes(tmp_path, "a;b\né;1,5\n".encode("cp1252"), separator=";", decimal=",")
    assert converted.found == (
        'separator semicolon (given), quote " (found), encoding cp1252 (assumed), decimal sign comma (given)'
    )


@pytest.mark.parametrize(
    ("text", "first_row_line"),
    [
        ("a,b\n1,2\n3,4\n", 2),
        ("a,b\n1,2\n3,4", 2),
        ("\n\na,b\n1,2\n", 4),
        ("sep=,\na,b\n1,2\n", 3),
        ('"a\nz",b\n1,2\n', 3),
        ("a,b\n1,2\n\n3,4\n", None),
        ('a,b\n"x\ny",2\n', None),
    ],
)
def test_line_of_the_first_row_is_known_only_where_rows_are_lines(
    tmp_path: Path, text: str, first_row_line: int | None
) -> None:
    """A blank line, or a line break inside a cell, makes it unknown rather than wrong."""
    assert convert_bytes(tmp_path, text.encode())[0].schema.first_row_line == first_row_line


def test_rows_with_nothing_but_missing_cells_stay(tmp_path: Path) -> None:
    """Only lines without any character are no rows."""
    _, columns = convert_bytes(tmp_path, b"a,b\n1,2\n,\n\n3,4\n")
    assert columns == {"a": [1, None, 3], "b": [2, None, 4]}


@pytest.mark.parametrize(
    ("text", "line", "cells"),
    [
        ("a,b,c\n1,2,3\n4,5\n", 3, "2 cells"),
        ("a,b,c\n1,2,3\n4,5,6,7\n", 3, "4 cells"),
        ("a,b,c\n1,2,3\n4\n", 3, "1 cell"),
        ('a,b,c\n"x\ny",2,3\n4,5\n', 4, "2 cells"),
        ("a,b,c\n\n1,2,3\n\n4,5\n", 5, "2 cells"),
        ("sep=,\na,b,c\n1,2,3\n4,5\n", 4, "2 cells"),
        ("a,b,c\n1,2,3\n  \n", 3, "1 cell"),
    ],
)
def test_ragged_row_is_refused_with_its_line(tmp_path: Path, text: str, line: int, cells: str) -> None:
    """The line is the one that an editor shows, and nothing is padded, cut or dropped."""
    with pytest.raises(DataUnreadable, match=f"Line {line} has {cells}, but the header has 3") as raised:
        convert_bytes(tmp_path, text.encode())
    assert raised.value.where == f"x.csv, line {line}"
    assert raised.value.details["rows"] == [{"line": line, "cells": int(cells.split(maxsplit=1)[0])}]


def test_ragged_rows_are_counted(tmp_path: Path) -> None:
    """All of them are counted, and the first twenty named."""
    with pytest.raises(DataUnreadable, match=r"\(30 rows differ from the header\)") as raised:
        convert_bytes(tmp_path, b"a,b\n1,2\n" + b"1,2,3\n" * 30)
    assert raised.value.details["row_count"] == 30
    assert len(raised.value.details["rows"]) == 20


@pytest.mark.slow("reads megabytes")
def test_ragged_row_far_down_is_found(tmp_path: Path) -> None:
    """It may be in any block."""
    with pytest.raises(DataUnreadable, match="Line 500002 has 1 cell"):
        convert_bytes(tmp_path, b"a,b\n" + b"1,2222222\n" * 500_000 + b"3\n")


@pytest.mark.parametrize(
    ("text", "line"), [('a,b\n1,2\n3,"4\n5,6\n', 3), ('a,b\n1,"2\n3,4\n', 2), ('a,b\n"x\ny",2\n3,"4\n', 4)]
)
def test_quote_that_is_never_closed_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    """Otherwise all rows after it would become one cell without a word."""
    with pytest.raises(DataUnreadable, match=f"In the row of line {line} a quote .* is never closed"):
        convert_bytes(tmp_path, text.encode())


def test_two_quotes_that_are_never_closed_are_refused(tmp_path: Path) -> None:
    """Together they look like one cell with a line break, and a row would be gone without a word."""
    with pytest.raises(DataUnreadable, match=r"A quote .* that opens in line 3 closes in line 4, in the middle"):
        convert_bytes(tmp_path, b'a,b,c\n1,2,3\n1,"abc,2\n3,"def,4\n5,6,7\n')


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "shift-jis"])
@pytest.mark.parametrize("separator", [",", "\t", "|", ";"])
@pytest.mark.parametrize("cell", ['"big" red', '"so ""big"" " red', '"{"a": 1}"', '"two\nlines" red'])
def test_quote_that_closes_inside_a_cell_is_refused(tmp_path: Path, cell: str, separator: str, codec: str) -> None:
    """It would be left out of the cell without a word, where the number of quotes in the file is even."""
    rows = ["a,b,c", "1,2,3", f"4,{cell},x", '"7",8,東']
    text = "\n".join(row.replace(",", separator) for row in rows) + "\n"
    with pytest.raises(DataUnreadable, match=r"closes .*in the middle of a cell"):
        convert_bytes(tmp_path, text.encode(codec), encoding="cp932" if codec == "shift-jis" else None)


def test_quote_that_closes_inside_a_cell_is_found_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks end where a line does."""
    monkeypatch.setattr(bad_lines, "_BLOCK_BYTES", 7)
    with pytest.raises(DataUnreadable, match="In line 5 a quote"):
        convert_bytes(tmp_path, b'a,b\n1,2\n3,4\n5,"6"\n7,"big" red')


@pytest.mark.parametrize(
    "row",
    [
        '17" screen,12" and 13"',
        '"a ""b"" c","d"""',
        '"a, ""b"" c",", ""b"""',
        '"a," ,"b"',
        '"","a"',
        '"a,",x',
        '5" pipe,"6"" pipe"',
    ],
)
def test_quotes_that_change_nothing_are_read(tmp_path: Path, row: str) -> None:
    """Inches in a cell without quotes, quotes that are written twice, and blanks behind one."""
    columns = convert_bytes(tmp_path, f"a,b\n{row}\n{row}\n".encode())[1]
    assert [len(each) for each in columns.values()] == [2, 2]


def test_quote_inside_a_cell_is_a_character(tmp_path: Path) -> None:
    """An inch sign opens nothing, even if their number is odd."""
    _, columns = convert_bytes(tmp_path, b'a,b\n5" pipe,1\n"6"" pipe",2\n')
    assert columns["a"] == ['5" pipe', '6" pipe']


@pytest.mark.slow("reads megabytes")
def test_cell_longer_than_a_block_is_read(tmp_path: Path) -> None:
    """Texts of several megabytes are cells like others, where the limit of a cell allows them."""
    long = "x" * 5_000_000
    source, target = tmp_path / "x.csv", tmp_path / "dataset.parquet"
    source.write_text(f"a,b\n1,{long}\n2,y\n")
    limits = Limits(cell_bytes=len(long))
    convert(source, target, "x.csv", DataFormat("csv", "given"), IngestionConfig(), limits=limits)
    assert pq.read_table(target)["b"].to_pylist() == [long, "y"]


def test_row_longer_than_the_largest_block_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with a reason and soon, not with all memory taken, whichever of Arrow's threads comes first."""
    monkeypatch.setattr(separated, "_BLOCK_BYTES", (1000, 2000))
    for _ in range(4):
        began = time.monotonic()
        with pytest.raises(
            DataUnreadable, match="A cell of `b` has 50,000 bytes, and its row 50,001: 2,000 can be read"
        ):
            convert_bytes(tmp_path, b"a,b\n1," + b"x" * 50_000 + b"\n")
        assert time.monotonic() - began < 60


@pytest.mark.parametrize("text", ["a,b\n", "a,b", "\n\na,b\n", "a,b\n\n\n"])
def test_header_alone_is_unreadable(tmp_path: Path, text: str) -> None:
    """A table without rows has no types and trains nothing."""
    with pytest.raises(DataUnreadable, match="no rows"):
        convert_bytes(tmp_path, text.encode())


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "'5.1'"),
        ("39,State-gov,77516\n50,Private,83311\n", "'39'"),
        ("1,2,3\n4,5,6\n1,2,3\n", None),
        ("1,1,0\n0,1,1\n", "'1'"),
        ("2024-01-31,a\n2024-02-01,b\n", "'2024-01-31'"),
        ("-1,x\n-2,y\n", "'-1'"),
    ],
)
def test_missing_header_is_refused(tmp_path: Path, text: str, cell: str | None) -> None:
    """A first line of numbers above numbers is a row; running numbers are not told from names of columns."""
    if cell is None:
        assert list(convert_bytes(tmp_path, text.encode())[1]) == ["1", "2", "3"]
        return
    with pytest.raises(DataUnreadable, match=f"seems to be a row, not a header: it holds {cell}") as raised:
        convert_bytes(tmp_path, text.encode())
    assert raised.value.where == "x.csv, line 1"


@pytest.mark.parametrize("header", ["0,1,2", "country,2001,2002", "1,2,3", "x1,x2,y", ",0,1", "1999,2005,name"])
def test_names_that_are_numbers_are_names(tmp_path: Path, header: str) -> None:
    """Years and running numbers are usual names of columns."""
    names = convert_bytes(tmp_path, f"{header}\n5,6,7\n8,9,10\n".encode())[1]
    assert [name for name in names if not name.startswith("Unnamed")] == [name for name in header.split(",") if name]


def test_columns_whose_names_differ_in_case_or_dots_stay_apart(tmp_path: Path) -> None:
    """`Name` and `name`, `a` and `a.1` are different columns."""
    _, columns = convert_bytes(tmp_path, b"Name,name,a,a.1,a.b\n1,2,3,4,5\n")
    assert columns == {"Name": [1], "name": [2], "a": [3], "a.1": [4], "a.b": [5]}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("a,b,a", "`a`: columns 1, 3"),
        ("a, a ,b,b", "`a`: columns 1, 2; `b`: columns 3, 4"),
        ("a,,Unnamed: 1,b", "`Unnamed: 1`: columns 2, 3"),
    ],
)
def test_repeated_names_are_refused(tmp_path: Path, header: str, said: str) -> None:
    """They are named with their columns; blanks around them do not count."""
    with pytest.raises(DataUnreadable, match=re.escape(f"More than one column has the same name ({said})")):
        convert_bytes(tmp_path, f"{header}\n{header.count(',') * 'x,'}x\n".encode())


def test_blanks_around_names_are_left_out_and_told(tmp_path: Path) -> None:
    """The inner ones stay."""
    converted, columns = convert_bytes(tmp_path, "a ,body mass,\u00a0b\n1,2,3\n".encode())
    assert columns == {"a": [1], "body mass": [2], "b": [3]}
    assert converted.notes == ["Blanks around column names were left out: `a`, `b`."]


def test_column_without_values_is_text(tmp_path: Path) -> None:
    """It is kept, and said."""
    converted, columns = convert_bytes(tmp_path, b"a,b\n,1\nNA,2\n")
    assert columns["a"] == [None, None]
    assert converted.notes == ["`a`: No row has a value; its type is text."]
    converted, _ = convert_bytes(tmp_path, b"a,b\nx,1\ny,2\n", missing_values=["x", "y", "z"])
    assert converted.notes == ["`a`: No row has a value, by `missing_values` `x` and `y` too; its type is text."]


@pytest.mark.slow("reads thousands of columns")
@pytest.mark.parametrize("width", [1000, pytest.param(3000, marks=pytest.mark.long("three times as wide"))])
def test_wide_table_is_read(tmp_path: Path, width: int) -> None:
    """Thousands of columns are as good as ten."""
    header = ",".join(f"c{number}" for number in range(width))
    rows = "".join(",".join([f"{row}.5"] * width) + "\n" for row in range(20))
    converted, columns = convert_bytes(tmp_path, f"{header}\n{rows}".encode())
    assert {column.type for column in converted.schema.columns} == {"number"}
    assert columns[f"c{width - 1}"] == [row + 0.5 for row in range(20)]


def read_mixed(cells: list[str]) -> list[Any]:
    """Return what *cells* of the column `mixed` are: of the type that all of them have, else text as it was."""
    typed: dict[str, Any] = {"1.5": 1.5, "true": True, "2024-01-31": D(2024, 1, 31)}
    there = {cell for cell in cells if cell not in MISSING_WORDS}
    if len(there) == 1 and there <= typed.keys():
        return [typed.get(cell) for cell in cells]
    return read_labels(cells, set())


def read_labels(cells: list[str], missing: set[str]) -> list[str | None]:
    """Return *cells* of text: words are labels, but for *missing* ones and where there is nothing but `NA`."""
    missing = {"", "NA"} if set(cells) <= {"", "NA"} else missing | {""}
    return [None if cell in missing else cell.strip() for cell in cells]


@pytest.mark.parametrize("seed", range(60))
def test_any_table_comes_through_unchanged(tmp_path: Path, seed: int) -> None:
    """Whatever separator, quotes, line end and encoding a table has, each cell is read as it was, without blanks around it."""
    choose = random.Random(seed)  # noqa: S311 - a table, not a secret
    odd = ["it's", '5" pipe', "x,y", "a;b", "p|q", "t\tu", "l\nm", '"q"', "", "NA", " z ", "é€", "None", "00123", "-"]

    def make_row() -> list[str]:
        number, price = str(choose.randint(-999, 999)), repr(choose.gauss(0, 100))
        return [number, price, choose.choice(odd), choose.choice([*odd, "1.5", "true", "2024-01-31"])]

    rows = [make_row() for _ in range(choose.randint(1, 60))]
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=choose.choice(",;\t|"),
        lineterminator=choose.choice(["\n", "\r\n"]),
        quoting=choose.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    )
    writer.writerows([["number", "price", "odd", "mixed"], *rows])
    encoding = choose.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    _, columns = convert_bytes(tmp_path, text.getvalue().encode(encoding))
    assert columns["number"] == [int(row[0]) for row in rows]
    assert columns["price"] == [float(row[1]) for row in rows]
    mixed = read_mixed([row[3] for row in rows])
    assert columns["mixed"] == mixed
    # A word that is missing beside numbers is missing in the whole file.
    is_number = any(isinstance(value, float) for value in mixed)
    missing = {row[3] for row in rows if row[3] in MISSING_WORDS} if is_number else set()
    assert columns["odd"] == read_labels([row[2] for row in rows], missing)


def test_given_encoding_that_does_not_fit_is_a_fault_of_the_request(tmp_path: Path) -> None:
    """It is never replaced by another one."""
    with pytest.raises(ParameterInvalid, match="not valid in it"):
        convert_bytes(tmp_path, "a,b\né,1\n".encode(), encoding="ascii")


@pytest.mark.parametrize(
    "cells", [["9007199254740992", "9007199254740993", "NA"], ["-9007199254740993", "-9007199254740992", ""]]
)
def test_whole_numbers_that_a_float_cannot_tell_apart_are_text(tmp_path: Path, cells: list[str]) -> None:
    """Two identifiers do not become one on their way to a model; the note says why they are text."""
    converted, columns = convert_bytes(tmp_path, "\n".join(["id,n", *(f"{cell},1" for cell in cells)]).encode())
    assert columns["id"] == [*cells[:2], None]
    (column, other) = converted.schema.columns
    assert (column.type, column.parquet_type, column.nullable) == ("text", "string", True)
    assert other.type == "integer"
    (note,) = converted.notes
    assert note.startswith("`id`: Text: its whole numbers are beyond 9,007,199,254,740,992")


def test_whole_numbers_stay_what_a_person_says(tmp_path: Path) -> None:
    """The type that was given comes before every rule, and `ingest` keeps each of them."""
    column, values = convert_column(tmp_path, ["9007199254740992", "9007199254740993"], column_types={"x": "integer"})
    assert column.type == "integer"
    assert values == [9007199254740992, 9007199254740993]


def test_great_whole_numbers_that_stay_apart_stay_numbers(tmp_path: Path) -> None:
    """Nanoseconds since 1970 are numbers: every one of these is a float of its own."""
    cells = [1_700_000_000_000_000_000 + 1024 * number for number in range(5)]
    converted, columns = convert_bytes(tmp_path, "\n".join(["at,n", *(f"{cell},1" for cell in cells)]).encode())
    assert columns["at"] == cells
    assert converted.schema.columns[0].type == "integer"
    assert not converted.notes
