"""The names that a dataset may have: those that MLflow takes as the name of a registered model, and can load again."""

from __future__ import annotations

import posixpath
import unicodedata

from .errors import ParameterInvalid

#: Column `registered_models.name` of MLflow's database.
MAX_LENGTH = 256


def check_dataset_name(name: str, *, where: str) -> None:
    """Refuse a dataset name that could not become a registered model.

    The rules are those of `mlflow.utils.validation._validate_model_name` (3.17), and three that follow from how the
    name is used afterwards: `models:/<name>@newest` is parsed as a URL, and a version is searched for by
    `name='<name>'`.

    :raises ParameterInvalid: with the rule that is broken.
    """
    rule = _find_broken_rule(name)
    if rule is None:
        return
    raise ParameterInvalid(
        f"The dataset's name {name!r} cannot be the name of a model in MLflow: {rule}.",
        where=where,
        fix="Put the file into a folder with another name, or give `dataset` another value.",
        details={"dataset": name, "rule": rule},
    )


def _find_broken_rule(name: str) -> str | None:
    rules = (
        (not name.strip(), "it must not be empty"),
        (
            len(name) > MAX_LENGTH,
            f"it must not be longer than {MAX_LENGTH} characters, and has {len(name)}",
        ),
        ("/" in name, "it must not contain `/`"),
        (":" in name, "it must not contain `:`"),
        (
            posixpath.normpath(name) != name or name.startswith("..") or name == ".",
            "it must not read as a way through folders (`.`, `..`)",
        ),
        ("?" in name, "it must not contain `?`, or `models:/<name>` could not be loaded"),
        (
            any(unicodedata.category(character) in {"Cc", "Cs"} for character in name),
            "it must not contain control characters, such as line breaks",
        ),
        (
            "'" in name and '"' in name,
            "it must not contain both kinds of quotes, or its versions could not be searched for",
        ),
    )
    return next((rule for is_broken, rule in rules if is_broken), None)
