"""What started a run: a drop that `watch` claimed, or the source that a manual trigger names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pipeline_contract.drop_key import DATASET_PARAMS, MAX_SIDECAR_BYTES, SIDECAR_SUFFIX, SOURCES, dataset_of_request
from pipeline_contract.layout import RunLayout, split_uri
from pipeline_contract.records import TRIGGER, DropRecord, RecordInvalid, Sidecar
from pipeline_contract.s3 import ObjectMissing, PreconditionFailed

from ..errors import Crash, LocationRefused, ParameterInvalid, RunUnknown, StorageRefused, StorageUnreachable
from ..settings import Settings
from ..store.base import Store
from .dataset_name import check_dataset_name, check_key
from .layer import PAYLOAD, Layer, say_anew
from .manifest import Artifact, digest_of
from .parameters import parse_layer


def read_drop(store: Store, layout: RunLayout) -> tuple[DropRecord, Artifact] | None:
    """Return what the run began with and the identity of that record, or None where there is none.

    :raises Crash: what lies there is no record of ours.
    """
    try:
        content, _ = store.read(layout.drop)
    except ObjectMissing:
        return None
    try:
        drop = DropRecord.read(content)
    except RecordInvalid as error:
        raise Crash(f"{error}.", where=layout.drop, fix="Start a new run: drop the file again.") from error
    return drop, Artifact(uri=layout.drop, digest=digest_of(content), size=len(content))


def fetch_source(
    store: Store, settings: Settings, layout: RunLayout, payload: Mapping[str, Any]
) -> tuple[DropRecord, Artifact]:
    """Copy the source that a manual trigger's *payload* names to `raw/data`, and write `drop.json`.

    :raises ParameterInvalid: no source is named, or there is no such object.
    :raises LocationRefused: it lies where it may not, or where the worker's key may not read.
    """
    source = payload.get("data_source")
    if source is None:
        raise ParameterInvalid(
            "`data_source` is missing: this run has no file.",
            where=PAYLOAD,
            fix=f"Fill in `data_source`, such as s3://{settings.drop_bucket}/{SOURCES}penguins.csv, and `target_column`; "
            f"or drop the file into s3://{settings.drop_bucket}/<dataset>/ instead.",
            details={"parameter": "data_source"},
        )
    bucket, key = check_source(str(source), settings)
    dataset = dataset_of_request(payload.get("dataset"), source)
    uri = f"s3://{bucket}/{key}"
    check_key(key, where=uri)
    # Here too, because the name becomes a part of the paths that are written before the stage looks at it.
    check_dataset_name(dataset, where=PAYLOAD)
    with _explain_refusal(uri, settings):
        info = store.head(uri)
        sidecar = _read_sidecar(store, uri)
    if info is None:
        raise ParameterInvalid(
            "`data_source` names no object that is there.",
            where=uri,
            fix="Put the file there first, or mend `data_source`.",
            details={"parameter": "data_source"},
        )
    try:
        store.copy(uri, layout.raw, if_match=info.etag)
    except PreconditionFailed as error:
        raise StorageUnreachable(
            "The source was overwritten while it was copied.",
            where=uri,
            fix="It is tried again, with what is there then.",
        ) from error
    drop = DropRecord(
        run_key=layout.run_key,
        dataset=dataset,
        origin=TRIGGER,
        bucket=bucket,
        key=key,
        version=info.version,
        etag=info.etag,
        size=info.size,
        last_modified=info.last_modified,
        claimed_at=datetime.now(UTC),
        sidecar=sidecar,
        payload=dict(payload),
    )
    return _put_drop(store, layout, drop)


def _put_drop(store: Store, layout: RunLayout, drop: DropRecord) -> tuple[DropRecord, Artifact]:
    """Write `drop.json`, where there is none; return the one that is there then."""
    content = drop.write()
    try:
        store.put(layout.drop, content, if_none_match=True)
    except PreconditionFailed:
        # An attempt of the same run was here before; what it wrote is what the run began with.
        present = read_drop(store, layout)
        if present is not None:
            return present
        raise
    return drop, Artifact(uri=layout.drop, digest=digest_of(content), size=len(content))


def check_source(source: str, settings: Settings) -> tuple[str, str]:
    """Return bucket and key of a `data_source`.

    :raises LocationRefused: it is not below `_sources/` of the drop bucket, in the artifact bucket, or in a place
        that the setting ML_PIPELINE_SOURCE_PREFIXES adds; or it asks for a version.
    """
    if "?" in source:
        raise LocationRefused(
            "`data_source` has a `?`: the newest version of an object is read, and no other can be asked for.",
            # What follows may be a signature.
            where=source.partition("?")[0],
            fix="Leave out what begins with `?`; to use an older version, copy it to a key of its own.",
            details={"parameter": "data_source"},
        )
    allowed = [
        f"s3://{settings.drop_bucket}/{SOURCES}",
        f"s3://{settings.artifact_bucket}/",
        *(f"{prefix.rstrip('/')}/" for prefix in settings.source_prefixes),
    ]
    has_odd_parts = any(part in {"", ".", ".."} for part in source.removeprefix("s3://").split("/"))
    if has_odd_parts or not any(source.startswith(prefix) for prefix in allowed):
        raise LocationRefused(
            "`data_source` may not lie there.",
            where=source,
            fix=f"Put the file below {', '.join(allowed)}; more places: the setting ML_PIPELINE_SOURCE_PREFIXES.",
            details={"parameter": "data_source"},
        )
    return split_uri(source)


@contextmanager
def _explain_refusal(uri: str, settings: Settings) -> Iterator[None]:
    """Let a bucket that the worker's key may not read be the request's fault, unless it is the pipeline's own."""
    try:
        yield
    except StorageRefused as refusal:
        if split_uri(uri)[0] in {settings.drop_bucket, settings.artifact_bucket}:
            raise
        raise LocationRefused(
            f"`data_source` cannot be read. {refusal.what}",
            where=uri,
            fix="Let the worker's key (OBJECT_STORAGE_ACCESS_KEY) read objects there and list the bucket, or take the "
            "place out of ML_PIPELINE_SOURCE_PREFIXES and put the file elsewhere.",
            details={"parameter": "data_source"},
        ) from refusal


def read_layers(store: Store, settings: Settings, drop: DropRecord) -> tuple[list[Layer], dict[str, Artifact]]:
    """Return the layers of parameters that a run began with, lowest precedence first, and the object they came from.

    `<dataset>/_params.json` is read anew each time, so that it can be mended and `ingest` repeated; the sidecar and
    the payload are as they were when the run began.

    :raises ParameterInvalid: one of them is no JSON object.
    """
    layers: list[Layer] = []
    inputs: dict[str, Artifact] = {}
    uri = f"s3://{settings.drop_bucket}/{drop.dataset}/{DATASET_PARAMS}"
    try:
        content, info = store.read(uri)
    except ObjectMissing:
        pass
    else:
        versioned = f"{uri}?versionId={info.version}" if info.version else uri
        inputs["params"] = Artifact(uri=versioned, digest=digest_of(content), size=len(content))
        layers.append(parse_layer(_decode(content, uri), uri))
    if drop.sidecar is not None:
        name = f"s3://{drop.bucket}/{drop.sidecar.key}"
        if drop.sidecar.text is None:
            raise ParameterInvalid(
                f"It is larger than {MAX_SIDECAR_BYTES // 1024} KiB, too large for parameters.",
                where=name,
                fix=f"Put one small JSON object there.{say_anew(name)}",
            )
        layers.append(parse_layer(drop.sidecar.text, name))
    if drop.payload:
        layers.append(Layer(PAYLOAD, drop.payload))
    for layer in layers[: len(layers) - bool(drop.payload)]:
        for name in ("data_source", "dataset"):
            if layer.values.get(name) is not None:
                raise ParameterInvalid(
                    f"`{name}` cannot be set in a file that is kept beside the data.",
                    where=layer.name,
                    fix=f"Take it out: the folder is the dataset, and the file is the source.{say_anew(layer.name)}",
                    details={"parameter": name},
                )
    return layers, inputs


def require_drop(found: tuple[DropRecord, Artifact] | None, layout: RunLayout) -> tuple[DropRecord, Artifact]:
    """Return *found*.

    :raises RunUnknown: there is nothing under the run key.
    """
    if found is None:
        raise RunUnknown(
            "There is no run of this key.",
            where=layout.drop,
            fix="Look up the key in a receipt or with `make status`; a new run needs a dropped file or a `data_source`.",
        )
    return found


def _read_sidecar(store: Store, source: str) -> Sidecar | None:
    uri = f"{source}{SIDECAR_SUFFIX}"
    try:
        content, info = store.read(uri)
    except ObjectMissing:
        return None
    text = _decode(content, uri) if len(content) <= MAX_SIDECAR_BYTES else None
    return Sidecar(key=split_uri(uri)[1], version=info.version, text=text)


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParameterInvalid(
            f"It is not UTF-8 text (byte {error.start + 1}).", where=where, fix=f"Save it as UTF-8.{say_anew(where)}"
        ) from error
