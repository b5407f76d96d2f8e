"""What an attempt leaves for the next stage, and how it is committed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_contract.layout import RunLayout
from pipeline_contract.records import StageSummary
from pipeline_contract.s3 import ObjectMissing, PreconditionFailed

from ..errors import CommitLost, Crash
from ..store.base import Store


class Artifact(BaseModel):
    """One object that a stage read or wrote.

    *digest* is `sha256:<hex>` of its bytes, *size* their number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    digest: str
    size: int


class Manifest(BaseModel):
    """A committed attempt: what it read, what it wrote, with which parameters and versions, and how long it took.

    *request* holds the effective parameters, which the next stage takes from here; *base_digest* is the digest of
    the parameters before *overrides*. *inputs* names everything that later stages may need, *facts* small results.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    uri: str
    run_key: str
    dataset: str
    stage: str
    attempt: str
    ask: str
    inputs: dict[str, Artifact]
    outputs: dict[str, Artifact]
    request: dict[str, Any]
    request_from: dict[str, str]
    base_digest: str
    overrides: dict[str, Any]
    facts: dict[str, Any]
    links: dict[str, str]
    summaries: dict[str, StageSummary]
    versions: dict[str, str]
    timings: dict[str, float]
    started_at: str
    finished_at: str

    @property
    def artifacts(self) -> dict[str, Artifact]:
        """Everything that this stage and those before it handed on."""
        return {name: artifact for name, artifact in (self.inputs | self.outputs).items() if name != "manifest"}


@dataclass(frozen=True)
class Committed:
    """A stage's committed manifest as it was seen: the manifest, its own identity, and the etag to commit over."""

    manifest: Manifest
    artifact: Artifact
    etag: str


def read_committed(store: Store, layout: RunLayout, stage: str) -> Committed | None:
    """Return the manifest that *stage* has committed, or None.

    :raises Crash: what lies there is no manifest of ours.
    """
    uri = layout.committed(stage)
    try:
        content, info = store.read(uri)
    except ObjectMissing:
        return None
    manifest = parse_manifest(content, uri)
    return Committed(manifest, Artifact(uri=manifest.uri, digest=digest_of(content), size=len(content)), info.etag)


def parse_manifest(content: bytes, uri: str) -> Manifest:
    """Return the manifest that was read from *uri*.

    :raises Crash: it is none of ours.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise Crash(
            "The manifest there cannot be read by this version of the worker.",
            where=uri,
            fix="Use the version of the worker that wrote it, or start a new run.",
            details={"faults": error.errors(include_input=False, include_url=False, include_context=False)},
        ) from error


def commit(store: Store, layout: RunLayout, manifest: Manifest, seen: Committed | None) -> None:
    """Commit *manifest* over what was *seen* when the attempt began.

    :raises CommitLost: another attempt committed in between; nothing of it is changed.
    """
    content = manifest.model_dump_json(indent=1).encode()
    store.put(manifest.uri, content)
    uri = layout.committed(manifest.stage)
    try:
        store.put(uri, content, if_none_match=seen is None, if_match=seen.etag if seen else None)
    except PreconditionFailed as error:
        # The client repeats a put whose answer got lost, and then finds its own.
        present = read_committed(store, layout, manifest.stage)
        if present is None or present.manifest.uri != manifest.uri:
            raise CommitLost(
                "Another attempt of this stage committed first.",
                where=uri,
                fix="Nothing needs to be done: it is tried again on what is there now.",
            ) from error


def digest_of(content: bytes | Path) -> str:
    """Return `sha256:<hex>` of bytes, or of a file without reading it whole."""
    if isinstance(content, bytes):
        return f"sha256:{hashlib.sha256(content).hexdigest()}"
    with content.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def digest_of_json(value: Mapping[str, Any]) -> str:
    """Return the digest of *value* as JSON, independent of the order of its names."""
    return digest_of(json.dumps(value, sort_keys=True, ensure_ascii=False).encode())
