"""The line that a person pastes to go on without a rule that cannot be evaluated, or that good data breaks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import find_nearest
from ...request import DataValidation
from .finding import Finding
from .rule import ROW_COUNTS, Fault


def write_usable(validation: DataValidation, faults: Sequence[Fault], columns: Sequence[str]) -> str:
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


def write_reported(validation: DataValidation, violated: Iterable[Finding]) -> str:
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
