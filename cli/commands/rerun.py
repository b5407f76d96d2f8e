"""`rerun`: run one stage of a run again, and follow what becomes of it."""

import argparse
import difflib
import os
from typing import Any

from cli.errors import InputRefused
from cli.runs.airflow_api import Airflow
from cli.runs.follow import follow
from cli.runs.params import read_params
from cli.runs.receipts import Receipts
from cli.runs.run_status import FollowedRun
from cli.runs.store import StackStore
from cli.settings import read_settings
from cli.show import Show
from pipeline_contract.stages import STAGES

#: What else people call a stage.
_COMMANDS = {stage.command: name for name, stage in STAGES.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of `make rerun`, which reach us through the environment."""
    words = os.environ
    parser.add_argument("--stage", default=words.get("STAGE", ""), help=f"one of {', '.join(STAGES)}")
    parser.add_argument(
        "--run", default=words.get("RUN", ""), dest="run_key", help="the run key; `make status` shows it"
    )
    parser.add_argument(
        "--params", default=words.get("PARAMS", ""), help="parameters to change: a JSON file, or JSON text"
    )
    parser.add_argument("--cascade", default=words.get("CASCADE", "1"), help="0: the later stages do not follow")
    parser.add_argument("--wait", default=words.get("WAIT", "1"), help="0: leave as soon as it is triggered")


def run(arguments: argparse.Namespace) -> int:
    """Run the stage again; 0 when the model is published, or with CASCADE=0 when the stage is done."""
    settings = read_settings()
    stage = choose_stage(arguments.stage)
    if not arguments.run_key:
        raise InputRefused(f"Which run?\n  make rerun STAGE={stage} RUN=<a run key>: `make status` lists the last ones")
    overrides = read_params(arguments.params).values if arguments.params else {}
    is_cascading = arguments.cascade != "0"
    receipts = Receipts(settings, StackStore(settings))
    receipt = receipts.find(arguments.run_key)
    with Show() as show, Airflow(settings) as airflow:
        conf: dict[str, Any] = {}
        if overrides:
            conf["overrides"] = overrides
        if not is_cascading:
            conf["cascade"] = False
        # By the partition key, so that Airflow lists the run with the others of this key.
        started = airflow.trigger(stage, conf, receipt.run_key)
        show.say("triggered", f"{stage} of {receipt.run_key}", is_timed=True)
        if arguments.wait == "0":
            show.print(f"\nIt is under way. What becomes of it: make status RUN={receipt.run_key}")
            return 0
        followed = FollowedRun(receipt.run_key, receipt.dataset, stage, started, is_cascading, "rerun")
        return follow(followed, receipts, airflow, show)


def choose_stage(name: str) -> str:
    """Return the stage of this name, or of this command's name; a near miss is named."""
    if not name:
        raise InputRefused(f"Which stage? One of {', '.join(STAGES)}.\n  make rerun STAGE=train RUN=<a run key>")
    stage = _COMMANDS.get(name, name)
    if stage not in STAGES:
        known = {**{other: other for other in STAGES}, **_COMMANDS, "training": "train", "validation": "validate"}
        near = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.5)
        hint = f" Did you mean `{known[near[0]]}`?" if near else ""
        raise InputRefused(f"There is no stage `{name}`.{hint} The stages are {', '.join(STAGES)}.")
    return stage
