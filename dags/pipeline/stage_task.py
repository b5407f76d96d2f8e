"""The one place that makes stage tasks; it chooses the operator by the runner setting, and all else is the same."""

from __future__ import annotations

from airflow.sdk import BaseOperator

from pipeline.assets import STAGES
from pipeline.process_operator import ProcessOperator
from pipeline.retry import STAGE_RETRY
from pipeline.settings import get_settings
from pipeline.stage_operator import StageOperator

#: The operator of each runner.
OPERATORS: dict[str, type[StageOperator]] = {"process": ProcessOperator}
#: Where the slots are few, finish what was begun before beginning something new.
_PRIORITIES = {name: number for number, name in enumerate(STAGES, start=1)}


def make_stage_task(name: str) -> BaseOperator:
    """Return the task of the stage called *name*, in the Dag that is being made.

    :raises ValueError: the runner setting names none that there is.
    """
    settings = get_settings()
    if settings.runner == "docker":
        raise ValueError("ML_PIPELINE_RUNNER=docker: this runner is not there yet; set it to `process`.")
    if settings.runner not in OPERATORS:
        raise ValueError(f"ML_PIPELINE_RUNNER is `{settings.runner}`: set it to one of {', '.join(OPERATORS)}.")
    stage = STAGES[name]
    return OPERATORS[settings.runner](
        task_id=stage.command,
        stage=stage.name,
        outlets=[stage.outlet],
        # What there is to say are XComs with a name.
        do_xcom_push=False,
        pool=settings.pool,
        priority_weight=_PRIORITIES[name],
        weight_rule="absolute",
        execution_timeout=settings.timeouts[name],
        **STAGE_RETRY,
    )
