"""`schemas/<dataset>/<version>.json`: columns and types of the last run that was published under an `input_schema_version`."""

from __future__ import annotations

import hashlib
import json
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_contract.layout import Layout
from pipeline_contract.s3 import ObjectMissing, PreconditionFailed

from .errors import Crash, StorageUnreachable
from .run.attempt import Attempt
from .run.run_order import order_drop
from .schema import Schema
from .store.base import Store

#: More rounds than workers that could publish the same dataset at the same moment.
_ROUNDS = 50
#: Beyond this a part of a path may be too long for a store in a folder.
_LONGEST_PART = 150
_KEPT_OF_LONG = 100


class PublishedSchema(BaseModel):
    """What is kept of a published run.

    :param run_order: sorts the runs of a dataset, the latest last.
    :param columns: name → type; None for a column without any value, which would have been read as anything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    dataset: str
    version: str
    run_key: str
    run_order: str
    columns: dict[str, str | None]


def locate(layout: Layout, dataset: str, version: str) -> str:
    """Return the URI; names are free text, and become parts of a path here."""
    return f"{layout.schemas}{_make_part(dataset)}/{_make_part(version)}.json"


def list_types(attempt: Attempt, schema: Schema) -> dict[str, str | None]:
    """Return name → type of the columns of *schema*; None where all values are missing."""
    profile = json.loads(attempt.fetch("profile").read_bytes())
    missing = {column["name"]: column["missing"] for column in profile["columns"]}
    return {column.name: None if missing.get(column.name) == schema.rows else column.type for column in schema.columns}


def keep_schema(attempt: Attempt) -> None:
    """Keep columns and types, where the run has an `input_schema_version`, so that later files under it are compared with them."""
    version = attempt.request.input_schema_version
    if version is None:
        return
    schema = Schema.model_validate_json(attempt.fetch("schema").read_bytes())
    mine = PublishedSchema(
        dataset=attempt.dataset,
        version=version,
        run_key=attempt.run_key,
        run_order=order_drop(attempt.drop),
        columns=list_types(attempt, schema),
    )
    kept = put_published(attempt.store, locate(attempt.settings.layout, attempt.dataset, version), mine)
    if kept.run_key != mine.run_key:
        attempt.log.warning("the schema of version %r stays that of the later run %s", version, kept.run_key)


def read_published(store: Store, uri: str) -> tuple[PublishedSchema, str] | None:
    """Return what lies at *uri* and its etag, or None where there is nothing.

    :raises Crash: what lies there is not ours.
    """
    try:
        content, info = store.read(uri)
    except ObjectMissing:
        return None
    try:
        return PublishedSchema.model_validate_json(content), info.etag
    except ValidationError as error:
        raise Crash(
            "The published schema there cannot be read by this version of the worker.",
            where=uri,
            fix="Take the object away: the next run that is published under this `input_schema_version` writes it anew.",
            details={"faults": error.errors(include_input=False, include_url=False, include_context=False)},
        ) from error


def put_published(store: Store, uri: str, mine: PublishedSchema) -> PublishedSchema:
    """Put *mine*, unless that of a later run lies there; return the one that lies there then.

    :raises StorageUnreachable: others put theirs all the time.
    """
    for _ in range(_ROUNDS):
        present = read_published(store, uri)
        if present is not None:
            if _sort(present[0]) > _sort(mine):
                return present[0]
            # Columns without any value have the types that they had before.
            types = {name: kind or present[0].columns.get(name) for name, kind in mine.columns.items()}
            mine = mine.model_copy(update={"columns": types})
            if present[0] == mine:
                return mine
        etag = present[1] if present else None
        content = mine.model_dump_json(indent=1).encode()
        try:
            store.put(uri, content, if_none_match=etag is None, if_match=etag)
        except PreconditionFailed:
            # Another worker published this version meanwhile; or the client repeated a put whose answer got lost.
            continue
        return mine
    raise StorageUnreachable(
        "The published schema is changed by something else all the time.",
        where=uri,
        fix="Let nothing but the pipeline put it; it is tried again.",
    )


def _sort(published: PublishedSchema) -> tuple[str, str]:
    return published.run_order, published.run_key


def _make_part(name: str) -> str:
    part = quote(name, safe="")
    if len(part) <= _LONGEST_PART:
        return part
    return f"{part[:_KEPT_OF_LONG]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
