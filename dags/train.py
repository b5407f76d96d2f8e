"""Trains and tracks a model on the data of a run.

Runs by itself for each run that was validated. Metrics, figures and the model are in MLflow: see the link on its task.
Run it again with other parameters by a trigger with a partition key or `run_key`, and `overrides` such as
`{"model_name": "RandomForestClassifier"}`.
"""

from airflow.sdk import dag

from pipeline.assets import make_schedule
from pipeline.settings import get_settings
from pipeline.stage.params import make_rerun_params
from pipeline.stage.task import make_stage_task


@dag(
    schedule=make_schedule("train"),
    max_active_runs=get_settings().max_active_runs,
    catchup=False,
    is_paused_upon_creation=False,
    default_args={"owner": "pipeline"},
    params=make_rerun_params(),
    tags=["pipeline", "stage"],
    doc_md=__doc__,
)
def train() -> None:
    """Make the Dag."""
    make_stage_task("train")


train()
