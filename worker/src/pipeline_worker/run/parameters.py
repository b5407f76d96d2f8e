"""Where parameters come from, lowest precedence first, and how they are checked and put together."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from pipeline_contract.secrets_in_uris import has_key, hide_secrets

from ..errors import ParameterInvalid, find_nearest, near_miss
from ..request import Request, stages_of
from .layer import MERGED, Layer, say_anew
from .parameter_fault import explain


def parse_layer(text: str, name: str) -> Layer:
    """Return the layer that the JSON *text* holds.

    :raises ParameterInvalid: the text is no JSON object, or names a parameter twice.
    """

    def refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise _refuse(f"`{key}` is given twice.", name, "Keep one of the two.", parameter=key)
            seen[key] = value
        return seen

    def refuse_constant(constant: str) -> object:
        raise _refuse(f"`{constant}` is not JSON.", name, "Write a number, or leave it out.")

    example = 'for example {"target_column": "price"}'
    try:
        values = json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=refuse_repeats, parse_constant=refuse_constant
        )
    except json.JSONDecodeError as error:
        if not text.strip("\ufeff \t\r\n"):
            raise _refuse("It is empty.", name, f"Write one JSON object, {example}; or remove it.") from error
        what = f"It is not valid JSON: {_say_broken(error)} in line {error.lineno}, column {error.colno}."
        raise _refuse(what, name, f"Write one JSON object, {example}.") from error
    except RecursionError as error:
        raise _refuse("Its JSON is nested too deeply.", name, f"Write one flat JSON object, {example}.") from error
    except ValueError as error:
        # Python reads no whole number of more than 4,300 digits.
        raise _refuse("It has a number of thousands of digits.", name, "Write it shorter.") from error
    if not isinstance(values, dict):
        what = f"It holds {_json_kind(values)} where a JSON object is needed."
        raise _refuse(what, name, f"Write one JSON object, {example}.")
    return Layer(name, values)


def check_layer(layer: Layer, stage: str | None = None) -> None:
    """Refuse names that are no parameters, secrets, and, for overrides, parameters that *stage* does not use.

    :raises ParameterInvalid: with the near miss named.
    """
    _refuse_secrets(layer.values, layer.name)
    for name in layer.values:
        if name not in Request.model_fields:
            nearest = find_nearest(name, Request.model_fields)
            known = ", ".join(f"`{each}`" for each in Request.model_fields)
            raise _refuse(
                f"There is no parameter `{name}`.{near_miss(name, Request.model_fields)}",
                layer.name,
                f"Use one of: {known}." if nearest is None else f"Write `{nearest}` in its place, if that is meant.",
                parameter=name,
            )
        if stage is not None and stage not in stages_of(name):
            used = " and ".join(f"`{other}`" for other in stages_of(name))
            raise ParameterInvalid(
                f"The stage `{stage}` does not use `{name}`; {used} {'does' if len(stages_of(name)) == 1 else 'do'}.",
                where=layer.name,
                fix=f"Give it as an override to {used}, which hands it on.",
                details={"parameter": name},
            )


def combine_layers(layers: Sequence[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values that *layers*, lowest precedence first, make together, and the layer each is from; unchecked.

    A parameter of a higher layer replaces that of a lower one whole, except `data_validation` and `ingestion_config`:
    they are merged name by name, so that raising one bound never silently drops the other rules. A null means
    "not given".
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.values.items():
            if value is None:
                continue
            lower = values.get(name)
            merged = name in MERGED and isinstance(value, Mapping) and isinstance(lower, Mapping)
            values[name] = {**lower, **value} if merged else value  # type: ignore[dict-item]
            sources[name] = layer.name
    for name in MERGED & values.keys():
        if isinstance(values[name], Mapping):
            values[name] = {part: value for part, value in values[name].items() if value is not None}
    return values, sources


def merge_layers(layers: Sequence[Layer]) -> tuple[Request, dict[str, str]]:
    """Return the request that :func:`combine_layers` makes of *layers*, checked, and the layer each parameter is from.

    :raises ParameterInvalid: a value is of the wrong type or out of bounds; all faults are listed.
    """
    values, sources = combine_layers(layers)
    try:
        return Request.model_validate(values), sources
    except ValidationError as error:
        raise explain(error, values, layers) from error


def _refuse(what: str, name: str, fix: str, **details: str) -> ParameterInvalid:
    """Return the error for the layer called *name*, which cannot be used as a whole."""
    return ParameterInvalid(what, where=name, fix=fix + say_anew(name), details=details)


def _say_broken(error: json.JSONDecodeError) -> str:
    """Return what is wrong with JSON, as people who write it by hand get it wrong."""
    before, rest = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip()
    if before.endswith(",") and rest[:1] in {"}", "]"}:
        return f"a comma stands before the `{rest[0]}`"
    if rest[:1] in {*"“”„'\u2018\u2019"}:
        return f'JSON needs the straight quote `"`, and there is `{rest[0]}`'
    return error.msg


def _json_kind(value: object) -> str:
    kinds = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


#: Letters in a name that mark a secret or an endpoint: they belong into settings, never into parameters, which are kept.
_SECRET_PARTS = ("password", "passwd", "pwd", "secret", "token", "accesskey", "apikey", "credential", "endpoint")
#: What is named here by column is data, and so is what an estimator's own options are named by: columns and classes.
_NAMED_BY_DATA = re.compile(r"data_validation\.(?:value_ranges|allowed_values)\.|hyperparameters\.[^.]+\.")


def _refuse_secrets(values: Mapping[str, Any], where: str, path: str = "") -> None:
    for name, value in values.items():
        text = f"{path}{name}"
        letters = re.sub("[^a-z]", "", str(name).casefold())
        if any(part in letters for part in _SECRET_PARTS) and not _NAMED_BY_DATA.match(path):
            raise _secret(f"`{text}` looks like a credential or an endpoint", text, where)
        if isinstance(value, str) and has_key(value) and text in {"data_source", "target_output_path"}:
            raise _secret(f"`{text}` has a key or an endpoint before the bucket", text, where)
        if isinstance(value, Mapping):
            _refuse_secrets(value, where, f"{text}.")


def _secret(what: str, parameter: str, where: str) -> ParameterInvalid:
    return _refuse(
        f"{what}, and parameters are kept and shown.",
        where,
        "Take it out, and put it into the settings (`.env`, OBJECT_STORAGE_*). If it was a real secret, replace it.",
        parameter=parameter,
    )


def hide_secret_params(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* as they may be kept and shown: none of them where one looks like a secret."""
    try:
        _refuse_secrets(values, "")
    except ParameterInvalid:
        return {}
    return {
        name: hide_secrets(value) if isinstance(value, str) and "://" in value else value
        for name, value in values.items()
    }
