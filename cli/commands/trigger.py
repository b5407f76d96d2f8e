"""`trigger`: run the pipeline by hand, with a JSON payload, and follow what becomes of it."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.errors import InputRefused
from cli.runs.airflow_api import Airflow
from cli.runs.follow import follow
from cli.runs.params import read_params
from cli.runs.receipts import Receipts
from cli.runs.run_status import FollowedRun
from cli.runs.store import StackStore
from cli.settings import read_settings
from cli.show import Show, describe_size
from pipeline_contract.drop_key import SOURCES, dataset_of_request
from pipeline_contract.run_key import make_run_key
from pipeline_contract.stages import FIRST


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of `make trigger`, which reach us through the environment."""
    words = os.environ
    parser.add_argument("--params", default=words.get("PARAMS", ""), help="the payload: a JSON file, or JSON text")
    parser.add_argument(
        "--file", default=words.get("FILE", ""), help=f"put this file below {SOURCES} of the drop bucket first"
    )
    parser.add_argument("--wait", default=words.get("WAIT", "1"), help="0: leave as soon as the run is triggered")


def run(arguments: argparse.Namespace) -> int:
    """Trigger `ingest`; 0 when the model is published, or with WAIT=0 as soon as the run is triggered."""
    settings = read_settings()
    bucket = settings["ML_PIPELINE_DROP_BUCKET"]
    if not arguments.params and not arguments.file:
        raise InputRefused(
            "With which parameters?\n"
            "  make trigger PARAMS=examples/trigger.json FILE=examples/bikes/bikes.csv\n"
            f'  make trigger PARAMS=\'{{"data_source": "s3://{bucket}/{SOURCES}x.csv", "target_column": "y"}}\''
        )
    payload = read_params(arguments.params).values if arguments.params else {}
    path = Path(arguments.file).expanduser() if arguments.file else None
    key = choose_key(path, payload, bucket) if path else ""
    store = StackStore(settings)
    with Show() as show, Airflow(settings) as airflow:
        if path:
            with show.show_upload(path) as advance:
                store.upload(bucket, key, path, advance)
            show.say("put", f"s3://{bucket}/{key} ({describe_size(path.stat().st_size)})", is_timed=True)
            payload |= {"data_source": f"s3://{bucket}/{key}"}
        dataset = dataset_of_request(payload.get("dataset"), payload.get("data_source"))
        # The run key as `ingest` would make it, sent as the partition key, so that Airflow lists all stages under it.
        now = datetime.now(UTC)
        dag_run_id = f"manual__{now.isoformat()}"
        run_key = str(make_run_key(dataset, now, dag_run_id))
        started = airflow.trigger(FIRST.name, payload, run_key, dag_run_id)
        show.say("triggered", run_key, is_timed=True)
        if arguments.wait == "0":
            show.print(f"\nIt is under way. What becomes of it: make status RUN={run_key}")
            return 0
        followed = FollowedRun(run_key, dataset, dag_run=started, origin="trigger")
        return follow(followed, Receipts(settings, store), airflow, show)


def choose_key(path: Path, payload: dict[str, Any], bucket: str) -> str:
    """Return where below `_sources/` the file goes: where the payload says, else under its own name."""
    if not path.is_file():
        raise InputRefused(f"There is no file {path}.")
    source = payload.get("data_source")
    if source is None:
        return f"{SOURCES}{path.name}"
    prefix = f"s3://{bucket}/{SOURCES}"
    if not isinstance(source, str) or not source.startswith(prefix) or source == prefix:
        raise InputRefused(
            f"FILE=… can only be put below {prefix}, and `data_source` is {source}.\n"
            "Leave out one of the two, or let `data_source` lie there."
        )
    return source.removeprefix(f"s3://{bucket}/")
