"""What a drop is, what lies beside it, and which dataset it belongs to: all of it by the key in the drop bucket."""

from __future__ import annotations

import re

from .secrets_in_uris import hide_secrets

#: On the whole key. No part begins with `_` or `.`, it does not end in `/`, and a sidecar is none.
DROP_PATTERN = r"(?s)^(?!.*\.params\.json\Z)(?:(?:[^/_.][^/]*)?/)*[^/_.][^/]*\Z"
#: What follows a file's name in that of its own parameters.
SIDECAR_SUFFIX = ".params.json"
#: A sidecar that is larger than this is no sidecar, in bytes.
MAX_SIDECAR_BYTES = 64 * 1024
#: The parameters of every file of a dataset, in its folder.
DATASET_PARAMS = "_params.json"
#: The folder of data for manual triggers.
SOURCES = "_sources/"

_IS_DROP = re.compile(DROP_PATTERN)
_UNNAMED = "unnamed"
#: What no name of a model in MLflow can have, and how long one may be; a name that is made of a file's lacks it.
_UNUSABLE = re.compile(r"[/:?\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LONGEST_NAME = 256


def is_drop_key(key: str) -> bool:
    """Return whether an object of this *key* in the drop bucket is a drop."""
    return _IS_DROP.match(key) is not None


def dataset_of_key(key: str) -> str:
    """Return the dataset that an object's *key* belongs to: its first folder, or at the top a name made of the file's stem."""
    parts = [part for part in key.split("/") if part]
    if len(parts) > 1:
        return parts[0]
    return name_dataset(_leave_ending_off(parts[0])) if parts else _UNNAMED


def _leave_ending_off(name: str) -> str:
    # `pathlib` does the same until Python 3.13, and is loaded for nothing else here.
    point = name.rfind(".")
    return name[:point] if 0 < point < len(name) - 1 else name


def dataset_of_source(key: str) -> str:
    """Return the dataset of a manual trigger's source: as for a drop, below `_sources/`."""
    return dataset_of_key(key.removeprefix(SOURCES))


def dataset_of_request(dataset: object, data_source: object) -> str:
    """Return the dataset of a manual trigger: as it says, else as its source lies, else `unnamed`.

    A source with a key in it names none: the secret may have slashes, and would become a part of the run key.
    """
    if dataset:
        return str(dataset)
    _, _, key = hide_secrets(str(data_source or "")).removeprefix("s3://").partition("/")
    return dataset_of_source(key)


def name_dataset(stem: str) -> str:
    """Return what a dataset is called after a file's *stem*: itself, or without what no name of a model in MLflow can have."""
    name = _UNUSABLE.sub("-", stem)
    if "'" in name and '"' in name:
        name = name.replace('"', "-")
    if name != stem:
        name = name.strip("- ")
    if name.startswith("..") or name == ".":
        name = name.lstrip(".")
    return name[:_LONGEST_NAME] if name.strip() else _UNNAMED


def choose_receipt_dataset(name: str, run_key: str) -> str:
    """Return *name*, or the slug in *run_key* where that is no name of a folder: what was refused may be anything."""
    is_part = name not in {"", ".", ".."} and not set(name) & set("/\\\0")
    return name if is_part else run_key.partition(".")[0]
