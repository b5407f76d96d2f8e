"""The stages of a run. To add one, add its line; order, commands, folders, assets and time-outs follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Stage:
    """A stage of a run.

    :param name: also its Dag's id.
    :param command: the module of `pipeline_worker.cli` that does the work; also its task's id.
    :param folder: where its attempts lie below a run's prefix.
    :param state: what the run has reached once the stage committed; also the name of its asset.
    :param timeout_seconds: how long one attempt may take where no setting says otherwise.
    """

    name: str
    command: str
    folder: str
    state: str
    timeout_seconds: int = 3600

    @property
    def timeout_setting(self) -> str:
        """The name of the setting that bounds one attempt."""
        return f"ML_PIPELINE_{self.name.upper()}_TIMEOUT_SECONDS"


_TABLE = (
    Stage("ingest", "ingest_data", "ingested", "ingested"),
    Stage("validate", "validate_data", "validation", "validated"),
    Stage("train", "train_model", "training", "trained", timeout_seconds=14400),
    Stage("publish", "save_results", "published", "published"),
)
#: The stages by name, in order.
STAGES: Mapping[str, Stage] = MappingProxyType({stage.name: stage for stage in _TABLE})
FIRST, LAST = _TABLE[0], _TABLE[-1]
#: The asset that starts the first stage: a file was claimed.
DROPPED = "dropped"


def stage_before(name: str) -> Stage | None:
    """Return the stage before the one called *name*, or None for the first."""
    position = _TABLE.index(STAGES[name])
    return _TABLE[position - 1] if position else None
