"""What people read while a run goes on."""

import io
import sys

from cli.runs.report import advise, make_metric_rows, report_done, report_reason
from cli.runs.run_status import FollowedRun, RunStatus, Step
from cli.show import Show, describe_seconds, describe_size
from pipeline_contract.records import Reason, Receipt, StageSummary


def test_piped_output_is_plain_lines(capsys, monkeypatch):
    """Without a terminal each step is one whole line, however long, without control characters, and said once."""
    note = "344 rows and 8 columns\n" * 10
    with Show() as show:
        status = RunStatus((Step("ingest", "done", note), Step("validate", "running")), None)
        show.update(status)
        show.update(status)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert note.replace("\n", " ").strip() in out
    assert "\x1b" not in out
    assert "\r" not in out


def test_what_waits_is_said_once_for_each_reason(capsys):
    """A stage that waits says why, once, and again when the reason changes."""
    with Show() as show:
        for reason in ("MLflow is down.", "MLflow is down.", "The store is down."):
            show.update(RunStatus((Step("train", "waiting", reason),), None))
    out = capsys.readouterr().out
    assert out.count("MLflow is down.") == 1
    assert out.count("The store is down.") == 1
    assert "tried again" in out


def test_marks_do_not_break_a_plain_terminal(monkeypatch):
    """On a terminal that knows only ASCII the marks are replaced, not raised over."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with Show() as show:
        show.say("put", "Größe")
    sys.stdout.flush()
    assert b"put" in raw.getvalue()


def test_lengths_of_time_and_sizes_are_readable():
    """Seconds, minutes, hours, and bytes are said in the unit that a person would choose."""
    assert [describe_seconds(s) for s in (0.84, 59.9, 185, 7325)] == ["0.8 s", "59.9 s", "3 min 05 s", "2 h 02 min"]
    assert [describe_size(n) for n in (0, 999, 15241, 47_000_000, 3_200_000_000)] == [
        "0 bytes",
        "999 bytes",
        "15.2 kB",
        "47.0 MB",
        "3.2 GB",
    ]


def test_metrics_stand_beside_the_baseline():
    """Each metric of the facts is a row with the model's value and the baseline's, as the worker wrote them."""
    assert make_metric_rows({}) == []
    facts = {"metrics": {"mse": 84740.4}, "metrics_shown": [["MSE", "84,740", "90,012"]]}
    assert make_metric_rows(facts) == [("MSE", "84,740", "90,012")]


def test_what_is_to_know_is_told_at_the_end(capsys):
    """The first two notes are whole, with the line to paste; of the others it is said how to see them."""
    notes = ['`a`: odd; give {"x": 1}.', "`b`: odd.", "`c`: odd."]
    stages = {"ingest": StageSummary("done", "a.1", seconds=1.0, notes=notes, more_notes=4)}
    receipt = Receipt("k", "d", "f", "published", "publish", stages=stages)
    report_done(RunStatus((), "published"), receipt, Show())
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[1:] == [
        'to know  `a`: odd; give {"x": 1}.',
        "to know  `b`: odd.",
        "and 5 more: make status RUN=k",
    ]


def test_each_broken_rule_has_a_line(capsys):
    """A refusal by rules names each broken rule with what was expected and found, and none that holds."""
    rules = [
        {
            "column": "mass",
            "rule": "value_ranges",
            "expected": "at most 8",
            "found": "37",
            "satisfied": False,
            "note": "Odd.",
        },
        {"column": None, "rule": "min_row_count", "expected": "10 rows", "found": "3 rows", "satisfied": False},
        {"column": "sex", "rule": "allowed_values", "expected": "a or b", "found": "all", "satisfied": True},
        {"column": "sex", "rule": "unique_columns", "satisfied": False, "severity": "warning"},
    ]
    reason = Reason("2 of 3 rules are violated. And so on.", "here", "mend it", "runbooks/x.md", {"rules": rules})
    report_reason(reason, Show())
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == [
        "what        2 of 3 rules are violated.",
        "mass: expected at most 8; found 37. Odd.",
        "min_row_count: expected 10 rows; found 3 rows",
    ]
    assert lines[3:] == ["where       here", "what to do  mend it", "more        runbooks/x.md"]


def test_what_can_be_done_depends_on_the_way_in():
    """A trigger that began nothing is triggered again; anything else is run again by its key, or dropped again."""
    key = "penguins.20261122T215500Z.1a2b3c4d"
    assert "make rerun" not in advise(FollowedRun(key, "penguins", origin="trigger"), "ingest")
    assert f"make rerun STAGE=train RUN={key}" in advise(FollowedRun(key, "penguins", origin="trigger"), "train")
    assert "drop the file again" in advise(FollowedRun(key, "penguins"), "validate")
    fix = 'Add rows, or give {"data_validation": {"min_row_count": 7}}.'
    told = advise(FollowedRun(key, "penguins"), "validate", fix).splitlines()
    assert told == [
        "Mended data: drop the file again. Other parameters, on what is there:",
        f'  make rerun STAGE=validate RUN={key} PARAMS=\'{{"data_validation": {{"min_row_count": 7}}}}\'',
    ]
    for origin in ("trigger", "rerun"):
        assert advise(FollowedRun(key, "penguins", origin=origin), "validate", fix).splitlines()[1:] == told[1:]


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
