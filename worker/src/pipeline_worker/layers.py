"""Where parameters come from, lowest precedence first, and how they are checked and put together."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ValidationError

from .errors import ParameterInvalid, near_miss
from .request import (
    FORMAT_NAMES,
    METRIC_NAMES,
    RULE_NAMES,
    SCENARIO_NAMES,
    DataValidation,
    Expectation,
    IngestionConfig,
    Request,
    Tuning,
    ValueRange,
    stages_of,
)
from .training.model_table import MODEL_NAMES
from .training.spaces import SearchRange

#: Parameters that are merged name by name between layers.
_MERGED = {"data_validation", "ingestion_config"}
#: Names that an earlier pipeline had, and what takes their place.
_REPLACED = {
    "ingestion_config.object_storage": "`data_source` says where the file lies, `s3://bucket/key`; the store itself is in the settings, "
    "OBJECT_STORAGE_*.",
    "ingestion_config.file_path": "A stage sees no folder of yours: put the file into the store, and name it in `data_source`.",
}
#: What is given by column, or by hyperparameter, which may have any name.
_NAMED_BY_COLUMN = {"value_ranges", "allowed_values", "search_space"}


@dataclass(frozen=True)
class Layer:
    """One source of parameters.

    :param name: what a person calls it: `penguins/_params.json`, `the trigger's payload`, `overrides`.
    :param values: parameter → value, as parsed from JSON.
    """

    name: str
    values: Mapping[str, Any]


def parse_layer(text: str, name: str) -> Layer:
    """Return the layer that the JSON *text* holds.

    :raises ParameterInvalid: the text is no JSON object, or names a parameter twice.
    """

    def refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise ParameterInvalid(
                    f"`{key}` is given twice.", where=name, fix="Keep one of the two.", details={"parameter": key}
                )
            seen[key] = value
        return seen

    def refuse_constant(constant: str) -> object:
        raise ParameterInvalid(f"`{constant}` is not JSON.", where=name, fix="Write a number, or leave it out.")

    try:
        values = json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=refuse_repeats, parse_constant=refuse_constant
        )
    except json.JSONDecodeError as error:
        raise ParameterInvalid(
            f"It is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}.",
            where=name,
            fix='Write one JSON object, for example {"target_column": "price"}.',
        ) from error
    except RecursionError as error:
        raise ParameterInvalid(
            "Its JSON is nested too deeply.",
            where=name,
            fix='Write one flat JSON object, such as {"target_column": "price"}.',
        ) from error
    except ValueError as error:
        # Python reads no whole number of more than 4,300 digits.
        raise ParameterInvalid(
            "It has a number of thousands of digits.", where=name, fix="Write it shorter."
        ) from error
    if not isinstance(values, dict):
        raise ParameterInvalid(
            f"It holds {_json_kind(values)} where a JSON object is needed.",
            where=name,
            fix='Write one JSON object, for example {"target_column": "price"}.',
        )
    return Layer(name, values)


def check_layer(layer: Layer, stage: str | None = None) -> None:
    """Refuse names that are no parameters, secrets, and, for overrides, parameters that *stage* does not use.

    :raises ParameterInvalid: with the near miss named.
    """
    _refuse_secrets(layer.values, layer.name)
    for name in layer.values:
        if name not in Request.model_fields:
            raise ParameterInvalid(
                f"There is no parameter `{name}`.{near_miss(name, Request.model_fields)}",
                where=layer.name,
                fix=f"Use one of: {', '.join(f'`{known}`' for known in Request.model_fields)}.",
                details={"parameter": name},
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
            merged = name in _MERGED and isinstance(value, Mapping) and isinstance(lower, Mapping)
            values[name] = {**lower, **value} if merged else value  # type: ignore[dict-item]
            sources[name] = layer.name
    for name in _MERGED & values.keys():
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
        raise _explain(error, sources) from error


def _explain(error: ValidationError, sources: Mapping[str, str]) -> ParameterInvalid:
    faults = []
    for fault in error.errors():
        if fault["loc"][-1] == "bool" and isinstance(fault["input"], dict):
            # Of a parameter that is true, false or an object: this is one, and what is wrong is inside it.
            continue
        path = [
            str(part)
            for before, part in pairwise(("", *fault["loc"]))
            if before in _NAMED_BY_COLUMN or not _is_union_branch(part)
        ]
        text = ".".join(path)
        known = _known_names(path[:-1])
        if fault["type"] == "extra_forbidden":
            message = f"There is no `{text}`.{near_miss(path[-1], known)}"
            message += f" Known here: {', '.join(f'`{name}`' for name in known)}." if known else ""
            message = f"`{text}` is not taken: {_REPLACED[text]}" if text in _REPLACED else message
        else:
            reason = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
            message = f"`{text}`: {reason} (given: {_shorten(fault['input'])})."
            allowed = _allowed_literals(path)
            if allowed and isinstance(fault["input"], str):
                message += near_miss(fault["input"], allowed)
        entry = {"parameter": text, "message": message, "from": sources.get(path[0], "the defaults")}
        if entry not in faults:
            faults.append(entry)
    where = ", ".join(dict.fromkeys(str(fault["from"]) for fault in faults))
    return ParameterInvalid(
        " ".join(str(fault["message"]) for fault in faults),
        where=where,
        fix=f"Mend it in {where}, and run the stage again.",
        details={"faults": faults},
    )


def _is_union_branch(part: int | str) -> bool:
    # pydantic names the branch of a union (`int`, `dict[str,any]`, `literal[...]`) inside the path.
    return isinstance(part, str) and (part in {"int", "float", "str", "bool", "Tuning"} or "[" in part)


def _known_names(path: Sequence[str]) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "data_validation": DataValidation,
        "ingestion_config": IngestionConfig,
        "tuning": Tuning,
    }
    if not path:
        return list(Request.model_fields)
    if len(path) == 1 and path[0] in models:
        return list(models[path[0]].model_fields)
    if path[:2] == ["data_validation", "expectations"]:
        return list(Expectation.model_fields)
    if path[:2] == ["tuning", "search_space"]:
        return list(SearchRange.model_fields)
    return list(ValueRange.model_fields) if "value_ranges" in path else []


def _allowed_literals(path: Sequence[str]) -> tuple[str, ...]:
    literals = {
        "model_name": MODEL_NAMES,
        "metric": METRIC_NAMES,
        "tuning.metric": METRIC_NAMES,
        "training_scenario": SCENARIO_NAMES,
        "data_format": FORMAT_NAMES,
        "data_validation.severity": RULE_NAMES,
    }
    return literals.get(".".join(path), literals.get(".".join(path[:-1]), ()))


def _shorten(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _json_kind(value: object) -> str:
    kinds = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


#: Letters in a name that mark a secret or an endpoint: they belong into settings, never into parameters, which are kept.
_SECRET_PARTS = ("password", "passwd", "pwd", "secret", "token", "accesskey", "apikey", "credential", "endpoint")
#: What is named here by column is data, and so is what an estimator's own options are named by: columns and classes.
_NAMED_BY_DATA = re.compile(r"data_validation\.(?:value_ranges|allowed_values)\.|hyperparameters\.[^.]+\.")
#: `s3://KEY:SECRET@bucket/key`: a secret may have slashes, but no bucket's name has these two signs.
_KEY_IN_URI = re.compile(r"\w+://[^/]*[:@]")


def _refuse_secrets(values: Mapping[str, Any], where: str, path: str = "") -> None:
    for name, value in values.items():
        text = f"{path}{name}"
        letters = re.sub("[^a-z]", "", str(name).casefold())
        if any(part in letters for part in _SECRET_PARTS) and not _NAMED_BY_DATA.match(path):
            raise _secret(f"`{text}` looks like a credential or an endpoint", text, where)
        if isinstance(value, str) and _KEY_IN_URI.match(value) and text in {"data_source", "target_output_path"}:
            raise _secret(f"`{text}` has a key or an endpoint before the bucket", text, where)
        if isinstance(value, Mapping):
            _refuse_secrets(value, where, f"{text}.")


def _secret(what: str, parameter: str, where: str) -> ParameterInvalid:
    return ParameterInvalid(
        f"{what}, and parameters are kept and shown.",
        where=where,
        fix="Take it out, and put it into the settings (`.env`, OBJECT_STORAGE_*). If it was a real secret, replace it.",
        details={"parameter": parameter},
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


def hide_secrets(uri: str) -> str:
    """Return *uri*, or nothing where it has a key or a signature in it."""
    return "" if _KEY_IN_URI.match(uri) else uri.partition("?")[0]
