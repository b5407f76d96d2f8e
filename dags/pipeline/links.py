"""Buttons on a stage's task in Airflow's UI. They lead to what the manifest names; no plugin is needed.

Airflow asks for each link once, in the task's own process after the work, and keeps the answer as an XCom.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.types import TaskInstanceKey


class _ManifestLink(BaseOperatorLink):
    """A link of the manifest, which the operator noted when it had read it."""

    link: str

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow names it
        """Return the URL, or an empty text where there is none."""
        return str(getattr(operator, "urls", {}).get(self.link, ""))


class RunLink(_ManifestLink):
    """To the MLflow run: parameters, metrics, figures and the other artifacts."""

    name = "MLflow run"
    link = "mlflow_run"


class ModelLink(_ManifestLink):
    """To the registered model's version in MLflow."""

    name = "MLflow model"
    link = "model"


#: The buttons of each stage; the others have nothing that a browser can open.
LINKS: Mapping[str, tuple[BaseOperatorLink, ...]] = {"train": (RunLink(),), "publish": (RunLink(), ModelLink())}


def choose_urls(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return those links of *manifest* that a browser can open."""
    links = manifest.get("links") or {}
    return {name: url for name, url in links.items() if str(url).startswith(("http://", "https://"))}
