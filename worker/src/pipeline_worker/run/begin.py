"""What an attempt begins with: the drop, the input, the checked request; and whether there is anything to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_contract.layout import FAILURE, MANIFEST, STARTED, RunLayout
from pipeline_contract.records import DropRecord, read_json
from pipeline_contract.stages import FIRST, stage_before

from ..errors import AttemptsExhausted, ParameterInvalid, RunUnknown
from ..request import Request
from ..settings import Settings
from ..store.base import Store
from .drop import fetch_source, read_drop, read_layers, require_drop
from .layer import OVERRIDES, PAYLOAD, Layer
from .location import check_target
from .manifest import Artifact, Manifest, digest_of_json, read_committed
from .parameters import check_layer, combine_layers, merge_layers


@dataclass(frozen=True)
class Invocation:
    """What a command was asked to do; see its `--help`."""

    stage: str
    run_key: str
    attempt: str
    ask: str
    again: bool
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Start:
    """What an attempt begins with, once everything that could be refused beforehand was not."""

    drop: DropRecord
    input: tuple[str, Artifact]
    artifacts: dict[str, Artifact]
    request: Request
    request_from: dict[str, str]
    base_digest: str
    overrides: dict[str, Any]
    earlier: Manifest | None


def begin(invocation: Invocation, store: Store, settings: Settings, layout: RunLayout) -> Start:
    """Return what the attempt begins with.

    :raises RequestFault: the parameters, the source or the run key are not usable.
    """
    is_first = invocation.stage == FIRST.name
    start = _begin_ingest(invocation, store, settings, layout) if is_first else _begin(invocation, store, layout)
    if start.request.target_output_path is not None:
        # Refused before anything is computed, not when it is to be used.
        check_target(start.request.target_output_path, settings)
    return start


def _begin_ingest(invocation: Invocation, store: Store, settings: Settings, layout: RunLayout) -> Start:
    given = Layer(PAYLOAD, _drop_nulls(invocation.params))
    found = read_drop(store, layout)
    if found is None:
        # Everything that can be refused is refused before anything is copied.
        check_layer(given)
        merge_layers([given])
        found = fetch_source(store, settings, layout, given.values)
    drop, record = require_drop(found, layout)
    overrides = {name: value for name, value in given.values.items() if value != (drop.payload or {}).get(name)}
    for name in ("data_source", "dataset"):
        if name in overrides:
            raise ParameterInvalid(
                f"`{name}` cannot be changed for a run that has begun.",
                where=OVERRIDES,
                fix="Trigger `ingest` without a run key to start a new run.",
                details={"parameter": name},
            )
    layers, inputs = read_layers(store, settings, drop)
    top = Layer(OVERRIDES, overrides)
    for layer in (*layers, top):
        check_layer(layer)
    request, request_from = merge_layers([*layers, top])
    raw = Artifact(uri=layout.raw, digest="", size=drop.size)
    return Start(
        drop=drop,
        input=("drop", record),
        artifacts={**inputs, "drop": record, "raw": raw},
        request=request,
        request_from=request_from,
        base_digest=digest_of_json(combine_layers(layers)[0]),
        overrides=overrides,
        earlier=None,
    )


def _begin(invocation: Invocation, store: Store, layout: RunLayout) -> Start:
    preceding = stage_before(invocation.stage)
    assert preceding is not None
    before = preceding.name
    drop, _ = require_drop(read_drop(store, layout), layout)
    earlier = read_committed(store, layout, before)
    if earlier is None:
        raise RunUnknown(
            f"`{before}` has not committed anything for this run yet.",
            where=layout.committed(before),
            fix=f"Run `{before}` first; what stopped it is in its failure record and in the receipt.",
        )
    overrides = Layer(OVERRIDES, _drop_nulls(invocation.params))
    check_layer(overrides, invocation.stage)
    base = Layer(f"the request of `{before}`", earlier.manifest.request)
    request, changed = merge_layers([base, overrides])
    return Start(
        drop=drop,
        input=("manifest", earlier.artifact),
        artifacts=earlier.manifest.artifacts,
        request=request,
        request_from=earlier.manifest.request_from | {name: OVERRIDES for name in overrides.values if name in changed},
        base_digest=digest_of_json(earlier.manifest.request),
        overrides=dict(overrides.values),
        earlier=earlier.manifest,
    )


def is_done(committed: Manifest, start: Start, invocation: Invocation) -> bool:
    """Return whether what was *asked* is what *committed* holds already."""
    if committed.ask == invocation.ask:
        # A retry of what committed already has nothing left to do, even where the ask was to do it again.
        return True
    if invocation.again:
        return False
    name, artifact = start.input
    is_same_input = name in committed.inputs and committed.inputs[name].digest == artifact.digest
    # A repeated event carries no overrides; it must not undo what a person asked for on the same input.
    is_same_request = committed.base_digest == start.base_digest and start.overrides in ({}, committed.overrides)
    return is_same_input and is_same_request


def refuse_third_silence(invocation: Invocation, store: Store, layout: RunLayout) -> None:
    """Refuse an attempt where two of the same ask ended without any record.

    :raises AttemptsExhausted: that is so.
    """
    folder = f"{layout.stage(invocation.stage)}/"
    kept: dict[str, set[str]] = {}
    for info in store.list(folder):
        name, _, file = info.uri.removeprefix(folder).partition("/")
        kept.setdefault(name, set()).add(file)
    silent = []
    for name, files in kept.items():
        if name != invocation.attempt and STARTED in files and not files & {MANIFEST, FAILURE}:
            content, _ = store.read(layout.started(invocation.stage, name))
            if read_json(content).get("ask") == invocation.ask:
                silent.append(name)
    if len(silent) >= 2:
        raise AttemptsExhausted(
            "Two attempts ended without a word, so a third would too: out of memory, or killed.",
            where=", ".join(f"{folder}{name}" for name in sorted(silent)),
            fix="Look at the memory of the machine and the size of the data, then clear the task or run the stage again.",
        )


def _drop_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    # A form sends every field; null is how it says "not given".
    return {name: value for name, value in values.items() if value is not None}
