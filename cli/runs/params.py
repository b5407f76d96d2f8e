"""Parameters as a person gives them: a JSON file, or JSON text."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.errors import InputRefused

EXAMPLE = '{"target_column": "price"}'


@dataclass(frozen=True)
class Params:
    """One JSON object, as text and as values."""

    text: str
    values: dict[str, Any]


def read_params(given: str) -> Params:
    """Return the parameters in a file of this name, or in this text itself where it begins with a brace."""
    if given.lstrip().startswith(("{", "[")):
        return parse_params(given, "PARAMS")
    path = Path(given).expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputRefused(
            f"There is no file {path}.\nGive PARAMS= the name of a JSON file, or JSON text: PARAMS='{EXAMPLE}'."
        ) from None
    except UnicodeDecodeError as error:
        raise InputRefused(f"{path} is not UTF-8 text (byte {error.start + 1}).\nSave it as UTF-8.") from None
    except OSError as error:
        raise InputRefused(f"{path} cannot be read: {error.strerror}.") from None
    return parse_params(text, str(path))


def parse_params(text: str, source: str) -> Params:
    """Return the JSON object that the text holds; what is not one is said with line and column."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        lines = text.splitlines() or [""]
        line = lines[min(error.lineno, len(lines)) - 1]
        begin = max(0, error.colno - 40)
        raise InputRefused(
            f"{source} is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno}).\n"
            f"  {line[begin : begin + 70]}\n  {' ' * (error.colno - 1 - begin)}^"
        ) from None
    except RecursionError:
        raise InputRefused(f"{source} is nested too deeply.") from None
    if not isinstance(values, dict):
        raise InputRefused(f"{source} holds no JSON object.\nGive one, such as {EXAMPLE}.")
    return Params(text, values)
