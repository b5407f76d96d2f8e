"""What is asked of a table of text, whatever format the text comes from: a CSV file, a workbook, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class TextFormat(Protocol):
    """How one table of text is written."""

    @property
    def line(self) -> str:
        """What people call that which has a number in the file: a line, or a row."""
        ...

    @property
    def header(self) -> tuple[str, ...]:
        """The cells of the header, as they are."""
        ...

    @property
    def header_line(self) -> int:
        """The line that the header ends in, counted from 1; 0 where the names are no line of the file."""
        ...

    @property
    def first_row(self) -> tuple[str, ...]:
        """The cells of the first row below it, as they are."""
        ...

    @property
    def first_row_line(self) -> int:
        """The line that this row ends in."""
        ...

    @property
    def last_row(self) -> Sequence[str]:
        """The cells of the last row; none where it is not whole."""
        ...

    @property
    def last_row_line(self) -> int:
        """The line that this row ends in."""
        ...

    @property
    def lines_before(self) -> int:
        """Lines before the header."""
        ...

    @property
    def separator(self) -> str:
        """What stands between cells; empty where nothing does."""
        ...

    @property
    def quote(self) -> str:
        """What surrounds cells; empty where nothing does."""
        ...

    @property
    def has_quotes(self) -> bool:
        """Whether some cells are told to be text, so that a word without quotes can mean something else."""
        ...

    def find_decimal(self, column: str) -> str | None:
        """Return the decimal sign of *column*, where it is known before a look at its cells."""
        ...
