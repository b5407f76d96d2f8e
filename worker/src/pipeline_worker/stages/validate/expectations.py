"""Rules evaluated by Great Expectations, on the columns that they name and no others."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...schema import Schema
from .finding import MOST_EXAMPLES, Finding, RuleRaised, add_findings, find_values
from .matched import MATCHED, find_matched
from .parts import Part, read_parts
from .rule import Fault, Rule

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_REASON = 300
#: What Great Expectations calls arguments of our rules. A share of missing values is none: it is held against what was counted.
_ARGUMENTS = {"min": "min_value", "max": "max_value", "values": "value_set"}


def evaluate(rules: list[Rule], path: Path, schema: Schema) -> list[Finding]:
    """Return what became of each of *rules*, in their order, for the dataset in the Parquet file *path*.

    :raises RuleRaised: a rule that could be made raises when it is evaluated.
    """
    with _without_collections():
        import great_expectations as gx
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        import_module("great_expectations.expectations")
    # It would take a fingerprint of each part, twice: nearly half of the time that large datasets cost.
    engine: Any = import_module("great_expectations.execution_engine.pandas_execution_engine")
    engine.HASH_THRESHOLD = 0
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
    found: dict[int, Finding] = {}
    for part in read_parts(list(enumerate(rules)), path, schema):
        made = [(number, find_matched(rule, part)) for number, rule in part.rules if rule.name in MATCHED]
        asked = [(number, _make_expectation(rule, number)) for number, rule in part.rules if rule.name not in MATCHED]
        batch = definition.get_batch({"dataframe": _to_pandas(part.table, is_plain=part.is_plain)}) if asked else None
        for number, result in _validate(batch, asked, rules):
            made.append((number, _read_result(rules[number], result, part)))
        for number, finding in made:
            found[number] = add_findings(found[number], finding) if number in found else finding
    return [found[number] for number in range(len(rules))]


def _validate(batch: Any, asked: list[tuple[int, Any]], rules: list[Rule]) -> list[tuple[int, Any]]:
    """Return the results of the expectations *asked* for, with the numbers of their rules."""
    suite_type: Any = import_module("great_expectations").ExpectationSuite

    def ask(expectations: list[Any]) -> list[tuple[int, Any]]:
        results = batch.validate(
            suite_type(name="rules", expectations=expectations),
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": MOST_EXAMPLES},
        )
        return [(each.expectation_config.meta["rule"], each) for each in results.results]

    try:
        return ask([expectation for _, expectation in asked]) if asked else []
    except Exception:
        # It does not say which one; each alone does.
        for number, expectation in asked:
            try:
                ask([expectation])
            except Exception as error:
                raise _refuse(rules[number], str(error)) from error
        raise


def _make_expectation(rule: Rule, number: int) -> Any:
    registry: Any = import_module("great_expectations.expectations.registry")
    given = rule.arguments
    if rule.is_ours:
        given = {_ARGUMENTS.get(name, name): value for name, value in given.items() if name != "share"}
        given |= {} if rule.column is None else {"column": rule.column}
    try:
        return registry.get_expectation_impl(rule.expectation)(**given, meta={"rule": number})
    except Exception as error:
        raise _refuse(rule, str(error)) from error


def _to_pandas(table: pa.Table, *, is_plain: bool = False) -> pd.DataFrame:
    """Return *table* with types that compare with what rules name, and lose nothing, unless it is to be plain."""
    import pandas as pd

    for position, field in enumerate(table.schema):
        if pa.types.is_time(field.type):
            micros = table.column(position).cast(pa.int64())
            table = table.set_column(position, field.name, micros)

    def choose_type(kind: pa.DataType) -> Any:
        # With missing values, pandas would make floats of integers, and objects of booleans.
        return pd.Int64Dtype() if pa.types.is_int64(kind) else pd.BooleanDtype() if pa.types.is_boolean(kind) else None

    return table.to_pandas(types_mapper=None if is_plain else choose_type, date_as_object=False)


def _read_result(rule: Rule, result: Any, part: Part) -> Finding:
    raised = _find_exception(result.exception_info)
    if raised is not None:
        raise _refuse(rule, raised)
    observed = result.result
    if "element_count" in observed:
        checked = observed["element_count"] - observed.get("missing_count", 0) + part.single
        columns = [part.table.column(name) for name in rule.subjects]

        def read_at(index: int) -> Any:
            # As the dataset has them, not as pandas or the library show them.
            values = tuple(column[index].as_py() for column in columns)
            return values if rule.columns else values[0]

        indices = observed.get("partial_unexpected_index_list") or []
        examples = {part.count_row(index): read_at(index) for index in indices}
        return find_values(rule, checked, observed["unexpected_count"], examples)
    return Finding(rule, bool(result.success), observed=_read_observed(rule, observed, part))


def _read_observed(rule: Rule, observed: Any, part: Part) -> Any:
    """Return what was measured, as the dataset has it."""
    if rule.name.startswith("expect_column_distinct_values"):
        return {
            kind: {
                "count": observed[f"{kind}_count"],
                "values": _bring_back(observed.get(f"partial_{kind}_list", [])[:MOST_EXAMPLES], rule, part),
            }
            for kind in ("unexpected", "missing")
            if observed.get(f"{kind}_count")
        }
    return _bring_back(observed.get("observed_value"), rule, part)


def _bring_back(value: Any, rule: Rule, part: Part) -> Any:
    import pandas as pd

    if isinstance(value, list | tuple):
        return [_bring_back(each, rule, part) for each in value]
    if isinstance(value, dict):
        return _bring_back(value.get("values"), rule, part)
    if value is None or pd.isna(value):
        return None
    plain = value.item() if hasattr(value, "item") else value
    if rule.column not in part.table.column_names or not rule.offered.measures_values:
        return plain
    kind = part.table.schema.field(rule.column).type
    if pa.types.is_time(kind):
        return pa.scalar(int(plain), pa.time64("us")).as_py()
    is_day = pa.types.is_date(kind) and plain.time() == time.min
    return plain.date() if is_day else plain


def _refuse(rule: Rule, reason: str) -> RuleRaised:
    """Return the fault of *rule*, for which Great Expectations raises where it is made or evaluated."""
    about = ", ".join(f"`{name}`" for name in rule.subjects) or "the table"
    message = f"Great Expectations cannot evaluate it on {about}: {reason[:_LONGEST_REASON]}"
    if rule.name == "expect_column_values_to_match_json_schema":
        message += "; whether values are JSON at all, `expect_column_values_to_be_json_parseable` finds out"
    if rule.place is None:
        return RuleRaised(Fault(f"data_validation.{rule.name}", message, rule.name, rule.column))
    place = f"data_validation.expectations.{rule.place}"
    return RuleRaised(Fault(place, f"{rule.name}: {message}", "expectations", rule.place))


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
