"""How cells, names and what is many stand in what people are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def shorten(text: str, longest: int = 40) -> str:
    """Return *text*, of which only the beginning is shown where it has more than *longest* characters."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def list_names(names: Iterable[str], most: int = 10) -> str:
    """Return *names* as people read them, the first of them where there are more than *most*."""
    known = list(names)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(f"`{name}`" for name in known[:most]) + more


def list_phrases(phrases: Sequence[str], most: int) -> str:
    """Return *phrases* as people read them, the first of them where there are more than *most*."""
    more = f"; and {len(phrases) - most} more" if len(phrases) > most else ""
    return "; ".join(phrases[:most]) + more


def count_cells(number: int) -> str:
    """Return so many cells, to stand before what they say."""
    return "1 cell says" if number == 1 else f"{number:,} cells say"


def note_trimmed_names(names: Iterable[str]) -> list[str]:
    """Return a sentence on the column names that have blanks around them in the file, if there are any."""
    listed = list_names(name for name in names if name)
    return [f"Blanks around column names were left out: {listed}."] if listed else []


def note_trimmed(names: Sequence[str]) -> list[str]:
    """Return a sentence on the columns of text whose cells have blanks around them in the file, if there are any."""
    return [f"Blanks around cells were left out in {list_names(names)}."] if names else []
