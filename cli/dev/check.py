"""`check`: linters, types, and lines that stand in two places; how they check is in pyproject.toml."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from cli.settings import PROJECT, read_settings

#: What is typed, and the virtual environment whose packages it is typed against.
TYPED = (
    ("contract/src", "tools"),
    ("worker/src", "worker"),
    ("worker/mlflow_proxied_s3.py", "mlflow"),
    ("dags", "airflow"),
    ("cli", "tools"),
    ("minio", "minio"),
)
#: In these no six lines stand twice: what several of them need is in the contract. A test says what it shows once more.
UNREPEATED = ("contract/src", "worker/src", "dags", "cli", "minio", "benchmarks")


def run(_arguments: argparse.Namespace) -> int:
    """Run all checks; 0 when none found anything."""
    tools = Path(sys.executable).parent
    settings = read_settings()
    # Outside of any clone: what the packages' own types are is the same for all, and takes a minute to find out.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ml-pipeline" / "mypy"
    checks = [["ruff", "check", "--quiet"], ["ruff", "format", "--check", "--quiet"]]
    for folder, venv in TYPED:
        python = settings.venv(venv) / "bin" / "python"
        checks.append(["mypy", f"--python-executable={python}", f"--cache-dir={cache / venv}", folder])
    checks.append(["pylint", *UNREPEATED])
    failed = []
    for check in checks:
        print(f"$ {' '.join(check)}", flush=True)
        if subprocess.run([tools / check[0], *check[1:]], cwd=PROJECT, check=False).returncode:
            failed.append(" ".join(check))
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0
