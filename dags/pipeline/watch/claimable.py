"""The one list of what can be claimed now, for the sensor and the claim alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.settings import DagSettings
from pipeline.store import AirflowStore, ObjectVersion
from pipeline_contract.drop_key import SIDECAR_SUFFIX, dataset_of_key, is_drop_key
from pipeline_contract.run_key import make_run_key

#: How long a drop that was set aside for the n-th time is left alone; after the last it is left alone for good.
BACK_OFF = (timedelta(seconds=10), timedelta(seconds=30), timedelta(seconds=90), timedelta(minutes=5))
MOST_TRIES = len(BACK_OFF) + 1


@dataclass(frozen=True)
class ClaimableDrop:
    """One version that landed and can be claimed.

    :param place: how many newer versions of its key were listed with it, which tells apart what landed at the same time.
    :param sidecar: the version of `<file>.params.json` that belongs to it.
    :param leaves: what leaves the drop bucket when it is claimed: itself, and, with the last version of its key, the
        sidecar and that sidecar's older versions.
    :param tries: how many times it was set aside.
    """

    version: ObjectVersion
    place: int
    run_key: str
    dataset: str
    sidecar: ObjectVersion | None
    leaves: tuple[tuple[str, str | None], ...]
    tries: int


def list_claimable(store: AirflowStore, settings: DagSettings) -> list[ClaimableDrop]:
    """Return the drops that can be claimed now, oldest first.

    Left out are versions that a delete marker withdrew, and what was set aside and is not due again. Nothing else
    decides what a drop is: the sensor holds on exactly as long as this list is empty.
    """
    versions, markers = store.list_versions(settings.drop_bucket)
    markers_of = _group(markers)
    live = [version for version in versions if not _is_withdrawn(version, markers_of.get(version.key, ()))]
    candidates = [version for version in live if is_drop_key(version.key)]
    if not candidates:
        return []
    placed = [entry for group in _group(candidates).values() for entry in enumerate(group)]
    sidecars_of = _group(version for version in live if version.key.endswith(SIDECAR_SUFFIX))
    aside = _read_set_aside(store, settings)
    now = datetime.now(UTC)
    drops = []
    for place, version in placed:
        dataset = dataset_of_key(version.key)
        identity = (version.bucket, version.key, version.version_id or "")
        run_key = str(make_run_key(dataset, version.last_modified, *identity))
        tries, last = aside.get(run_key, (0, now))
        if tries >= MOST_TRIES or (tries and now < last + BACK_OFF[tries - 1]):
            continue
        sidecars = sidecars_of.get(version.key + SIDECAR_SUFFIX, [])
        sidecar = _choose_sidecar(version, sidecars)
        older = [other for other in sidecars if sidecar and other.last_modified <= sidecar.last_modified]
        # A later version of the file that still waits reads the same sidecar, so it stays until that one is claimed.
        goes = (version,) if place else (version, *older)
        leaves = tuple((other.key, other.version_id) for other in goes)
        drops.append(ClaimableDrop(version, place, run_key, dataset, sidecar, leaves, tries))
    return sorted(drops, key=lambda drop: (drop.version.last_modified, drop.version.key, -drop.place))


def choose_drops(drops: list[ClaimableDrop], settings: DagSettings) -> list[ClaimableDrop]:
    """Return as many of *drops* as one cycle takes: at least one, however large it is."""
    chosen: list[ClaimableDrop] = []
    size = 0
    for drop in drops[: settings.claim_max_drops]:
        size += drop.version.size
        if chosen and size > settings.claim_max_bytes:
            break
        chosen.append(drop)
    return chosen


def _group(versions: Iterable[ObjectVersion]) -> dict[str, list[ObjectVersion]]:
    by_key: dict[str, list[ObjectVersion]] = {}
    for version in versions:
        by_key.setdefault(version.key, []).append(version)
    return by_key


def _is_withdrawn(version: ObjectVersion, markers: Sequence[ObjectVersion]) -> bool:
    """Return whether one of the delete *markers* of its key lies above *version*.

    Times may be whole seconds: of a version and an older marker of the same second, none is known to be above the
    other, and a drop that was withdrawn is better claimed than one that was not is lost.
    """
    return any(marker.is_latest or marker.last_modified > version.last_modified for marker in markers)


def _choose_sidecar(version: ObjectVersion, sidecars: list[ObjectVersion]) -> ObjectVersion | None:
    """Return the newest sidecar that is not newer than the file, else the newest: it is to be put before the file."""
    before = [other for other in sidecars if other.last_modified <= version.last_modified]
    return next(iter(before or sidecars), None)


def _read_set_aside(store: AirflowStore, settings: DagSettings) -> dict[str, tuple[int, datetime]]:
    """Return for each run key how many times its drop was set aside, and when for the last time."""
    prefix = settings.layout.set_aside
    found: dict[str, tuple[int, datetime]] = {}
    for key, at in store.list_keys(settings.artifact_bucket, prefix):
        run_key = key.removeprefix(prefix).partition("/")[0]
        tries, last = found.get(run_key, (0, at))
        found[run_key] = (tries + 1, max(last, at))
    return found
