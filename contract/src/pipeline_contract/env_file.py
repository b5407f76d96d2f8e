"""Files of `NAME=value` lines, in the one grammar that worker, Dags and commands read them by.

Compose reads `.env` in the same way, but that to it a `#` right behind the equals sign begins a value.
"""

from __future__ import annotations

import re

#: What may follow a value in quotes.
_REST = re.compile(r"\s*(?:#.*)?")
_IN_SINGLE = re.compile(r"'([^']*)'")
_IN_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_MEANT = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def parse_env_file(text: str) -> dict[str, str]:
    r"""Return the values by their names; the last line of a name counts.

    Quotes around a value, and a comment after ` #`, are no part of it. In double quotes `\"`, `\\`, `\$` and `\n` mean what they mean
    to a shell; in single ones everything is what it is. Nothing is put in for `${NAME}`.
    """
    values = {}
    for line in text.removeprefix("\ufeff").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            values[name.strip()] = _read_value(value.strip())
    return values


def _read_value(text: str) -> str:
    for pattern in (_IN_SINGLE, _IN_DOUBLE):
        found = pattern.match(text)
        if found and _REST.fullmatch(text, found.end()):
            value = found[1]
            return value if pattern is _IN_SINGLE else _ESCAPED.sub(lambda each: _MEANT.get(each[1], each[0]), value)
    return "" if text.startswith("#") else re.split(r"\s#", text, maxsplit=1)[0].rstrip()
