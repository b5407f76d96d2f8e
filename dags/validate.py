"""Checks the data of a run against its rules, so that no model is trained on bad data.

Runs by itself for each run that was ingested. It fails when a rule is violated, and nothing after it runs; the log and
the receipt say which rule, which column, what was found and what to do. Run it again by clearing its task, or by a
trigger with a partition key or `run_key`.
"""

from airflow.sdk import dag

from pipeline.assets import make_schedule
from pipeline.settings import get_settings
from pipeline.stage.params import make_rerun_params
from pipeline.stage.task import make_stage_task


@dag(
    schedule=make_schedule("validate"),
    max_active_runs=get_settings().max_active_runs,
    catchup=False,
    is_paused_upon_creation=False,
    default_args={"owner": "pipeline"},
    params=make_rerun_params(),
    tags=["pipeline", "stage"],
    doc_md=__doc__,
)
def validate() -> None:
    """Make the Dag."""
    make_stage_task("validate")


validate()
