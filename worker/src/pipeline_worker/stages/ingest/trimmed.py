"""What people are told of blanks that were left out, around names and around cells: one note for all columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LISTED = 10


def note_trimmed_names(names: Iterable[str]) -> list[str]:
    """Return a sentence on the column names that have blanks around them in the file, if there are any."""
    listed = _list([name for name in names if name])
    return [f"Blanks around column names were left out: {listed}."] if listed else []


def note_trimmed(names: Sequence[str]) -> list[str]:
    """Return a sentence on the columns of text whose cells have blanks around them in the file, if there are any."""
    return [f"Blanks around cells were left out in {_list(names)}."] if names else []


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(f"`{name}`" for name in names[:_LISTED]) + more
