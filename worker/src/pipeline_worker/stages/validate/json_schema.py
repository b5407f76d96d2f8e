"""Whether a JSON Schema can be held against values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

_LONGEST_REASON = 150
#: A value is held against as many at most: it takes some hundredths of a second.
_MOST_PARTS = 10_000
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
#: One value of each kind that a schema tells apart, to find out whether it refers to what is there, and comes to an end.
_TRIED: tuple[Any, ...] = ({}, [], "", 0, None)


def find_schema_fault(schema: dict[str, Any]) -> str | None:  # noqa: PLR0911 - one for each fault
    """Return why values cannot be held against *schema*, or None."""
    if any(map(_refers_outside, _list_objects(schema))):
        # It would be fetched over the network.
        return "has to be a JSON Schema that refers to nothing outside itself"
    for each in _list_objects(schema):
        for name, kind in (("pattern", str), ("patternProperties", dict)):
            # A property may have such a name; what it is held against is another object then.
            if isinstance(each.get(name), kind) and each[name]:
                return (
                    f"has to be a JSON Schema without `{name}`, as a search for a regular expression may never end there: "
                    "`expect_column_values_to_match_regex` has such as always do"
                )
    # Great Expectations asks the same library; it costs time to load.
    validators: Any = import_module("jsonschema.validators")
    errors: Any = import_module("jsonschema.exceptions")
    try:
        validator = validators.validator_for(schema, default=validators.Draft202012Validator)
        validator.check_schema(schema)
        if _count_parts(schema) > _MOST_PARTS:
            return (
                f"has to be a JSON Schema of at most {_MOST_PARTS:,} parts, each `$ref` being as many as what it refers to: where these "
                "double from level to level, it would be held against a value for hours"
            )
        for value in _TRIED:
            validator(schema).is_valid(value)
    except errors.SchemaError as error:
        return f"is no JSON Schema: at `{error.json_path}`, {_shorten(error.message)}"
    except RecursionError:
        return "has to be a JSON Schema that comes to an end: a `$ref` in it leads back to itself"
    except Exception as error:  # noqa: BLE001 - the library raises any where a schema is wrong
        return f"is no JSON Schema: {_shorten(str(error))}"
    return None


def _count_parts(schema: dict[str, Any]) -> int:
    """Return how many parts *schema* has once each `$ref` stands for what it refers to, up to one more than the most allowed.

    One that leads back to where it stands counts once: how often it is followed is up to the value.
    """
    referencing: Any = import_module("referencing")
    kinds: Any = import_module("referencing.jsonschema")
    kind = kinds.specification_with(str(schema.get("$schema")), default=kinds.DRAFT202012)
    resource = kind.create_resource(schema)
    resolver = referencing.Registry().with_resource("", resource).resolver_with_root(resource)
    count = 0
    waiting: list[tuple[Any, Any, frozenset[int]]] = [(schema, resolver, frozenset({id(schema)}))]
    while waiting and count <= _MOST_PARTS:
        part, resolver, followed = waiting.pop()
        if isinstance(part, list):
            waiting += [(each, resolver, followed) for each in part]
        if not isinstance(part, dict):
            continue
        count += 1
        resolver = resolver.in_subresource(kind.create_resource(part))
        waiting += [(each, resolver, followed) for each in part.values()]
        for name in _REFERENCES:
            if isinstance(part.get(name), str):
                # What refers to nothing is told when the schema is tried.
                with suppress(referencing.exceptions.Unresolvable):
                    found = resolver.lookup(part[name])
                    if id(found.contents) not in followed:
                        waiting.append((found.contents, found.resolver, followed | {id(found.contents)}))
    return count


def _list_objects(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def _refers_outside(part: dict[str, Any]) -> bool:
    named = [part.get(each) for each in _REFERENCES]
    return any(isinstance(each, str) and not each.startswith("#") for each in named)


def _shorten(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"
