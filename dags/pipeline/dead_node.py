"""What a Celery worker does before it takes its first task: what dead ones had begun is given back to the scheduler.

Nothing else tells the scheduler of a worker that was killed: Celery's result store goes on saying that it has begun, and Airflow
would take its tasks for alive until their heartbeat is overdue.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import jwt
from billiard.exceptions import WorkerLostError  # type: ignore[import-untyped]  # ships no types
from celery import states  # type: ignore[import-untyped]  # ships no types
from celery.utils.log import get_logger  # type: ignore[import-untyped]  # ships no types
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisUnreachable
from redis.exceptions import TimeoutError as RedisTimeout

#: A node that answers none of these is dead. One that is busy answers at once, one that has lost Redis when it is back there.
PINGS = 3
PING_SECONDS = 4.0
_PAUSE_SECONDS = 1.0
#: About so many results are asked for at once.
_BATCH = 500
#: Where Celery keeps what was taken from the queue and has not ended.
_TAKEN = "unacked"
_UNREACHABLE = (RedisUnreachable, RedisTimeout, OperationalError)

_log = get_logger(__name__)


def give_back(sender: str, instance: Any, **_: Any) -> None:
    """Give back what dead nodes had begun, as a receiver of Celery's signal `celeryd_after_setup`; waits for Redis.

    :param sender: the name of this node.
    :param instance: the Celery worker.
    """
    is_told = False
    while True:
        try:
            ended = end_begun(instance.app, sender)
            forget_sent(instance.app, ended, time.time())
        except _UNREACHABLE as error:
            if not is_told:
                _log.warning("Redis does not answer (%s): what dead nodes had begun is looked for when it does.", error)
            is_told = True
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def end_begun(app: Any, node: str) -> set[str]:
    """Mark as failed what *node*, which has not begun anything yet, or a dead node had begun; return the ids of Celery's tasks.

    Airflow then tries it again, by the task's own retries.
    """
    backend = app.backend
    begun = dict(_list_begun(backend))
    dead = {node, *_list_dead(app, set(begun.values()) - {node})}
    lost = {id_: owner for id_, owner in begun.items() if owner in dead}
    names = _name_tasks(app) if lost else {}
    for id_, owner in lost.items():
        # It may have ended, or been marked by another worker that starts, in between.
        if _read_owner(backend.get_task_meta(id_, cache=False)) == owner:
            what = f"The Celery worker {owner} ended while it ran this task: it was killed, or its machine was."
            backend.mark_as_failure(id_, WorkerLostError(what), call_errbacks=False)
            _log.warning("%s, begun by %s, is given back to the scheduler.", names.get(id_, f"Task {id_}"), owner)
    return set(lost)


def forget_sent(app: Any, ended: Collection[str], now: float) -> int:
    """Take out of the queue what must not be run any more, and return how much that was.

    That is what was *ended* here and had been put back, and what has waited for so long that the scheduler has sent, or will in a
    moment send, the task once more: it told so only to workers that lived, and two of a kind would run into each other.

    :param now: in seconds of the epoch.
    """
    count = 0
    with app.connection_for_write() as connection:
        client = connection.default_channel.client
        for name in app.amqp.queues.consume_from:
            for text in client.lrange(name, 0, -1):
                message = json.loads(text)
                if message["headers"]["id"] in ended or _is_old(message, now):
                    count += client.lrem(name, 1, text)
    if count:
        _log.warning("%d messages of tasks that were sent again are left out.", count)
    return count


def _list_begun(backend: Any) -> Iterator[tuple[str, str]]:
    """Return the ids of the tasks that have begun and not ended, as far as Celery knows, and the nodes that run them."""
    prefix = backend.task_keyprefix
    cursor = None
    while cursor != 0:
        cursor, keys = backend.client.scan(cursor or 0, match=prefix + b"*", count=_BATCH)
        for key, value in zip(keys, backend.client.mget(keys) if keys else (), strict=True):
            owner = _read_owner(backend.decode(value)) if value else None
            if owner:
                yield key.removeprefix(prefix).decode(), owner


def _read_owner(meta: Mapping[str, Any]) -> str | None:
    """Return the node that runs a task, by what Celery keeps of it; None where it has ended."""
    result = meta["result"]
    return result.get("hostname") if meta["status"] == states.STARTED and isinstance(result, dict) else None


def _list_dead(app: Any, nodes: set[str]) -> set[str]:
    """Return those of *nodes* that do not answer."""
    for _ in range(PINGS):
        if nodes:
            # Comes back as soon as all have answered.
            nodes = nodes - {name for answer in app.control.ping([*nodes], timeout=PING_SECONDS) for name in answer}
    return nodes


def _name_tasks(app: Any) -> dict[str, str]:
    """Return what Airflow calls the tasks that were taken from the queue and have not ended, by Celery's ids."""
    with app.connection_for_write() as connection:
        messages = [json.loads(text)[0] for text in connection.default_channel.client.hvals(_TAKEN)]
    named = {}
    for message in messages:
        if ti := _read_workload(message).get("ti"):
            named[message["headers"]["id"]] = "{dag_id}.{task_id} of {run_id}, try {try_number}".format_map(ti)
    return named


def _read_workload(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Airflow wrote into a message of Celery's."""
    arguments, _, _ = json.loads(base64.b64decode(message["body"]))
    return dict(json.loads(arguments[0]))


def _is_old(message: Mapping[str, Any], now: float) -> bool:
    """Return whether a task has been in the queue for `task_queued_timeout`, for which its token is made."""
    workload = _read_workload(message)
    claims = jwt.decode(workload["token"], options={"verify_signature": False})
    # Nothing else than tasks is sent again.
    return "ti" in workload and bool(claims["exp"] < now)
