"""What stands between the cells of a row: found, or given by the request."""

from __future__ import annotations

import csv
import io

from ...errors import ParameterInvalid

SEPARATORS = (",", ";", "\t", "|")
#: Runs of blanks, as they are given, and told to pandas.
BLANKS = r"\s+"
#: What people write for a character that is hard to type.
_SPELLED = {"\\t": "\t", "tab": "\t"}
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space", BLANKS: "runs of blanks"}


def check_separator(given: str | None) -> str | None:
    """Return the separator that the request gives.

    :raises ParameterInvalid: it is none.
    """
    if given is None:
        return None
    separator = _SPELLED.get(given.lower(), given)
    if separator == BLANKS:
        return separator
    if len(separator) != 1 or separator in '\r\n\0"' or ord(separator) > 127:
        raise ParameterInvalid(
            f"`ingestion_config.separator` is {given!r}, and only a single ASCII character is available, or `\\s+` for runs of blanks.",
            where="ingestion_config.separator",
            fix="Give one character, such as `;`, or `\\t` for a tab; or leave it out to have it found.",
            details={"parameter": "ingestion_config.separator"},
        )
    return separator


def find_separator(sample: str, quote: str, escape: str | None) -> str | None:
    """Return the separator by which most rows have as many cells as the header, or None for a single column."""
    best: tuple[float, int, str] | None = None
    for separator in SEPARATORS:
        if separator == quote:
            continue
        header, *rows = split_rows(sample, separator, quote, escape)
        if len(header) < 2:
            continue
        share = sum(len(row) == len(header) for row in rows) / len(rows) if rows else 1.0
        if best is None or (round(share, 2), len(header)) > best[:2]:
            best = (round(share, 2), len(header), separator)
    return best[2] if best else None


def split_rows(text: str, separator: str, quote: str, escape: str | None = None) -> list[list[str]]:
    """Return the rows of *text* that have any cell; quotes are taken leniently."""
    allow_long_cells()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quotechar=quote, escapechar=escape)
    return [row for row in reader if row]


def allow_long_cells() -> None:
    """Let Python's `csv` read cells of up to 64 MiB."""
    # The module's own limit is 128 KiB; texts can be longer. A cell beyond this one is a quote that was never closed.
    csv.field_size_limit(64 * 1024 * 1024)
