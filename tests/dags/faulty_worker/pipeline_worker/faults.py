"""Does what `faults` in --params says, then what the stub does.

`exits`: exit codes by try, the last for all others; `record`: `store` (with its receipt), `line` or none; `seconds` to take first;
`ignore_term`; `child`: a file to write the id of a process into that outlives this one; `say`: lines for stderr;
`environment`: print it as JSON; `megabytes`, `megabytes_of_child`: so much memory to take first; `probe`: print what this process may do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pipeline_contract.exit_code import state_after
from pipeline_contract.layout import Layout
from pipeline_contract.records import Failure, Receipt, StageSummary
from pipeline_worker import commit
from pipeline_worker.s3 import S3


def main(stage: str) -> None:
    """Act as the command of *stage*."""
    arguments = dict(word.partition("=")[::2] for word in sys.argv[1:])
    faults = json.loads(arguments.get("--params", "{}")).get("faults", {})
    bucket, prefix = os.environ["ML_PIPELINE_ARTIFACT_BUCKET"], os.environ["ML_PIPELINE_ARTIFACT_PREFIX"]
    run_key, attempt = arguments["--run"], arguments["--attempt"]
    run = Layout(prefix).run(run_key)
    S3().request("PUT", bucket, run.marker)
    _act(faults)
    tries = int(attempt.rpartition(".")[2])
    exits = faults.get("exits", [0])
    code = exits[min(tries, len(exits)) - 1]
    if code == 0:
        commit.main(stage)
    if code < 0:
        os.kill(os.getpid(), -code)
    record = Failure(
        run_key=run_key,
        dataset="penguins",
        stage=stage,
        attempt=attempt,
        ask=arguments["--ask"],
        exit=code,
        error="Fault",
        what=f"The fault of try {tries}.",
        where="column `a`",
        fix="Mend it.",
        runbook="runbooks/stage-crashed.md",
    )
    if faults.get("record") == "store":
        S3().request("PUT", bucket, run.failure(stage, attempt), record.write())
        state = state_after(code)
        stages = {stage: StageSummary(state, attempt)}
        receipt = Receipt(run_key, "penguins", "", state, stages=stages, updated_at="the worker's")
        S3().request("PUT", bucket, run.receipt("penguins"), receipt.write())
    if faults.get("record") == "line":
        sys.stdout.write(f"{record.mark()}\n")
    sys.exit(code)


def _act(faults: dict[str, Any]) -> None:
    """Do what comes before the end."""
    for line in faults.get("say", []):
        sys.stderr.write(f"{line}\n")
    if faults.get("ignore_term"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "child" in faults:
        child = subprocess.Popen(["sleep", "300"])
        Path(faults["child"]).write_text(f"{os.getpid()} {child.pid}", encoding="utf-8")
    if faults.get("environment"):
        sys.stdout.write(json.dumps(dict(os.environ)) + "\n")
    if faults.get("probe"):
        sys.stdout.write(json.dumps(_probe()) + "\n")
    if faults.get("megabytes"):
        sys.stderr.write(f"took {len(b'x' * (faults['megabytes'] << 20))} bytes\n")
    if faults.get("megabytes_of_child"):
        subprocess.run([sys.executable, "-c", f"b'x' * ({faults['megabytes_of_child']} << 20)"], check=False)
    if faults.get("seconds"):
        commit.watch_stdin()
        time.sleep(faults["seconds"])


def _probe() -> dict[str, object]:
    """Return who this process is, what it may do, and where it can write."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    can_write = {}
    for folder in ("/", "/opt", "/var/tmp", "/scratch"):  # noqa: S108 - tried on purpose
        try:
            Path(folder, "probe").write_text("x", encoding="utf-8")
        except OSError:
            can_write[folder] = False
        else:
            can_write[folder] = True
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "capabilities": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "no_new_privileges": status["NoNewPrivs"],
        "can_write": can_write,
    }
