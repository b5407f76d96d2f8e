"""Stage `validate`: the dataset as it was ingested, against the rules of the request."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...published_schema import list_types, locate, read_published
from ...run.attempt import Attempt, Outcome
from ...schema import Schema
from ...target_column import find_target
from .expectations import evaluate
from .finding import Finding, RuleRaised
from .refusal import refuse_unusable, refuse_violated
from .rule import SAME_SCHEMA, count_rows
from .rules import make_rules
from .same_schema import compare
from .summary import draw_table, say_warning, summarise


def validate(attempt: Attempt) -> Outcome:
    """Carry out the stage.

    :raises RulesViolated: the data breaks a rule that is no warning; `summary.json` is saved before.
    :raises RequestFault: a rule cannot be evaluated on this data.
    """
    request = attempt.request
    schema = Schema.model_validate_json(attempt.fetch("schema").read_bytes())
    given = attempt.request_from.get("target_column", "the request")
    target = find_target(
        schema.names(), request.target_column, data=attempt.drop.uri, source=given, stage=attempt.stage
    )
    compared = _compare_schema(attempt, schema)
    rules = make_rules(request.data_validation, schema, target.column)
    dataset = attempt.fetch("dataset")
    try:
        with attempt.timed("evaluate"):
            findings = compared + evaluate(rules, dataset, schema)
    except RuleRaised as raised:
        raise refuse_unusable([raised.fault], request.data_validation, schema) from raised
    summary = summarise(findings, schema)
    content = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False).encode()
    saved = attempt.save("summary.json", content, "application/json")
    broken = [rule for rule in summary["rules"] if not rule["satisfied"]]
    notes = [say_warning(rule) for rule in broken if rule["severity"] == "warning"]
    for note in notes:
        attempt.log.warning("%s", note)
    if not summary["satisfied"]:
        violated = [rule for rule in broken if rule["severity"] == "error"]
        attempt.log.error("%d of %d rules are violated:\n%s", len(violated), len(findings), draw_table(violated))
        raise refuse_violated(
            findings,
            summary,
            request.data_validation,
            where=attempt.drop.uri,
            missing_words=_list_missing(attempt, target.column),
        )
    held = f"{len(findings) - len(notes)} of {len(findings)}" if notes else f"{len(findings)}"
    attempt.log.info("%s rules hold:\n%s", held if notes else f"all {held}", draw_table(summary["rules"]))
    left_out = summary["rows_without_target"]
    return Outcome(
        outputs={"summary": saved},
        facts={"rules": len(findings), "warnings": len(notes), "rows": schema.rows, "rows_without_target": left_out},
        headline=f"{held} rules hold for {count_rows(schema.rows)}"
        + (f", {left_out:,} of them without a target" if left_out else ""),
        location=saved.uri,
        details=summary,
        links={"validation": saved.uri},
        notes=notes,
    )


def _list_missing(attempt: Attempt, column: str) -> Sequence[str]:
    """Return the words that the request says mean a missing value in the *column*."""
    given = attempt.request.ingestion_config.missing_values or []
    return given if isinstance(given, list) else given.get(column, [])


def _compare_schema(attempt: Attempt, schema: Schema) -> list[Finding]:
    """Return what became of the columns since the last run that was published under the same label, where there is one."""
    version = attempt.request.input_schema_version
    if version is None:
        return []
    published = read_published(attempt.store, locate(attempt.settings.layout, attempt.dataset, version))
    severity = attempt.request.data_validation.severity_of(SAME_SCHEMA)
    return compare(schema, list_types(attempt, schema), version, published[0] if published else None, severity)
