"""The run key: the one id of a run, `<slug>.<UTC time>.<8 hex>`; Airflow's partition key, and a path in the store.

The worker makes and checks the same keys; `tests/vectors.json` holds both sides to the same answers.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC, datetime
from pathlib import PurePosixPath

PATTERN = re.compile(r"^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?\.\d{8}T\d{6}Z\.[0-9a-f]{8}\Z")
_TIME = "%Y%m%dT%H%M%SZ"
#: What no name of a model can have, and how long one may be; a name that is made of a file's lacks it.
_UNUSABLE = re.compile(r"[/:?\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LONGEST_NAME = 256


def is_run_key(text: str) -> bool:
    """Return whether *text* has the form of a run key, with a time that exists."""
    if not PATTERN.match(text):
        return False
    try:
        datetime.strptime(text.split(".")[1], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


def make_run_key(dataset: str, time: datetime, *identity: str) -> str:
    """Return the run key for *dataset* at *time* (with a time zone; cut to whole seconds).

    :param identity: bucket, key and version of a drop, or the Dag run's id of a manual trigger.
    """
    digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:8]
    return f"{make_slug(dataset)}.{time.astimezone(UTC).strftime(_TIME)}.{digest}"


def make_slug(dataset: str) -> str:
    """Return *dataset* in `[a-z0-9-]`, at most 60 characters, or `unnamed` where nothing is left."""
    ascii_name = unicodedata.normalize("NFKD", dataset).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:60].strip("-") or "unnamed"


def dataset_of_key(key: str) -> str:
    """Return the dataset that an object's *key* belongs to: its first folder, or at the top a name made of the file's stem."""
    parts = [part for part in key.split("/") if part]
    if len(parts) > 1:
        return parts[0]
    return name_dataset(PurePosixPath(parts[0]).stem) if parts else "unnamed"


def name_dataset(stem: str) -> str:
    """Return what a dataset is called after a file's *stem*: itself, or without what no name of a model in MLflow can have."""
    name = _UNUSABLE.sub("-", stem)
    if "'" in name and '"' in name:
        name = name.replace('"', "-")
    if name != stem:
        name = name.strip("- ")
    if name.startswith("..") or name == ".":
        name = name.lstrip(".")
    return name[:_LONGEST_NAME] if name.strip() else "unnamed"


def choose_receipt_dataset(name: str, run_key: str) -> str:
    """Return *name*, or the slug in *run_key* where that is no name of a folder: what was refused may be anything."""
    is_part = name not in {"", ".", ".."} and not set(name) & set("/\\\0")
    return name if is_part else run_key.partition(".")[0]


def dataset_of_request(dataset: object, data_source: object) -> str:
    """Return the dataset of a manual trigger: as it says, else as its source lies, else `unnamed`."""
    if dataset:
        return str(dataset)
    _, _, key = str(data_source or "").removeprefix("s3://").partition("/")
    return dataset_of_key(key.removeprefix("_sources/"))
