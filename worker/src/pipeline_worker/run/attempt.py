"""One try of one stage: what its work gets, and what is kept of how it ended."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline_contract.layout import RunLayout, split_uri
from pipeline_contract.records import DropRecord

from .. import __version__
from ..errors import Crash
from ..request import Request
from ..settings import Settings
from ..store.base import Store
from .manifest import Artifact, Manifest, digest_of, parse_manifest

#: The modules whose versions a manifest records where the stage has loaded them, by distribution.
_RECORDED = {
    "boto3": "boto3",
    "great-expectations": "great_expectations",
    "mlflow-skinny": "mlflow",
    "numpy": "numpy",
    "optuna": "optuna",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "python-calamine": "python_calamine",
    "scikit-learn": "sklearn",
    "skrub": "skrub",
}


@dataclass(frozen=True)
class Outcome:
    """What a stage's work leaves.

    :param outputs: what it saved, by name.
    :param facts: small results, for later stages and people.
    :param headline: one line for the log and the receipt.
    :param location: the URI that is the last line of stdout.
    :param details: printed as JSON before it.
    :param request: the request as the stage completed it (a target column that was found); None: unchanged.
    :param links: name → URL or URI, for the receipt and Airflow.
    :param notes: what a person should know, the most important first; the receipt has the first of them.
    """

    outputs: dict[str, Artifact]
    facts: dict[str, Any]
    headline: str
    location: str
    details: dict[str, Any] | None = None
    request: Request | None = None
    links: dict[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass
class Attempt:
    """What the work of a stage may use; everything it writes goes into a folder of its own.

    :param name: the attempt's name, unique for its run and stage.
    :param request_from: parameter → what the layer is called that it is from.
    :param earlier: the committed manifest of the stage before; None for `ingest`.
    :param artifacts: what earlier stages handed on, by name (`raw` for `ingest`).
    :param scratch: an empty folder on this machine, removed afterwards.
    """

    store: Store
    settings: Settings
    layout: RunLayout
    stage: str
    name: str
    ask: str
    again: bool
    drop: DropRecord
    request: Request
    request_from: dict[str, str]
    earlier: Manifest | None
    artifacts: dict[str, Artifact]
    scratch: Path
    log: logging.Logger
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def run_key(self) -> str:
        """The run that this is a part of."""
        return self.layout.run_key

    @property
    def dataset(self) -> str:
        """The exact name of the dataset."""
        return self.drop.dataset

    @property
    def folder(self) -> str:
        """The URI that everything this attempt saves lies under."""
        return self.layout.attempt(self.stage, self.name)

    def read_manifest(self, stage: str) -> Manifest:
        """Return the manifest of an earlier *stage* that this attempt rests on, however many stages came after it.

        That is not always the one committed last: the stage may have run again since.

        :raises Crash: no stage before this one is called so.
        """
        manifest = self.earlier
        while manifest and manifest.stage != stage:
            before = manifest.inputs.get("manifest")
            manifest = parse_manifest(self.store.read(before.uri)[0], before.uri) if before else None
        if manifest is None:
            raise Crash(
                f"No stage before `{self.stage}` is called `{stage}`.", where=self.folder, fix="Report this fault."
            )
        return manifest

    def fetch(self, name: str) -> Path:
        """Return a file with the artifact *name*, streamed from the store and checked against its digest.

        :raises ObjectMissing: it was deleted.
        :raises Crash: the bytes are not those that were handed on.
        """
        artifact = self.artifacts[name]
        path = self.scratch / f"{name}-{split_uri(artifact.uri)[1].rpartition('/')[2]}"
        if path.exists():
            return path
        with self.timed("download"):
            self.store.download(artifact.uri, path)
            digest = digest_of(path)
        if artifact.digest and artifact.digest != digest:
            raise Crash(
                f"The object has changed since it was written: {digest} instead of {artifact.digest}.",
                where=artifact.uri,
                fix="Run the stage that wrote it again; objects of a run are never to be overwritten by hand.",
            )
        self.artifacts[name] = Artifact(uri=artifact.uri, digest=digest, size=path.stat().st_size)
        return path

    def save(self, name: str, source: Path | bytes, content_type: str | None = None) -> Artifact:
        """Put *source* as *name* (which may have folders) into this attempt's folder, and return what it is now."""
        uri = f"{self.folder}/{name}"
        with self.timed("upload"):
            if isinstance(source, bytes):
                self.store.put(uri, source, content_type=content_type)
                size = len(source)
            else:
                self.store.upload(uri, source, content_type=content_type)
                size = source.stat().st_size
            return Artifact(uri=uri, digest=digest_of(source), size=size)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the seconds spent inside to the manifest's timing of *step*."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.timings[step] = round(self.timings.get(step, 0.0) + time.perf_counter() - began, 3)


#: The work of a stage.
Work = Callable[[Attempt], Outcome]


def read_versions() -> dict[str, str]:
    """Return the versions of this package, of Python, and of the libraries that are loaded."""
    versions = {"pipeline-worker": __version__, "python": ".".join(map(str, sys.version_info[:3]))}
    for distribution, module in _RECORDED.items():
        if module in sys.modules:
            try:
                versions[distribution] = version(distribution)
            except PackageNotFoundError:
                versions[distribution] = str(getattr(sys.modules[module], "__version__", "unknown"))
    return versions
