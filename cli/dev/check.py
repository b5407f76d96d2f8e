"""`check`: linters, types, and lines that stand in two places; how they check is in pyproject.toml."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from cli.settings import PROJECT, read_settings

#: What is typed, by the virtual environment whose packages it is typed against; what takes longest first.
TYPED = {
    "airflow": ["dags"],
    "worker": ["worker/src"],
    "tools": ["contract/src", "cli"],
    "mlflow": ["worker/mlflow_proxied_s3.py"],
    "minio": ["minio"],
}
#: In these no six lines stand twice: what several of them need is in the contract. A test says what it shows once more.
UNREPEATED = ("contract/src", "worker/src", "dags", "cli", "minio", "benchmarks")


def run(_arguments: argparse.Namespace) -> int:
    """Run all checks, some side by side; 0 when none found anything."""
    tools = Path(sys.executable).parent
    settings = read_settings()
    # Outside of any clone: what the packages' own types are is the same for all, and takes a minute to find out.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ml-pipeline" / "mypy"
    checks = []
    for venv, places in TYPED.items():
        python = settings.venv(venv) / "bin" / "python"
        checks.append(["mypy", f"--python-executable={python}", f"--cache-dir={cache / venv}", *places])
    checks += [["pylint", *UNREPEATED], ["ruff", "check", "--quiet"], ["ruff", "format", "--check", "--quiet"]]
    failed = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for check, done in zip(checks, threads.map(partial(run_check, tools), checks), strict=True):
            print(f"$ {' '.join(check)}\n{done.stdout}", end="", flush=True)
            if done.returncode:
                failed.append(" ".join(check))
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def run_check(tools: Path, check: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run one, and keep what it says."""
    argv = [str(tools / check[0]), *check[1:]]
    return subprocess.run(argv, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
