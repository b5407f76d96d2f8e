"""Rules evaluated by Great Expectations, on the columns that they name and no others."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import RuleUnusable
from ..schema import Schema
from .rules import MAX_MISSING_TARGET_SHARE, Rule

if TYPE_CHECKING:
    import pandas as pd

#: Offending rows of a rule that are kept.
MOST_EXAMPLES = 20
#: Values that are held at once. A larger dataset is looked at in parts of so many rows, which costs a little for each.
_HELD_VALUES = 2_000_000
_ROWS_AT_ONCE = 250_000


@dataclass(frozen=True)
class Finding:
    """What became of one rule.

    :param observed: the number of rows of the table, for the rules about it.
    :param checked: how many values were looked at; missing ones only by `non_null_columns` and `max_missing_target_share`.
    :param violating: how many of these are against the rule.
    :param rows: up to 20 of the rows that they stand in, counted from 1.
    :param offending: what stands there.
    """

    rule: Rule
    is_satisfied: bool
    observed: int | None = None
    checked: int | None = None
    violating: int | None = None
    rows: tuple[int, ...] = ()
    offending: tuple[Any, ...] = ()


def evaluate(rules: list[Rule], path: Path, schema: Schema) -> list[Finding]:
    """Return what became of each of *rules*, in their order, for the dataset in the Parquet file *path*.

    Rules about a column that is not there are violated, and nothing is looked at.

    :raises RuleUnusable: a rule that could be made raises when it is evaluated.
    """
    with _without_collections():
        import great_expectations as gx
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        import_module("great_expectations.expectations")
    # Everything that would reach outside is off: no folder for reports, no statistics, no bars in the log.
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        ),
    )
    whole = context.data_sources.add_pandas("files").add_dataframe_asset("dataset")
    definition = whole.add_batch_definition_whole_dataframe("all rows")
    found = {number: Finding(rule, is_satisfied=False) for number, rule in enumerate(rules) if rule.missing}
    possible = [
        (number, rule) for number, rule in enumerate(rules) if not rule.missing or rule.name == "required_columns"
    ]
    seen: set[int] = set()
    for part in _read_parts(possible, path, schema):
        suite = gx.ExpectationSuite(name="rules", expectations=[_expect(rule, n) for n, rule in part.rules])
        results = definition.get_batch({"dataframe": _to_pandas(part.table)}).validate(
            suite, result_format={"result_format": "SUMMARY", "partial_unexpected_count": MOST_EXAMPLES}
        )
        for result in results.results:
            number = result.expectation_config.meta["rule"]  # type: ignore[union-attr]  # never None in results
            finding = _read_result(rules[number], result, part)
            found[number] = _add(found[number], finding) if number in seen else finding
            seen.add(number)
    return [found[number] for number in range(len(rules))]


@dataclass(frozen=True)
class _Part:
    """Rules, and rows that they are evaluated on; *rows_before* of the dataset come before these."""

    rules: list[tuple[int, Rule]]
    table: pa.Table
    rows_before: int = 0


def _read_parts(numbered: list[tuple[int, Rule]], path: Path, schema: Schema) -> Iterator[_Part]:
    """Yield all rules with the rows and columns that they are about: at once where that is little, else in parts."""
    file = pq.ParquetFile(path)
    columns = list(dict.fromkeys(rule.column for _, rule in numbered if _is_about_values(rule) and rule.column))
    if schema.rows * len(columns) <= _HELD_VALUES:
        # For columns that are only to exist, an empty table will do.
        only_to_exist = {name for name in schema.names() if name not in columns}
        names = [each for each in numbered if not _is_about_values(each[1]) and each[1].column in only_to_exist]
        if names:
            yield _Part(names, file.schema_arrow.empty_table())
        yield _Part([each for each in numbered if each not in names], file.read(columns=columns))
        return
    yield _Part([each for each in numbered if each[1].name == "required_columns"], file.schema_arrow.empty_table())
    # Rules about the number of rows need a table with all of them, whatever is in it.
    yield _Part([each for each in numbered if each[1].column is None], pa.table({"": pa.repeat(False, schema.rows)}))
    for number, rule in numbered:
        if rule.name == "unique_columns":
            yield _Part([(number, rule)], file.read(columns=[rule.column]))
    row_by_row = [each for each in numbered if _is_about_values(each[1]) and each[1].name != "unique_columns"]
    at_once = max(1, _HELD_VALUES // _ROWS_AT_ONCE)
    for start in range(0, len(columns), at_once):
        some = columns[start : start + at_once]
        about = [each for each in row_by_row if each[1].column in some]
        before = 0
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=some) if about else ():
            yield _Part(about, pa.Table.from_batches([batch]), before)
            before += len(batch)


def _add(first: Finding, second: Finding) -> Finding:
    """Return the finding for the rows of both, *second* being of the later ones."""
    checked, violating = (first.checked or 0) + (second.checked or 0), (first.violating or 0) + (second.violating or 0)
    return Finding(
        first.rule,
        _holds(first.rule, first.is_satisfied and second.is_satisfied, checked, violating),
        checked=checked,
        violating=violating,
        rows=(first.rows + second.rows)[:MOST_EXAMPLES],
        offending=(first.offending + second.offending)[:MOST_EXAMPLES],
    )


def _holds(rule: Rule, is_without_violation: bool, checked: int, violating: int) -> bool:
    # A share holds for all rows together, or not; one part of them tells nothing.
    if rule.name == MAX_MISSING_TARGET_SHARE:
        return bool(violating / max(1, checked) <= rule.arguments["share"])
    return is_without_violation


def _is_about_values(rule: Rule) -> bool:
    return rule.name not in {"min_row_count", "max_row_count", "required_columns"}


def _expect(rule: Rule, number: int) -> Any:
    # Its names are made when it is imported, so that no type checker knows them.
    gxe: Any = import_module("great_expectations.expectations")
    given = rule.arguments
    meta = {"rule": number}
    if rule.name in {"min_row_count", "max_row_count"}:
        return gxe.ExpectTableRowCountToBeBetween(min_value=given.get("min"), max_value=given.get("max"), meta=meta)
    if rule.name == "required_columns":
        return gxe.ExpectColumnToExist(column=rule.column, meta=meta)
    if rule.name in {"non_null_columns", MAX_MISSING_TARGET_SHARE}:
        return gxe.ExpectColumnValuesToNotBeNull(column=rule.column, meta=meta)
    if rule.name == "unique_columns":
        return gxe.ExpectColumnValuesToBeUnique(column=rule.column, meta=meta)
    if rule.name == "value_ranges":
        return gxe.ExpectColumnValuesToBeBetween(
            column=rule.column,
            min_value=given["min"],
            max_value=given["max"],
            strict_min=given["strict_min"],
            strict_max=given["strict_max"],
            meta=meta,
        )
    return gxe.ExpectColumnValuesToBeInSet(column=rule.column, value_set=given["values"], meta=meta)


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return *table* with types that lose nothing and compare with what rules name."""
    import pandas as pd

    for position, field in enumerate(table.schema):
        if pa.types.is_time(field.type):
            micros = table.column(position).cast(pa.int64())
            table = table.set_column(position, field.name, micros)

    def choose_type(kind: pa.DataType) -> Any:
        # With missing values, pandas would make floats of integers, and objects of booleans.
        return pd.Int64Dtype() if pa.types.is_int64(kind) else pd.BooleanDtype() if pa.types.is_boolean(kind) else None

    return table.to_pandas(types_mapper=choose_type, date_as_object=False)


def _read_result(rule: Rule, result: Any, part: _Part) -> Finding:
    raised = _find_exception(result.exception_info)
    if raised is not None:
        raise RuleUnusable(
            f"The rule `{rule.name}` cannot be evaluated on `{rule.column}`: {raised}",
            where=f"data_validation.{rule.name}",
            fix="Mend the rule, or take it out.",
            details={"rule": rule.name, "column": rule.column},
        )
    observed = result.result
    if rule.column is None:
        return Finding(rule, result.success, observed=observed["observed_value"])
    if rule.name == "required_columns":
        return Finding(rule, result.success)
    checked = observed["element_count"] - observed.get("missing_count", 0)
    positions = observed.get("partial_unexpected_index_list") or []
    column = part.table.column(rule.column)
    return Finding(
        rule,
        _holds(rule, result.success, checked, observed["unexpected_count"]),
        checked=checked,
        violating=observed["unexpected_count"],
        rows=tuple(part.rows_before + position + 1 for position in positions),
        # As the dataset has them, not as pandas or the library show them.
        offending=tuple(column[position].as_py() for position in positions),
    )


def _find_exception(info: Any) -> str | None:
    infos: Iterable[Any] = [info] if "raised_exception" in info else info.values()
    return next((str(each["exception_message"]) for each in infos if each.get("raised_exception")), None)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Import without the garbage collector, which would find nothing, and keep it away from what was imported.

    Together a fifth of the time that the stage takes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
