"""What every command of the stub does: started.json, the attempt's manifest, the committed one."""

from __future__ import annotations

import json
import os
import sys
import time
from _thread import start_new_thread

from pipeline_contract.exit_code import ExitCode
from pipeline_contract.layout import Layout
from pipeline_contract.records import Failure, Started, write_json
from pipeline_contract.settings import choose
from pipeline_contract.stages import LAST
from pipeline_contract.times import write_time
from pipeline_worker.s3 import S3

#: So that the links of a task can be seen.
_LINKS = {
    "train": {"mlflow_run": "http://127.0.0.1:5000/#/experiments/1/runs/0"},
    "publish": {"model": "http://127.0.0.1:5000/#/models/stub/versions/1"},
}


def main(stage: str) -> None:
    """Commit a manifest of *stage*, print its URI, and leave."""
    asked = dict(each.partition("=")[::2] for each in sys.argv[1:])
    watch_stdin()
    print(f"stub: {stage} of {asked['--run']}", file=sys.stderr)
    uri = _commit(stage, asked)
    print(uri, flush=True)
    os._exit(ExitCode.DONE)


def watch_stdin() -> None:
    """End this process with its stdin, where the runner holds the other end."""
    if os.environ.get("PIPELINE_EXIT_WITH_STDIN") == "1":
        # What `threading` adds is not needed here, and takes its time to import.
        start_new_thread(_exit_with_stdin, ())


def _commit(stage: str, asked: dict[str, str]) -> str:
    s3 = S3()
    bucket = choose(os.environ, "ML_PIPELINE_ARTIFACT_BUCKET")
    layout = Layout(choose(os.environ, "ML_PIPELINE_ARTIFACT_PREFIX")).run(asked["--run"])
    key = layout.manifest(stage, asked["--attempt"])
    began = time.time()
    started = Started(asked["--ask"])
    _put(s3, bucket, layout.started(stage, asked["--attempt"]), started.write())
    status, _, etag = s3.request("GET", bucket, layout.committed(stage))
    manifest = {
        "format": 1,
        "run_key": asked["--run"],
        "dataset": asked["--run"].partition(".")[0],
        "stage": stage,
        "attempt": asked["--attempt"],
        "ask": asked["--ask"],
        "inputs": {},
        "outputs": {},
        "request": {},
        "overrides": json.loads(asked.get("--params", "{}")),
        "facts": {},
        "links": _LINKS.get(stage, {}),
        "versions": {},
        "timings": {"total": round(time.time() - began, 4)},
        "started_at": started.started_at,
        "finished_at": write_time(timespec="milliseconds"),
        "uri": f"s3://{bucket}/{key}",
    }
    content = write_json(manifest)
    _put(s3, bucket, key, content)
    condition = {"If-Match": etag} if status == 200 else {"If-None-Match": "*"}
    if _put(s3, bucket, layout.committed(stage), content, condition) == 412:
        _lose(stage, asked, layout.committed(stage))
    if stage == LAST.name:
        s3.request("DELETE", bucket, layout.marker)
    return str(manifest["uri"])


def _put(s3: S3, bucket: str, key: str, content: bytes, conditions: dict[str, str] | None = None) -> int:
    status, answer, _ = s3.request("PUT", bucket, key, content, conditions)
    if status >= 300 and status != 412:
        print(f"stub: PUT {key}: {status} {answer[:200]!r}", file=sys.stderr)
        os._exit(ExitCode.CRASH)
    return status


def _lose(stage: str, asked: dict[str, str], where: str) -> None:
    print("stub: another attempt committed first", file=sys.stderr)
    failure = Failure(
        run_key=asked["--run"],
        dataset=None,
        stage=stage,
        attempt=asked["--attempt"],
        ask=asked["--ask"],
        exit=ExitCode.OUTSIDE,
        error="CommitLost",
        what="Another attempt committed.",
        where=where,
        fix="None.",
        runbook="runbooks/stage-crashed.md",
    )
    print(failure.mark(), flush=True)
    os._exit(ExitCode.OUTSIDE)


def _exit_with_stdin() -> None:
    # Not sys.stdin: its lock would be held when the interpreter leaves.
    while os.read(0, 4096):
        pass
    os._exit(143)
