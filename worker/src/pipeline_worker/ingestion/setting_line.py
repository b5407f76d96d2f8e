"""The line that a person pastes to overrule what was decided about a column."""

from __future__ import annotations

import json
from typing import Any


def write_setting(name: str, column: str, value: Any) -> str:
    """Return the JSON that gives `ingestion_config.<name>` the *value* for one *column*."""
    return json.dumps({"ingestion_config": {name: {column: value}}}, ensure_ascii=False)
