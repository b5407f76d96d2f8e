"""Whether a regular expression is one of RE2, which finds out in a time that grows with the text alone."""

from __future__ import annotations

import re

_LOOKS_AWAY = re.compile(r"\(\?(?:<?[=!]|P)|: \\\d")
_LONGEST_SHOWN = 60


def find_regex_fault(regex: str) -> str | None:
    """Return why *regex* cannot be searched for, or None.

    Python's own would accept more, and for some of that take longer than anyone waits: twice as long for each character.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        # An empty array would not be searched, nor the expression read.
        pc.match_substring_regex(pa.array([""]), regex)
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        shown = regex if len(regex) <= _LONGEST_SHOWN else f"{regex[:_LONGEST_SHOWN]}…"
        reason = str(error).partition("\n")[0].removeprefix("Invalid regular expression: ")[:_LONGEST_SHOWN]
        if _LOOKS_AWAY.search(str(error)):
            return (
                f"may not look ahead or behind (`(?=`, `(?<!`), or at an earlier group (`\\1`), as `{shown}` does: such a search "
                "may never end. Write it without, or as several expectations: what has to match, and what must not"
            )
        return f"has to be a regular expression as RE2 has them, and `{shown}` is none: {reason}"
    return None
