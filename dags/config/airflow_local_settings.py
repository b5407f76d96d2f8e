"""Imports once, in the process that tasks are forked from, what every task would import for itself.

Airflow reads a module of this name from PYTHONPATH when it starts. LocalExecutor's workers are forked from the scheduler
and Celery's from its parent, so what is imported here is there already when a task starts. Only what is heavy and not
ours: a change in our own modules must not wait for a restart.
"""

import importlib
import sys

_HEAVY = (
    "boto3",
    "botocore.config",
    "boto3.s3.transfer",
    "s3transfer",
    "jsonschema",
    "airflow.providers.amazon.aws.sensors.s3",
    "airflow.providers.amazon.aws.assets.s3",
    "airflow.providers.standard.operators.python",
)
#: Airflow's other components start no tasks.
_PARENTS = ("scheduler", "celery")

if len(sys.argv) > 1 and sys.argv[1] in _PARENTS:
    for name in _HEAVY:
        importlib.import_module(name)

__all__: list[str] = []
