"""One drop at a time on an idle stack: from the put of the file to the published model, and where the seconds go.

.state/venvs/tools/bin/python -m benchmarks.latency --drops 10           # the real worker, the penguins
.state/venvs/tools/bin/python -m benchmarks.latency --drops 10 --stub    # Airflow's own part
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import EXAMPLE, list_keys, open_stack, parse_time, print_table, read, read_json
from pipeline_contract.drop_key import DATASET_PARAMS
from pipeline_contract.layout import MANIFEST
from pipeline_contract.stages import FIRST, LAST, STAGES
from tests.stack import Stack

_LONGEST_SECONDS = 300
#: In the order in which they pass. `imports` and `work` are the command's own words for its time.
PARTS = ("scheduling", "task start", "command start", "imports", "work", "end")


def main() -> int:
    """Drop one after the other, and print the median of each part of the way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drops", type=int, default=10)
    parser.add_argument("--stub", action="store_true", help="a worker that only commits manifests")
    parser.add_argument(
        "--pause-seconds", type=float, default=5.0, help="between drops, so that the stack is idle again"
    )
    options = parser.parse_args()
    with open_stack(is_stub=options.stub) as stack:
        bucket = stack.settings["ML_PIPELINE_DROP_BUCKET"]
        params = (EXAMPLE / DATASET_PARAMS).read_bytes()
        stack.client("root").put_object(Bucket=bucket, Key=f"penguins/{DATASET_PARAMS}", Body=params)
        ways = []
        for number in range(options.drops + 1):
            time.sleep(options.pause_seconds)
            way = measure_drop(stack, EXAMPLE / "penguins.csv", number)
            print(f"  {number}: {way['total']:.2f} s" + (" (not counted)" if number == 0 else ""), file=sys.stderr)
            ways.append(way)
    # The first drop after the start meets cold caches.
    report(ways[1:])
    return 0


def measure_drop(stack: Stack, file: Path, number: int) -> dict[str, Any]:
    """Drop *file*, wait until it is published, and return the seconds of each part of its way."""
    client = stack.client("drop")
    content = file.read_bytes()
    bucket = stack.settings["ML_PIPELINE_DROP_BUCKET"]
    before = find_published(stack)
    put_at = time.time()
    client.put_object(Bucket=bucket, Key=f"penguins/{number}.csv", Body=content)
    # Asked of the store, as a question to Airflow would slow it down; and rarely, as the times are the manifests' own.
    while not (new := find_published(stack) - before):
        assert time.time() < put_at + _LONGEST_SECONDS, "not published in time"
        time.sleep(0.5)
    (run_key,) = new
    time.sleep(1.0)
    with stack.airflow() as airflow:
        way: dict[str, Any] = {}
        came_at = 0.0
        for name, stage in STAGES.items():
            # A drop makes one run of each stage, and no two drops are on their way at once.
            (run,) = read(airflow, f"dags/{name}/dagRuns", order_by="-id", limit="1")["dag_runs"]
            task = read(airflow, f"dags/{name}/dagRuns/{run['dag_run_id']}/taskInstances/{stage.command}")
            manifest = read_json(stack, f"{run_key}/{stage.folder}/{MANIFEST}")
            if name == FIRST.name:
                came_at = parse_time(run["run_after"])
                way["claim"] = came_at - put_at
            way[name] = split_way(came_at, task, manifest)
            came_at = parse_time(task["end_date"])
    way["total"] = parse_time(manifest["finished_at"]) - put_at
    return way


def find_published(stack: Stack) -> set[str]:
    """Return the keys of the runs that are published."""
    end = f"/{LAST.folder}/{MANIFEST}"
    return {key.partition("/")[0] for key in list_keys(stack, "penguins.") if key.endswith(end)}


def split_way(came_at: float, task: dict[str, Any], manifest: dict[str, Any]) -> dict[str, float]:
    """Return the seconds of each part of one stage, from the end of what was before it."""
    queued_at, started_at = parse_time(task["queued_when"]), parse_time(task["start_date"])
    began, ended = parse_time(manifest["started_at"]), parse_time(manifest["finished_at"])
    imports = float(manifest["timings"].get("imports", 0.0))
    return {
        "scheduling": queued_at - came_at,
        "task start": started_at - queued_at,
        "command start": began - started_at,
        "imports": imports,
        "work": ended - began - imports,
        "end": parse_time(task["end_date"]) - ended,
    }


def report(ways: list[dict[str, Any]]) -> None:
    """Print the median of each part, stage by stage, and of the whole."""
    claim = statistics.median(way["claim"] for way in ways)
    rows: list[dict[str, object]] = []
    for name in STAGES:
        parts = {part: statistics.median(way[name][part] for way in ways) for part in PARTS}
        rows.append({"stage": name, **parts, "sum": sum(parts.values())})
    columns = {part: sum(float(str(row[part])) for row in rows) for part in (*PARTS, "sum")}
    print_table([*rows, {"stage": "all four", **columns}])
    totals = sorted(way["total"] for way in ways)
    print(f"seen and claimed, until the first run is made: {claim:.2f} s")
    print(
        f"put → published: median {statistics.median(totals):.2f} s of {len(totals)}, {totals[0]:.2f} to {totals[-1]:.2f}"
    )
    own = columns["scheduling"] + columns["task start"] + columns["end"] + claim
    print(f"Airflow's own share of that: {own:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
