"""What the columns of a CSV file are: words for missing beside labels and numbers, forms of numbers, and given types."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import DataFormat
from pipeline_worker.stages.ingest.missing_words import MISSING_WORDS
from tests.worker.conftest import REPORTS, ROOT

EXAMPLES = ROOT / "examples"


def read(folder: Path, source: str | Path, **config: Any) -> tuple[Converted, dict[str, list[Any]]]:
    """Return what became of a CSV file, or of a text as one, and its columns."""
    if isinstance(source, str):
        text, source = source, folder / "data.csv"
        source.write_bytes(text.encode())
    parquet = folder / "dataset.parquet"
    converted = convert(source, parquet, "data.csv", DataFormat("csv", "given"), IngestionConfig(**config))
    return converted, pq.read_table(parquet).to_pydict()


def read_column(folder: Path, cells: list[str], **config: Any) -> tuple[str, list[Any], str]:
    """Return type, values and note of a column `x` with *cells*, beside one of text."""
    text = "x;other\n" + "".join(f"{cell};text\n" for cell in cells)
    converted, columns = read(folder, text, separator=";", **config)
    column = converted.schema.columns[0]
    return column.type, columns["x"], column.note or ""


@pytest.mark.parametrize(
    ("file", "column", "kind", "values"),
    [
        ("missing-dash", "dose", "number", {None: 83, 98.7: 2}),
        ("missing-na-lower-case", "price", "number", {None: 1}),
        ("missing-na-target", "continent", "text", {"NA": 94, "AS": 97, "EU": 109}),
        ("missing-none-label", "cover", "text", {"None": 143, "Basic": 143, None: 114}),
        ("numbers-parentheses", "amount", "number", {-1275.84: 1, 767.84: 1, None: 0}),
        ("numbers-space-groups", "amount", "number", {12758.41: 1, 21567.25: 1, None: 0}),
        ("numbers-trailing-minus", "amount", "number", {-1275.84: 1, 767.84: 1, None: 0}),
    ],
)
def test_files_of_public_reports_are_read_as_they_mean(
    tmp_path: Path, file: str, column: str, kind: str, values: dict[Any, int]
) -> None:
    """Each is small and ordinary, and was read wrongly once; what is decided is said."""
    converted, columns = read(tmp_path, REPORTS / f"{file}.csv")
    found = converted.schema.find(column)
    assert found is not None
    assert found.type == kind
    counts = Counter(columns[column])
    assert {value: counts[value] for value in values} == values
    assert '{"ingestion_config": {' in (found.note or "")


@pytest.mark.parametrize("name", ["penguins", "broken"])
def test_na_in_a_file_with_na_beside_numbers_is_missing(tmp_path: Path, name: str) -> None:
    """R writes so: the same word cannot be missing in one column and a label in the next."""
    converted, columns = read(tmp_path, EXAMPLES / name / f"{name}.csv")
    assert columns["sex"].count(None) == 11
    column = converted.schema.find("sex")
    assert column is not None
    assert column.note == (
        "11 cells say `NA`, read as missing, as in `bill_length_mm`; "
        'if it is a label, give {"ingestion_config": {"missing_values": {"sex": []}}}.'
    )


@pytest.mark.parametrize(
    ("text", "config", "expected"),
    [
        # Beside labels, without anything that says more, each word is a label.
        ("x,n\nNA,1\nEU,2\n,3\n", {}, ["NA", "EU", None]),
        ("x,n\n?,1\nEU,2\nn/a,3\n", {}, ["?", "EU", "n/a"]),
        # The same word stands beside numbers: missing, unless it is in quotes there and not here.
        ("x,n\nNA,1\nEU,NA\nAS,3\n", {}, [None, "EU", "AS"]),
        ("x,n\nNone,1\nEU,NA\nAS,3\n", {}, ["None", "EU", "AS"]),
        ('x,n\n"NA",1\nEU,NA\nNA,3\n', {}, ["NA", "EU", None]),
        ('x,n\nNA,1\nEU,"NA"\nAS,3\n', {}, ["NA", "EU", "AS"]),
        # All other text of the column has quotes, as R writes it.
        ('x,n\nNA,1\n"EU",2\n"AS",3\n', {}, [None, "EU", "AS"]),
        ('x,n\nNA,1\n"EU",2\nAS,3\n', {}, ["NA", "EU", "AS"]),
        ('x,n\n"NA",1\n"EU",2\nNA,3\n', {}, ["NA", "EU", None]),
        # Quotes that a cell needs say nothing of the one who wrote them.
        ('x,n\nNA,1\n"E,U",2\n"A,S",3\n', {}, ["NA", "E,U", "A,S"]),
        # Everything is in quotes: quotes say nothing either.
        ('x,n\n"NA","1"\n"EU","2"\n"AS","3"\n', {}, ["NA", "EU", "AS"]),
        ('x,n\n"NA","1"\n"EU","NA"\n"AS","3"\n', {}, [None, "EU", "AS"]),
        ('x,n\n" NA ",1\n"EU",NA\n NA,3\n', {}, ["NA", "EU", None]),
        # Digits in quotes are text to the one who wrote them; the other numbers have none.
        ('x,n,id\nNA,1,"7"\n"EU",2,"8"\n"NA",3,"9"\n', {}, [None, "EU", "NA"]),
        # A column with nothing else has no value; `None` and `missing` can be two labels.
        ("x,n\nNA,1\n,2\nNA,3\n", {}, [None, None, None]),
        ("x,n\nNone,1\nmissing,2\nNone,3\n", {}, ["None", "missing", "None"]),
        # What is given decides.
        ("x,n\nNA,1\nEU,2\n?,3\n", {"missing_values": ["?"]}, ["NA", "EU", None]),
        ("x,n\nNA,1\nEU,NA\n?,3\n", {"missing_values": ["?"]}, [None, "EU", None]),
        ("x,n\nNA,1\nEU,NA\n?,3\n", {"missing_values": {"x": ["?"]}}, ["NA", "EU", None]),
        ("x,n\nNA,1\nEU,NA\n,3\n", {"missing_values": {"x": []}}, ["NA", "EU", None]),
        ('x,n\n"nil",1\nEU,2\nnil,3\n', {"missing_values": {"x": ["nil"]}}, [None, "EU", None]),
    ],
)
def test_words_beside_labels(tmp_path: Path, text: str, config: dict[str, Any], expected: list[Any]) -> None:
    """A word is missing in a column of text only where it was given, or where the way the file is written says so."""
    assert read(tmp_path, text, **config)[1]["x"] == expected


@pytest.mark.slow("reads megabytes")
def test_quotes_are_told_apart_wherever_blocks_end(tmp_path: Path) -> None:
    """Unquoted words are missing and quoted ones labels in every block, also in a wide table with many labels."""
    row = ",".join(f'"label {number} of a column"' for number in range(40))
    block = f'1,NA,{row}\n2,"NA",{row}\nNA,"x",{row}\n'
    header = ",".join(["n", "x", *(f"c{number}" for number in range(40))])
    _, columns = read(tmp_path, f"{header}\n{block * 2000}")
    assert columns["n"] == [1, 2, None] * 2000
    assert columns["x"] == [None, "NA", "x"] * 2000
    many = "".join(
        f'"{number * 7919 % 99991:x} is a text of its own, {number}","{number:05x}",1\n' for number in range(9000)
    )
    _, columns = read(tmp_path, f"a,b,n\n{many}NA,NA,NA\n")
    assert (columns["a"][-1], columns["b"][-1], columns["b"][0]) == (None, None, "00000")


def test_a_shop_called_na_stays_one_and_the_target_says_so(tmp_path: Path) -> None:
    """How many cells, and the line that makes them missing, are told."""
    converted, columns = read(tmp_path, "shop,sold\nNA,3\nNord,4\nNA,5\n")
    assert columns["shop"] == ["NA", "Nord", "NA"]
    assert converted.words == {"shop": "2 cells say `NA`: a label", "sold": ""}
    (note,) = converted.notes
    assert note == (
        "`shop`: 2 cells say `NA`, kept as a label; "
        'if it means missing, give {"ingestion_config": {"missing_values": {"shop": ["NA"]}}}.'
    )


def test_the_readme_lists_the_words() -> None:
    """The list that a person reads is the one that is used."""
    text = (EXAMPLES.parent / "README.md").read_text()
    listed = text.partition("<!-- missing words -->")[2].partition("<!-- end of missing words -->")[0]
    assert ("", *re.findall("`([^`]+)`", listed)) == MISSING_WORDS


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "?", "missing"], "integer", [1, None, None]),
        (["1.5", "\\N", "..", ":"], "number", [1.5, None, None, None]),
        (["-1", "-", "--"], "integer", [-1, None, None]),
        (["2024-01-31", "n/a"], "date", [dt.date(2024, 1, 31), None]),
        (["true", "None"], "boolean", [True, None]),
        (["1", "Missing"], "text", ["1", "Missing"]),
        (["1", "-", "unknown"], "text", ["1", "-", "unknown"]),
        (["Total", "-", "-"], "text", ["Total", "-", "-"]),
    ],
)
def test_words_beside_numbers(tmp_path: Path, cells: list[str], kind: str, values: list[Any]) -> None:
    """A column of numbers stays one only if every other cell is a word of the list."""
    assert read_column(tmp_path, cells)[:2] == (kind, values)


def test_words_beside_numbers_are_counted_for_the_headline(tmp_path: Path) -> None:
    """There every word counts; the note leaves out those that nobody asks about."""
    converted, _ = read(tmp_path, "n,m\n1,1\nNA,-\n-,NA\n")
    assert converted.words == {
        "n": "1 cell says `NA`: missing, 1 cell says `-`: missing",
        "m": "1 cell says `-`: missing, 1 cell says `NA`: missing",
    }
    note = converted.schema.columns[0].note or ""
    assert note.startswith("1 cell says `-`: read as missing beside numbers;")


def test_a_word_that_is_not_in_the_list_is_told_with_the_line_that_makes_it_missing(tmp_path: Path) -> None:
    """Also where it is a quarter of the column, and with the words of the list that are there; the line works."""
    cells = [*map(str, range(30)), *["unknown"] * 10, "n/a"]
    kind, _, note = read_column(tmp_path, cells)
    assert kind == "text"
    assert (
        'if `unknown` means missing, give {"ingestion_config": {"missing_values": {"x": ["n/a", "unknown"]}}}' in note
    )
    kind, values, note = read_column(tmp_path, cells, missing_values={"x": ["n/a", "unknown"]})
    assert (kind, values.count(None), note) == ("integer", 11, "")


def test_a_number_is_missing_only_where_it_was_given(tmp_path: Path) -> None:
    """-999 far from all others is told, and stays a number; a real -999 is nothing to tell."""
    cells = [*map(str, range(3, 40)), "-999", "-999"]
    kind, values, note = read_column(tmp_path, cells)
    assert (kind, values.count(-999)) == ("integer", 2)
    assert note == (
        "2 cells say -999, far from all others (3 to 39), and read as a number; "
        'if it means missing, give {"ingestion_config": {"missing_values": {"x": ["-999"]}}}.'
    )
    _, values, note = read_column(tmp_path, cells, missing_values={"x": ["-999"]})
    assert (values.count(None), min(each for each in values if each is not None), note) == (2, 3, "")
    _, values, note = read_column(tmp_path, [*map(str, range(-1500, 1500, 7)), "-999"])
    assert (values.count(-999), note) == (1, "")


@pytest.mark.parametrize(
    ("cells", "kind", "values", "label"),
    [
        (["1.275,84-", "2,5"], "number", [-1275.84, 2.5], "1.234,5-"),
        (["(1,275.84)", "2.5"], "number", [-1275.84, 2.5], "(1,234.5)"),
        (["$(1,275.84)", "$2.50"], "number", [-1275.84, 2.5], "$(1,234.5)"),
        (["($1,275.84)", "$2.50"], "number", [-1275.84, 2.5], "$(1,234.5)"),
        (["15,04,566", "1,234"], "integer", [1504566, 1234], "12,34,567"),
        (["12 758,41", "7,5"], "number", [12758.41, 7.5], "1 234,5"),
        (["12 758", "758", "1 000 000", "0"], "integer", [12758, 758, 1000000, 0], "1 234"),
        (["$1,234.50", "-$2", "$-3"], "number", [1234.5, -2.0, -3.0], "$1,234.5"),
        (["1.234,50 €", "2,00 €"], "number", [1234.5, 2.0], "€1.234,5"),
        (["1\u00a0234,50\u00a0€", "2,00\u00a0€"], "number", [1234.5, 2.0], "€1\u00a0234,5"),
        (["12.5%", "-3 %"], "number", [12.5, -3.0], "1.5%"),
        (["\uff11\uff12", "\uff13"], "integer", [12, 3], "\u22121"),
        (["\u22125.5", "2"], "number", [-5.5, 2.0], "\u22121.5"),
        (["$1,234.50", "-", "$ -"], "number", [1234.5, 0.0, 0.0], "$1,234.5"),
        (["(5)", "3", "-"], "integer", [-5, 3, 0], "(1)"),
        (["(5)", "3", "n/a"], "integer", [-5, 3, None], "(1)"),
    ],
)
def test_forms_of_numbers(tmp_path: Path, cells: list[str], kind: str, values: list[Any], label: str) -> None:
    """A column that fits one form throughout is numbers, and the form is said, with the line that keeps it as text."""
    text = "x;other\n" + "".join(f"{cell};text\n" for cell in cells)
    converted, columns = read(tmp_path, text, separator=";")
    column = converted.schema.columns[0]
    assert (column.type, columns["x"], column.format) == (kind, values, label)
    assert '{"ingestion_config": {"column_types": {"x": "text"}}}' in (column.note or "")


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["12 (3)", "13 (4)"], ""),
        (["(1)", "(2)"], "all of its numbers are in parentheses"),
        (["(1)", "-2", "3"], "written in more than one way"),
        (["12.5%", "3"], "some of its numbers have `%`"),
        (["$5", "3"], "some of its numbers have $"),
        (["$5", "€3"], "its amounts are in $ and €"),
        (["732 829 320", "732 829 321"], "like an identifier"),
        (["012 345", "12"], ""),
        (["12,34,567", "123,456"], "in groups of two and of three"),
        (["1 234", "1'234"], "more than one sign"),
        (["12 kg", "13 kg"], ""),
        (["Total", "12%"], ""),
        (["1-", "2-3"], ""),
    ],
)
def test_what_is_no_form_of_numbers_stays_text(tmp_path: Path, cells: list[str], why: str) -> None:
    """Where cells fit, but not the column, one note says why, with the line that makes them numbers."""
    kind, values, note = read_column(tmp_path, cells)
    assert (kind, values) == ("text", cells)
    assert why in note
    assert bool(why) == ('{"ingestion_config": {"column_types": {"x": "number"}}}' in note)


@pytest.mark.slow("reads megabytes")
@pytest.mark.parametrize(
    ("cells", "kind", "ends"),
    [
        (["1.234"] * 400_000 + ["1.234,5"], "number", (1234.0, 1234.5)),
        (["1,5"] * 400_000 + ["1.5"] * 400_000, "text", ("1,5", "1.5")),
        (["1,5", "1.234e1"], "text", ("1,5", "1.234e1")),
    ],
)
def test_a_point_between_thousands_is_none_of_a_fraction(
    tmp_path: Path, cells: list[str], kind: str, ends: tuple[Any, Any]
) -> None:
    """Also in a block of which every cell would be a number with a decimal point."""
    found, values, _ = read_column(tmp_path, cells)
    assert (found, (values[0], values[-1])) == (kind, ends)


@pytest.mark.slow("reads megabytes")
def test_a_form_that_begins_far_down_is_found(tmp_path: Path) -> None:
    """Blocks before it that had plain numbers are read as before."""
    text = "x,other\n" + "".join(f"{row},text of some length\n" for row in range(300_000)) + '"(1,234.5)",last\n'
    converted, columns = read(tmp_path, text)
    assert converted.schema.columns[0].type == "number"
    assert (columns["x"][0], columns["x"][-2:]) == (0.0, [299_999.0, -1234.5])
    percent = text.replace('"(1,234.5)"', "12%")
    assert read(tmp_path, percent)[0].schema.columns[0].type == "text"


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["00123", "4"], "text", ["00123", "4"]),
        (["00123", "4"], "integer", [123, 4]),
        (["1", "NA"], "number", [1.0, None]),
        (["1.0", "2"], "integer", [1, 2]),
        (["(1)", "(2)"], "number", [-1.0, -2.0]),
        (["12.5%", "3"], "number", [12.5, 3.0]),
        (["2024-01-31", "2024-02-01 00:00:00"], "date", [dt.date(2024, 1, 31), dt.date(2024, 2, 1)]),
        (["2024-01-31"], "timestamp", [dt.datetime(2024, 1, 31)]),  # noqa: DTZ001 - the file names no zone
        (["9:30"], "time", [dt.time(9, 30)]),
        (["TRUE", ""], "boolean", [True, None]),
        (["", ""], "date", [None, None]),
        (["NA", "1"], "text", ["NA", "1"]),
    ],
)
def test_a_given_type_comes_before_every_rule(tmp_path: Path, cells: list[str], kind: str, values: list[Any]) -> None:
    """Numbers may have leading zeros then, and forms that fit no whole column."""
    found, read_, _ = read_column(tmp_path, cells, column_types={"x": kind})
    assert (found, read_) == (kind, values)


@pytest.mark.parametrize(
    ("cells", "kind", "row", "value"),
    [
        (["1", "2", "abc"], "integer", 3, "abc"),
        (["1", "2.5", "3"], "integer", 2, "2.5"),
        (["1", "99999999999999999999"], "integer", 2, "99999999999999999999"),
        (["1.5", "x", "y"], "number", 2, "x"),
        (["true", "yes"], "boolean", 2, "yes"),
        (["2024-01-31", "soon"], "date", 2, "soon"),
        (["2024-01-31", "2024-01-31 10:00"], "date", 2, "2024-01-31 10:00"),
        (["9:30", "25:00"], "time", 2, "25:00"),
    ],
)
def test_a_cell_that_does_not_fit_a_given_type_is_named(
    tmp_path: Path, cells: list[str], kind: str, row: int, value: str
) -> None:
    """With its row, column and value; nothing becomes missing."""
    with pytest.raises(DataUnreadable, match=f"row {row} has {value!r}") as raised:
        read_column(tmp_path, cells, column_types={"x": kind})
    assert raised.value.details == {"column": "x", "row": row, "value": value}


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (
            ["1", "NA", "?", "2", "-"] * 90 + ["none", "later"],
            {"missing_values": {"x": ["NA", "?", "-", "none", "later"]}},
        ),
        (["1", "?"] * 200 + [f"w{number}" for number in range(20)], None),
        (["red", "green", "", "blue"] * 90, {"column_types": {"x": "text"}}),
    ],
)
def test_all_cells_that_do_not_fit_a_given_type_are_told_at_once(
    tmp_path: Path, cells: list[str], told: dict[str, Any] | None
) -> None:
    """Who pastes the line is not told of the next word; where nothing fits, the type is what is wrong."""
    with pytest.raises(DataUnreadable) as raised:
        read_column(tmp_path, cells, column_types={"x": "integer"})
    fix = raised.value.fix
    assert ("{" in fix) == (told is not None)
    if told:
        found = json.loads(fix[fix.index("{") : -1])["ingestion_config"]
        assert found == told
        read_column(tmp_path, cells, **({"column_types": {"x": "integer"}} | found))


def test_words_that_are_missing_already_stay_so_in_the_line(tmp_path: Path) -> None:
    """A list for the column takes the place of the usual words, and of those for all columns."""
    with pytest.raises(DataUnreadable) as raised:
        read_column(tmp_path, ["1", "NA", "none", "?!"], column_types={"x": "integer"}, missing_values=["none"])
    assert '{"missing_values": {"x": ["none", "NA", "?!"]}}' in raised.value.fix


def test_dates_of_a_given_type_are_not_guessed(tmp_path: Path) -> None:
    """That they are dates does not say whether the day comes first."""
    with pytest.raises(ParameterInvalid, match="DD/MM/YYYY or MM/DD/YYYY"):
        read_column(tmp_path, ["01/02/2024"], column_types={"x": "date"})


def test_a_fraction_among_whole_numbers_is_told_the_type_that_it_is_of(tmp_path: Path) -> None:
    """It is no missing value."""
    with pytest.raises(DataUnreadable) as raised:
        read_column(tmp_path, ["1", "2", "3.5"], column_types={"x": "integer"})
    assert raised.value.fix == 'Mend the cell, or give {"ingestion_config": {"column_types": {"x": "number"}}}.'


@pytest.mark.parametrize("config", [{"column_types": {"X": "text"}}, {"missing_values": {"X": []}}])
def test_a_setting_of_a_column_that_is_none_is_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    """The near miss is named."""
    with pytest.raises(ParameterInvalid, match="Did you mean `x`"):
        read_column(tmp_path, ["1"], **config)


def test_labels_that_differ_by_case_alone_are_told(tmp_path: Path) -> None:
    """Three species become five classes without a word otherwise; they are not changed."""
    _, values, note = read_column(tmp_path, ["Adelie", "adelie", "Gentoo", "GENTOO", "Chinstrap"])
    assert values == ["Adelie", "adelie", "Gentoo", "GENTOO", "Chinstrap"]
    assert "only by case are different labels: `Adelie` and `adelie`; `GENTOO` and `Gentoo`." in note
    assert read_column(tmp_path, ["Adelie", "Gentoo"])[2] == ""


def test_blanks_around_cells_are_left_out_and_told_in_one_note(tmp_path: Path) -> None:
    """` Gentoo ` is `Gentoo`, a cell of blanks is missing, and no-break spaces are blanks too; in quotes as well."""
    text = 'name,n,place\n Gentoo , 1,a\nGentoo,2,b\n  ,3 ,a\n"\u00a0Adelie\u3000",4,b\n'
    converted, columns = read(tmp_path, text)
    assert columns == {"name": ["Gentoo", "Gentoo", None, "Adelie"], "n": [1, 2, 3, 4], "place": ["a", "b", "a", "b"]}
    assert converted.notes == ["Blanks around cells were left out in `name`."]


def test_blanks_inside_cells_are_kept(tmp_path: Path) -> None:
    """They tell labels apart: `New York` is not `NewYork`, nor `New  York`."""
    cells = ["New York", "NewYork", "New  York", "New\u00a0York"]
    assert read_column(tmp_path, cells) == ("text", cells, "")


def test_a_column_is_named_with_blanks_or_without(tmp_path: Path) -> None:
    """A parameter finds ` zip ` by either, as the name has none in the dataset."""
    for given in ("zip", " zip "):
        converted, columns = read(tmp_path, " zip ,n\n7,1\n8,2\n", column_types={given: "text"})
        assert columns["zip"] == ["7", "8"]
        assert converted.schema.names() == ["zip", "n"]


def test_what_pandas_cannot_be_told_is_said(tmp_path: Path) -> None:
    """It does not see quotes."""
    converted, _ = read(tmp_path, 'x,n\n"NA",1\nEU,NA\nNA,3\n')
    assert converted.pandas_unread == {"x": "`NA` is a label in quotes, and missing without them"}


def test_a_long_cell_is_told_short(tmp_path: Path) -> None:
    """A text among numbers is no word for missing: no line to paste repeats it, and neither do the details of a refusal."""
    content = "x,y\n" + "1,2\n" * 300 + "a" * 5000 + ",3\n"
    (note,) = read(tmp_path, content)[0].notes
    assert note.startswith("`x`: Text, because of 'aaa")
    assert len(note) < 200
    with pytest.raises(DataUnreadable, match="row 301 has 'aaa") as raised:
        read(tmp_path, content, column_types={"x": "integer"})
    assert len(str(raised.value)) + len(str(raised.value.details)) < 600
