"""Claiming drops: copy, record, announce; and only then let them leave the drop bucket.

Every step can be killed and repeated. The order of the writes for one drop: the bytes, the marker, `drop.json` (with a
condition: from here on it is claimed), the receipt. The asset event goes out when the task has succeeded, and only the
task after it deletes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pipeline.settings import DagSettings
from pipeline.store import AirflowStore, get_drop, get_json
from pipeline.watch.claimable import BACK_OFF, MOST_TRIES, ClaimableDrop, choose_drops, list_claimable
from pipeline_contract.drop_key import MAX_SIDECAR_BYTES
from pipeline_contract.escape import escape
from pipeline_contract.records import DROP, DropRecord, Reason, Receipt, RecordInvalid, Sidecar, write_json
from pipeline_contract.s3 import ObjectMissing, PreconditionFailed, StoreError, StoreRefused, StoreUnavailable
from pipeline_contract.state import State
from pipeline_contract.times import write_time

log = logging.getLogger(__name__)

#: Requests to the store at the same time.
_THREADS = 8


@dataclass(frozen=True)
class Claim:
    """A drop that was claimed, as `clear_claimed` needs it.

    :param leaves: key and version id of what is to be deleted; the drop's own first.
    :param tries: how many times the drop was set aside before.
    :param is_announced: whether its event went out in an earlier cycle already, so that only the deletion is left.
    """

    run_key: str
    leaves: tuple[tuple[str, str | None], ...]
    tries: int
    is_announced: bool


def claim_drops(store: AirflowStore, settings: DagSettings) -> list[Claim]:
    """Claim what one cycle takes of the drops that can be claimed, and return the claims.

    One that cannot be claimed is set aside and holds up no other, whether the store refuses it or cannot read it.

    :raises StoreError: nothing could be claimed, and it is not known to be a drop's own fault: the store is down.
    """
    claimable = list_claimable(store, settings)
    chosen = choose_drops(claimable, settings)
    with ThreadPoolExecutor(_THREADS) as threads:
        outcomes = list(threads.map(partial(_claim_or_set_aside, store, settings), chosen))
    claims = [outcome for outcome in outcomes if isinstance(outcome, Claim)]
    outages = [(drop, error) for drop, error in zip(chosen, outcomes, strict=True) if isinstance(error, StoreError)]
    if outages and not claims:
        raise outages[0][1]
    for drop, error in outages:
        # The store is up, as others were claimed: were this one claimed at once again, it would go on for ever.
        if isinstance(_leave_alone(store, settings, drop, error), StoreUnavailable):
            break
    size = sum(drop.version.size for drop in chosen)
    log.info("Claimed %d of %d drops (%s bytes looked at).", len(claims), len(claimable), f"{size:,}")
    return claims


def clear_claimed(store: AirflowStore, settings: DagSettings, claims: Sequence[Claim]) -> None:
    """Delete exactly the versions that were claimed; a drop that cannot be deleted is set aside.

    :raises StoreUnavailable: the store is down; deleting again does no harm.
    """
    entries = [entry for claim in claims for entry in claim.leaves]
    refused = store.delete_versions(settings.drop_bucket, entries)
    for claim in claims:
        for position, entry in enumerate(claim.leaves):
            if entry not in refused:
                continue
            key = escape(entry[0])
            log.error("s3://%s/%s could not be deleted: %s", settings.drop_bucket, key, refused[entry])
            # A sidecar that stays holds nothing up; the drop would be claimed again and again.
            if position == 0:
                _set_aside(store, settings, claim.run_key, entry, claim.tries, f"not deleted: {refused[entry]}")
    log.info("Cleared %d of %d versions.", len(entries) - len(refused), len(entries))


def dump_claims(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """Return *claims* as one task hands them to the next."""
    return [asdict(claim) for claim in claims]


def load_claims(values: Sequence[dict[str, Any]]) -> list[Claim]:
    """Return what :func:`dump_claims` was given."""
    return [Claim(**{**value, "leaves": tuple((key, version) for key, version in value["leaves"])}) for value in values]


def _claim_or_set_aside(store: AirflowStore, settings: DagSettings, drop: ClaimableDrop) -> Claim | StoreError | None:
    """Return the claim; None where the drop was set aside; or what may be an outage rather than this drop's fault."""
    try:
        return _claim(store, settings, drop)
    except (StoreRefused, ObjectMissing, PreconditionFailed) as error:
        return _leave_alone(store, settings, drop, error)
    except StoreUnavailable as error:
        return error


def _leave_alone(
    store: AirflowStore, settings: DagSettings, drop: ClaimableDrop, error: StoreError
) -> StoreError | None:
    """Set *drop* aside because of *error*, tell of it when that is for good, and return what kept this from being done."""
    log.error("s3://%s/%s cannot be claimed: %s", drop.version.bucket, escape(drop.version.key), escape(str(error)))
    try:
        entry = (drop.version.key, drop.version.version_id)
        tries = _set_aside(store, settings, drop.run_key, entry, drop.tries, str(error))
        if tries >= MOST_TRIES:
            reason = Reason(
                what=f"The file could not be claimed, in {tries} tries: {error}",
                where=f"s3://{drop.version.bucket}/{drop.version.key}",
                fix="Mend what the message names, then drop the file again (a new version is a new drop).",
                runbook="runbooks/drop-not-picked-up.md",
            )
            _put_receipt(store, settings, drop, reason)
    except StoreError as failure:
        log.error("It could not be set aside: %s", failure)
        return failure
    return None


def _claim(store: AirflowStore, settings: DagSettings, drop: ClaimableDrop) -> Claim:
    run = settings.layout.run(drop.run_key)
    claim = Claim(drop.run_key, drop.leaves, drop.tries, is_announced=False)
    if _is_claimed(store, settings, drop):
        log.info("%s was claimed before; its event is repeated and it is cleared.", drop.run_key)
        _put_receipt(store, settings, drop)
        if drop.tries and _was_announced(store, settings, drop):
            return Claim(drop.run_key, drop.leaves, drop.tries, is_announced=True)
        return claim
    record = _describe(store, drop)
    store.copy_version(drop.version, settings.artifact_bucket, run.raw)
    store.put(settings.artifact_bucket, run.marker, b"")
    try:
        store.put(settings.artifact_bucket, run.drop, record.write(), if_none_match=True)
    except PreconditionFailed as error:
        # By another try at the same moment, or by this one, whose first answer was lost on the way.
        if not _is_claimed(store, settings, drop):
            message = f"{error.message}, yet it is not there"
            raise StoreUnavailable(message, code=error.code, where=error.where) from error
    _put_receipt(store, settings, drop)
    return claim


def _is_claimed(store: AirflowStore, settings: DagSettings, drop: ClaimableDrop) -> bool:
    """Return whether there is a `drop.json` under the run key of *drop*.

    :raises StoreRefused: it is another's, which is neither joined nor overwritten.
    """
    where = f"s3://{settings.artifact_bucket}/{settings.layout.run(drop.run_key).drop}"
    try:
        present = get_drop(store, settings, drop.run_key)
    except RecordInvalid as error:
        raise StoreRefused(f"the run key {drop.run_key} is taken by {error}", where=where) from error
    if present is None:
        return False
    identity = (drop.version.bucket, drop.version.key, drop.version.version_id)
    if (present.bucket, present.key, present.version) != identity:
        raise StoreRefused(f"the run key {drop.run_key} is taken by {present.key} ({present.version})", where=where)
    return True


def _describe(store: AirflowStore, drop: ClaimableDrop) -> DropRecord:
    """Return what `drop.json` says of *drop*."""
    version = drop.version
    return DropRecord(
        run_key=drop.run_key,
        dataset=drop.dataset,
        origin=DROP,
        bucket=version.bucket,
        key=version.key,
        version=version.version_id,
        etag=version.etag,
        size=version.size,
        last_modified=version.last_modified,
        place=drop.place,
        claimed_at=datetime.now(UTC),
        sidecar=_read_sidecar(store, drop),
    )


def _read_sidecar(store: AirflowStore, drop: ClaimableDrop) -> Sidecar | None:
    sidecar = drop.sidecar
    if sidecar is None:
        return None
    # One more than is taken: whether there is more is seen from that.
    content = store.get(sidecar.bucket, sidecar.key, version_id=sidecar.version_id, most=MAX_SIDECAR_BYTES + 1)
    # What is not UTF-8 is kept readable; the worker says that it is no JSON.
    text = content.decode("utf-8-sig", errors="backslashreplace") if len(content) <= MAX_SIDECAR_BYTES else None
    return Sidecar(sidecar.key, sidecar.version_id, text)


def _put_receipt(store: AirflowStore, settings: DagSettings, drop: ClaimableDrop, reason: Reason | None = None) -> None:
    """Write the receipt of *drop*: claimed, or with a *reason* set aside. One that is there already is left alone."""
    file = f"s3://{drop.version.bucket}/{drop.version.key}"
    state, stage = (State.FAILED, "watch") if reason else (State.CLAIMED, None)
    receipt = Receipt(drop.run_key, drop.dataset, file, state, stage, reason)
    key = settings.layout.run(drop.run_key).receipt(drop.dataset)
    try:
        store.put(settings.artifact_bucket, key, receipt.write(), if_none_match=True)
    except PreconditionFailed:
        return
    except StoreRefused as error:
        # It is for people: the claim itself stands without it.
        log.error("The receipt of %s could not be written: %s", drop.run_key, error)


def _was_announced(store: AirflowStore, settings: DagSettings, drop: ClaimableDrop) -> bool:
    """Return whether the drop was last set aside by `clear_claimed`, which runs only after its event went out."""
    key = settings.layout.run(drop.run_key).set_aside(drop.tries)
    record = get_json(store, settings.artifact_bucket, key) or {}
    return str(record.get("reason", "")).startswith("not deleted")


def _set_aside(
    store: AirflowStore, settings: DagSettings, run_key: str, entry: tuple[str, str | None], tries: int, reason: str
) -> int:
    """Record that a drop is left alone for a while, and return how many times that is."""
    tries += 1
    record = {
        "bucket": settings.drop_bucket,
        "key": entry[0],
        "version": entry[1],
        "reason": reason,
        "at": write_time(),
    }
    store.put(settings.artifact_bucket, settings.layout.run(run_key).set_aside(tries), write_json(record))
    if tries < MOST_TRIES:
        log.error("Set aside for %s (try %d of %d).", BACK_OFF[tries - 1], tries, MOST_TRIES)
    else:
        log.error(
            "Set aside for good after %d tries: s3://%s/%s, version %s. Mend the reason, then delete s3://%s/%s%s/ to have "
            "it tried again.",
            *(tries, settings.drop_bucket, entry[0], entry[1]),
            *(settings.artifact_bucket, settings.layout.set_aside, run_key),
        )
    return tries
