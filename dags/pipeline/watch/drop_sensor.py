"""Waits for a drop. The only module that imports the amazon provider, which takes its time: stage Dags leave it alone.

The sensor pokes in its slot rather than deferring to the triggerer. Measured on Airflow 3.3.2, Postgres and SeaweedFS, two
cores, a look every 0.5 s:

=====================  ===============  ==========  ======================================================
variant                put → claimed    idle CPU    needs besides
=====================  ===============  ==========  ======================================================
poking (this)          0.5 s (2.7 s)    21.9 %      one slot and 26 + 46 MiB while it waits
deferrable             1.7 s (3.5 s)    21.2 %      the triggerer, aiobotocore; its trigger looks without us
=====================  ===============  ==========  ======================================================

The times are medians on a quiet machine (in brackets: one with a load of ten); the CPU is that of the whole stack, in parts
of one core, most of it the scheduler's. So deferring saves nothing, and costs a second for each drop.
"""

from __future__ import annotations

import logging
import time
from functools import cached_property
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from pipeline.settings import get_settings
from pipeline.store import AirflowStore
from pipeline.watch.claimable import list_claimable
from pipeline.watch.readiness import find_unready
from pipeline_contract.drop_key import DROP_PATTERN

#: How long what keeps the sensor waiting is believed before it is looked at again, and how often it is said; seconds.
_BELIEVED_SECONDS = 5.0
_SAID_SECONDS = 60.0


_warnings = logging.getLogger(__name__)
_warnings.setLevel(logging.WARNING)


class WatchStopped(AirflowException):
    """Airflow stopped the sensor; it is started again."""


class DropHook(S3Hook):
    """The provider's hook with the client that everything else here uses: its key and endpoint are settings."""

    @cached_property
    def conn(self) -> Any:
        """The boto3 client."""
        return AirflowStore(get_settings()).client


class DropSensor(S3KeySensor):
    """True when there is a drop that can be claimed, and every stage Dag is there to take it.

    `S3KeySensor` sees that a key of the right form is there. It cannot see versions, what was set aside, nor, with
    `use_regex`, anything of a `check_fn`, which it ignores. So what it finds is checked with the very list that
    `claim_drops` claims from: nothing can hold this sensor true and never be claimed.
    """

    aws_hook_class = DropHook

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(bucket_key=DROP_PATTERN, use_regex=True, aws_conn_id=None, deferrable=False, **kwargs)
        self._next_look = 0.0
        self._next_word = 0.0

    @property
    def log(self) -> Any:
        """A logger for warnings alone: the provider says each time that it looks, which is 170,000 lines a day."""
        return _warnings

    def on_kill(self) -> None:
        """Stop waiting at once: Airflow would wait 5 s before it kills the task."""
        raise WatchStopped("Airflow stopped the watch.")

    def poke(self, context: Context) -> bool:
        """Return whether something can be claimed now."""
        if not super().poke(context):
            return False
        now = time.monotonic()
        if now < self._next_look:
            return False
        settings = get_settings()
        if not list_claimable(AirflowStore(settings), settings):
            # What lies there was withdrawn or set aside; that changes slowly.
            self._next_look = now + min(1.0, _BELIEVED_SECONDS)
            return False
        unready = find_unready(context)
        if unready:
            self._next_look = now + _BELIEVED_SECONDS
            if now >= self._next_word:
                self._next_word = now + _SAID_SECONDS
                self.log.warning(
                    "A drop waits, and nothing is claimed: %s. Unpause them, or see why they do not parse.", unready
                )
            return False
        return True
