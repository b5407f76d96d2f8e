"""What the commands have to know of names: what a drop is, which run it becomes, and how attempts are called.

The Dags and the worker make and check the same names; `tests/vectors.json` holds all sides to the same answers.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import NamedTuple


class Stage(NamedTuple):
    """A stage's command, the state that a run has reached once the stage committed, and the folder that it writes into."""

    command: str
    state: str
    folder: str


#: The stages in order, as the Dags and the worker have them; the one place in this package that lists them.
STAGES = {
    "ingest": Stage("ingest_data", "ingested", "ingested"),
    "validate": Stage("validate_data", "validated", "validation"),
    "train": Stage("train_model", "trained", "training"),
    "publish": Stage("save_results", "published", "published"),
}
#: The state of a run that every stage is done with.
LAST_STATE = list(STAGES.values())[-1].state
SIDECAR_SUFFIX = ".params.json"

_IS_DROP = re.compile(r"(?s)^(?!.*\.params\.json\Z)(?:(?:[^/_.][^/]*)?/)*[^/_.][^/]*\Z")
_IS_RUN_KEY = re.compile(r"^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?\.\d{8}T\d{6}Z\.[0-9a-f]{8}\Z")
_TIME = "%Y%m%dT%H%M%SZ"
#: What no name of a model can have, and how long one may be; a name that is made of a file's lacks it.
_UNUSABLE = re.compile(r"[/:?\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LONGEST_NAME = 256


def is_drop_key(key: str) -> bool:
    """Return whether an object of this key in the drop bucket starts a run."""
    return _IS_DROP.match(key) is not None


def is_run_key(text: str) -> bool:
    """Return whether the text has the form of a run key."""
    return _IS_RUN_KEY.match(text) is not None


def dataset_of_key(key: str) -> str:
    """Return the dataset that a key of the drop bucket belongs to: its first folder, or at the top a name made of the file's stem."""
    parts = [part for part in key.split("/") if part]
    if len(parts) > 1:
        return parts[0]
    return name_dataset(PurePosixPath(parts[0]).stem) if parts else "unnamed"


def name_dataset(stem: str) -> str:
    """Return what a dataset is called after a file's stem: itself, or without what no name of a model in MLflow can have."""
    name = _UNUSABLE.sub("-", stem)
    if "'" in name and '"' in name:
        name = name.replace('"', "-")
    if name != stem:
        name = name.strip("- ")
    if name.startswith("..") or name == ".":
        name = name.lstrip(".")
    return name[:_LONGEST_NAME] if name.strip() else "unnamed"


def dataset_of_payload(payload: Mapping[str, object]) -> str:
    """Return the dataset of a manual trigger: as it says, else as its source lies, else `unnamed`."""
    if payload.get("dataset"):
        return str(payload["dataset"])
    _, _, key = str(payload.get("data_source") or "").removeprefix("s3://").partition("/")
    return dataset_of_key(key.removeprefix("_sources/"))


def make_slug(dataset: str) -> str:
    """Return the dataset's name as run keys begin with it."""
    ascii_name = unicodedata.normalize("NFKD", dataset).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:60].strip("-") or "unnamed"


def make_digest(*identity: str) -> str:
    """Return the end of a run key: of bucket, key and version of a drop, or of the Dag run's id of a trigger."""
    return hashlib.sha256("\n".join(identity).encode()).hexdigest()[:8]


def make_run_key(dataset: str, time: datetime, *identity: str) -> str:
    """Return a run key; `time` has a time zone and is cut to whole seconds."""
    return f"{make_slug(dataset)}.{time.astimezone(UTC).strftime(_TIME)}.{make_digest(*identity)}"


def read_time(run_key: str) -> datetime:
    """Return when the run's file landed, or when it was triggered."""
    return datetime.strptime(run_key.split(".")[1], _TIME).replace(tzinfo=UTC)


def is_attempt_of(attempt: str, dag_run_id: str) -> bool:
    """Return whether an attempt's name says that it is a try of this Dag run."""
    return attempt.rpartition(".")[0].startswith(re.sub(r"[^A-Za-z0-9_-]", "-", dag_run_id)[:100])
