"""Text that comes from data, as a person may see it: one line, in which nothing is hidden."""

from __future__ import annotations

import json
import unicodedata

#: Categories of Unicode: control characters, format characters (marks that turn the direction of a line are such), halves of
#: pairs, and ends of lines and paragraphs.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def escape(text: str) -> str:
    r"""Return *text* with what cannot be seen written out as JSON does (`\n`, `\u202e`); a tab stays."""
    if text.isprintable():
        return text
    return "".join(_write(each) if unicodedata.category(each) in _UNSEEN and each != "\t" else each for each in text)


def _write(character: str) -> str:
    # JSON leaves DEL as it is.
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]
