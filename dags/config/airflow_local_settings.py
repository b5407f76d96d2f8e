"""Imports once, in the process that tasks are forked from, what every task would import for itself.

Airflow reads a module of this name from PYTHONPATH when it starts. LocalExecutor's workers are forked from the scheduler,
Celery's from its parent and the parsers of Dag files from the Dag processor, so what is imported here is there already.
Only what is heavy and not ours: a change in our own modules must not wait for a restart. A Celery worker also gives back what dead
ones had begun, before it takes tasks.
"""

import importlib
import sys

#: Found by listing what a task of ours still imported after its fork.
_HEAVY = (
    "boto3",
    "botocore.config",
    "boto3.s3.transfer",
    "s3transfer",
    "jsonschema",
    "airflow.sdk.definitions.retry_policy",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.types",
    "airflow.providers.amazon.aws.sensors.s3",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.providers.standard.sensors.external_task",
)
#: What forks tasks, and what forks a process for each Dag file that it parses.
_PARENTS = ("scheduler", "celery", "dag-processor")


def _preload() -> None:
    for name in _HEAVY:
        importlib.import_module(name)
    import boto3
    from airflow.sdk import Asset, Param

    # The first asset with a scheme loads every provider's handlers, the first Param the schemas of JSON Schema.
    Asset("preload", uri="s3://preload/preload")
    Param(None, type="null").resolve()
    # The first client of a process reads boto3's description of S3 (0.12 s of CPU); it stays in the default session, and
    # the next client takes 0.005 s. This one makes no request, so it opens nothing that a fork would share.
    boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="unused",
        aws_secret_access_key="unused",  # noqa: S106 - no request is made
    )


def _take_up() -> None:
    from celery.signals import celeryd_after_setup  # type: ignore[import-untyped]  # ships no types

    from pipeline.dead_node import give_back

    celeryd_after_setup.connect(give_back)


if len(sys.argv) > 1 and sys.argv[1] in _PARENTS:
    _preload()
    if sys.argv[1] == "celery":
        _take_up()

__all__: list[str] = []
