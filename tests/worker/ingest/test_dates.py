"""Dates with two-digit years and names of months, their order, durations, and times of different zones."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.request import IngestionConfig
from pipeline_worker.schema import Column
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import DataFormat
from pipeline_worker.stages.ingest.date_format import ANY_DATE, DURATION, DURATION_EXAMPLE, FORMATS, TIME_OF_DAY
from tests.worker.conftest import REPORTS

D, UTC = dt.date, dt.UTC
AS_TEXT = '{"ingestion_config": {"column_types": {"x": "text"}}}'


def read_file(source: Path, folder: Path, **config: Any) -> tuple[Converted, dict[str, list[Any]]]:
    """Return what became of a CSV file, and its columns."""
    parquet = folder / "dataset.parquet"
    converted = convert(source, parquet, "data.csv", DataFormat("csv", "given"), IngestionConfig(**config))
    return converted, pq.read_table(parquet).to_pydict()


def read_column(folder: Path, cells: list[str], **config: Any) -> tuple[Column, list[Any]]:
    """Return the description of a column `x` with *cells*, beside one of text, and its values."""
    source = folder / "data.csv"
    source.write_text("x;other\n" + "".join(f"{cell};text\n" for cell in cells))
    converted, columns = read_file(source, folder, separator=";", **config)
    return converted.schema.columns[0], columns["x"]


def write_days(pattern: str, years: range) -> list[str]:
    """Return the days of some months of *years*, written as *pattern* says."""
    days = [D(year, month, day) for year in years for month in (1, 5, 11) for day in range(1, 31)]
    return [day.strftime(pattern) for day in days]


@pytest.mark.parametrize(
    ("cells", "label", "values"),
    [
        (["03/25/23", "4/1/23"], "MM/DD/YY", [D(2023, 3, 25), D(2023, 4, 1)]),
        (["25/03/99", "01/04/99"], "DD/MM/YY", [D(1999, 3, 25), D(1999, 4, 1)]),
        (["25.03.68", "1.4.68"], "DD.MM.YY", [D(2068, 3, 25), D(2068, 4, 1)]),
        (["69-03-25", "69-04-01"], "YY-MM-DD", [D(1969, 3, 25), D(1969, 4, 1)]),
        (["04-Mar-23", "31 JULY 23"], "DD Mon YY", [D(2023, 3, 4), D(2023, 7, 31)]),
        (["4 Mar 2023", "1 Sept. 2024"], "DD Mon YYYY", [D(2023, 3, 4), D(2024, 9, 1)]),
        (["Mar 4, 23", "December 31 24"], "Mon DD, YY", [D(2023, 3, 4), D(2024, 12, 31)]),
    ],
)
def test_two_digit_years_and_names_of_months_are_dates(
    tmp_path: Path, cells: list[str], label: str, values: list[dt.date]
) -> None:
    """Where the whole column fits one format; the century is told, with the line that keeps the column as text."""
    column, found = read_column(tmp_path, cells)
    assert (column.type, column.format, found) == ("date", label, values)
    note = column.note or ""
    has_century = "YYYY" in label
    assert has_century is not note.endswith(f"give {AS_TEXT}.")
    assert has_century is not (f"of {values[0].year}" in note)
    kept, found = read_column(tmp_path, cells, column_types={"x": "text"})
    assert (kept.type, kept.note, found) == ("text", None, cells)


@pytest.mark.parametrize("given", [None, "dmy", "ymd"])
@pytest.mark.parametrize("pattern", ["%d/%m/%y", "%y/%m/%d", "%d.%m.%y", "%y-%m-%d"])
def test_the_year_is_told_from_the_day_where_one_of_them_is_each_day_of_the_month(
    tmp_path: Path, pattern: str, given: str | None
) -> None:
    """25/04/23 has the day first among many dates of a few years, unless another order is given; that is said."""
    cells = write_days(pattern, range(2022, 2025))
    column, found = read_column(tmp_path, cells, date_order=given)
    is_day_first = given == "dmy" or (given is None and pattern.startswith("%d"))
    wanted = re.sub("%[dy]", lambda match: "%y" if match[0] == "%d" else "%d", pattern)
    pattern = pattern if is_day_first is pattern.startswith("%d") else wanted
    assert column.type == "date"
    assert [value.strftime(pattern) for value in found] == cells
    assert ("by itself it could be" in (column.note or "")) is (given is None)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        # Three numbers that could be in any order.
        (["01-02-03", "03-04-05"], "could be DD-MM-YY or MM-DD-YY or YY-MM-DD"),
        (["03/04/23", "05/06/23"], "could be DD/MM/YY or MM/DD/YY or YY/MM/DD"),
        (["25/04/23", "26/04/23"], "could be DD/MM/YY or YY/MM/DD"),
        # Month ends of many years, the year first: the first numbers are no days.
        ([f"{year:02}/{month:02}/28" for year in range(1, 25) for month in (3, 6)], "could be DD/MM/YY or YY/MM/DD"),
        # Codes.
        (["10/20/30", "10/20/40", "10/30/50"], "it could be codes, or dates as MM/DD/YY"),
        (["1.2.40", "1.3.42"], "it could be codes, or dates as DD.MM.YY"),
        # Years of birth: 1935 or 2035?
        (["03/14/35", "04/15/71", "05/16/05", "06/17/05"], "would be 1971 to 2035, so the century"),
        (["14 Mar 35", "15 Apr 71"], "would be 1971 to 2035, so the century"),
    ],
)
def test_what_could_be_another_date_or_a_code_stays_text(tmp_path: Path, cells: list[str], said: str) -> None:
    """One note says why, and ends with a line that makes it dates."""
    column, found = read_column(tmp_path, cells)
    assert (column.type, column.format, found) == ("text", None, cells)
    note = column.note or ""
    assert said in note
    assert re.search(r'\{"ingestion_config": \{"(date_order|column_types)": .*\}\}\.$', note)


@pytest.mark.parametrize(
    "cells",
    [
        ["1/2", "3/4"],
        ["1.2.3", "1.2.4"],
        ["12-34-56", "11-22-33"],
        ["10-26-26", "14-35-14"],
        ["MAR-04-23X", "APR-05-23X"],
        ["Mar-23", "Apr-23"],
        ["555-01-02", "555-03-04"],
        ["30/02/32", "31/02/32"],
        ["04-Mrz-23", "05-Mai-23"],
        ["1 \u017fep 2024", "2 Sep 2024"],
        ["3:2", "1:0"],
        ["39:75:00", "40:10:00"],
        ["10:00:00:01", "39:00:00:02"],
    ],
)
def test_what_only_looks_like_dates_or_durations_is_left_alone(tmp_path: Path, cells: list[str]) -> None:
    """Codes, versions and scores are labels, and nothing to tell."""
    column, found = read_column(tmp_path, cells)
    assert (column.type, column.note, found) == ("text", None, cells)


def test_two_digit_years_of_which_one_cell_is_none_stay_text(tmp_path: Path) -> None:
    """The cell is named."""
    column, found = read_column(tmp_path, [*write_days("%m/%d/%y", range(2023, 2024)), "MAR-04-23X"])
    assert (column.type, found[-1]) == ("text", "MAR-04-23X")
    assert "because of 'MAR-04-23X' in row 91: the values around it are dates" in (column.note or "")


@pytest.mark.parametrize(
    ("cells", "config", "values"),
    [
        (["39:10:00", "5:00:00"], {}, [141000.0, 18000.0]),
        (["-1:30:00", "0:00:00.25", "n/a"], {}, [-5400.0, 0.25, None]),
        (["1000:00:01", ""], {}, [3600001.0, None]),
        (["005:52:00", "0:10:00"], {}, [21120.0, 600.0]),
        (["05:52:00", "00:10:00"], {"column_types": {"x": "number"}}, [21120.0, 600.0]),
    ],
)
def test_durations_are_numbers_of_seconds(
    tmp_path: Path, cells: list[str], config: dict[str, Any], values: list[float | None]
) -> None:
    """Where one of them is no time of day, or where the request says number; the unit is told."""
    column, found = read_column(tmp_path, cells, **config)
    assert (column.type, column.parquet_type, column.format, found) == ("number", "double", "H:MM:SS", values)
    assert (column.note or "").startswith("Durations, read as numbers of seconds: 39:10:00 is 141000; to keep")


@pytest.mark.parametrize("cells", [["5:52:00", "23:59:59"], ["5:52", "23:59"]])
def test_durations_of_less_than_a_day_are_times(tmp_path: Path, cells: list[str]) -> None:
    """Nothing tells them apart."""
    column, _ = read_column(tmp_path, cells)
    assert (column.type, column.format, column.note) == ("time", None, None)


@pytest.mark.parametrize("cells", [["39:10", "5:00"], ["39:10:00", "39:10"], ["-1:30"]])
def test_two_parts_could_be_minutes_and_seconds(tmp_path: Path, cells: list[str]) -> None:
    """They stay text, and it is said what would make them sure."""
    column, found = read_column(tmp_path, cells)
    assert (column.type, found) == ("text", cells)
    assert (column.note or "").endswith("write all of its cells with all three, such as 39:10:00 or 0:39:10.")
    with pytest.raises(ParameterInvalid, match="could be hours and minutes"):
        read_column(tmp_path, cells, column_types={"x": "number"})


@pytest.mark.parametrize(
    ("zoned", "zoneless"),
    [
        ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00"),
        ("2024-01-31 10:00+02:00", "2024-01-31"),
        ("31.01.2024 10:00 UTC", "31.01.2024 10:00"),
    ],
)
def test_times_of_which_some_name_a_zone_stay_text(tmp_path: Path, zoned: str, zoneless: str) -> None:
    """One note says which, wherever in the file the other kind begins."""
    for cells in ([zoned, zoneless], [zoneless] * 300 + [zoned], [zoned] * 300 + [zoneless]):
        column, found = read_column(tmp_path, cells)
        assert (column.type, found) == ("text", cells)
        assert column.note == (
            f"Text, because `{zoned}` names a time zone, and `{zoneless}` does not; to have times, write a zone behind all "
            "of them, or behind none."
        )
    with pytest.raises(ParameterInvalid, match="names a time zone"):
        read_column(tmp_path, [zoned, zoneless], column_types={"x": "timestamp"})


@pytest.mark.parametrize(
    ("cells", "zones"),
    [
        (["2024-01-31T10:00:00+02:00", "2024-01-31T08:00:00Z"], "+00:00 and +02:00"),
        (["2024-01-31T10:00:00+02", "2024-01-31T03:00:00-05:00"], "+02:00 and -05:00"),
        (["31.01.2024 10:00 +0200", "31.01.2024 08:00 UTC"], "+00:00 and +02:00"),
        (["2024-01-31T08:00:00Z", "2024-01-31T08:00:00+00:00"], None),
        (["2024-01-31T10:00:00+02:00", "2024-01-31T10:00:00+0200"], None),
    ],
)
def test_times_of_different_zones_become_utc(tmp_path: Path, cells: list[str], zones: str | None) -> None:
    """That is told where the zones differ, as it moves the hours of the day against each other."""
    column, found = read_column(tmp_path, cells)
    assert (column.type, column.parquet_type) == ("timestamp", "timestamp[us, tz=UTC]")
    assert found == [dt.datetime(2024, 1, 31, 8, tzinfo=UTC)] * 2
    note = column.note or ""
    assert (f"different zones, such as {zones}, and" in note) if zones else not note


@pytest.mark.parametrize(
    ("order", "kind", "first"),
    [("dmy", "date", D(2024, 4, 1)), ("mdy", "date", D(2024, 1, 4)), ("ymd", "text", None), (None, "text", None)],
)
def test_the_order_that_is_given_decides(tmp_path: Path, order: str | None, kind: str, first: dt.date | None) -> None:
    """01/04/2024 is in April or in January; without a word the note has both lines."""
    column, found = read_column(tmp_path, ["01/04/2024", "02/04/2024"], date_order=order)
    assert (column.type, found[0]) == (kind, first or "01/04/2024")
    assert (column.note or "") == (
        ""
        if first
        else "Text: its dates could be DD/MM/YYYY or MM/DD/YYYY; if they are dates, give "
        '{"ingestion_config": {"date_order": "dmy"}} or {"ingestion_config": {"date_order": "mdy"}}.'
    )


@pytest.mark.parametrize("cell", ["2024-04-25", "2024/04/25", "25 Apr 2024", "Apr 25, 24"])
def test_the_order_that_is_given_is_for_numbers_alone(tmp_path: Path, cell: str) -> None:
    """Where the year has four digits and is first, or the month has a name, there is nothing to decide."""
    for order in ("dmy", "mdy", "ymd"):
        _, found = read_column(tmp_path, [cell], date_order=order)
        assert found == [D(2024, 4, 25)]


def test_dates_against_the_order_that_is_given_stay_text(tmp_path: Path) -> None:
    """Neither is one of them missing, nor is the order changed without a word; of a given type it is an error."""
    cells = ["25/04/2024", "01/04/2024"]
    column, found = read_column(tmp_path, cells, date_order="mdy")
    assert (column.type, found) == ("text", cells)
    assert column.note == (
        "Text: its dates are DD/MM/YYYY, and the order that was given is mdy; to read them, give "
        '{"ingestion_config": {"date_order": "dmy"}}.'
    )
    with pytest.raises(DataUnreadable, match="row 1 has '25/04/2024'"):
        read_column(tmp_path, cells, date_order="mdy", column_types={"x": "date"})


def test_the_order_of_other_dates_decides_two_digit_years(tmp_path: Path) -> None:
    """Dates that could be codes decide nothing, nor do those that begin with a year of four digits."""
    source = tmp_path / "data.csv"
    for other, kind in (("25/12/2023", "date"), ("10-20-30", "text"), ("2023-12-25", "text")):
        source.write_text(f"x,other\n03/04/23,{other}\n05/06/23,{other}\n")
        converted, columns = read_file(source, tmp_path)
        assert converted.schema.columns[0].type == kind
        assert columns["x"][0] == (D(2023, 4, 3) if kind == "date" else "03/04/23")


@pytest.mark.parametrize(
    ("cells", "config", "kind", "values"),
    [
        (["10/20/30", "10/30/30"], {"x": "date"}, "date", [D(2030, 10, 20), D(2030, 10, 30)]),
        (["03/14/35", "04/15/99"], {"x": "date"}, "date", [D(2035, 3, 14), D(1999, 4, 15)]),
        (["04-Mar-23"], {"x": "timestamp"}, "timestamp", [dt.datetime(2023, 3, 4)]),  # noqa: DTZ001
        (["23:30"], {"x": "time"}, "time", [dt.time(23, 30)]),
    ],
)
def test_a_given_type_leaves_no_doubt(
    tmp_path: Path, cells: list[str], config: dict[str, str], kind: str, values: list[Any]
) -> None:
    """Neither codes nor centuries are asked for; zeros before the day and in the year stay where they are."""
    column, found = read_column(tmp_path, cells, column_types=config)
    assert (column.type, found) == (kind, values)
    for order, day in (("dmy", D(2003, 2, 1)), ("mdy", D(2003, 1, 2)), ("ymd", D(2001, 2, 3))):
        _, found = read_column(tmp_path, ["01-02-03"], column_types={"x": "date"}, date_order=order)
        assert found == [day]


@pytest.mark.parametrize(
    ("cells", "kind", "row", "value"),
    [
        (["04-Mar-23", "31-Feb-23"], "date", 2, "31-Feb-23"),
        (["39:10:00", "39:70:00"], "number", 2, "39:70:00"),
        (["9:30:00", "39:10:00"], "time", 2, "39:10:00"),
    ],
)
def test_a_cell_that_is_no_date_or_duration_is_named(
    tmp_path: Path, cells: list[str], kind: str, row: int, value: str
) -> None:
    """With its row, where the request gives the type."""
    with pytest.raises(DataUnreadable) as raised:
        read_column(tmp_path, cells, column_types={"x": kind})
    assert raised.value.details == {"column": "x", "row": row, "value": value}


@pytest.mark.parametrize(
    ("name", "column", "kind", "values"),
    [
        ("dates-two-digit-year.csv", "date", "date", {D(2023, 3, 4), D(2024, 7, 14)}),
        ("dates-hours-beyond-24.csv", "elapsed", "number", {32 * 3600 + 28 * 60.0, 5 * 3600 + 52 * 60.0}),
        ("dates-ambiguous.csv", "date", "text", {"01/04/2024"}),
    ],
)
def test_files_of_public_reports_are_read_as_they_mean(
    tmp_path: Path, name: str, column: str, kind: str, values: set[Any]
) -> None:
    """What is decided, or not, is said with the line that changes it."""
    converted, columns = read_file(REPORTS / name, tmp_path)
    found = converted.schema.find(column)
    assert found is not None
    assert found.type == kind
    assert values <= set(columns[column])
    assert '{"ingestion_config": {' in (found.note or "")


def test_patterns_mean_the_same_to_arrow_and_to_python() -> None:
    """Rows that a model gets later are read by the same table, without Arrow."""
    days = [
        "2023-3-04",
        "2023/12/31",
        "2023.1.1",
        "4.3.2023",
        "31/12/2023",
        "12-31-2023",
        "0-1-2023",
        "32/1/23",
        "1/13/99",
    ]
    days += [
        "4 Mar 2023",
        "04-MARCH-23",
        "Sept. 4, 23",
        "Mai 4, 23",
        "1 \u017fep 23",
        "\u0661/1/23",
        "23-1-2",
        "1/2/23\n",
        "",
    ]
    times = [
        "",
        " 9:30",
        "T09:30:15.123456789Z",
        " 12:00 pm",
        " 09:30 UTC",
        " 9:30:15+0200",
        " 24:00",
        " 9:3",
        " 9",
        "T9:30-05",
    ]
    cells = pa.array([day + time for day in days for time in times])
    durations = pa.array(["39:10:00", "-1:30:00.5", "0:60:00", "39:10", "1:00:00.1234567", "39:10:00\n", "+1:00:00"])
    clock = pa.array([time.strip(" T") for time in times] + ["23:59:60", "9:30:15.123456", "10:00\n"])
    patterns = [(each.pattern, cells) for each in FORMATS.values()] + [(DURATION, durations), (TIME_OF_DAY, clock)]
    matched = 0
    for pattern, values in patterns:
        parts = pc.extract_regex(values, f"^{pattern}$").to_pylist()
        for value, found in zip(values.to_pylist(), parts, strict=True):
            match = re.fullmatch(pattern, value)
            assert found == (None if match is None else {name: part or "" for name, part in match.groupdict().items()})
            matched += match is not None
            assert match is None or values is not cells or re.match(ANY_DATE, value)
    assert matched > 80
    match = re.fullmatch(DURATION, DURATION_EXAMPLE[0])
    assert match is not None
    assert int(match["H"]) * 3600 + int(match["M"]) * 60 + float(match["S"]) == DURATION_EXAMPLE[1]
