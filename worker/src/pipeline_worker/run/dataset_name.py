"""The names that a dataset may have: those that MLflow takes as the name of a registered model, and can load again."""

from __future__ import annotations

import posixpath
import unicodedata
from pathlib import PurePosixPath

from pipeline_contract.drop_key import SOURCES, name_dataset

from ..errors import ParameterInvalid

#: Column `registered_models.name` of MLflow's database.
MAX_LENGTH = 256
#: Marks that turn the direction of what follows, so that `fdp.exe` can look like `exe.pdf`.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


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
        fix="Put the file into a folder with another name; a manual trigger can give another `dataset` as well.",
        details={"dataset": name, "rule": rule},
    )


def check_key(key: str, *, where: str, archive: bool = False) -> None:
    """Refuse the *key* of a file that has a mark which turns the direction of text.

    :param archive: whether it is the name of a file in an archive.
    :raises ParameterInvalid: with the mark.
    """
    mark = next((each for each in key if each in _TURNING), None)
    if mark is None:
        return
    is_folder = mark not in PurePosixPath(key).name
    named = "folder's name" if is_folder else "file's name"
    fix = (
        "Drop the file again in a folder without it in its name."
        if is_folder
        else "Drop the file again under a name without it."
    )
    raise ParameterInvalid(
        f"{'In the archive, a' if archive else 'The'} {named} has {_name_mark(mark)}, so that it can look like another: a program like a "
        "table, for instance.",
        where=where,
        fix="Pack it under a name without it, and drop that." if archive else fix,
        details={"character": f"U+{ord(mark):04X}", "position": key.index(mark) + 1},
    )


def note_made_name(key: str, dataset: str) -> list[str]:
    """Return a sentence where *dataset* is a name made of that of a file at the top, which could not be used as it is."""
    name = key.removeprefix(SOURCES)
    stem = PurePosixPath(name).stem
    rule = _find_broken_rule(stem)
    if "/" in name or rule is None or dataset != name_dataset(stem):
        return []
    return [f"The dataset is called `{dataset}`: `{stem}` cannot be the name of a model in MLflow, as {rule}."]


def _find_broken_rule(name: str) -> str | None:
    rules = (
        (not name.strip(), "it must not be empty"),
        (
            len(name) > MAX_LENGTH,
            f"it must not be longer than {MAX_LENGTH} characters, and has {len(name)}",
        ),
        (bool(_TURNING & set(name)), f"it must not contain {_name_mark(min(_TURNING & set(name), default=''))}"),
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


def _name_mark(mark: str) -> str:
    return f"the mark U+{ord(mark):04X} ({unicodedata.name(mark).lower()})" if mark else ""
