"""Separator, quote and header of CSV files."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.request import IngestionConfig, export_schema
from pipeline_worker.stages.ingest.csv_format import CsvFormat, find_csv_format, name_columns


def find(folder: Path, text: str, data_format: str = "csv", **config: Any) -> CsvFormat:
    path = folder / "raw-data"
    path.write_bytes(text.encode())
    return find_csv_format(path, "x.csv", IngestionConfig(**config), data_format)


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ('a;b\n"1;2";3\n', ";"),
        ("name;note\nx;one, two, three\ny;four, five\n", ";"),
        ('"last, first";age\n"Doe, J";3\n"Roe, K";4\n', ";"),
        ("date,amount\n2024-01-01,3;4\n", ","),
        ("a,b", ","),
        ("a;b\r1;2\r", ";"),
        ("sep=;\na;b\n1;2\n", ";"),
        ("a,b;c\n1,2;3\n4,5;6\n", ","),
        ("sep=é\na;b\n1;2\n", ";"),
        ('sep="\na;b\n1;2\n', ";"),
    ],
)
def test_separator_is_found(tmp_path: Path, text: str, separator: str) -> None:
    """It is the one by which the rows have as many cells as the header, and quoted cells do not count."""
    assert find(tmp_path, text).separator == separator


@pytest.mark.parametrize(("given", "separator"), [(";", ";"), ("\\t", "\t"), ("tab", "\t"), ("\t", "\t"), (":", ":")])
def test_given_separator_is_taken(tmp_path: Path, given: str, separator: str) -> None:
    """What the request gives is not second-guessed; a tab can be spelled."""
    found = find(tmp_path, f"a,x{separator}b\n1,2{separator}3\n", separator=given)
    assert found.separator == separator
    assert found.header == ("a,x", "b")
    assert "(given)" in found.describe()


def test_tsv_is_separated_by_tabs_even_if_commas_would_fit(tmp_path: Path) -> None:
    """The format says it."""
    assert find(tmp_path, "a,b\tc\n1,2\t3\n", "tsv").header == ("a,b", "c")


@pytest.mark.parametrize(
    ("text", "data_format", "said"),
    [
        ("a,b\n1,2\n", "tsv", "The file is TSV by its name or by `data_format`, but no line has a tab"),
        ("sep=;\na,b\n1,2\n", "csv", "The first line says `sep=;`, but no line has a semicolon"),
    ],
)
def test_a_separator_that_no_line_has_is_not_taken(tmp_path: Path, text: str, data_format: str, said: str) -> None:
    """What the lines have is read, and that is told."""
    found = find(tmp_path, text, data_format)
    assert found.header == ("a", "b")
    assert found.list_notes() == [f"{said}: it was read with commas between its cells."]


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("a::b::c\n1::2::3\n", "::"),
        ("a~|~b\n1~|~2\n", "~|~"),
        ("a|~|b\n1|~|2\n", "|~|"),
        ("a<>b\n1<>2\n", "<>"),
        ("a,#,b\n1,#,2\n", ",#,"),
    ],
)
def test_several_signs_between_cells_are_named(tmp_path: Path, text: str, run: str) -> None:
    """One of them alone would leave the others in the cells."""
    with pytest.raises(DataUnreadable, match=re.escape(f"`{run}` seems to stand between the cells")):
        find(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    ["[a],[b]\n[1],[2]\n", "id,$a,$b\n1,$5,$6\n", "'a','b'\n'1','2'\n", "a,,b\n1,,2\n", "a%,%b\n1,2\n", "x,-a\n1,-2\n"],
)
def test_signs_of_cells_are_no_separator(tmp_path: Path, text: str) -> None:
    """They stand on one side, or around cells, or in the header alone; and a cell may be empty."""
    assert find(tmp_path, text).separator == ","


@pytest.mark.parametrize("given", ["||", '"', "\n", "é"])
def test_separator_that_cannot_be_used_is_a_fault_of_the_request(tmp_path: Path, given: str) -> None:
    """Only one ASCII character that is neither quote nor line end is available, and that is said."""
    with pytest.raises(ParameterInvalid, match="only a single ASCII character"):
        find(tmp_path, "a,b\n1,2\n", separator=given)


def test_given_separator_that_the_header_lacks_is_a_fault_of_the_request(tmp_path: Path) -> None:
    """The one that would fit is named."""
    with pytest.raises(ParameterInvalid, match="Semicolon would fit"):
        find(tmp_path, "a;b\n1;2\n", separator=",")


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ('a,b\n"x, y",2\n', '"'),
        ("a,b\n'x, y',2\n'z',3\n", "'"),
        ("a,b\n'x',2\nit's,3\n", '"'),
        ("a,b\nx's,2\nit's,3\n", '"'),
    ],
)
def test_quote_is_found(tmp_path: Path, text: str, quote: str) -> None:
    """Apostrophes are quotes only where they surround a whole column."""
    assert find(tmp_path, text).quote == quote


def test_quote_can_be_given(tmp_path: Path) -> None:
    """Any character can surround cells."""
    assert find(tmp_path, "a,b\n|x,y|,2\n", quote="|").quote == "|"


@pytest.mark.parametrize(
    ("given", "said"),
    [("«", "no single ASCII"), ("\n", "no single ASCII"), ("a", "no single ASCII"), (";", "is the separator")],
)
def test_quote_that_cannot_be_used_is_a_fault_of_the_request(tmp_path: Path, given: str, said: str) -> None:
    """Only one ASCII character that can be told from cells, line ends and the separator is available."""
    with pytest.raises(ParameterInvalid, match=said) as raised:
        find(tmp_path, "a;b\n1;2\n", separator=";", quote=given)
    assert raised.value.where == "ingestion_config.quote"


@pytest.mark.parametrize("parameter", ["quote", "escape"])
@pytest.mark.parametrize(
    ("given", "others", "said"), [(",", {}, "is the separator"), (".", {"decimal": "."}, "is the decimal sign")]
)
def test_a_quote_or_an_escape_is_no_other_sign_of_the_file(
    tmp_path: Path, parameter: str, given: str, others: dict[str, str], said: str
) -> None:
    """It would be looked for in vain, or taken out of the numbers."""
    with pytest.raises(ParameterInvalid, match=said) as raised:
        find(tmp_path, "a,b\n1.5,2\n", **{parameter: given}, **others)
    assert raised.value.where == f"ingestion_config.{parameter}"


@pytest.mark.parametrize("parameter", ["separator", "quote"])
def test_the_form_allows_what_can_be_used_and_nothing_else(tmp_path: Path, parameter: str) -> None:
    """What the trigger form takes is not refused a minute later, and the other way round."""
    branch, _ = export_schema()["$defs"]["IngestionConfig"]["properties"][parameter]["anyOf"]
    for given in [*map(chr, range(32, 127)), "\x01", "\t", "\\t", "tab", "\n", "é", "«", "||", "tabs", ""]:
        # Signs that are no print are given as separators alone.
        if parameter == "separator" or given not in {"\x01", "\t"}:
            is_allowed = re.search(branch["pattern"], given) is not None
            assert is_usable(tmp_path, parameter, given) == is_allowed, given


def is_usable(folder: Path, parameter: str, given: str) -> bool:
    spelled = {"tab": "\t", "\\t": "\t"}
    separator = spelled.get(given, given) if parameter == "separator" else "," if given == ";" else ";"
    try:
        found = find(folder, f"é{separator}ü\nä{separator}ö\n", **({"separator": separator} | {parameter: given}))
    except (ParameterInvalid, ValidationError):
        return False
    return found.header == ("é", "ü")


@pytest.mark.parametrize(
    ("text", "header", "line"),
    [
        ("a,b\n1,2\n", ("a", "b"), 1),
        ("\n\na,b\n1,2\n", ("a", "b"), 3),
        ("sep=,\na,b\n1,2\n", ("a", "b"), 2),
        ('"a\nz",b\n1,2\n', ("a\nz", "b"), 2),
        ('"a ""x""",b\n1,2\n', ('a "x"', "b"), 1),
        (" a, b\n1,2\n", (" a", " b"), 1),
        ("\ufeffa,b\n1,2\n", ("a", "b"), 1),
    ],
)
def test_header_is_read_as_it_is(tmp_path: Path, text: str, header: tuple[str, ...], line: int) -> None:
    """Blanks stay, as pandas keeps them; blank lines, Excel's `sep=` and a byte order mark before it are left out."""
    found = find(tmp_path, text)
    assert (found.header, found.header_line) == (header, line)


@pytest.mark.parametrize("text", ["\n\n", " ", "\ufeff"])
def test_file_without_any_text_is_unreadable(tmp_path: Path, text: str) -> None:
    """Blank lines are no table."""
    with pytest.raises(DataUnreadable):
        find(tmp_path, text)


def test_title_above_the_header_is_named(tmp_path: Path) -> None:
    """A line without separators above the table is the usual reason for a single column."""
    with pytest.raises(DataUnreadable, match="first line is 'Report 2024', while lines below it have 3") as raised:
        find(tmp_path, "Report 2024\na,b,c\n1,2,3\n")
    assert "Remove what stands before the header" in raised.value.fix


def test_single_column_asks_for_the_separator(tmp_path: Path) -> None:
    """A table of one column can train nothing; a sign that all lines have may be a separator that is not looked for."""
    with pytest.raises(DataUnreadable, match="Only one column") as raised:
        find(tmp_path, "a:b\n1:2\n")
    assert raised.value.fix.endswith('{"ingestion_config": {"separator": ":"}}')


@pytest.mark.slow("loads pandas")
@pytest.mark.parametrize(
    "header",
    ["a,b", "a,,b,", "a,a.1", ",,", '"",x'],
)
def test_columns_are_named_as_pandas_names_them(header: str) -> None:
    """Rows that pandas reads from the same file have the same names, also for empty ones."""
    import pandas as pd

    expected = list(pd.read_csv(io.StringIO(f"{header}\n{',' * header.count(',')}\n")).columns)
    cells = [cell.strip('"') for cell in header.split(",")]
    assert name_columns(cells)[0] == expected


def test_made_up_names_are_said() -> None:
    """Each name that is not the file's own has a note."""
    assert name_columns(["a", ""])[1] == [
        "Column 2 has no name; it is called `Unnamed: 1` (counted from 0, as pandas does)."
    ]


def test_wide_header_is_read_whole(tmp_path: Path) -> None:
    """The sample grows until it holds the header and a row, however long they are."""
    names = [f"a_rather_long_name_of_a_column_{number}" for number in range(10_000)]
    found = find(tmp_path, ",".join(names) + "\n" + ",".join(["1"] * 10_000) + "\n")
    assert list(found.header) == names
