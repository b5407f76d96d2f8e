"""A running pipeline as its users and operators reach it: the store, Airflow's REST API, and the commands."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from cli.errors import AirflowUnreachable
from cli.runs.airflow_api import Airflow, DagRun
from cli.runs.receipts import Receipts
from cli.runs.store import StackStore
from cli.settings import PROJECT
from pipeline_contract.drop_key import dataset_of_key
from pipeline_contract.records import Receipt
from pipeline_contract.run_key import make_digest
from tests.stack import Stack

EXAMPLES = PROJECT / "examples"
PENGUINS = (EXAMPLES / "penguins" / "penguins.csv").read_bytes()
BROKEN = (EXAMPLES / "broken" / "broken.csv").read_bytes()
SPECIES: dict[str, Any] = {"target_column": "species"}
TASKS = {"ingest": "ingest_data", "validate": "validate_data", "train": "train_model", "publish": "save_results"}
FOLDERS = {"ingest": "ingested", "validate": "validation", "train": "training", "publish": "published"}
_FINAL = {"published", "refused"}
#: Between two looks: each asks a server that has other things to do.
PAUSE_SECONDS = 0.5
#: For anything that is waited for: tests show that it comes, beside whatever else a machine does, and benchmarks how soon.
PATIENCE_SECONDS = 600

T = TypeVar("T")


@dataclass(frozen=True)
class Dropped:
    """A version that was put into the drop bucket."""

    key: str
    version: str

    @property
    def dataset(self) -> str:
        return dataset_of_key(self.key)


@dataclass
class Pipeline:
    """One stack, with what a test needs to know of it."""

    stack: Stack
    airflow: Airflow
    _run_keys: dict[Dropped, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = self.stack.settings
        self.receipts = Receipts(self.settings, StackStore(self.settings))
        self.root = self.stack.client("root")
        self.people = self.stack.client("drop")
        self.drops = self.settings["ML_PIPELINE_DROP_BUCKET"]
        self.artifacts = self.settings.artifact_bucket
        self.prefix = self.settings["ML_PIPELINE_ARTIFACT_PREFIX"]

    def put(self, key: str, content: bytes | Mapping[str, Any]) -> Dropped:
        """Put an object into the drop bucket as people do; a mapping as JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return Dropped(key, self.people.put_object(Bucket=self.drops, Key=key, Body=body)["VersionId"])

    def find(self, dropped: Dropped) -> str:
        """Wait until a version was claimed, and return its run key."""
        if dropped not in self._run_keys:
            digest = make_digest(self.drops, dropped.key, dropped.version)
            prefix = f"{self.prefix}/receipts/{dropped.dataset}/"

            def look() -> str | None:
                found = self.root.list_objects_v2(Bucket=self.artifacts, Prefix=prefix).get("Contents", [])
                names = [entry["Key"].rpartition("/")[2].removesuffix(".json") for entry in found]
                return next((name for name in names if name.endswith(f".{digest}")), None)

            self._run_keys[dropped] = wait_until(look, f"{dropped.key} to be claimed")
        return self._run_keys[dropped]

    def wait(self, run: Dropped | str, *states: str, dataset: str = "") -> Receipt:
        """Wait until a run has reached one of these states; an end in another one fails at once, with its reason."""
        run_key = run if isinstance(run, str) else self.find(run)
        dataset = dataset or (run_key.partition(".")[0] if isinstance(run, str) else run.dataset)
        end = time.monotonic() + PATIENCE_SECONDS
        receipt = None
        while time.monotonic() < end:
            receipt = self.receipts.read(dataset, run_key)
            if receipt and receipt.state in states:
                return receipt
            assert not receipt or receipt.state not in _FINAL, f"{run_key} ended otherwise: {receipt}"
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"{run_key} did not reach {states} in {PATIENCE_SECONDS} s: {receipt}")

    def read_json(self, *parts: str) -> dict[str, Any]:
        """Return a JSON object of the artifact bucket, below the prefix."""
        key = "/".join([self.prefix, *parts])
        return dict(json.loads(self.root.get_object(Bucket=self.artifacts, Key=key)["Body"].read()))

    def list_objects(self, *parts: str) -> list[str]:
        """Return the names of the objects below a folder of the artifact bucket."""
        prefix = "/".join([self.prefix, *parts, ""])
        pages = self.root.get_paginator("list_objects_v2").paginate(Bucket=self.artifacts, Prefix=prefix)
        return [entry["Key"].removeprefix(prefix) for page in pages for entry in page.get("Contents", [])]

    def list_versions(self, prefix: str) -> list[str]:
        """Return the keys of all versions that lie in the drop bucket."""
        found = self.root.list_object_versions(Bucket=self.drops, Prefix=prefix)
        return [entry["Key"] for entry in found.get("Versions", [])]

    def trigger(self, stage: str, conf: Mapping[str, Any], partition_key: str | None = None) -> DagRun:
        """Trigger a stage by REST."""
        return self.airflow.trigger(stage, conf, partition_key)

    def runs(self, run_key: str) -> dict[str, list[DagRun]]:
        """Return Airflow's runs of a run key, by stage."""
        found: dict[str, list[DagRun]] = {stage: [] for stage in TASKS}
        for run in self.airflow.find_runs(run_key):
            found[run.dag_id].append(run)
        return found

    def wait_for_run(self, run: DagRun) -> DagRun:
        """Wait until a Dag run is over."""

        def look() -> DagRun | None:
            now = self.airflow.read_run(run.dag_id, run.dag_run_id)
            return now if now.is_over else None

        return wait_until(look, f"{run.dag_run_id} of {run.dag_id} to be over")

    def clear(self, run: DagRun) -> None:
        """Clear the task of a stage, as a person does in the UI."""
        body = {"dry_run": False, "dag_run_id": run.dag_run_id, "only_failed": False, "reset_dag_runs": True}
        self.ask("POST", f"/api/v2/dags/{run.dag_id}/clearTaskInstances", json=body)

    def read_task(self, run: DagRun, what: str) -> Any:
        """Return what Airflow keeps of a stage's task: `links` or `xcomEntries/<key>`, or the task itself."""
        task = f"/api/v2/dags/{run.dag_id}/dagRuns/{quote(run.dag_run_id, safe='')}/taskInstances/{TASKS[run.dag_id]}"
        return self.ask("GET", f"{task}/{what}" if what else task)

    def read_log(self, run: DagRun) -> str:
        """Return the log of a stage's last try."""
        lines = self.read_task(run, f"logs/{self.read_task(run, '')['try_number']}?full_content=true")["content"]
        return "\n".join(line["event"] for line in lines)

    def read_events(self, run: DagRun) -> list[dict[str, Any]]:
        """Return the asset events that a Dag run emitted."""

        def look() -> list[dict[str, Any]] | None:
            # Airflow answers 500 while a run that consumes an event is queued (apache/airflow#71360).
            try:
                query = {"limit": 100, "source_dag_id": run.dag_id, "source_run_id": run.dag_run_id}
                return list(self.ask("GET", "/api/v2/assets/events", params=query)["asset_events"])
            except AirflowUnreachable:
                return None

        return wait_until(look, "asset events")

    def list_model_versions(self, name: str) -> dict[str, str]:
        """Return the run key of each version of a registered model."""
        found = self.ask_mlflow("model-versions/search", filter=f"name='{name}'", max_results="100")
        return {
            version["version"]: {tag["key"]: tag["value"] for tag in version["tags"]}["run_key"]
            for version in found.get("model_versions", [])
        }

    def ask_mlflow(self, path: str, **query: str) -> dict[str, Any]:
        """Ask MLflow's REST API anything."""
        import httpx

        url = f"{self.settings.mlflow_url}/api/2.0/mlflow/{path}"
        return dict(httpx.get(url, params=query, trust_env=False).raise_for_status().json())

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Ask Airflow's REST API anything."""
        return self.airflow._ask(method, path, **options)


def wait_until(look: Callable[[], T | None], what: str) -> T:
    """Return what a look finds, as soon as it finds something."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(PAUSE_SECONDS)
    raise AssertionError(f"waited {PATIENCE_SECONDS} s for {what}")


def drop_rows(content: bytes, count: int) -> bytes:
    """Return a CSV file without its last rows."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows[: len(rows) - count])
    return out.getvalue().encode()


def write(path: Path, content: bytes) -> Path:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
