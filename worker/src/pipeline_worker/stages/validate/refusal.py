"""What is said where rules cannot be evaluated, or where the data breaks them, and the line to paste to go on without these."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import ColumnMissing, RequestFault, RulesViolated, RuleUnusable, find_nearest, quote_name
from ...request import DataValidation
from ...schema import Schema
from ...wording import list_phrases
from ..train.target import MIN_ROWS
from .finding import Finding
from .rule import MAX_MISSING_TARGET_SHARE, ROW_COUNTS, SAME_SCHEMA, Fault
from .same_schema import NEW
from .summary import describe_rule, name_subject

_NAMED_RULES = 3
_SHOWN_FAULTS = 5
_SHOWN_COLUMNS = 30


def refuse_unusable(faults: Sequence[Fault], validation: DataValidation, schema: Schema) -> RequestFault:
    """Return the error for rules that cannot be evaluated; a column that is not there is named once."""
    kind = ColumnMissing if all(fault.absent is not None for fault in faults) else RuleUnusable
    told: dict[str, list[Fault]] = {}
    for fault in faults:
        told.setdefault(fault.message if fault.absent is None else f"`{fault.absent}`: {fault.message}", []).append(
            fault
        )
    shown = [
        f"{', '.join(dict.fromkeys(fault.parameter for fault in about))}: {message.removesuffix('.')}"
        for message, about in told.items()
    ]
    entries = len({(fault.parameter, fault.key) for fault in faults})
    fix = "Mend `data_validation`."
    if any(fault.absent is not None for fault in faults):
        names = schema.names()
        more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
        fix += (
            f" The columns are: {', '.join(map(quote_name, names[:_SHOWN_COLUMNS]))}{more}. If a column must be there,"
            " name it in `required_columns` too: then its absence is a fault of the data."
        )
    return kind(
        f"{entries} {'rule' if entries == 1 else 'rules'} cannot be evaluated. "
        + list_phrases(shown, _SHOWN_FAULTS)
        + ("" if shown[-1].endswith("?") else "."),
        where=", ".join(dict.fromkeys(fault.parameter for fault in faults[:_SHOWN_FAULTS])),
        fix=f"{fix} {_write_usable(validation, faults, schema.names())}.",
        details={
            "faults": [
                {"parameter": fault.parameter, "message": message} for message, about in told.items() for fault in about
            ]
        },
    )


def refuse_violated(
    findings: Sequence[Finding],
    summary: dict[str, Any],
    validation: DataValidation,
    *,
    where: str,
    missing_words: Sequence[str] = (),
) -> RulesViolated:
    """Return the error for data that breaks rules; *where* is the file.

    :param findings: those of all rules.
    :param summary: made of them.
    :param missing_words: what the request says means a missing value in the target.
    """
    violated = [finding for finding in findings if finding.is_error]
    rules = [rule for rule, finding in zip(summary["rules"], findings, strict=True) if finding.is_error]
    named = [describe_rule(rule) for rule in rules]
    more = f"; and {len(named) - _NAMED_RULES} more, all of which the log shows" if len(named) > _NAMED_RULES else ""
    subjects = dict.fromkeys(f"`{name_subject(rule)}`" for rule in rules if name_subject(rule))
    noted = dict.fromkeys(f" `{rule['column']}`: {rule['note']}" for rule in rules if "note" in rule)
    is_one = len(rules) == 1
    remedies = ", ".join(dict.fromkeys(_say_remedy(finding, missing_words) for finding in violated))
    if any(finding.rule.name == SAME_SCHEMA for finding in violated):
        remedies += ", or give the new layout another `input_schema_version`, which starts afresh"
    is_counted = all(finding.rule.name in ROW_COUNTS for finding in violated)
    other = "" if is_counted else f"mend the rule, or let {'it' if is_one else 'them'} only warn: "
    goes_on = (
        f"`train` needs at least {MIN_ROWS} rows with a target, whatever the rules are."
        if any(map(_leaves_too_few, violated))
        else f"If the data is right, {other}run `validate` again with {_write_reported(validation, violated)}."
    )
    return RulesViolated(
        f"{len(rules)} of {len(findings)} rules {'is' if is_one else 'are'} violated. {'; '.join(named[:_NAMED_RULES])}{more}."
        + "".join(list(noted)[:_NAMED_RULES]),
        where=", ".join([where, *subjects]),
        fix=f"{remedies[0].upper()}{remedies[1:]}, and drop it again. {goes_on}",
        details=summary,
    )


def _leaves_too_few(finding: Finding) -> bool:
    """Return whether too few rows to train on are left, so that no other rule helps."""
    if finding.rule.name == "min_row_count":
        return bool(finding.observed < MIN_ROWS)
    if finding.rule.name == MAX_MISSING_TARGET_SHARE:
        return (finding.checked or 0) - (finding.violating or 0) < MIN_ROWS
    return False


def _say_remedy(finding: Finding, missing_words: Sequence[str]) -> str:
    """Return what mends the data, where it is the data that is wrong."""
    words = ", ".join(f"`{word}`" for word in missing_words)
    taken = f"take {words} out of `missing_values` if the target has them as values, or " if words else ""
    changed = "let the column have the type that it had"
    if finding.rule.missing is not None:
        changed = "add the missing columns to the file"
    elif finding.observed == NEW:
        changed = "leave out the new columns"
    remedies = {
        "min_row_count": "add rows to the file",
        "max_row_count": "take rows out of the file",
        "required_columns": "add the missing columns to the file",
        MAX_MISSING_TARGET_SHARE: f"{taken}fill in the target in these rows",
        SAME_SCHEMA: changed,
    }
    other = "mend these rows in the file" if finding.rows else "mend the file"
    return remedies.get(finding.rule.name, other)


def _write_usable(validation: DataValidation, faults: Sequence[Fault], columns: Sequence[str]) -> str:
    """Return what to paste: the rules with *faults* anew, a mistyped column with its right name, the rest left out."""
    given = validation.model_dump(mode="json", exclude_defaults=True)
    rules: dict[str, Any] = {}
    is_renamed = all(isinstance(fault.key, str) and find_nearest(fault.absent or "", columns) for fault in faults)
    for name in dict.fromkeys(fault.rule for fault in faults):
        renamed = {
            fault.key: None if fault.absent is None else find_nearest(fault.absent, columns)
            for fault in faults
            if fault.rule == name
        }
        rules[name] = _leave_out(given[name], renamed)
    said = "To leave it out"
    if any(rules.values()):
        said = "With the nearest names in their place" if is_renamed else "What can be evaluated of these"
    return f"{said}: {json.dumps({'data_validation': rules}, ensure_ascii=False)}"


def _write_reported(validation: DataValidation, violated: Iterable[Finding]) -> str:
    """Return the JSON with which what is *violated* does not end the run: bounds of rows as they are, other rules as warnings."""
    rules: dict[str, Any] = {}
    warned: dict[str, Any] = {}
    places = set()
    for finding in violated:
        name = finding.rule.name
        if name in ROW_COUNTS:
            rules[name] = finding.observed
        elif finding.rule.place is not None:
            places.add(finding.rule.place)
        else:
            warned[name] = "warning"
    if warned:
        # What is given replaces all of it.
        rules["severity"] = {**validation.severity, **warned}
    if places:
        rules["expectations"] = [
            each.model_dump(mode="json", exclude_defaults=True) | ({"severity": "warning"} if place in places else {})
            for place, each in enumerate(validation.expectations)
        ]
    return json.dumps({"data_validation": rules}, ensure_ascii=False)


def _leave_out(value: Any, renamed: Mapping[str | int | None, str | None]) -> Any:
    """Return *value* with the names that *renamed* has, and without the entries for which it has none."""
    if isinstance(value, dict):
        return {renamed.get(name, name): inner for name, inner in value.items() if renamed.get(name, name) is not None}
    if not isinstance(value, list):
        return None
    if all(isinstance(each, str) for each in value):
        return [renamed.get(name, name) for name in value if renamed.get(name, name) is not None]
    return [inner for place, inner in enumerate(value) if place not in renamed]
