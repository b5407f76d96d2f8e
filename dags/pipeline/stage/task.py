"""The one place that makes stage tasks; it chooses the operator by the runner setting, and all else is the same."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from airflow.sdk import BaseOperator

from pipeline.assets import OUTLETS
from pipeline.settings import get_settings
from pipeline.stage.retry import STAGE_RETRY
from pipeline_contract.stages import STAGES

#: The operator of each runner, and its module. Only the one that is used is imported: every task's start waits for that.
OPERATORS = {
    "process": ("pipeline.runners.process_operator", "ProcessOperator"),
    "docker": ("pipeline.runners.docker_operator", "PipelineDockerOperator"),
}
#: Where the slots are few, finish what was begun before beginning something new.
_PRIORITIES = {name: number for number, name in enumerate(STAGES, start=1)}


def make_stage_task(name: str) -> BaseOperator:
    """Return the task of the stage called *name*, in the Dag that is being made.

    :raises ValueError: the runner setting names none that there is.
    """
    settings = get_settings()
    if settings.runner not in OPERATORS:
        raise ValueError(f"ML_PIPELINE_RUNNER is `{settings.runner}`: set it to one of {', '.join(OPERATORS)}.")
    stage = STAGES[name]
    module, operator = OPERATORS[settings.runner]
    make_operator: Any = getattr(import_module(module), operator)
    task: BaseOperator = make_operator(
        task_id=stage.command,
        stage=stage.name,
        outlets=[OUTLETS[name]],
        # What there is to say are XComs with a name.
        do_xcom_push=False,
        pool=settings.pool,
        priority_weight=_PRIORITIES[name],
        weight_rule="absolute",
        execution_timeout=settings.timeouts[name],
        **STAGE_RETRY,
    )
    return task
