"""The states that a run reaches, as Airflow's assets, and the stages between them, in order.

One consumer Dag for each asset. The URIs are names: what an event is about lies under its partition key, the run key.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow.sdk import Asset

from pipeline.settings import get_settings

_ROOT = f"s3://{get_settings().artifact_bucket}/{get_settings().prefix}"

DROPPED = Asset("dropped", uri=f"{_ROOT}/dropped")
INGESTED = Asset("ingested", uri=f"{_ROOT}/ingested")
VALIDATED = Asset("validated", uri=f"{_ROOT}/validated")
TRAINED = Asset("trained", uri=f"{_ROOT}/trained")
PUBLISHED = Asset("published", uri=f"{_ROOT}/published")


@dataclass(frozen=True)
class Stage:
    """A stage of a run.

    :param name: also its Dag's id.
    :param command: the module of `pipeline_worker.cli` that does the work; also its task's id.
    :param folder: where its attempts lie below a run's prefix.
    :param outlet: the state that the run has reached once the stage committed.
    """

    name: str
    command: str
    folder: str
    outlet: Asset


STAGES = {
    stage.name: stage
    for stage in (
        Stage("ingest", "ingest_data", "ingested", INGESTED),
        Stage("validate", "validate_data", "validation", VALIDATED),
        Stage("train", "train_model", "training", TRAINED),
        Stage("publish", "save_results", "published", PUBLISHED),
    )
}
