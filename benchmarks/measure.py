"""What the benchmarks share: a stack whose worker only commits manifests, drops, and what Airflow and the store say of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.stack import Stack, run_stack

if TYPE_CHECKING:
    import httpx

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples" / "penguins"


@contextmanager
def open_stack(*, is_stub: bool, **changes: str) -> Iterator[Stack]:
    """Give a started stack; with *is_stub* its worker has the same four commands, which only commit manifests."""
    with TemporaryDirectory() as folder:
        if is_stub:
            changes["ML_PIPELINE_WORKER_PYTHON"] = str(make_stub(Path(folder)))
        with run_stack(**changes) as stack:
            yield stack


def make_stub(folder: Path) -> Path:
    """Make a virtual environment with the stub worker in *folder*, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    paths = f"{HERE / 'stub_worker'}\n{HERE.parent / 'contract' / 'src'}\n"
    (folder / "lib" / version / "site-packages" / "stub.pth").write_text(paths, encoding="utf-8")
    return python


def read_runs(airflow: httpx.Client, dag_id: str) -> list[dict[str, Any]]:
    """Return all runs of a Dag."""
    runs: list[dict[str, Any]] = []
    while True:
        page = read(airflow, f"dags/{dag_id}/dagRuns", limit="100", offset=str(len(runs)), order_by="id")
        runs += page["dag_runs"]
        if len(runs) >= page["total_entries"] or not page["dag_runs"]:
            return runs


def count_runs(airflow: httpx.Client, dag_id: str, state: str) -> int:
    """Return how many runs of a Dag are in *state*."""
    return int(read(airflow, f"dags/{dag_id}/dagRuns", limit="1", state=state)["total_entries"])


def read(airflow: httpx.Client, path: str, **parameters: str) -> dict[str, Any]:
    """Return what Airflow's REST API answers to a GET."""
    answer: dict[str, Any] = airflow.get(f"/api/v2/{path}", params=parameters).raise_for_status().json()
    return answer


def read_json(stack: Stack, key: str) -> dict[str, Any]:
    """Return a JSON object below the artifact prefix."""
    full = f"{stack.settings.artifact_prefix}/{key}"
    body = stack.client("root").get_object(Bucket=stack.settings.artifact_bucket, Key=full)["Body"]
    value: dict[str, Any] = json.loads(body.read())
    return value


def list_keys(stack: Stack, prefix: str) -> set[str]:
    """Return the keys of all objects below *prefix* of the artifact prefix."""
    root = stack.settings.artifact_prefix + "/"
    pages = stack.client("root").get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=stack.settings.artifact_bucket, Prefix=root + prefix)
    return {entry["Key"].removeprefix(root) for page in found for entry in page.get("Contents", ())}


def list_versions(stack: Stack, name: str) -> list[str]:
    """Return the run key of each version of a registered model."""
    import httpx

    url = f"{stack.settings.mlflow_url}/api/2.0/mlflow/model-versions/search"
    query = {"filter": f"name='{name}'", "max_results": "1000"}
    found = httpx.get(url, params=query, trust_env=False).raise_for_status().json().get("model_versions", [])
    return [next(tag["value"] for tag in version["tags"] if tag["key"] == "run_key") for version in found]


def parse_time(text: str) -> float:
    """Return a time as Airflow or a manifest spells it, in seconds since 1970."""
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print *rows* as a Markdown table."""
    names = list(rows[0])
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for row in rows:
        cells = (f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values())
        print("| " + " | ".join(cells) + " |")
