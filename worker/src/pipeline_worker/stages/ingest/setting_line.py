"""The line that a person pastes to overrule what was decided about a file or a column."""

from __future__ import annotations

import json
from typing import Any

#: A word for missing is short; a longer cell is a text, and not worth a line of its length.
LONGEST_WORD = 100
#: More words than these are labels, or a type that is not that of the column.
MOST_WORDS = 10


def write_setting(name: str, column: str, value: Any, **others: Any) -> str:
    """Return the JSON that gives `ingestion_config.<name>` the *value* for one *column*, and *others* theirs."""
    given = {each: {column: its} for each, its in ({name: value} | others).items()}
    return json.dumps({"ingestion_config": given}, ensure_ascii=False)


def write_config(**given: Any) -> str:
    """Return the JSON that gives the `ingestion_config` what is *given*, which is not about single columns."""
    return json.dumps({"ingestion_config": given}, ensure_ascii=False)
