"""Lines of a CSV file that are no rows: named, or left out where that is allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline_worker.errors import DataUnreadable
from tests.worker.ingest.test_convert import convert_bytes
from tests.worker.printed_call import read_by_call

HEADER = "id,size,label\n"
ROWS = [f"{number},{number}.5,{'yes' if number % 2 else 'no'}" for number in range(40)]
RAGGED = HEADER + "\n".join([*ROWS[:10], "10,1", "", *ROWS[10:15], "15,2,no,x", '"16\n16",1', *ROWS[15:]]) + "\n"


def test_a_refusal_ends_with_the_line_that_leaves_bad_lines_out(tmp_path: Path) -> None:
    """It allows as many lines as are bad, those inside a cell as well, and is enough for the file to be read."""
    with pytest.raises(DataUnreadable, match=r"Line 12 has 2 cells, but the header has 3 \(3 rows differ") as raised:
        convert_bytes(tmp_path, RAGGED.encode())
    assert raised.value.fix.endswith('give {"ingestion_config": {"max_bad_lines": 4}}')


@pytest.mark.parametrize("before", ["", "\n", "sep=,\n"])
def test_bad_lines_are_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    """A note says which and why, and the call of the report gives the same rows as are kept."""
    converted, columns = convert_bytes(tmp_path, (before + RAGGED).encode(), max_bad_lines=4)
    assert columns["id"] == [*range(40)]
    lines = [number + before.count("\n") for number in (12, 19, 20)]
    listed = f"line {lines[0]} has 2 cells; line {lines[1]} has 4 cells; line {lines[2]} has 2 cells"
    assert converted.notes == [
        f"4 bad lines were left out (`max_bad_lines` allows 4; the header has 3 cells): {listed}."
    ]
    _, table = read_by_call(tmp_path / "raw-data", converted, monkeypatch)
    assert table["id"].tolist() == [str(number) for number in columns["id"]]
    assert converted.schema.first_row_line is None


def test_more_bad_lines_than_allowed_are_refused(tmp_path: Path) -> None:
    """The bound is one of lines, and the refusal is the one without it."""
    with pytest.raises(DataUnreadable, match="Line 12 has 2 cells"):
        convert_bytes(tmp_path, RAGGED.encode(), max_bad_lines=3)


def test_a_line_with_a_broken_quote_counts_as_bad(tmp_path: Path) -> None:
    """Where a quote closes in the middle of a cell, nobody knows what the cells are."""
    text = HEADER + "\n".join([*ROWS[:2], '2,"a"b,no', *ROWS[3:]]) + "\n"
    with pytest.raises(DataUnreadable, match="In line 4 a quote") as raised:
        convert_bytes(tmp_path, (text + '"').encode())
    assert raised.value.fix.endswith('give {"ingestion_config": {"max_bad_lines": 2}}')
    converted, columns = convert_bytes(tmp_path, (text + '"').encode(), max_bad_lines=2)
    assert columns["id"] == [0, 1, *range(3, 40)]
    assert 'line 4: In line 4 a quote (") closes in the middle of a cell' in converted.notes[0]


def test_a_file_without_bad_lines_is_read_as_without_the_bound(tmp_path: Path) -> None:
    """Nothing is said, and lines are still rows."""
    converted, _ = convert_bytes(tmp_path, (HEADER + "\n".join(ROWS)).encode(), max_bad_lines=5)
    assert converted.notes == []
    assert converted.schema.first_row_line == 2


def test_rows_with_a_cell_more_than_the_header_lack_a_name(tmp_path: Path) -> None:
    """So R writes a table with the names of its rows; what to put before the header is said."""
    with pytest.raises(DataUnreadable, match="Every row has 3 cells, one more than the header, which has 2") as raised:
        convert_bytes(tmp_path, ("size,label\n" + "\n".join(ROWS)).encode())
    assert "begin the line with `row,`" in raised.value.fix


def test_a_header_that_ends_with_a_separator_is_named(tmp_path: Path) -> None:
    """The rows are as they should be."""
    with pytest.raises(
        DataUnreadable, match="Every row has 3 cells, one fewer than the header, which ends with a separator"
    ):
        convert_bytes(tmp_path, ("id,size,label,\n" + "\n".join(ROWS)).encode())


@pytest.mark.parametrize(
    "again", ["id,size,label", "\ufeffid,size,label", '"id","size","label"', '\ufeff"id",size,label']
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_header_among_the_rows_is_refused(tmp_path: Path, again: str, end: str) -> None:
    """Files were joined; with it columns of numbers would be text. It counts as a bad line, which can be left out."""
    text = end.join([HEADER.strip(), *ROWS[:20], again, *ROWS[20:], again, ""])
    with pytest.raises(DataUnreadable, match="Line 22 is the header again, and so are 1 more") as raised:
        convert_bytes(tmp_path, text.encode())
    assert raised.value.where.endswith("lines 22, 43")
    given = json.loads(raised.value.fix.rpartition("give ")[2])["ingestion_config"]
    converted, columns = convert_bytes(tmp_path, text.encode(), **given)
    assert columns["id"] == [*range(40)]
    assert "line 22 is the header again; line 43 is the header again" in converted.notes[0]


def test_rows_like_a_header_of_values_are_rows(tmp_path: Path) -> None:
    """A first line with a number in it is none; and a name may be a value."""
    with pytest.raises(DataUnreadable, match="The first line seems to be a row"):
        convert_bytes(tmp_path, b"5.1,setosa\n4,x\n5.1,setosa\n")
    assert convert_bytes(tmp_path, b"a,label\n1,label\n2,x\n")[1]["label"] == ["label", "x"]


@pytest.mark.parametrize(("bad", "is_offered"), [(4, True), (6, False)])
def test_many_bad_lines_are_not_offered_to_be_left_out(tmp_path: Path, bad: int, is_offered: bool) -> None:
    """They are a part of the data, or the file is no table."""
    text = HEADER + "\n".join([*ROWS, *["1;2;3"] * bad])
    with pytest.raises(DataUnreadable) as raised:
        convert_bytes(tmp_path, text.encode())
    assert ("max_bad_lines" in raised.value.fix) == is_offered
    assert raised.value.what.endswith(
        " It has as many with semicolon between them: files may have been joined that were written in two ways."
    )
    assert raised.value.fix.startswith("Write all rows with the same separator.")


@pytest.mark.parametrize(
    ("lines", "what", "fix"),
    [
        (
            [*ROWS, "\x1a"],
            "has 1 cell, but the header has 3. It is the character Ctrl-Z (\\x1a) alone",
            "Take it out of",
        ),
        (
            [*ROWS, "40,4\r0.5,no"],
            "With line 43 it would be a row: a line end (\\n or \\r) may",
            "Take that line end out",
        ),
        (
            [*ROWS, *["40,40.5", "41"] * 30],
            "(60 rows differ from the header).",
            "Look whether this is a table, and its",
        ),
        ([*ROWS, "40,40.5", "41,5,2,no"], "(2 rows differ from the header).", "Put quotes around cells that hold"),
    ],
)
def test_rows_with_other_cells_are_told_with_what_they_seem_to_be(
    tmp_path: Path, lines: list[str], what: str, fix: str
) -> None:
    """Each cause has advice of its own; most rows of a text or a log differ from its first line."""
    with pytest.raises(DataUnreadable) as raised:
        convert_bytes(tmp_path, (HEADER + "\n".join(lines) + "\n").encode())
    assert what in raised.value.what
    assert raised.value.fix.startswith(fix)


@pytest.mark.parametrize("width", [2, 3])
def test_a_quote_that_swallows_rows_is_named_with_both_its_lines(tmp_path: Path, width: int) -> None:
    """All rows have as many cells as the header, so nothing else shows that some are gone."""
    rows = [row.rpartition(",")[0] if width == 2 else row for row in ROWS]
    rows[10] = rows[10].rpartition(",")[0] + ',"opened'
    rows[30] = rows[30] + '"'
    header = "id,size\n" if width == 2 else HEADER
    with pytest.raises(DataUnreadable, match=r"A quote \(\"\) that opens in line 12 closes in line 32") as raised:
        convert_bytes(tmp_path, (header + "\n".join(rows) + "\n").encode())
    assert raised.value.details == {"line": 12, "last_line": 32}
    assert "max_bad_lines" not in raised.value.fix


def test_lines_of_a_text_are_no_swallowed_rows(tmp_path: Path) -> None:
    """A cell may have line breaks, and commas in its lines."""
    text = HEADER + '0,"Dear all,\n\nplease come, all of you,\nto the garden.\nYours, A.\n",no\n' + "\n".join(ROWS[1:])
    _, columns = convert_bytes(tmp_path, text.encode())
    assert columns["id"] == [*range(40)]


@pytest.mark.parametrize("cell", ['"3/4\\" valve, brass"', '"a \\"b\\" c"'])
def test_a_quote_behind_a_backslash_is_named_with_the_line_to_give(tmp_path: Path, cell: str) -> None:
    """Also where the row has as many cells as the header, and would be read with a backslash and a quote too many."""
    content = f"item,n\nnut,1\n{cell},2\n".encode()
    with pytest.raises(DataUnreadable, match=r"In the row of line 3 a quote .* stands behind a backslash") as raised:
        convert_bytes(tmp_path, content)
    assert raised.value.fix.endswith('{"ingestion_config": {"escape": "\\\\"}}')
    _, columns = convert_bytes(tmp_path, content, escape="\\")
    assert columns["item"] == ["nut", cell[1:-1].replace("\\", "")]


def test_a_backslash_at_the_end_of_a_quoted_cell_is_a_character(tmp_path: Path) -> None:
    """A folder's name may end with one."""
    _, columns = convert_bytes(tmp_path, b'path,n\n"C:\\x\\",1\n"D:\\",2\n')
    assert columns["path"] == ["C:\\x\\", "D:\\"]


def test_a_file_of_bad_lines_alone_is_refused_for_them(tmp_path: Path) -> None:
    """Not for having no rows, and without the advice to leave lines out."""
    with pytest.raises(DataUnreadable, match=r"Line 2 has 4 cells, but the header has 2 \(2 rows differ") as raised:
        convert_bytes(tmp_path, b"a,b\n1,2,3,4\n5,6,7,8\n", max_bad_lines=10)
    assert "max_bad_lines" not in raised.value.fix


def test_a_null_of_mysql_is_told_where_a_backslash_escapes_it(tmp_path: Path) -> None:
    """It would be the label `N` without a word; the line of the note makes it missing."""
    content = b'id,size,label\n1,\\N,"say \\"x\\""\n2,3,no\n3,\\N,yes\n'
    (note, *_) = convert_bytes(tmp_path, content, escape="\\")[0].notes
    assert note.startswith(r"`\N` is in the file 2 times, and read as `N`")
    given = json.loads(note[note.index("{") : -1])["ingestion_config"]
    _, columns = convert_bytes(tmp_path, content, **given)
    assert columns["size"] == [None, 3, None]
    assert columns["label"][0] == 'say "x"'
