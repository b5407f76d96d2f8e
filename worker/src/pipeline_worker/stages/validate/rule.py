"""One rule that a dataset must satisfy, and why one cannot be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .offered import OFFERED, Offered

#: What a broken rule does: an `error` ends the run, a `warning` is reported.
Severity = Literal["error", "warning"]
#: The rule of every target; rows without a value are left out of training.
MAX_MISSING_TARGET_SHARE = "max_missing_target_share"
#: The rules about the number of rows.
ROW_COUNTS = ("min_row_count", "max_row_count")
#: The rule of every dataset whose layout has a label, `input_schema_version`.
SAME_SCHEMA = "same_schema"
#: The expectation of Great Expectations that each rule of ours is.
_EXPECTATIONS = {
    "min_row_count": "expect_table_row_count_to_be_between",
    "max_row_count": "expect_table_row_count_to_be_between",
    "required_columns": "expect_column_to_exist",
    "non_null_columns": "expect_column_values_to_not_be_null",
    MAX_MISSING_TARGET_SHARE: "expect_column_values_to_not_be_null",
    "unique_columns": "expect_column_values_to_be_unique",
    "value_ranges": "expect_column_values_to_be_between",
    "allowed_values": "expect_column_values_to_be_in_set",
}


@dataclass(frozen=True)
class Rule:
    """One rule about the table or about its columns.

    :param name: the name in `data_validation` that asks for it, or that of an expectation.
    :param column: the column that it is about; None for rules about the table or about several columns.
    :param expected: what must hold, in words.
    :param arguments: bounds (`min`, `max`, `strict_min`, `strict_max`) or `values`, of the column's type; or a `share`; or what
        an expectation is called with.
    :param missing: why it cannot hold, where the column does not exist although `required_columns` asks for it.
    :param columns: the columns that it is about, where these are several.
    :param mostly: the least share of values that must not be against it.
    :param place: which entry of `expectations` asks for it.
    """

    name: str
    column: str | None
    expected: str
    arguments: dict[str, Any] = field(default_factory=dict)
    missing: str | None = None
    columns: tuple[str, ...] = ()
    severity: Severity = "error"
    mostly: float = 1.0
    place: int | None = None

    @property
    def is_ours(self) -> bool:
        """Whether `data_validation` has a name of its own for it."""
        return self.name in _EXPECTATIONS

    @property
    def expectation(self) -> str:
        """The name of the expectation that evaluates it."""
        return _EXPECTATIONS.get(self.name, self.name)

    @property
    def offered(self) -> Offered:
        """What this expectation is."""
        return OFFERED[self.expectation]

    @property
    def subjects(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return self.columns if self.column is None else (self.column,)


@dataclass(frozen=True)
class Fault:
    """Why a rule cannot be evaluated.

    :param parameter: where it stands in the request.
    :param rule: its name in `data_validation`.
    :param key: the column, or the place in `expectations`, that its entry is found by.
    :param absent: the column that it names and that does not exist.
    """

    parameter: str
    message: str
    rule: str
    key: str | int | None = None
    absent: str | None = None


def count_rows(number: int) -> str:
    """Return so many rows in words."""
    return f"{number:,} {'row' if number == 1 else 'rows'}"
