"""What is asked of a table of text, whatever format the text comes from: a CSV file, a workbook, JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class TextFormat:
    """How one table of text is written.

    :param line: what people call that which has a number in the file.
    :param lines_before: lines before the header.
    :param header: its cells, as they are. It ends in the line *header_line*, counted from 1; 0 where the names are no line of the file.
    :param first_row: the cells of the first row below it, as they are; it ends in the line *first_row_line*.
    :param last_row: the cells of the last row; none where it is not whole. It ends in the line *last_row_line*.
    :param separator: what stands between cells, and *quote* what surrounds them; empty where nothing does.
    :param has_quotes: whether some cells are told to be text, so that a word without quotes can mean something else.
    :param decimal: the decimal sign of cells of text, where the request gives it; otherwise it is found from the columns.
    :param kinds: for each column, what its cells are, but for empty ones, where the file says that some are no text.
    """

    line: str
    header: tuple[str, ...]
    header_line: int = 0
    lines_before: int = 0
    first_row: tuple[str, ...] = ()
    first_row_line: int = 0
    last_row: Sequence[str] = ()
    last_row_line: int = 0
    separator: str = ""
    quote: str = ""
    has_quotes: bool = False
    decimal: str | None = None
    kinds: Mapping[str, set[type]] = field(default_factory=dict)

    def find_decimal(self, column: str) -> str | None:
        """Return the decimal sign of *column*, where it is known before a look at its cells: numbers have a point, as we write them."""
        return "." if {int, float} & self.kinds.get(column, set()) else self.decimal
