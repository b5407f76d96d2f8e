"""Which column a model is to predict: the one that the request names, else one with a usual name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import ColumnMissing, find_nearest, near_miss, quote_name, quote_names
from .request import USUAL_TARGETS
from .run.layer import is_read_anew


@dataclass(frozen=True)
class TargetColumn:
    """The column to predict, and whether its name was given or found."""

    column: str
    is_given: bool


def find_target(columns: Sequence[str], given: str | None, *, data: str, source: str, stage: str) -> TargetColumn:
    """Return the target among *columns*.

    :param given: the request's `target_column`.
    :param data: what people know the data as.
    :param source: what the layer is called that `target_column` is from, or that it is to be written into.
    :param stage: the stage that looks for it.
    :raises ColumnMissing: *given* is not there, or nothing was given and no column has a usual name.
    """
    if given is not None:
        if given in columns:
            return TargetColumn(given, is_given=True)
        nearest = find_nearest(given, columns)
        setting = json.dumps({"target_column": nearest}, ensure_ascii=False)
        raise ColumnMissing(
            f"`target_column` is `{given}`, and there is no such column.{near_miss(given, columns)}",
            where=f"{data}; `target_column` is from {source}",
            fix=f"Run `{stage}` again with `target_column` as one of: {quote_names(columns)}."
            + (f" If {quote_name(nearest)} is meant, give {setting}." if nearest is not None else "")
            + (f" For all files to come, mend it in {source}." if is_read_anew(source) else ""),
            details={"parameter": "target_column", "given": given, "columns": list(columns)},
        )
    for usual in USUAL_TARGETS:
        alike = [column for column in columns if column.strip().casefold() == usual]
        if len(alike) == 1 or usual in alike:
            return TargetColumn(usual if usual in alike else alike[0], is_given=False)
    usual = ", ".join(f"`{name}`" for name in USUAL_TARGETS)
    raise ColumnMissing(
        f"Which column is to be predicted? `target_column` is not given, and no column is called {usual}.",
        where=data,
        fix=f'Write {{"target_column": "..."}} into {source}, with one of: {quote_names(columns)}; then run `ingest` again, or drop the '
        "file again.",
        details={"parameter": "target_column", "columns": list(columns), "write_to": source},
    )
