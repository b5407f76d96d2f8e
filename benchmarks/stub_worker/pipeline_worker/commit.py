"""What every command of the stub does: started.json, the attempt's manifest, the committed one."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from datetime import UTC, datetime

from pipeline_worker.s3 import S3

FOLDERS = {"ingest": "ingested", "validate": "validation", "train": "training", "publish": "published"}


#: So that the links of a task can be seen.
_LINKS = {
    "train": {"mlflow_run": "http://127.0.0.1:5000/#/experiments/1/runs/0"},
    "publish": {"model": "http://127.0.0.1:5000/#/models/stub/versions/1"},
}


def main(stage: str) -> None:
    """Commit a manifest of *stage*, print its URI, and leave."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--attempt", required=True)
    parser.add_argument("--ask", required=True)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--params", default="{}")
    arguments = parser.parse_args()
    watch_stdin()
    print(f"stub: {stage} of {arguments.run}", file=sys.stderr)
    uri = _commit(stage, arguments)
    print(uri, flush=True)
    os._exit(0)


def watch_stdin() -> None:
    """End this process with its stdin, where the runner holds the other end."""
    if os.environ.get("PIPELINE_EXIT_WITH_STDIN") == "1":
        threading.Thread(target=_exit_with_stdin, daemon=True).start()


def _commit(stage: str, arguments: argparse.Namespace) -> str:
    s3 = S3()
    bucket = os.environ.get("ML_PIPELINE_ARTIFACT_BUCKET", "artifacts")
    prefix = os.environ.get("ML_PIPELINE_ARTIFACT_PREFIX", "ml-pipeline-runs")
    folder = f"{prefix}/{arguments.run}/{FOLDERS[stage]}"
    attempt = f"{folder}/{arguments.attempt}"
    began = time.time()
    started = {"ask": arguments.ask, "started_at": _tell_time()}
    _put(s3, bucket, f"{attempt}/started.json", started)
    status, _, etag = s3.request("GET", bucket, f"{folder}/manifest.json")
    manifest = {
        "format": 1,
        "run_key": arguments.run,
        "dataset": arguments.run.partition(".")[0],
        "stage": stage,
        "attempt": arguments.attempt,
        "ask": arguments.ask,
        "inputs": {},
        "outputs": {},
        "request": {},
        "overrides": json.loads(arguments.params),
        "facts": {},
        "links": _LINKS.get(stage, {}),
        "versions": {},
        "timings": {"total": round(time.time() - began, 4)},
        "started_at": started["started_at"],
        "finished_at": _tell_time(),
        "uri": f"s3://{bucket}/{attempt}/manifest.json",
    }
    _put(s3, bucket, f"{attempt}/manifest.json", manifest)
    condition = {"If-Match": etag} if status == 200 else {"If-None-Match": "*"}
    _put(s3, bucket, f"{folder}/manifest.json", manifest, condition)
    if stage == "publish":
        s3.request("DELETE", bucket, f"{prefix}/open/{arguments.run}")
    return str(manifest["uri"])


def _put(s3: S3, bucket: str, key: str, value: object, conditions: dict[str, str] | None = None) -> None:
    status, answer, _ = s3.request("PUT", bucket, key, json.dumps(value).encode(), conditions)
    if status == 412:
        print("stub: another attempt committed first", file=sys.stderr)
        record = {"exit": 75, "error": "CommitLost", "what": "Another attempt committed.", "where": key, "fix": "None."}
        print("PIPELINE-FAILURE " + json.dumps(record), flush=True)
        os._exit(75)
    if status >= 300:
        print(f"stub: PUT {key}: {status} {answer[:200]!r}", file=sys.stderr)
        os._exit(70)


def _tell_time() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _exit_with_stdin() -> None:
    # Not sys.stdin: its lock would be held when the interpreter leaves.
    while os.read(0, 4096):
        pass
    os._exit(143)
