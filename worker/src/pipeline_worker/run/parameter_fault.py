"""What is said of parameters that do not have their form: in plain words, where each is from, and what mends it there."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..errors import ParameterInvalid, find_nearest
from ..request import DataValidation, Expectation, IngestionConfig, Request, Tuning, ValueRange
from ..stages.train.model_table import AUTO
from ..stages.train.spaces import SearchRange
from ..stages.validate.offered import OFFERED, REFUSED
from .layer import MERGED, OVERRIDES, Layer, say_mended

_FROM_STORE = "a dropped file is read from where it was dropped, and of a trigger `data_source` names it. Take it out."
#: Names that an earlier pipeline had, and what takes their place.
_REPLACED = {
    "ingestion_config.object_storage": f"{_FROM_STORE} Which store, its settings say: OBJECT_STORAGE_*.",
    "ingestion_config.file_path": _FROM_STORE,
}
#: What other tools call what has another name here.
_OTHER_NAMES = {
    "expectation_type": "type",
    "float": "number",
    "double": "number",
    "string": "text",
    "str": "text",
    "datetime": "timestamp",
    "excel": "xlsx",
    **{
        f"{library}{kind}".casefold(): f"HistGradientBoosting{kind}"
        for library in ("XGB", "LGBM", "CatBoost")
        for kind in ("Classifier", "Regressor")
    },
}
#: How alike names of models have to be: all end in one of few words.
_ALIKE_MODELS = 0.85
#: Less is hardly meant in percent.
_LEAST_PERCENT = 5
#: Whose value is the name of a column, or a list of such names.
_NAMES_COLUMN = re.compile(r"_columns?(?:\.\d+)?$")
#: The branches of unions, by which pydantic calls a part of a path that nobody wrote; others have brackets.
_BRANCHES = {"int", "float", "str", "bool", "Tuning"}
#: What is given by column, or by hyperparameter, which may have any name.
_NAMED_BY_COLUMN = {"value_ranges", "allowed_values", "search_space"}
#: Whose parts are named by column, by rule or by number, so that what is wanted is the same for each.
_WITH_PARTS = {*_NAMED_BY_COLUMN, "column_types", "missing_values", "expectations", "severity"}
#: What is wanted where pydantic finds a value of another type, with an example for parameters that have none of their own.
_WANTED: dict[str, tuple[str, Any]] = {
    "list_type": ("a list", ["size", "color"]),
    "dict_type": ("an object", None),
    "model_type": ("an object", None),
    "bool_type": ("true or false", None),
    "int_type": ("a whole number", 10),
    "float_type": ("a number", 0.5),
    "string_type": ("text in quotes", None),
}
#: An example of each parameter whose form its name does not say; `*` stands for a name or a number that may be any.
_EXAMPLES: dict[str, Any] = {
    "ingestion_config": {"separator": ";"},
    "ingestion_config.missing_values list_type": ["unknown", "-999"],
    "ingestion_config.missing_values dict_type": {"size": ["unknown", "-999"]},
    "ingestion_config.missing_values.*": ["unknown", "-999"],
    "ingestion_config.column_types": {"size": "number"},
    "data_validation": {"min_row_count": 100},
    "data_validation.value_ranges": {"size": {"min": 0, "max": 10}},
    "data_validation.value_ranges.*": {"min": 0, "max": 10},
    "data_validation.allowed_values": {"color": ["red", "green"]},
    "data_validation.allowed_values.*": ["red", "green"],
    "data_validation.expectations.*.kwargs": {"column": "size"},
    "data_validation.severity": {"value_ranges": "warning"},
    "hyperparameters": {"max_iter": 200},
    "tuning.search_space": {"C": {"low": 1, "high": 10}},
    "test_size": 0.2,
}
#: What is wrong otherwise, where pydantic's words would not be understood.
_WRONG = {
    "string_too_short": "it is empty; leave it out, or fill it in",
    "too_short": "it is empty; leave it out, or fill it in",
    "string_pattern_mismatch": "should be of letters, digits, `.`, `_` and `-`, and begin with a letter or a digit",
}


def explain(error: ValidationError, values: Mapping[str, Any], layers: Sequence[Layer]) -> ParameterInvalid:
    """Return what is to be said of the *values* that the *layers*, lowest precedence first, make together."""
    found: dict[str, list[ErrorDetails]] = {}
    for each in error.errors():
        found.setdefault(".".join(map(str, _find_path(each))), []).append(each)
    # Where a parameter may have one of several forms, what is wrong inside one of them tells which is meant.
    faults = {name: each for name, each in found.items() if not any(other.startswith(f"{name}.") for other in found)}
    told = [
        {"parameter": name, "message": _say(name, each), "from": _find_source(_find_path(each[0]), layers)}
        for name, each in faults.items()
    ]
    sources = list(dict.fromkeys(str(each["from"]) for each in told))
    mended = _mend(list(faults.values()), values, layers)
    return ParameterInvalid(
        " ".join(str(each["message"]) for each in told),
        where=", ".join(sources),
        fix=" ".join(
            say_mended(source, [str(each["parameter"]) for each in told if each["from"] == source], mended)
            for source in sources
        ),
        details={"faults": told},
    )


def _find_path(fault: ErrorDetails) -> list[int | str]:
    """Return where in the parameters the *fault* is, without what pydantic adds: the branch of a union, such as `int` or `list[str]`."""
    return [
        part
        for before, part in pairwise(("", *fault["loc"]))
        if part != "[key]" and (before in _NAMED_BY_COLUMN or (part not in _BRANCHES and "[" not in str(part)))
    ]


def _find_source(path: Sequence[int | str], layers: Sequence[Layer]) -> str:
    """Return what the highest of the *layers* is called that gives what *path* leads to."""
    for layer in reversed(layers):
        value = layer.values.get(str(path[0]))
        is_merged = path[0] in MERGED and len(path) > 1 and isinstance(value, Mapping)
        if (value.get(path[1]) if is_merged else value) is not None:  # type: ignore[union-attr]  # a mapping
            return layer.name
    return "the defaults"


def _say(name: str, found: Sequence[ErrorDetails]) -> str:
    """Return what is wrong with the parameter *name*, of which each way to read it has one of the faults *found*."""
    fault, path = found[0], _find_path(found[0])
    kind, given, known = fault["type"], fault["input"], _known_names(path[:-1])
    if kind == "extra_forbidden":
        if name in _REPLACED:
            return f"`{name}` is not needed: {_REPLACED[name]}"
        listed = f" Known here: {', '.join(f'`{each}`' for each in known)}." if known else ""
        return f"There is no `{name}`.{_ask_meant(str(path[-1]), known) or listed}"
    if kind == "missing":
        return f"`{name}` is missing."
    if kind == "string_type" and _NAMES_COLUMN.search(name):
        reason = "the name of a column in quotes is needed, not its position"
    elif _is_share(fault):
        reason = "a share between 0 and 1 is needed, such as 0.2 for 20 %"
    elif kind in _WANTED:
        reason = f"{_say_wanted(path, [each['type'] for each in found])} is needed"
    else:
        reason = _WRONG.get(kind) or re.sub("^(?:Value error, |Input |String )", "", fault["msg"])
    if reason.endswith("?"):
        return f"`{name}`: {reason}"
    # What is wrong inside an object is said; as a whole it tells nothing.
    shown = "" if isinstance(given, Mapping) and kind == "value_error" else f" (given: {_shorten(given)})"
    return f"`{name}`: {reason}{shown}." + (_ask_meant(given, _list_allowed(fault)) if isinstance(given, str) else "")


def _say_wanted(path: Sequence[int | str], kinds: Sequence[str]) -> str:
    """Return what is wanted where any of the *kinds* would do, each with an example."""
    name = ".".join("*" if before in _WITH_PARTS else str(part) for before, part in pairwise(("", *path)))
    said = []
    for kind in kinds:
        # A number may be whole, too.
        if kind in _WANTED and not (kind == "int_type" and "float_type" in kinds):
            words, usual = _WANTED[kind]
            own = name if len(kinds) == 1 else f"{name} {kind}"
            example = None if kind == "string_type" else _EXAMPLES.get(own, usual)
            if isinstance(example, dict | list):
                words += f" as in {json.dumps(_put_below(path, example), ensure_ascii=False)}"
            elif example is not None:
                words += f" such as {json.dumps(example)}"
            said.append(words)
    return ", or ".join(said)


def _put_below(path: Sequence[int | str], value: Any) -> Any:
    """Return the parameters in which the *path* leads to *value*, to be pasted as they are."""
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [value]
    return value


def _is_share(fault: ErrorDetails) -> bool:
    """Return whether a number is beyond 1, and may be none."""
    bounds = fault.get("ctx", {})
    return fault["type"] in {"less_than", "less_than_equal"} and bounds.get("lt", bounds.get("le")) == 1


def _mend(
    faults: Sequence[Sequence[ErrorDetails]], values: Mapping[str, Any], layers: Sequence[Layer]
) -> dict[str, Any] | None:
    """Return the overrides with which the *values* are right, or None where only a person can know what is meant."""
    right = copy.deepcopy(dict(values))
    # What is missing may be there under a wrong name.
    if not all(found[0]["type"] == "missing" or any(_correct(right, each) for each in found) for found in faults):
        return None
    try:
        Request.model_validate(right)
    except ValidationError:
        return None
    mended = dict(layers[-1].values) if layers[-1].name == OVERRIDES else {}
    for top in dict.fromkeys(str(_find_path(found[0])[0]) for found in faults):
        if top in MERGED:
            before, after = values[top], right[top]
            parts = {part: after.get(part) for part in {**before, **after} if before.get(part) != after.get(part)}
            mended[top] = {**mended.get(top, {}), **parts}
        else:
            mended[top] = right[top]
    return mended


def _correct(values: dict[str, Any], fault: ErrorDetails) -> bool:
    """Return whether it is clear what is meant instead of what is at *fault*, which is put into *values* then."""
    *outer, last = _find_path(fault)
    inner: Any = values
    try:
        for part in outer:
            inner = inner[part]
        given = inner[last]
    except (LookupError, TypeError):
        # A name reads like what pydantic calls a branch, or what is at fault is not there.
        return False
    is_name = fault["type"] == "extra_forbidden"
    if is_name or fault["loc"][-1] == "[key]":
        nearest = _find_meant(str(last), _known_names(outer) if is_name else _list_allowed(fault))
        del inner[last]
        if nearest is not None:
            inner.setdefault(nearest, given)
        return True
    meant = _guess_meant(fault)
    if meant is not None:
        inner[last] = meant
    return meant is not None


def _guess_meant(fault: ErrorDetails) -> Any:
    """Return the value that was meant, or None: a list of one, a number in quotes or without, a word with a letter amiss."""
    kind, given = fault["type"], fault["input"]
    if not isinstance(given, str):
        return _guess_of_number(fault)
    if kind == "list_type":
        return [given]
    if kind in {"int_type", "float_type", "bool_type"}:
        try:
            return json.loads(given)
        except ValueError:
            return None
    return _find_meant(given, _list_allowed(fault))


def _guess_of_number(fault: ErrorDetails) -> Any:
    given = fault["input"]
    if _is_share(fault):
        return given / 100 if _LEAST_PERCENT <= given <= 100 else None
    is_text = fault["type"] == "string_type" and isinstance(given, int | float) and not isinstance(given, bool)
    # Few columns are called by a number: it is the position of one, most likely.
    return str(given) if is_text and not _NAMES_COLUMN.search(".".join(map(str, _find_path(fault)))) else None


def _known_names(path: Sequence[int | str]) -> list[str]:
    models: dict[tuple[int | str, ...], type[BaseModel]] = {
        (): Request,
        ("data_validation",): DataValidation,
        ("data_validation", "expectations"): Expectation,
        ("data_validation", "value_ranges"): ValueRange,
        ("ingestion_config",): IngestionConfig,
        ("tuning",): Tuning,
        ("tuning", "search_space"): SearchRange,
    }
    model = models.get(tuple(path[:2]))
    return list(model.model_fields) if model else []


def _find_meant(name: str, known: Sequence[str]) -> str | None:
    other = _OTHER_NAMES.get(name.casefold())
    if other in known:
        return other
    return find_nearest(name, known, _ALIKE_MODELS if AUTO in known else 0.6)


def _ask_meant(name: str, known: Sequence[str]) -> str:
    meant = _find_meant(name, known)
    return f" Did you mean `{meant}`?" if meant is not None else ""


def _list_allowed(fault: ErrorDetails) -> Sequence[str]:
    """Return the words of which one is wanted; none where any is."""
    *outer, last = _find_path(fault)
    if outer[:2] == ["data_validation", "expectations"] and last == "type":
        # What is not offered is not written amiss.
        return () if fault["input"] in REFUSED else tuple(OFFERED)
    return re.findall("'([^']*)'", str(fault.get("ctx", {}).get("expected", "")))


def _shorten(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
