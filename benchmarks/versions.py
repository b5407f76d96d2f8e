"""What versions of a bucket cost: seconds for puts, for listing markers that came and went, and bytes on disk.

    .state/venvs/tools/bin/python -m benchmarks.versions --rounds 3

On both servers, each time on an empty one, without versions and with them, as the stacks set them up, in turn. Puts of objects of
1 kB, one after the other; listing of `open/`, below which so many markers came and went, and one is still there: the median of 20,
on SeaweedFS before anything is cleaned up.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import print_table
from tests.bootstrap import open_stack_on, run_bootstrap
from tests.minio_server import MinioServer, run_minio
from tests.s3_client import open_client
from tests.weed import Weed, run_weed

SERVERS = {"SeaweedFS": run_weed, "MinIO": run_minio}
BUCKET, PREFIX = "artifacts", "ml-pipeline-runs"


def main() -> int:
    """Measure each server in each way, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--puts", type=int, default=1000)
    parser.add_argument("--markers", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for server in SERVERS:
        measured: dict[bool, list[tuple[float, ...]]] = {False: [], True: []}
        for _ in range(options.rounds):
            for has_versions, found in measured.items():
                found.append(measure(server, options.puts, options.markers, has_versions=has_versions))
        for has_versions, found in measured.items():
            puts, markers, listing, size = (statistics.median(values) for values in zip(*found, strict=True))
            way = "yes" if has_versions else "no"
            rows.append(
                {
                    "server": server,
                    "versions": way,
                    f"{options.puts} puts, s": puts,
                    f"{options.markers} markers come and go, s": markers,
                    "list, ms": listing * 1000,
                    "disk, MiB": size / 1024**2,
                }
            )
    print_table(rows)
    return 0


def measure(server: str, puts: int, markers: int, *, has_versions: bool) -> tuple[float, ...]:
    """Return seconds for the puts, for the markers' coming and going, for one listing, and the bytes on disk."""
    with tempfile.TemporaryDirectory() as folder, SERVERS[server](Path(folder) / "server") as running:
        if has_versions and isinstance(running, MinioServer):
            with open_stack_on(running) as stack:
                done = run_bootstrap(stack)
            assert done.returncode == 0, done.stderr
        client = open_client(running)
        if not has_versions or isinstance(running, Weed):
            client.create_bucket(Bucket=BUCKET)
        if has_versions and isinstance(running, Weed):
            client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        began = time.monotonic()
        for number in range(puts):
            client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{number}/manifest.json", Body=b"x" * 1000)
        put = time.monotonic()
        for number in range(markers):
            client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/open/{number}", Body=b"{}")
            client.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/open/{number}")
        gone = time.monotonic()
        client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/open/last", Body=b"{}")
        listings = []
        for _ in range(20):
            start = time.monotonic()
            listed = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/open/")
            listings.append(time.monotonic() - start)
            assert [entry["Key"] for entry in listed["Contents"]] == [f"{PREFIX}/open/last"], listed
        size = sum(path.stat().st_blocks * 512 for path in Path(folder).rglob("*") if path.is_file())
        return put - began, gone - put, statistics.median(listings), size


if __name__ == "__main__":
    sys.exit(main())
