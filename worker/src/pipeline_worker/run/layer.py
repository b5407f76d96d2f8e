"""A source of parameters: what it is called, and what a person does where it has to be mended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_contract.drop_key import DATASET_PARAMS, SIDECAR_SUFFIX

#: What a manual trigger gives, and what a person who runs a stage again does, as people call it.
PAYLOAD, OVERRIDES = "the trigger's payload", "overrides"
#: Parameters that are merged name by name between layers.
MERGED = {"data_validation", "ingestion_config"}
#: What lies beside a file is read once, when its run begins.
_NEW_RUN = "drop it again, and then the data file (or trigger `ingest` anew)"


@dataclass(frozen=True)
class Layer:
    """One source of parameters.

    :param name: what a person calls it: `s3://drops/penguins/_params.json`, `the trigger's payload`, `overrides`.
    :param values: parameter → value, as parsed from JSON.
    """

    name: str
    values: Mapping[str, Any]


def say_mended(source: str, names: Sequence[str], mended: Mapping[str, Any] | None = None) -> str:
    """Return how the parameters *names*, which are from the layer called *source*, are given anew.

    :param mended: the overrides with which they are right, where those are known.
    """
    given = json.dumps(mended, ensure_ascii=False) if mended else ""
    if is_read_anew(source):
        return f"Mend it in {source}, and run `ingest` again."
    if _is_sidecar(source):
        units = dict.fromkeys(".".join(name.split(".")[: 1 + (name.split(".")[0] in MERGED)]) for name in names)
        right = (
            f"{given}, if that is meant"
            if given
            else f"the right {', '.join(f'`{each}`' for each in units)} as an override"
        )
        return f"Correct {source}, {_NEW_RUN}; or run `ingest` again with {right}."
    if source == PAYLOAD:
        return "Mend it, and trigger `ingest` again."
    return f"Run the stage again with {given}, if that is meant." if given else "Mend it, and run the stage again."


def say_anew(source: str) -> str:
    """Return what is left to do once the layer called *source* can be read, a blank before it; overrides are just given again."""
    if is_read_anew(source):
        return " Then run `ingest` again."
    return f" Then {_NEW_RUN}." if _is_sidecar(source) else ""


def is_read_anew(source: str) -> bool:
    """Return whether each attempt of `ingest` reads the layer called *source*; what lies beside one file is kept when its run begins."""
    return source.endswith(f"/{DATASET_PARAMS}")


def _is_sidecar(source: str) -> bool:
    return source.endswith(SIDECAR_SUFFIX)
