"""The encoding of a text file: found, given, or assumed and said so."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.ingestion.text_encoding import find_encoding

TEXT = "name,größe\nJosé,1\n"


def write(folder: Path, content: bytes) -> Path:
    path = folder / "raw-data"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "given", "name", "how"),
    [
        (b"a,b\n1,2\n", None, "UTF-8", "valid throughout"),
        (TEXT.encode(), None, "UTF-8", "valid throughout"),
        (TEXT.encode("utf-8-sig"), None, "UTF-8", "by its byte order mark"),
        (TEXT.encode("utf-16"), None, "UTF-16", "by its byte order mark"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), None, "UTF-16", "by its byte order mark"),
        (TEXT.encode("utf-32"), None, "UTF-32", "by its byte order mark"),
        (TEXT.encode("cp1252"), None, "cp1252", "assumed"),
        ("10 €".encode("cp1252"), None, "cp1252", "assumed"),
        (TEXT.encode("latin-1") + b"\x81", None, "latin-1", "assumed"),
        (TEXT.encode("cp1250", "replace"), "cp1250", "cp1250", "given"),
        (TEXT.encode("utf-16-le"), "utf-16-le", "UTF-16-LE", "given"),
        (TEXT.encode("utf-8-sig"), "UTF8", "UTF-8", "given"),
        (TEXT.encode("shift-jis", "replace"), "Shift_JIS", "shift_jis", "given"),
    ],
)
def test_encoding_is_found_given_or_assumed(
    tmp_path: Path, content: bytes, given: str | None, name: str, how: str
) -> None:
    """A byte order mark decides, else UTF-8 if every byte is valid, else Windows-1252 or Latin-1; or what was given."""
    found = find_encoding(write(tmp_path, content), "x.csv", given)
    assert (found.name, found.how) == (name, how)


@pytest.mark.parametrize(
    ("content", "lines"),
    [(b"a\nb\n", 2), (b"a\nb", 2), (b"a\r\nb\r\n", 2), (b"a\rb\r", 2), (b"a\n\nb\n", 3), (b'a\n"b\nc"\n', 3)],
)
def test_lines_are_counted_as_an_editor_does(tmp_path: Path, content: bytes, lines: int) -> None:
    """Each of the three kinds of line ends counts, with or without one at the end of the file."""
    assert find_encoding(write(tmp_path, content), "x.csv").lines == lines


def test_quotes_are_counted_across_blocks(tmp_path: Path) -> None:
    """The count is of the whole file, not of its first block."""
    assert find_encoding(write(tmp_path, b'"a"\n' * 700_000), "x.csv").quotes == {'"': 1_400_000}


def test_character_on_the_border_of_two_blocks_is_read_whole(tmp_path: Path) -> None:
    """UTF-8 stays valid where a character of several bytes lies across the blocks in which a file is read."""
    content = b"x" * ((1 << 20) - 1) + "é\n".encode()
    assert find_encoding(write(tmp_path, content), "x.csv").name == "UTF-8"


def test_damaged_utf8_is_not_taken_for_another_encoding(tmp_path: Path) -> None:
    """One bad byte among many valid characters is an error with its line: assuming Windows-1252 would spoil the rest."""
    content = "é\nü\nä\n".encode() * 10 + b"\xff\n"
    with pytest.raises(DataUnreadable, match="line 31 is not valid") as raised:
        find_encoding(write(tmp_path, content), "x.csv")
    assert raised.value.details == {"line": 31}


def test_cut_utf16_is_unreadable(tmp_path: Path) -> None:
    """A file with a byte order mark that breaks off inside a character is damaged."""
    with pytest.raises(DataUnreadable, match="UTF-16"):
        find_encoding(write(tmp_path, TEXT.encode("utf-16")[:-1]), "x.csv")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_named_with_the_parameter_to_give(tmp_path: Path, codec: str) -> None:
    """It is not guessed, but what to give is said in full."""
    with pytest.raises(DataUnreadable, match="without a byte order mark") as raised:
        find_encoding(write(tmp_path, TEXT.encode(codec)), "x.csv")
    assert f'{{"ingestion_config": {{"encoding": "{codec}"}}}}' in raised.value.fix


def test_nul_character_is_named_with_its_line(tmp_path: Path) -> None:
    """No text has NUL characters; a file that does was damaged or is no text."""
    with pytest.raises(DataUnreadable, match="Line 3 has a NUL") as raised:
        find_encoding(write(tmp_path, b"a,b\n1,2\n3,\x004\n" + b"5,6\n" * 10), "x.csv")
    assert raised.value.details == {"line": 3}


@pytest.mark.parametrize(
    ("given", "hint"), [("utf-88", "Did you mean `utf-8`?"), ("rot13", ""), ("base64", ""), ("idna", ""), ("a\0b", "")]
)
def test_unknown_encoding_is_a_fault_of_the_request(tmp_path: Path, given: str, hint: str) -> None:
    """Names that Python does not know, or that are no encodings of text, are refused, with the near miss."""
    with pytest.raises(ParameterInvalid, match="no character encoding") as raised:
        find_encoding(write(tmp_path, b"a\n"), "x.csv", given)
    assert hint in raised.value.what
    assert hint or "Did you mean" not in raised.value.what


def test_given_encoding_that_does_not_fit_is_a_fault_of_the_request(tmp_path: Path) -> None:
    """It is not replaced by one that fits; the line that shows it is named."""
    with pytest.raises(ParameterInvalid, match="line 2 of the file is not valid in it"):
        find_encoding(write(tmp_path, "a\né\n".encode()), "x.csv", "ascii")


def test_given_encoding_that_contradicts_the_mark_is_a_fault_of_the_request(tmp_path: Path) -> None:
    """A byte order mark is sure; Windows-1252 would read it as characters of the first column's name."""
    with pytest.raises(ParameterInvalid, match="byte order mark of UTF-8"):
        find_encoding(write(tmp_path, TEXT.encode("utf-8-sig")), "x.csv", "cp1252")
