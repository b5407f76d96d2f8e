"""Buttons on a stage's task in Airflow's UI. They lead to what the manifest names, and to the run's other stages; no plugin is needed.

Airflow asks for each link once, in the task's own process after the work, and keeps the answer as an XCom.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.configuration import conf
from airflow.sdk.types import TaskInstanceKey


class _NotedLink(BaseOperatorLink):
    """A link that the operator noted while it worked."""

    link: str

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow names it
        """Return the URL, or an empty text where there is none."""
        return str(getattr(operator, "urls", {}).get(self.link, ""))


class RunsLink(_NotedLink):
    """To all Dag runs that carry the run key as their partition key."""

    name = "Dag runs of this run key"
    link = "runs"


class RunLink(_NotedLink):
    """To the MLflow run: parameters, metrics, figures and the other artifacts."""

    name = "MLflow run"
    link = "mlflow_run"


class ModelLink(_NotedLink):
    """To the registered model's version in MLflow."""

    name = "MLflow model"
    link = "model"


#: What else than the run's Dag runs each stage has a button for; the others have nothing that a browser can open.
LINKS: Mapping[str, tuple[BaseOperatorLink, ...]] = {"train": (RunLink(),), "publish": (RunLink(), ModelLink())}


def find_runs_url(run_key: str) -> str:
    """Return where Airflow's UI lists the Dag runs of *run_key*."""
    address = conf.get("api", "base_url", fallback="").rstrip("/")
    return f"{address}/dag_runs?{urlencode({'partition_key_pattern': run_key})}"


def choose_urls(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return those links of *manifest* that a browser can open."""
    links = manifest.get("links") or {}
    return {name: url for name, url in links.items() if str(url).startswith(("http://", "https://"))}
