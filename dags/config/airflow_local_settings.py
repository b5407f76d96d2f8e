"""Imports once, in the process that tasks are forked from, what every task would import for itself.

Airflow reads a module of this name from PYTHONPATH when it starts. LocalExecutor's workers are forked from the scheduler,
Celery's from its parent and the parsers of Dag files from the Dag processor, so what is imported here is there already.
Only what is heavy and not ours: a change in our own modules must not wait for a restart.
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
#: What forks tasks, and what forks a process for each Dag file that it parses. An `s3://` asset alone imports boto3.
_PARENTS = ("scheduler", "celery", "dag-processor")

if len(sys.argv) > 1 and sys.argv[1] in _PARENTS:
    for name in _HEAVY:
        importlib.import_module(name)
    # The first client of a process reads boto3's description of S3 (0.12 s of CPU); it stays in the default session, and
    # the next client takes 0.005 s. This one makes no request, so it opens nothing that a fork would share.
    importlib.import_module("boto3").client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="unused",
        aws_secret_access_key="unused",  # noqa: S106 - no request is made
    )

__all__: list[str] = []
