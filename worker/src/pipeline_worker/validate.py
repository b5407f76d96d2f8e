"""Stage `validate`: the dataset as it was ingested, against the rules of the request."""

from __future__ import annotations

import json
from typing import Any

from .attempt import Attempt, Outcome
from .errors import RulesViolated
from .schema import Schema
from .target_column import find_target
from .validation.expectations import evaluate
from .validation.rules import make_rules
from .validation.summary import draw_table, summarise

_NAMED_RULES = 3


def validate(attempt: Attempt) -> Outcome:
    """Carry out the stage.

    :raises RulesViolated: the data breaks a rule; `summary.json` is saved before.
    :raises RequestFault: a rule cannot be evaluated on this data.
    """
    request = attempt.request
    schema = Schema.model_validate_json(attempt.fetch("schema").read_bytes())
    target = find_target(schema.names(), request.target_column, data=attempt.drop.uri, parameters="the request")
    rules = make_rules(request.data_validation, schema, target.column)
    dataset = attempt.fetch("dataset")
    with attempt.timed("evaluate"):
        findings = evaluate(rules, dataset, schema)
    summary = summarise(findings, schema)
    content = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False).encode()
    saved = attempt.save("summary.json", content, "application/json")
    violated = [rule for rule in summary["rules"] if not rule["satisfied"]]
    if violated:
        attempt.log.error("%d of %d rules are violated:\n%s", len(violated), len(rules), draw_table(violated))
        raise _explain(violated, summary, attempt)
    attempt.log.info("all %d rules hold:\n%s", len(rules), draw_table(summary["rules"]))
    left_out = summary["rows_without_target"]
    return Outcome(
        outputs={"summary": saved},
        facts={"rules": len(rules), "rows": schema.rows, "rows_without_target": left_out},
        headline=f"{len(rules)} rules hold for {schema.rows:,} rows"
        + (f", {left_out:,} of them without a target" if left_out else ""),
        location=saved.uri,
        details=summary,
        links={"validation": saved.uri},
    )


def _explain(violated: list[dict[str, Any]], summary: dict[str, Any], attempt: Attempt) -> RulesViolated:
    named = [
        f"`{rule['column'] or rule['rule']}`: expected {rule['expected']}, found {rule['found']}" for rule in violated
    ]
    more = f"; and {len(named) - _NAMED_RULES} more" if len(named) > _NAMED_RULES else ""
    columns = list(dict.fromkeys(f"`{rule['column']}`" for rule in violated if rule["column"]))
    noted = dict.fromkeys(f" `{rule['column']}`: {rule['note']}" for rule in violated if "note" in rule)
    return RulesViolated(
        f"{len(violated)} of {len(summary['rules'])} rules are violated. {'; '.join(named[:_NAMED_RULES])}{more}."
        + "".join(list(noted)[:_NAMED_RULES]),
        where=", ".join([attempt.drop.uri, *columns]),
        fix="Mend these rows in the file and drop it again. If the data is right, mend the rule in `data_validation` "
        "and run `ingest` again, or run `validate` again with the rule as an override.",
        details=summary,
    )
