"""Reads the data of a run, once: finds its format and types, and keeps it as Parquet with a schema and a profile.

Runs by itself for each drop. **Trigger it by hand** for data that is not dropped: fill in `data_source` (and
`target_column`), leave the rest. With the key of a run that exists it reads the data of that run again; then
parameters go into `overrides` only. A key of no run becomes the new run's. A file that cannot be read fails here, with
the reason in the log and the receipt.
"""

from airflow.sdk import dag

from pipeline.assets import make_schedule
from pipeline.settings import get_settings
from pipeline.stage.params import make_request_params, make_rerun_params
from pipeline.stage.task import make_stage_task


@dag(
    schedule=make_schedule("ingest"),
    max_active_runs=get_settings().max_active_runs,
    catchup=False,
    is_paused_upon_creation=False,
    default_args={"owner": "pipeline"},
    params={**make_request_params(), **make_rerun_params("run this stage of an earlier run again")},
    tags=["pipeline", "stage"],
    doc_md=__doc__,
)
def ingest() -> None:
    """Make the Dag."""
    make_stage_task("ingest")


ingest()
