"""Where every object lies: stages, their folders, and the URIs of a run."""

from __future__ import annotations

from dataclasses import dataclass

from .settings import Settings

#: The stages in order, and the folder that each writes into.
FOLDERS = {"ingest": "ingested", "validate": "validation", "train": "training", "publish": "published"}
#: The command of each stage.
COMMANDS = {"ingest": "ingest_data", "validate": "validate_data", "train": "train_model", "publish": "save_results"}
#: The state that a run has reached once a stage committed.
STATES = {"ingest": "ingested", "validate": "validated", "train": "trained", "publish": "published"}


def stage_before(stage: str) -> str | None:
    """Return the stage before *stage*, or None for the first."""
    stages = list(FOLDERS)
    position = stages.index(stage)
    return stages[position - 1] if position else None


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an `s3://bucket/key` URI; a `?versionId=` is left off.

    :raises ValueError: it is no such URI.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise ValueError(f"not an s3://bucket/key URI: {uri}")
    return bucket, key.partition("?versionId=")[0]


@dataclass(frozen=True)
class Layout:
    """The URIs of one run."""

    artifact_bucket: str
    prefix: str
    run_key: str

    @classmethod
    def of(cls, settings: Settings, run_key: str) -> Layout:
        """Return the layout that *settings* give *run_key*."""
        return cls(settings.artifact_bucket, settings.prefix, run_key)

    @property
    def root(self) -> str:
        """The artifact bucket's part that is ours."""
        return f"s3://{self.artifact_bucket}/{self.prefix}"

    @property
    def drop(self) -> str:
        """What landed, or what was triggered."""
        return f"{self.root}/{self.run_key}/drop.json"

    @property
    def raw(self) -> str:
        """The bytes that landed."""
        return f"{self.root}/{self.run_key}/raw/data"

    @property
    def marker(self) -> str:
        """Present as long as the run is not finished."""
        return f"{self.root}/open/{self.run_key}"

    def stage(self, stage: str) -> str:
        """Return the folder of *stage*."""
        return f"{self.root}/{self.run_key}/{FOLDERS[stage]}"

    def committed(self, stage: str) -> str:
        """Return the manifest of the attempt of *stage* that counts."""
        return f"{self.stage(stage)}/manifest.json"

    def attempt(self, stage: str, attempt: str) -> str:
        """Return the folder of one *attempt*."""
        return f"{self.stage(stage)}/{attempt}"

    def receipt(self, dataset: str) -> str:
        """Return what people read of this run."""
        return f"{self.root}/receipts/{dataset}/{self.run_key}.json"

    def models(self, dataset: str, attempt: str) -> str:
        """Return the folder that a model is published to where no `target_output_path` is given."""
        return f"{self.root}/models/{dataset}/{self.run_key}/{attempt}"
