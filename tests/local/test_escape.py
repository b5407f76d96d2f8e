"""What cannot be seen of a text is written out before a person reads it."""

import json
from pathlib import Path

import pytest

from local.escape import escape
from local.show import Show

VECTORS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS["escaped"], ids=lambda vector: vector["escaped"])
def test_what_cannot_be_seen_is_written_out(vector):
    """As the worker and the Dags write it out; all other text stays as it is."""
    assert escape(vector["text"]) == vector["escaped"]


def test_nothing_that_is_shown_moves_the_cursor_or_turns_a_line(capsys):
    """Names of files and columns are told by receipts as they are, whoever wrote them."""
    with Show() as show:
        show.say("put", "s3://drops/a\u202e.csv\nb\x1b[2J")
        show.print("a\u202eb\nc\x1b[2J")
        show.print_links({"file": "s3://drops/a\nb"})
    assert capsys.readouterr().out.splitlines()[0].endswith(r"s3://drops/a\u202e.csv b\u001b[2J")
    with Show() as show:
        show.print("a\u202eb\nc\x1b[2J")
        show.print_links({"file": "s3://drops/a\nb"})
    assert capsys.readouterr().out.splitlines() == [r"a\u202eb", r"c\u001b[2J", r"  file  s3://drops/a\nb"]
