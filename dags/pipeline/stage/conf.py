"""What a Dag run asks of its stage: read from the run's conf and partition key, and checked before anything is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.types import DagRunProtocol

from pipeline.stage.params import RERUN_FIELDS, read_request_schema
from pipeline_contract.attempt_name import name_attempt
from pipeline_contract.drop_key import dataset_of_request
from pipeline_contract.records import DropRecord
from pipeline_contract.run_key import is_run_key, make_run_key
from pipeline_contract.stages import FIRST


class ConfRefused(AirflowFailException):
    """The Dag run asks for what cannot be; it fails at once, without a retry, and nothing is started."""

    def __init__(self, what: str, *, fix: str, where: str = "the conf of this Dag run") -> None:
        super().__init__(f"{what} Where: {where}. What to do: {fix}")
        self.what = what
        self.where = where
        self.fix = fix


@dataclass(frozen=True)
class Conf:
    """One Dag run's wish for a stage.

    :param ask: the Dag run's id and its clear number; retries are of the same ask.
    :param attempt: the name of this try, unique for the stage.
    :param values: the payload of a manual trigger, or the overrides; without nulls.
    :param is_again: do the work anew even where nothing has changed.
    :param is_cascading: let the later stages follow.
    """

    run_key: str
    ask: str
    attempt: str
    values: Mapping[str, Any]
    is_again: bool
    is_cascading: bool


def read_conf(
    stage: str, dag_run: DagRunProtocol, try_number: int, read_drop: Callable[[str], DropRecord | None]
) -> Conf:
    """Return what the Dag run asks for.

    :param read_drop: what tells what a run began with, its `drop.json`, or None where there is no such run yet.
    :raises ConfRefused: no run, two runs, a key of another form, or a parameter that is not where it belongs.
    """
    # The form gives null for a field that was left alone, and may give an empty text for one that was emptied.
    given = {name: value for name, value in (dag_run.conf or {}).items() if value is not None and value != ""}
    clears = dag_run.clear_number or 0
    run_key = _choose_run_key(given.get("run_key"), dag_run.partition_key)
    overrides = _read_overrides(given.get("overrides", {}))
    request = {name: value for name, value in given.items() if name not in RERUN_FIELDS}
    if run_key is None and stage != FIRST.name:
        raise ConfRefused(
            f"This run of `{stage}` names no run to work on.",
            fix=f'trigger `{stage}` with a partition key or {{"run_key": "…"}} (a receipt shows it); a new run begins in '
            "`ingest`, or with a dropped file.",
        )
    drop: DropRecord | None = None
    is_new = run_key is None
    if stage == FIRST.name and run_key is not None and (request or overrides):
        # Only then does it make a difference, so that an event costs no look at the store.
        drop = read_drop(run_key)
        is_new = drop is None
    if run_key is None or is_new:
        if overrides:
            named = f"there is no run `{run_key}`" if run_key else "no run is named"
            raise ConfRefused(
                f"`overrides` change an earlier run, and {named}.",
                fix="name the run in `run_key`; or, for a new run, give the parameters themselves, not `overrides`.",
            )
        dataset = dataset_of_request(request.get("dataset"), request.get("data_source"))
        run_key, values = run_key or str(make_run_key(dataset, dag_run.run_after, dag_run.run_id)), request
    else:
        # The Dag run that began the run still has the payload when it is tried again, or cleared.
        if drop is None or request != drop.payload:
            _refuse_stray(stage, request)
        values = {**request, **overrides}
    again = given.get("again", dag_run.run_type == "manual" or clears > 0)
    return Conf(
        run_key=run_key,
        ask=f"{dag_run.run_id}/{clears}",
        attempt=name_attempt(dag_run.run_id, try_number),
        values=values,
        is_again=_read_flag("again", again),
        is_cascading=_read_flag("cascade", given.get("cascade", True)),
    )


def _choose_run_key(given: object, partition_key: str | None) -> str | None:
    if given is not None and partition_key and given != partition_key:
        raise ConfRefused(
            f"The partition key `{partition_key}` and the `run_key` `{given}` differ.",
            fix="give one of them, or the same in both.",
        )
    run_key = partition_key or given
    if run_key is not None and not (isinstance(run_key, str) and is_run_key(run_key)):
        raise ConfRefused(
            f"`{str(run_key)[:120]}` is no run key.",
            where="the partition key" if partition_key else "`run_key` in the conf of this Dag run",
            fix="give a key as a receipt shows it, such as `penguins.20260131T120000Z.1a2b3c4d`.",
        )
    return run_key


def _read_overrides(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfRefused("`overrides` is no JSON object.", fix='give it as {"overrides": {"test_size": 0.3}}.')
    return {name: value for name, value in given.items() if value is not None}


def _refuse_stray(stage: str, request: Mapping[str, Any]) -> None:
    """Refuse parameters beside `overrides`: those of a run that exists are changed in one place only."""
    if not request:
        return
    names = ", ".join(f"`{name}`" for name in request)
    known = [name for name in request if name in read_request_schema()["properties"]]
    example = f'{{"overrides": {{"{known[0] if known else "test_size"}": …}}}}'
    raise ConfRefused(
        f"{names}: not a part of the conf of `{stage}` for a run that has begun.",
        fix=f"put parameters of an earlier run into `overrides`, as {example}; beside it are only "
        f"{', '.join(f'`{name}`' for name in RERUN_FIELDS)}.",
    )


def _read_flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfRefused(f"`{name}` is `{value}`.", fix=f"give `{name}` as true or false.")
    return value
