"""`docs`: make anew what is generated from the worker's parameters: the form's schema and the table in the README."""

import argparse
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from cli.settings import PROJECT, read_settings

SCHEMA = PROJECT / "dags" / "pipeline" / "stage" / "request.schema.json"
README = PROJECT / "README.md"
_TABLE = re.compile(r"(?<=<!-- parameters: made by `make docs` -->\n).*?(?=<!-- end of parameters -->)", re.DOTALL)


def run(_arguments: argparse.Namespace) -> int:
    """Write both files; 0 always."""
    settings = read_settings()
    command = [str(settings.venv("worker") / "bin" / "python"), "-m", "pipeline_worker.request"]
    SCHEMA.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout, encoding="utf-8")
    README.write_text(update_readme(README, SCHEMA), encoding="utf-8")
    return 0


def update_readme(readme: Path, schema: Path) -> str:
    """Return the README's text with the table that the schema makes."""
    table = render_parameters(json.loads(schema.read_text(encoding="utf-8")))
    return _TABLE.sub(lambda _: table, readme.read_text(encoding="utf-8"))


def render_parameters(schema: dict[str, Any]) -> str:
    """Return the table of parameters in Markdown."""
    lines = ["| parameter | type | default | used by | what it does |", "|---|---|---|---|---|"]
    for name, field in schema["properties"].items():
        default = field.get("default")
        shown = "-" if default in (None, [], {}) or isinstance(default, dict) else f"`{json.dumps(default)}`"
        text = field["description"].replace("|", "\\|")
        lines.append(f"| `{name}` | {describe_type(field)} | {shown} | {', '.join(field['x-stages'])} | {text} |")
    return "\n".join(lines) + "\n"


def describe_type(field: dict[str, Any]) -> str:
    """Return the type of a parameter in words."""
    choices = [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]
    words = []
    for choice in choices:
        if "enum" in choice:
            words.append(f"one of {', '.join(f'`{value}`' for value in choice['enum'])}")
        elif "const" in choice:
            words.append(f"`{choice['const']}`")
        elif "$ref" in choice or choice.get("type") == "object":
            words.append("object")
        elif choice.get("type") == "array":
            words.append(f"list of {choice['items'].get('type', 'value')}s")
        else:
            words.append({"string": "text", "boolean": "true or false"}.get(choice["type"], choice["type"]))
    return " or ".join(dict.fromkeys(words))
