"""Buttons on a stage's task in Airflow's UI. They lead to what the manifest names; no plugin is needed.

Airflow asks for each link once, in the task's own process after the work, and keeps the answer as an XCom.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.types import TaskInstanceKey


class _FactLink(BaseOperatorLink):
    """A link to a fact of the manifest, whose URL the operator noted."""

    fact: str

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow names it
        """Return the URL, or an empty text where there is none."""
        return str(getattr(operator, "link_urls", {}).get(self.fact, ""))


class RunLink(_FactLink):
    """To the MLflow run: parameters, metrics, figures and the other artifacts."""

    name = "MLflow run"
    fact = "mlflow_run_url"


class ModelLink(_FactLink):
    """To the registered model's version in MLflow."""

    name = "MLflow model"
    fact = "mlflow_model_url"


LINKS = (RunLink(), ModelLink())


def choose_urls(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the URLs among the *facts* of a manifest that a browser can open."""
    wanted = (link.fact for link in LINKS)
    return {fact: facts[fact] for fact in wanted if str(facts.get(fact, "")).startswith(("http://", "https://"))}
