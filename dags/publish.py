"""Publishes the model of a run: to its target path, and as a version of the registered model that the dataset names.

Runs by itself for each run that was trained. The alias `newest` only moves forward: a re-run of an older run registers
its version and leaves the alias. The link on its task leads to the version in MLflow.
"""

from airflow.sdk import dag

from pipeline.assets import make_schedule
from pipeline.settings import get_settings
from pipeline.stage.params import make_rerun_params
from pipeline.stage.task import make_stage_task


@dag(
    schedule=make_schedule("publish"),
    max_active_runs=get_settings().max_active_runs,
    catchup=False,
    is_paused_upon_creation=False,
    default_args={"owner": "pipeline"},
    params=make_rerun_params(),
    tags=["pipeline", "stage"],
    doc_md=__doc__,
)
def publish() -> None:
    """Make the Dag."""
    make_stage_task("publish")


publish()
