"""What `ingest` noted about a column, told again where a later stage refuses or doubts something about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import StageError
from .schema import Column


def say_note(column: Column | None) -> str:
    """Return the note on *column* as what follows another sentence; empty where there is none."""
    return f" {column.note}" if column is not None and column.note else ""


@contextmanager
def telling_note(column: Column | None) -> Iterator[None]:
    """Let an error that is raised inside, and is about *column*, end with the note on it."""
    try:
        yield
    except StageError as error:
        error.what += say_note(column)
        raise
