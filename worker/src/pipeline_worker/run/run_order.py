"""Which of two runs of a dataset is the later one."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline_contract.records import DROP, DropRecord
from pipeline_contract.run_key import RunKey

_EXACT_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
#: No store lists as many versions of one key.
_LAST_PLACE = 999_999


def order_drop(drop: DropRecord) -> str:
    """Return :func:`tell_order` of the run that began with *drop*; a trigger's time is its own, as its source may be an old file."""
    time = drop.last_modified if drop.origin == DROP else RunKey.parse(drop.run_key).time
    return tell_order(time, drop.place, drop.claimed_at)


def tell_order(time: datetime, place: int = 0, claimed_at: datetime | None = None) -> str:
    """Return a text that sorts the runs of a dataset, the latest last: by *time*, then by *place*, then by the claim.

    *place* is how many newer versions of its key were listed with a drop, so it tells those of one listing apart that landed at
    the same time. It says nothing across listings: there it is often 0 for both, and the claim decides. So of three puts in one
    whole second the last is known as the last, yet the first, listed alone, counts as later than the second, listed below the
    third; and a first one that was set aside, and claimed after all others, counts as the last.
    """
    exact = [each.astimezone(UTC).strftime(_EXACT_TIME) for each in (time, claimed_at or time)]
    return f"{exact[0]} {_LAST_PLACE - place:06} {exact[1]}"
