"""The states that a run reaches, as Airflow's assets.

One consumer Dag for each asset. The URIs are names: what an event is about lies under its partition key, the run key.
"""

from __future__ import annotations

from airflow.sdk import Asset, PartitionedAssetTimetable

from pipeline.settings import get_settings
from pipeline_contract import stages


def _make_asset(state: str) -> Asset:
    settings = get_settings()
    return Asset(state, uri=f"s3://{settings.artifact_bucket}/{settings.layout.root}/{state}")


DROPPED = _make_asset(stages.DROPPED)
#: What each stage announces when it has committed, by the stage's name.
OUTLETS = {stage.name: _make_asset(stage.state) for stage in stages.STAGES.values()}


def make_schedule(stage: str) -> PartitionedAssetTimetable:
    """Return what starts the Dag of *stage*: an event of the stage before it, or of a claimed drop."""
    before = stages.stage_before(stage)
    return PartitionedAssetTimetable(assets=OUTLETS[before.name] if before else DROPPED)
