"""Columns that are aligned by runs of blanks: a copy of the file has tabs in their place."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import DataUnreadable

#: A table has so many lines at least, the header among them.
_FEWEST_LINES = 3


class BlankRuns:
    """Puts a tab in the place of each run of blanks of a line, but for those in quotes."""

    def __init__(self, quote: str, escape: str | None) -> None:
        sign, other = re.escape(quote), re.escape(escape or "")
        inner = f"[^{sign}{other}]|{sign}{sign}" + (f"|{other}." if escape else "")
        begins = r"(?<![^ \t])"
        self._pattern = re.compile(rf"(?P<cell>{begins}{sign}(?:{inner})*{sign})|(?P<open>{begins}{sign})|[ \t]+")

    def put_tabs(self, line: str) -> str:
        """Return *line* with tabs."""
        return self._pattern.sub(lambda found: found["cell"] or found["open"] or "\t", line.strip(" \t"))

    def is_open(self, line: str) -> bool:
        """Whether a quoted cell begins in *line* and does not end in it."""
        return any(found["open"] for found in self._pattern.finditer(line))

    def count_cells(self, sample: str) -> list[int]:
        """Return how many cells each line of *sample* has that is not blank."""
        return [self.put_tabs(line).count("\t") + 1 for line in sample.split("\n") if line.strip()]

    def are_in(self, sample: str) -> bool:
        """Whether every line of *sample* has as many cells as the first, and more than one."""
        cells = self.count_cells(sample)
        return len(cells) >= _FEWEST_LINES and cells[0] > 1 and set(cells) == {cells[0]}

    def write(self, path: Path, copy: Path, codec: str, name: str) -> None:
        """Write *copy*, the file at *path* with tabs.

        :param name: what people know the file as.
        :raises DataUnreadable: a quoted cell has a line break: its blanks could not be told from others.
        """
        with path.open(encoding=codec, newline="") as source, copy.open("w", encoding=codec, newline="") as target:
            for number, line in enumerate(source, start=1):
                text = line.rstrip("\r\n")
                if self.is_open(text):
                    raise DataUnreadable(
                        f"In line {number} a quote is never closed.",
                        where=f"{name}, line {number}",
                        fix="Close it where its cell ends; where columns are aligned by blanks, no cell may have a line break.",
                        details={"line": number},
                    )
                target.write(self.put_tabs(text) + line[len(text) :])
