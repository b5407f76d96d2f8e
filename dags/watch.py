"""Sees what lands in the drop bucket, and starts a run for each file.

`wait_for_drop` looks until a file is there, `claim_drops` copies it to the run's own place and announces it under its
run key, and `clear_claimed` takes it out of the drop bucket. A file that cannot be claimed is set aside and holds up no
other. One cycle is one run of this Dag; an idle one ends after a day, as a success.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, get_current_context, task

from pipeline import announce
from pipeline.assets import DROPPED
from pipeline.drop_sensor import DropSensor
from pipeline.retry import WATCH_RETRIES, WatchRetryPolicy
from pipeline.settings import get_settings

_PATIENT = {"retries": WATCH_RETRIES, "retry_policy": WatchRetryPolicy()}


@dag(
    schedule="@continuous",
    max_active_runs=1,
    catchup=False,
    is_paused_upon_creation=False,
    default_args={"owner": "pipeline", **_PATIENT},
    tags=["pipeline", "watch"],
    doc_md=__doc__,
)
def watch() -> None:
    wait_for_drop = DropSensor(
        task_id="wait_for_drop",
        bucket_name=get_settings().drop_bucket,
        poke_interval=get_settings().poke_seconds,
        timeout=timedelta(days=1),
        soft_fail=True,
        priority_weight=10,
    )

    @task(outlets=[DROPPED])
    def claim_drops() -> list[dict[str, Any]]:
        return announce.claim_and_announce(get_current_context())

    @task
    def clear_claimed(claims: list[dict[str, Any]]) -> None:
        announce.clear_announced(claims)

    claims = claim_drops()
    wait_for_drop >> claims
    clear_claimed(claims)


watch()
