"""`drop`: put a file into the drop bucket, and follow what becomes of it."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from cli.errors import InputRefused
from cli.runs.airflow_api import Airflow
from cli.runs.follow import follow, wait_for_claim
from cli.runs.params import Params, read_params
from cli.runs.receipts import Receipts
from cli.runs.run_status import FollowedRun
from cli.runs.store import StackStore
from cli.settings import StackSettings, read_settings
from cli.show import Show, describe_size
from pipeline_contract.drop_key import DATASET_PARAMS, SIDECAR_SUFFIX, dataset_of_key, is_drop_key, name_dataset
from pipeline_contract.run_key import make_digest


@dataclass(frozen=True)
class DroppedFile:
    """A file that is to be dropped. `params`: for it alone; `shared`: for every file of the dataset."""

    path: Path
    key: str
    params: Params | None
    shared: Params | None

    @property
    def dataset(self) -> str:
        """The dataset that it becomes a part of."""
        return dataset_of_key(self.key)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of `make drop`, which reach us through the environment."""
    words = os.environ
    parser.add_argument("--file", default=words.get("FILE", ""), help="the file (also: FILE=… in the environment)")
    parser.add_argument(
        "--dataset",
        default=words.get("DATASET", ""),
        help="its dataset, with folders below it if you like. Default: the name of its folder where that holds a "
        f"{DATASET_PARAMS}, else its own name without the ending",
    )
    parser.add_argument(
        "--params",
        default=words.get("PARAMS", ""),
        help="parameters for this file alone: a JSON file, or JSON text. Default: none; a "
        f"{DATASET_PARAMS} beside the file goes up with it, for every file of the dataset",
    )
    parser.add_argument("--wait", default=words.get("WAIT", "1"), help="0: leave as soon as the file is up")


def run(arguments: argparse.Namespace) -> int:
    """Drop the file; 0 when its model is published, or with WAIT=0 as soon as the file is up."""
    settings = read_settings()
    drop = plan_drop(arguments.file, arguments.dataset, arguments.params)
    return carry_out(drop, settings, is_waiting=arguments.wait != "0")


def plan_drop(file: str, dataset: str = "", params: str = "") -> DroppedFile:
    """Return what is to be put where; whatever could never become a drop is refused before anything is put."""
    if not file:
        raise InputRefused("Which file?\n  make drop FILE=examples/penguins/penguins.csv")
    path = Path(file).expanduser()
    if path.is_dir():
        files = sorted(entry.name for entry in path.iterdir() if entry.is_file() and is_drop_key(entry.name))
        example = f" Its files: {', '.join(files[:5])}{', …' if len(files) > 5 else ''}." if files else ""
        raise InputRefused(f"{path} is a folder; a drop is one file.{example}")
    if not path.is_file():
        raise InputRefused(f"There is no file {path}." if not path.exists() else f"{path} is no ordinary file.")
    if path.stat().st_size == 0:
        raise InputRefused(f"{path} is empty, so nothing can be learned from it. Nothing was put.")
    beside = path.with_name(DATASET_PARAMS)
    shared = read_params(str(beside)) if beside.is_file() and not params else None
    own = path.resolve().parent.name if beside.is_file() else path.stem
    name = dataset.strip("/") or name_dataset(own or path.name)
    key = "/".join([*(part for part in name.split("/") if part), path.name])
    refuse_no_drop(key)
    return DroppedFile(path, key, read_params(params) if params else None, shared)


def refuse_no_drop(key: str) -> None:
    """Raise InputRefused where an object of this key would lie in the drop bucket without ever starting a run."""
    if is_drop_key(key):
        return
    if key.endswith(SIDECAR_SUFFIX):
        raise InputRefused(
            f"{key} would be the parameters of a file, not a file.\nGive it as PARAMS=… beside FILE=… of the data."
        )
    part = next(part for part in key.split("/") if part.startswith(("_", ".")))
    raise InputRefused(
        f"{key} would never be picked up: `{part}` begins with `{part[0]}`, and such names are no drops.\n"
        "Rename the file, or choose another DATASET=…."
    )


def carry_out(drop: DroppedFile, settings: StackSettings, *, is_waiting: bool = True) -> int:
    """Put the parameters, then the file; then follow the run. Return the exit code."""
    store = StackStore(settings)
    receipts = Receipts(settings, store)
    bucket = settings["ML_PIPELINE_DROP_BUCKET"]
    size = drop.path.stat().st_size
    with Show() as show, Airflow(settings) as airflow:
        first = drop.key.partition("/")[0]
        for params, key in ((drop.shared, f"{first}/{DATASET_PARAMS}"), (drop.params, f"{drop.key}{SIDECAR_SUFFIX}")):
            if params is not None:
                store.put(bucket, key, params.text.encode())
                show.say("put", f"s3://{bucket}/{key}")
        with show.show_upload(drop.path) as advance:
            version, time = store.upload(bucket, drop.key, drop.path, advance)
        show.say("put", f"s3://{bucket}/{drop.key} ({describe_size(size)})", is_timed=True)
        if not is_waiting:
            show.print("\nIt is up. What becomes of it: make status")
            return 0
        try:
            claimed = wait_for_claim(
                drop.dataset, make_digest(bucket, drop.key, version), time, receipts, airflow, show
            )
        except KeyboardInterrupt:
            return show.leave("make status")
        if claimed is None:
            show.print("\nNothing has picked it up so far. It stays where it is, and is picked up when that is mended.")
            show.print("  more        runbooks/drop-not-picked-up.md")
            return 1
        show.say("claimed", claimed.run_key, is_timed=True)
        return follow(FollowedRun(claimed.run_key, claimed.dataset), receipts, airflow, show)
