"""The run key: the one id of a run, `<slug>.<UTC time>.<8 hex>`, from the drop to the model."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from .errors import ParameterInvalid

PATTERN = re.compile(r"(?P<slug>[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?)\.(?P<time>\d{8}T\d{6}Z)\.(?P<digest>[0-9a-f]{8})")
_TIME = "%Y%m%dT%H%M%SZ"
_EXACT_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
#: What no name of a model can have, and how long one may be; a name that is made of a file's lacks it.
_UNUSABLE = re.compile(r"[/:?\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LONGEST_NAME = 256
#: No store lists as many versions of one key.
_LAST_PLACE = 999_999


@dataclass(frozen=True)
class RunKey:
    """A run key in its parts; *time* in UTC, whole seconds."""

    slug: str
    time: datetime
    digest: str

    def __str__(self) -> str:
        return f"{self.slug}.{self.version}.{self.digest}"

    @property
    def version(self) -> str:
        """The time as the key spells it, which is the default version of a model."""
        return self.time.strftime(_TIME)

    @classmethod
    def parse(cls, text: str) -> RunKey:
        """Return the run key that *text* spells.

        :raises ParameterInvalid: the text has another form; it becomes a path, so nothing else is let through.
        """
        match = PATTERN.fullmatch(text)
        try:
            time = datetime.strptime(match["time"], _TIME).replace(tzinfo=UTC) if match else None
        except ValueError:
            time = None
        if match is None or time is None:
            raise ParameterInvalid(
                f"`{text[:120]}` is no run key.",
                where="--run",
                fix="Give a run key as a receipt shows it, such as `penguins.20260131T120000Z.1a2b3c4d`.",
            )
        return cls(match["slug"], time, match["digest"])


def make_run_key(dataset: str, time: datetime, *identity: str) -> RunKey:
    """Return the run key for *dataset* at *time*, its digest made of the *identity* of what started the run.

    For a drop the identity is bucket, key and version; for a manual trigger it is the id of the Dag run.
    """
    digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:8]
    return RunKey(make_slug(dataset), time.astimezone(UTC).replace(microsecond=0), digest)


def tell_order(time: datetime, place: int = 0, claimed_at: datetime | None = None) -> str:
    """Return a text that sorts the runs of a dataset, the latest last: by *time*, then by *place*, then by the claim.

    *place* is how many newer versions of its key were listed with a drop, so it tells those of one listing apart that landed at
    the same time. It says nothing across listings: there it is often 0 for both, and the claim decides. So of three puts in one
    whole second the last is known as the last, yet the first, listed alone, counts as later than the second, listed below the
    third; and a first one that was set aside, and claimed after all others, counts as the last.
    """
    exact = [each.astimezone(UTC).strftime(_EXACT_TIME) for each in (time, claimed_at or time)]
    return f"{exact[0]} {_LAST_PLACE - place:06} {exact[1]}"


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


def dataset_of_source(key: str) -> str:
    """Return the dataset of a manual trigger's source: as for a drop, below `_sources/`."""
    return dataset_of_key(key.removeprefix("_sources/"))
