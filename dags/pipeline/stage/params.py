"""The conf of the stage Dags as Airflow's Params, so that the form explains each and Airflow checks its shape.

All are nullable, and null means "not given": the form submits every field, so a real default would override what lies
beside the data. The description states the default that the worker applies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import Param

from pipeline_contract.stages import FIRST, STAGES

#: Exported by the worker: `python -m pipeline_worker.request > dags/pipeline/stage/request.schema.json`.
SCHEMA_FILE = Path(__file__).with_name("request.schema.json")

#: What of a property's schema is a shape that Airflow can check and its form can use.
_SHAPE = (
    *("type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("minLength", "maxLength", "pattern"),
)
#: Which run a stage is run for, and how; not a part of the request. A flag is not a boolean by type: the form shows that as a switch,
#: and null as a switch that is off.
RERUN_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "run_key": {
        "type": ["string", "null"],
        "description": "Run this stage of an earlier run: its key, as the receipt shows it. Default: the partition key.",
    },
    "overrides": {
        "type": ["object", "null"],
        "description": 'Parameters of that run to change, such as `{"test_size": 0.3}`. Default: none.',
    },
    "again": {
        "enum": [None, True, False],
        "description": "Do the work anew even if nothing has changed. Default: true for a trigger by hand or a cleared task.",
    },
    "cascade": {
        "enum": [None, True, False],
        "description": "Let the later stages follow; false stops after this one. Default: true.",
    },
}


def make_rerun_params(section: str | None = None) -> dict[str, Param]:
    """Return the Params of every stage Dag: which run, and how it is to be run again.

    :param section: what the form folds them under; without one they stand open.
    """
    return {name: Param(None, title=name, section=section, **field) for name, field in RERUN_FIELDS.items()}


def make_request_params() -> dict[str, Param]:
    """Return a Param for each parameter of the request, in the order of the stages that use them first."""
    order = list(STAGES)
    properties = sorted(
        read_request_schema()["properties"].items(), key=lambda item: order.index(item[1]["x-stages"][0])
    )
    return {name: _make_param(name, schema) for name, schema in properties}


def read_request_schema() -> dict[str, Any]:
    """Return the JSON Schema of the request, as the worker exported it."""
    schema: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return schema


def _make_param(name: str, schema: dict[str, Any]) -> Param:
    variants = [variant for variant in schema.get("anyOf", [schema]) if variant.get("type") != "null"]
    # A reference is to a model of its own, so to an object; what is in it is for the worker to check, who names near misses.
    kinds = [variant.get("type", "object") for variant in variants]
    shape = {word: variant[word] for variant in variants for word in _SHAPE if word in variant}
    shape["type"] = [*kinds, "null"]
    if "const" in shape:
        shape["enum"] = [shape.pop("const")]
    if "enum" in shape:
        shape["enum"] = [*shape["enum"], None]
    if "array" in kinds:
        shape["items"] = variants[0].get("items", {})
    return Param(
        None,
        title=name,
        # What has no section stands open in the form; a new run begins with what `ingest` needs.
        section=None if schema["x-stages"][0] == FIRST.name else f"for {schema['x-stages'][0]}",
        description=_describe(schema),
        **shape,
    )


def _describe(schema: dict[str, Any]) -> str:
    description: str = schema["description"]
    if "Default:" in description:
        return description
    default = schema.get("default")
    text = default if isinstance(default, str) else json.dumps(default)
    return f"{description} Default: {'none' if default in (None, {}, []) else f'`{text}`'}."
