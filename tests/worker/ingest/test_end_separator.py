"""A separator at the end of each row of a CSV file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_worker.errors import DataUnreadable
from pipeline_worker.stages.ingest.formats.separated import END_NOTE
from tests.worker.ingest.test_convert import convert_bytes
from tests.worker.printed_call import read_by_call


@pytest.mark.parametrize("header", ["a,b\n", "a,b,\n", "a,b, \n"])
def test_nothing_behind_the_last_separator_is_no_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    """The nameless column is left out with a note, by the call of the report as well, which makes no index of the first one."""
    converted, columns = convert_bytes(tmp_path, (header + "1,x,\n2,y,\n3,z,\n").encode())
    assert columns == {"a": [1, 2, 3], "b": ["x", "y", "z"]}
    assert converted.notes == [END_NOTE]
    _, table = read_by_call(tmp_path / "raw-data", converted, monkeypatch)
    assert table.to_dict("list") == {"a": ["1", "2", "3"], "b": ["x", "y", "z"]}


def test_a_nameless_column_with_a_value_stays_one(tmp_path: Path) -> None:
    """One value in it, however far down, is enough."""
    converted, columns = convert_bytes(tmp_path, b"a,b,\n1,x,\n2,y,\n3,z,7\n")
    assert columns["Unnamed: 2"] == [None, None, 7]
    assert END_NOTE not in converted.notes


def test_a_value_without_a_column_is_refused_with_its_row(tmp_path: Path) -> None:
    """The header has no name for it, and it is never dropped."""
    with pytest.raises(DataUnreadable, match="Row 2 has 3 cells, the last of them '7', but the header has 2") as raised:
        convert_bytes(tmp_path, b"a,b\n1,x,\n2,y,7\n3,z,\n")
    assert raised.value.details == {"row": 2, "value": "7"}


def test_a_row_that_ends_otherwise_is_named(tmp_path: Path) -> None:
    """Only a file of which all rows end so is read."""
    with pytest.raises(DataUnreadable, match="Line 3 has 2 cells, but each other row has 3"):
        convert_bytes(tmp_path, b"a,b\n1,x,\n2,y\n3,z,\n")


def test_one_row_that_ends_so_is_a_bad_line(tmp_path: Path) -> None:
    """The first row alone says nothing of the others."""
    with pytest.raises(DataUnreadable, match=r"Line 2 has 3 cells, but the header has 2[.]"):
        convert_bytes(tmp_path, b"a,b\n1,x,\n2,y\n3,z\n")
