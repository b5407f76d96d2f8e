"""One grammar of files of settings."""

import pytest

from pipeline_contract.env_file import parse_env_file


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b c", "b c"),
        ("export A='b # c'", "b # c"),
        ('A="b"', "b"),
        ('A="b c" # why', "b c"),
        ("A='b c'   # why", "b c"),
        ('A="b"c', '"b"c'),
        ("A=b # why", "b"),
        ("A=b\t# why", "b"),
        ("A=b#c", "b#c"),
        ("A=b=c", "b=c"),
        ("A=", ""),
        ("A= # nothing", ""),
        ("A=#nothing", ""),
        ("A=${HOME}-$1", "${HOME}-$1"),
        (r'A="a\"b\\c\$d\n"', 'a"b\\c$d\n'),
        (r"A='a\n'", r"a\n"),
        (r"A=a\n", r"a\n"),
        ("\ufeffA=b", "b"),
        ("  A  =  b  ", "b"),
    ],
)
def test_a_line_is_read(line, value):
    """Quotes and comments mean what they mean to Compose and to shells; nothing is put in for a variable."""
    assert parse_env_file(line) == {"A": value}


def test_other_lines_are_left_out_and_the_last_one_counts():
    """Comments, blank lines and what has no equals sign set nothing."""
    assert parse_env_file("# A=1\n\nA=2\nnothing\nA=3\n=x\n") == {"A": "3", "": "x"}
