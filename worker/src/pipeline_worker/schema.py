"""`schema.json`: the columns of a dataset, their types, and how the file wrote them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from .errors import near_miss

#: What a column can be. A `timestamp` whose `parquet_type` names a zone is in UTC.
ColumnType = Literal["integer", "number", "boolean", "text", "date", "timestamp", "time"]


class Column(BaseModel):
    """One column of a dataset.

    :param type: what its values are to people and to rules.
    :param parquet_type: what they are in `dataset.parquet`, in Arrow's words (`int64`, `double`, `timestamp[us]`).
    :param nullable: whether any value is missing.
    :param format: how the file wrote the values, where that is not the usual way: `DD.MM.YYYY`, `H:MM:SS`, `1.234,5`, `1,234.5`;
        `true` for booleans of a Parquet file that became text.
    :param missing_words: cells that are missing in it, where these are not the usual ones of its type.
    :param note: why it is text although most of it looks like something else, or what was assumed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: ColumnType
    parquet_type: str
    nullable: bool
    format: str | None = None
    missing_words: tuple[str, ...] | None = None
    note: str | None = None


class Schema(BaseModel):
    """The columns of a dataset, in order.

    :param rows: how many rows it has.
    :param first_row_line: the line of the CSV file that row 1 stands in, where each row is one line; otherwise None.
    :param left_out: columns of the file that are not here → why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    rows: int
    first_row_line: int | None = None
    columns: list[Column]
    left_out: dict[str, str] = {}

    def names(self) -> list[str]:
        """Return the columns' names, in order."""
        return [column.name for column in self.columns]

    def find(self, name: str) -> Column | None:
        """Return the column called *name*, exactly so, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def say_missing(self, name: str) -> str:
        """Return why there is no column called *name*, to stand inside a sentence."""
        if name in self.left_out:
            return f"`ingest` left it out: {self.left_out[name].removesuffix('.')}."
        return f"there is no such column.{near_miss(name, self.names())}"
