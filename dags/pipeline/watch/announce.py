"""What `watch` does in Airflow's hands: claim and announce, and after that clear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from airflow.sdk import Context

from pipeline.assets import DROPPED
from pipeline.settings import get_settings
from pipeline.store import AirflowStore
from pipeline.watch.claim import claim_drops, clear_claimed, dump_claims, load_claims
from pipeline.watch.readiness import require_ready


def announce_drops(**context: Any) -> list[dict[str, Any]]:
    """Claim what one cycle takes, add an event for each to the task's outlet, and return the claims.

    :raises StagesUnready: a stage Dag would lose its event.
    :raises StoreUnavailable: the store is down.
    """
    require_ready(cast("Context", context))
    settings = get_settings()
    claims = claim_drops(AirflowStore(settings), settings)
    keys = [claim.run_key for claim in claims if not claim.is_announced]
    if keys:
        context["outlet_events"][DROPPED].add_partitions(keys)
    else:
        # Airflow records an event for each outlet, even without a key; nothing was claimed, so there is none.
        context["ti"].task.outlets = []
    return dump_claims(claims)


def clear_announced(claims: Sequence[dict[str, Any]]) -> None:
    """Take what was claimed out of the drop bucket.

    :raises StoreUnavailable: the store is down.
    """
    settings = get_settings()
    clear_claimed(AirflowStore(settings), settings, load_claims(claims))
