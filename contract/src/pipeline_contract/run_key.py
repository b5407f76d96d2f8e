"""The run key: the one id of a run, `<slug>.<UTC time>.<8 hex>`; Airflow's partition key, and a path in the store."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

_PATTERN = re.compile(
    r"(?P<slug>[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?)\.(?P<time>\d{8}T\d{6}Z)\.(?P<digest>[0-9a-f]{8})", re.ASCII
)
_TIME = "%Y%m%dT%H%M%SZ"


class RunKeyInvalid(ValueError):
    """A text has not the form of a run key, or a time in it that does not exist."""


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

        :raises RunKeyInvalid: it spells none; it becomes a path, so nothing else is let through.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise RunKeyInvalid(text)
        try:
            time = datetime.strptime(match["time"], _TIME).replace(tzinfo=UTC)
        except ValueError as error:
            raise RunKeyInvalid(text) from error
        return cls(match["slug"], time, match["digest"])


def is_run_key(text: str) -> bool:
    """Return whether *text* spells a run key."""
    try:
        RunKey.parse(text)
    except RunKeyInvalid:
        return False
    return True


def make_run_key(dataset: str, time: datetime, *identity: str) -> RunKey:
    """Return the run key for *dataset* at *time* (with a time zone; cut to whole seconds).

    :param identity: what started the run: bucket, key and version of a drop, or the Dag run's id of a manual trigger.
    """
    return RunKey(make_slug(dataset), time.astimezone(UTC).replace(microsecond=0), make_digest(*identity))


def make_slug(dataset: str) -> str:
    """Return *dataset* in `[a-z0-9-]`, at most 60 characters, or `unnamed` where nothing is left."""
    ascii_name = unicodedata.normalize("NFKD", dataset).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:60].strip("-") or "unnamed"


def make_digest(*identity: str) -> str:
    """Return the end of a run key; see :func:`make_run_key`."""
    return hashlib.sha256("\n".join(identity).encode()).hexdigest()[:8]
