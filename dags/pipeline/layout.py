"""Where the objects lie that the Dags read or write, as keys of the artifact bucket."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.assets import STAGES


@dataclass(frozen=True)
class Layout:
    """The keys below one *prefix*."""

    prefix: str

    def drop(self, run_key: str) -> str:
        """What landed, or what was triggered."""
        return f"{self.prefix}/{run_key}/drop.json"

    def raw(self, run_key: str) -> str:
        """The bytes that landed."""
        return f"{self.prefix}/{run_key}/raw/data"

    def marker(self, run_key: str) -> str:
        """Present as long as the run is not finished."""
        return f"{self.prefix}/open/{run_key}"

    def receipt(self, dataset: str, run_key: str) -> str:
        """What people read of the run."""
        return f"{self.prefix}/receipts/{dataset}/{run_key}.json"

    def manifest(self, run_key: str, stage: str) -> str:
        """The manifest of the attempt of *stage* that counts."""
        return f"{self.prefix}/{run_key}/{STAGES[stage].folder}/manifest.json"

    def failure(self, run_key: str, stage: str, attempt: str) -> str:
        """The failure record of one attempt."""
        return f"{self.prefix}/{run_key}/{STAGES[stage].folder}/{attempt}/failure.json"

    @property
    def set_aside(self) -> str:
        """The folder of the records of all drops that were set aside, with its slash."""
        return f"{self.prefix}/set_aside/"
