"""A burst: so many drops at once; each has to end once in each stage, and none twice.

    .state/venvs/tools/bin/python -m benchmarks.burst --drops 300          # Airflow's part: seconds for each drop
    .state/venvs/tools/bin/python -m benchmarks.burst --drops 30 --real    # the real worker, the penguins

Without `--real` the worker is the stub, which only commits manifests. With it each drop has to become one version of the
registered model, and none two.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

from benchmarks.measure import EXAMPLE, count_runs, list_keys, list_versions, open_stack, print_table, read_runs
from pipeline_contract.layout import MANIFEST, STARTED
from pipeline_contract.stages import STAGES
from tests.stack import Stack

DATASET = "burst"


def main() -> int:
    """Drop, wait, count, print; return 0 only if every drop ended once in each stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drops", type=int, default=300)
    parser.add_argument("--slots", type=int, default=2, help="worker processes at once")
    parser.add_argument("--real", action="store_true", help="the real worker, on the penguins")
    parser.add_argument("--timeout-seconds", type=float, default=1800)
    options = parser.parse_args()
    with open_stack(is_stub=not options.real, ML_PIPELINE_POOL_SLOTS=str(options.slots)) as stack:
        memory = Memory(stack)
        began = time.monotonic()
        put_drops(stack, options.drops, is_real=options.real)
        put_seconds = time.monotonic() - began
        is_done = wait_for_end(stack, options.drops, began + options.timeout_seconds)
        seconds = time.monotonic() - began
        # Whatever came twice would come now.
        time.sleep(10)
        rows, is_right = count_ends(stack, options.drops)
        print_table(rows)
        memory.stop()
        left = list_keys(stack, "open/")
        versions = list_versions(stack, DATASET) if options.real else []
    share = seconds / options.drops
    print(
        f"{options.drops} drops put in {put_seconds:.1f} s; all ended after {seconds:.1f} s with {options.slots} slots:"
    )
    print(
        f"{options.drops / seconds:.2f} drops/s, {share:.3f} s for each drop, {share / len(STAGES):.3f} s for each stage"
    )
    print(f"markers left open: {len(left)}")
    if options.real:
        print(f"versions of the registered model: {len(versions)}, of {len(set(versions))} runs")
        is_right = is_right and len(versions) == len(set(versions)) == options.drops
    is_good = is_done and is_right and not left
    print("every drop ended once in each stage" if is_good else "NOT every drop ended once in each stage")
    print(f"peak memory of the whole stack: {memory.read_peak()}")
    return 0 if is_good else 1


def put_drops(stack: Stack, count: int, *, is_real: bool) -> None:
    """Put *count* small files into the drop bucket, as a person who drops files may."""
    client = stack.client("drop")
    bucket = stack.settings["ML_PIPELINE_DROP_BUCKET"]
    body = b"a,b\n1,2\n"
    if is_real:
        body = (EXAMPLE / "penguins.csv").read_bytes()
        client.put_object(Bucket=bucket, Key=f"{DATASET}/_params.json", Body=(EXAMPLE / "_params.json").read_bytes())

    def put(number: int) -> None:
        client.put_object(Bucket=bucket, Key=f"{DATASET}/{number:05}.csv", Body=body)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(count)))


def wait_for_end(stack: Stack, count: int, deadline: float) -> bool:
    """Wait until so many runs of the last stage have succeeded; False if a run failed or it took too long."""
    while time.monotonic() < deadline:
        with stack.airflow() as airflow:
            done = {name: count_runs(airflow, name, "success") for name in STAGES}
            failed = sum(count_runs(airflow, name, "failed") for name in STAGES)
        print(f"  {', '.join(f'{name} {number}' for name, number in done.items())}", file=sys.stderr, flush=True)
        if failed:
            print(f"{failed} runs failed", file=sys.stderr)
            return False
        if done["publish"] >= count:
            return True
        time.sleep(3)
    return False


def count_ends(stack: Stack, count: int) -> tuple[list[dict[str, object]], bool]:
    """Return for each stage how many runs, partitions and commits there were, and whether that is once for each drop."""
    rows: list[dict[str, object]] = []
    is_right = True
    committed = list_keys(stack, f"{DATASET}.")
    with stack.airflow() as airflow:
        for name, stage in STAGES.items():
            runs = read_runs(airflow, name)
            partitions = Counter(run["partition_key"] for run in runs)
            succeeded = sum(run["state"] == "success" for run in runs)
            commits = sum(key.endswith(f"/{stage.folder}/{MANIFEST}") for key in committed)
            attempts = sum(f"/{stage.folder}/" in key and key.endswith(f"/{STARTED}") for key in committed)
            twice = sum(number > 1 for number in partitions.values())
            numbers = (len(runs), succeeded, len(partitions), commits, attempts)
            is_right = is_right and set(numbers) == {count} and not twice
            names = ("runs", "succeeded", "partitions", "manifests", "attempts")
            rows.append({"stage": name, **dict(zip(names, numbers, strict=True)), "twice": twice})
    return rows, is_right


@dataclass(frozen=True)
class Look:
    """The memory of all processes of a stack at one moment, in bytes.

    :param shared_once: the PSS of the processes that may be read: what they share is counted once.
    :param unread: how many processes may not be read. Those that watch over tasks of Airflow are such, for anybody but root.
    :param unread_at_most: the RSS of those: what they share is counted for each, so it is too much.
    """

    shared_once: int = 0
    unread: int = 0
    unread_at_most: int = 0

    @property
    def at_most(self) -> int:
        """No less than what all processes take."""
        return self.shared_once + self.unread_at_most

    def __str__(self) -> str:
        if not self.at_most:
            return "not measured: the stack was not looked at"
        text = f"{self.shared_once / 2**30:.2f} GiB (PSS)"
        if self.unread:
            text += (
                f" of what may be read, and at most {self.unread_at_most / 2**30:.2f} GiB (RSS) of {self.unread} processes "
                "that only root may read"
            )
        return text


class Memory:
    """The peak of the memory of all processes of a stack, looked at every five seconds."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._is_over = threading.Event()
        self._threads = ThreadPoolExecutor(1)
        self._peak = self._threads.submit(self._find_peak)

    def stop(self) -> None:
        """Look no more."""
        self._is_over.set()
        self._threads.shutdown()

    def read_peak(self) -> Look:
        """Return the look at which there was most; what went wrong while looking is raised here."""
        return self._peak.result()

    def _find_peak(self) -> Look:
        peak = Look()
        while not self._is_over.wait(5):
            peak = max(peak, look_at(self._stack.processes().values()), key=lambda look: look.at_most)
        return peak


def look_at(processes: Iterable[psutil.Process]) -> Look:
    """Add up the memory of *processes*; one that has ended meanwhile has none."""
    shared_once = unread = unread_at_most = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            try:
                shared_once += process.memory_full_info().pss
            except psutil.AccessDenied:
                unread_at_most += process.memory_info().rss
                unread += 1
    return Look(shared_once, unread, unread_at_most)


if __name__ == "__main__":
    sys.exit(main())
