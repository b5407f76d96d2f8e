"""Sees what lands in the drop bucket, and starts a run for each file.

`wait_for_drop` looks until a file is there, `claim_drops` copies it to the run's own place and announces it under its
run key, and `clear_claimed` takes it out of the drop bucket. A file that cannot be claimed is set aside and holds up no
other. One cycle is one run of this Dag; an idle one ends after a day, as a success.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import chain, dag

from pipeline.assets import DROPPED
from pipeline.settings import get_settings
from pipeline.stage.retry import WATCH_RETRY
from pipeline.watch.announce import announce_drops, clear_announced
from pipeline.watch.drop_sensor import DropSensor


@dag(
    schedule="@continuous",
    # Without a start the first two cycles get the same logical date, and Airflow never makes the second.
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    catchup=False,
    is_paused_upon_creation=False,
    default_args={"owner": "pipeline", **WATCH_RETRY},
    tags=["pipeline", "watch"],
    doc_md=__doc__,
)
def watch() -> None:
    """Make the Dag."""
    settings = get_settings()
    wait_for_drop = DropSensor(
        task_id="wait_for_drop",
        bucket_name=settings.drop_bucket,
        poke_interval=settings.poke_seconds,
        timeout=timedelta(days=1),
        soft_fail=True,
    )
    claim_drops = PythonOperator(
        task_id="claim_drops", python_callable=announce_drops, outlets=[DROPPED], show_return_value_in_logs=False
    )
    clear_claimed = PythonOperator(
        task_id="clear_claimed", python_callable=clear_announced, op_args=[claim_drops.output]
    )
    chain(wait_for_drop, claim_drops, clear_claimed)


watch()
