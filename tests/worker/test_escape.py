"""What cannot be seen of a text is written out before a person reads it."""

from __future__ import annotations

import logging

from pipeline_worker.cli.command import EscapedFormatter
from pipeline_worker.errors import DataUnreadable
from pipeline_worker.stages.publish.markup import show_note

FORGED = "size\n12:00:00 INFO    ingest: 5 rows"


def test_an_error_has_no_line_break_of_the_data() -> None:
    """So whoever shows it, in a log, a record or a receipt, shows one line."""
    error = DataUnreadable(f"`{FORGED}` is bad.", where=FORGED, fix=FORGED)
    assert "\n" not in error.what + error.where + error.fix + str(error)
    assert error.what.startswith(r"`size\n12:00:00 INFO")


def test_a_line_of_the_log_cannot_be_forged() -> None:
    """The lines of a message behind its first are indented, so that none begins with a time as the worker's own do."""
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s\n%s", (FORGED, "b\x1b[2J\u202e"), None)
    lines = EscapedFormatter("%(levelname)s %(message)s").format(record).split("\n")
    assert lines == ["INFO size", "  12:00:00 INFO    ingest: 5 rows", r"  b\u001b[2J\u202e"]


def test_a_report_has_no_mark_that_turns_its_lines() -> None:
    """HTML would follow a right-to-left override in a name to the end of the paragraph."""
    assert show_note("`a\u202eb`: <b>") == r"<code>a\u202eb</code>: &lt;b&gt;"
