"""What `status` says of a run in one line."""

import json
import subprocess
import sys

import pytest

from cli.runs.last_drops import _NEXT, describe_notes, describe_state_with_mark, show_stages, take_live, tell_name
from cli.settings import PROJECT
from cli.show import Show
from pipeline_contract.records import Receipt
from tests.stack import make_stack

RUN = "penguins.20260131T120000Z.1a2b3c4d"
PUBLISHED = {"attempt": "a.1", "at": "2026-01-31T12:00:00Z", "facts": {"model_version": 3}, "links": {"model": "m"}}


def make(state, stage, published=None, **changes):
    """Return a receipt as `status` reads it."""
    values = {"run_key": RUN, "dataset": "penguins", "state": state, "stage": stage, "published": published}
    return Receipt.read(json.dumps(values | changes).encode())


@pytest.mark.parametrize(
    ("state", "stage", "published", "said"),
    [
        ("published", "publish", PUBLISHED, "✓ published"),
        ("refused", "train", None, "✗ refused by train"),
        ("refused", "train", PUBLISHED, "! published (version 3); the last re-run was refused by train"),
        ("failed", "train", PUBLISHED, "! published (version 3); the last re-run failed in train"),
        ("waiting", "train", PUBLISHED, "! published (version 3); the last re-run is waiting in train"),
        ("trained", "train", PUBLISHED, "… published (version 3); the last re-run is trained, publish follows"),
    ],
)
def test_what_is_published_stays_told(state, stage, published, said):
    """A re-run that was refused, or goes on, takes nothing back of what people use."""
    assert describe_state_with_mark(make(state, stage, published))[0] == said


def test_facts_and_links_of_what_is_live_are_there():
    """Metrics and links are the published model's, with those of the refusal beside."""
    live = take_live(make("refused", "train", PUBLISHED, links={"failure": "f"}, facts={}))
    assert live.facts == {"model_version": 3}
    assert live.links == {"model": "m", "failure": "f"}
    plain = take_live(make("trained", "train", links={"a": "b"}, facts={"rows": 1}))
    assert (plain.facts, plain.links) == ({"rows": 1}, {"a": "b"})


def test_each_state_but_the_last_says_what_follows():
    """What `make status` says comes next is the stage after the one that reached the state."""
    assert _NEXT == {"claimed": "ingest", "ingested": "validate", "validated": "train", "trained": "publish"}


def test_what_is_to_know_of_a_run_stands_in_one_line():
    """The first two notes say what was decided, without what to do about it; the others are counted."""
    notes = ["`sex`: 11 cells say `NA`; if it is a label, give {…}.", "`a`: Durations, read as seconds.", "`b`: Text."]
    stages = {
        "ingest": {"state": "done", "notes": notes, "more_notes": 2},
        "train": {"state": "done", "notes": ["odd"]},
    }
    told = describe_notes(make("trained", "train", stages=stages))
    assert told == "To know: `sex`: 11 cells say `NA`; `a`: Durations, read as seconds; and 4 more."
    assert describe_notes(make("trained", "train", stages={"ingest": {"state": "done", "notes": notes[:1]}})) == (
        "To know: `sex`: 11 cells say `NA`."
    )
    assert describe_notes(make("ingested", "ingest", stages={"ingest": {"state": "done"}})) == ""


def test_all_notes_of_the_receipt_stand_below_their_stage(capsys):
    """Whole, with the line to paste; a stage without any has its own line alone."""
    stages = {
        "ingest": {
            "state": "done",
            "headline": "3 rows",
            "seconds": 1,
            "notes": ['`a`: odd; give {"x": 1}.'],
            "more_notes": 2,
        },
        "validate": {"state": "done", "headline": "3 rules hold"},
    }
    show_stages(make("validated", "validate", stages=stages), Show())
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["ingest", "1.0", "s", "3", "rows"],
        ["-", "`a`:", "odd;", "give", '{"x":', "1}."],
        ["-", "and", "2", "more,", "in", "profile.json", "and", "the", "report"],
        ["validate", "3", "rules", "hold"],
    ]


def test_a_name_that_the_run_key_does_not_tell_is_told():
    """Two datasets whose names have the same letters and digits are told apart."""
    assert tell_name(make("claimed", "")) == ""
    named = make("claimed", "", run_key="ui-penguins.20260131T120000Z.1a2b3c4d", dataset="UI penguins!")
    assert tell_name(named) == "  of `UI penguins!`"


def test_who_reads_the_first_lines_only_gets_no_error(tmp_path):
    """`make status | head` ends quietly, whenever the reader goes."""
    stack = make_stack(tmp_path)
    argv = [sys.executable, "-m", "cli", "status"]
    with subprocess.Popen(
        argv, cwd=PROJECT, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as status:
        assert status.stdout.readline()
        status.stdout.close()
        assert (status.stderr.read(), status.wait(60)) == ("", 0)
