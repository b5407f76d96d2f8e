"""Parameters as people give them on the command line."""

import pytest

from cli.errors import InputRefused
from cli.runs.params import read_params


def test_text_is_taken_as_it_stands():
    """JSON text needs no file."""
    params = read_params(' {"target_column": "price", "test_size": 0.25}')
    assert params.values == {"target_column": "price", "test_size": 0.25}


def test_a_file_is_read(tmp_path):
    """Anything else is the name of a file, which may begin with a byte order mark and have spaces in its name."""
    path = tmp_path / "my params.json"
    path.write_bytes(b'\xef\xbb\xbf{"target_column": "pr\xc3\xa4is"}')
    assert read_params(str(path)).values == {"target_column": "präis"}


def test_bad_json_is_said_with_line_and_column(tmp_path):
    """A person sees the line at fault with a mark under the column."""
    path = tmp_path / "params.json"
    path.write_text('{\n  "target_column": price\n}')
    with pytest.raises(InputRefused) as refused:
        read_params(str(path))
    assert "line 2, column 20" in str(refused.value)
    assert '  "target_column": price\n' in str(refused.value)
    assert str(refused.value).splitlines()[-1] == " " * (2 + 19) + "^"


def test_a_long_line_is_cut_around_its_fault():
    """The mark stays under its column where a line of JSON is too long to be shown whole."""
    text = '{"hyperparameters": {' + ", ".join(f'"a{n}": {n}' for n in range(40)) + ", oops}}"
    with pytest.raises(InputRefused) as refused:
        read_params(text)
    _, line, mark = str(refused.value).splitlines()
    assert line[mark.index("^") :].startswith("oops")


@pytest.mark.parametrize("given", ["[1]", '["a"]'])
def test_what_is_no_object_is_refused(given):
    """A list is no set of parameters."""
    with pytest.raises(InputRefused, match="no JSON object"):
        read_params(given)


@pytest.mark.parametrize("content", [b"3", b'"text"', b"null", b"", b"\xff\xfe"])
def test_files_without_an_object_are_refused(tmp_path, content):
    """A number, a text, nothing at all, or bytes that are no text are said to be so, with the file's name."""
    path = tmp_path / "params.json"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=r"params\.json"):
        read_params(str(path))


def test_a_missing_file_is_named():
    """A person who mistyped a name sees the name, and that JSON text would do as well."""
    with pytest.raises(InputRefused, match=r"There is no file nowhere\.json"):
        read_params("nowhere.json")
