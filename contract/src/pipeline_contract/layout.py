"""Where every object lies that the pipeline keeps."""

from __future__ import annotations

from dataclasses import dataclass

from .stages import STAGES

#: What lies in an attempt's folder; the first also in its stage's: the manifest that counts.
MANIFEST, FAILURE, STARTED = "manifest.json", "failure.json", "started.json"


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
    """The part of the artifact bucket that is ours.

    :param root: where it begins: the prefix, for keys; with `s3://<bucket>/` before it, for URIs.
    """

    root: str

    def run(self, run_key: str) -> RunLayout:
        """Return where the objects of one run lie."""
        return RunLayout(self.root, run_key)

    @property
    def markers(self) -> str:
        """The folder of the markers of unfinished runs, with its slash."""
        return f"{self.root}/open/"

    @property
    def receipts(self) -> str:
        """The folder of all receipts, with its slash."""
        return f"{self.root}/receipts/"

    @property
    def set_aside(self) -> str:
        """The folder of the records of all drops that were set aside, with its slash."""
        return f"{self.root}/set_aside/"

    @property
    def schemas(self) -> str:
        """The folder of the last published schemas, with its slash."""
        return f"{self.root}/schemas/"

    @property
    def models(self) -> str:
        """The folder of the models that are published where no `target_output_path` is given, with its slash."""
        return f"{self.root}/models/"


@dataclass(frozen=True)
class RunLayout:
    """The objects of one run; `root` as in :class:`Layout`."""

    root: str
    run_key: str

    @property
    def folder(self) -> str:
        """The run's own folder."""
        return f"{self.root}/{self.run_key}"

    @property
    def drop(self) -> str:
        """What landed, or what was triggered."""
        return f"{self.folder}/drop.json"

    @property
    def raw(self) -> str:
        """The bytes that landed."""
        return f"{self.folder}/raw/data"

    @property
    def marker(self) -> str:
        """Present as long as the run is not finished."""
        return f"{Layout(self.root).markers}{self.run_key}"

    def stage(self, stage: str) -> str:
        """Return the folder of *stage*."""
        return f"{self.folder}/{STAGES[stage].folder}"

    def committed(self, stage: str) -> str:
        """Return the manifest of the attempt of *stage* that counts."""
        return f"{self.stage(stage)}/{MANIFEST}"

    def attempt(self, stage: str, attempt: str) -> str:
        """Return the folder of one *attempt*."""
        return f"{self.stage(stage)}/{attempt}"

    def manifest(self, stage: str, attempt: str) -> str:
        """Return the manifest of one *attempt*."""
        return f"{self.attempt(stage, attempt)}/{MANIFEST}"

    def failure(self, stage: str, attempt: str) -> str:
        """Return the failure record of one *attempt*."""
        return f"{self.attempt(stage, attempt)}/{FAILURE}"

    def started(self, stage: str, attempt: str) -> str:
        """Return what one *attempt* puts first."""
        return f"{self.attempt(stage, attempt)}/{STARTED}"

    def receipt(self, dataset: str) -> str:
        """Return what people read of this run."""
        return f"{Layout(self.root).receipts}{dataset}/{self.run_key}.json"

    def set_aside(self, tries: int) -> str:
        """Return the record of the run's drop being set aside for the so-many-th time."""
        return f"{Layout(self.root).set_aside}{self.run_key}/{tries}.json"

    def models(self, dataset: str, attempt: str) -> str:
        """Return the folder that a model is published to where no `target_output_path` is given."""
        return f"{Layout(self.root).models}{dataset}/{self.run_key}/{attempt}"
