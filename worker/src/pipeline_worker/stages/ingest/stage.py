"""Stage `ingest`: what was dropped, read once with care, becomes `dataset.parquet`, `schema.json` and `profile.json`."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline_contract.drop_key import DATASET_PARAMS
from pipeline_contract.escape import escape
from pipeline_contract.records import TRIGGER

from ...errors import ColumnMissing, DataUnreadable
from ...run.attempt import Attempt, Outcome
from ...run.dataset_name import check_dataset_name, check_key, note_made_name
from ...run.layer import PAYLOAD
from ...target_column import TargetColumn, find_target
from .convert import convert
from .converted import Converted
from .data_format import DataFormat, find_format
from .missing_words import MISSING_WORDS
from .number_target import refuse_words_among_numbers
from .profile import profile
from .unpacked import Unpacked, bound_unpacked, unpack

_LOGGED_NOTES = 20
#: A folder of files that are parts of one table, named by the value of a column: `sales/year=2024/part-0.parquet`.
_PARTITION = re.compile(r"[^=]+=.+")
#: By which pandas takes a file to be packed, whatever is in it.
_PACKED_ENDINGS = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar")


def ingest(attempt: Attempt) -> Outcome:
    """Carry out the stage.

    :raises DataUnreadable: the file is no table of a format that can be read.
    :raises RequestFault: the dataset's name, the target column or `ingestion_config` cannot be used.
    """
    request, drop = attempt.request, attempt.drop
    source = drop.uri
    check_key(drop.key, where=source)
    check_dataset_name(attempt.dataset, where=source)
    limits = attempt.settings.limits
    limits.check_size(drop.size, source, most=bound_unpacked(drop.key, drop.size))
    raw = attempt.fetch("raw")
    dataset = attempt.scratch / "dataset.parquet"
    with attempt.timed("convert"):
        config = request.ingestion_config
        unpacked = unpack(raw, source, config.member, attempt.scratch / "unpacked", limits)
        data_format = find_format(unpacked.path, unpacked.name, request.data_format)
        converted = convert(unpacked.path, dataset, unpacked.name, data_format, config, request.drop_columns, limits)
    names = [*converted.schema.names(), *converted.schema.left_out]
    parameters = attempt.request_from.get("target_column") or _name_parameters(attempt)
    if request.target_column not in {None, *names}:
        # Notes on columns with wrong names would lead astray.
        _refuse_header(dataset, request.target_column, names, f"{source}; `target_column` is from {parameters}")
    noted = note_made_name(drop.key, attempt.dataset) + _note_partition(drop.key, attempt.dataset)
    notes = [escape(note) for note in (*noted, *unpacked.notes, *converted.notes)]
    _log_findings(attempt, data_format, converted)
    _log_notes(attempt, _put_first(notes, request.target_column))
    target = find_target(names, request.target_column, data=source, source=parameters, stage=attempt.stage)
    refuse_words_among_numbers(dataset, converted.schema, target.column, config, source, data_format.name)
    _refuse_left_out_target(target, converted, source)
    if not target.is_given:
        attempt.log.info("target: `%s`, by its name; to change that, give `target_column`", target.column)
    with attempt.timed("profile"):
        profiled = profile(dataset, converted.schema)
    notes = _put_first(notes, target.column)
    profiled["pandas"] = describe_call(converted, unpacked)
    profiled["notes"] = notes
    completed = request.model_copy(update={"target_column": target.column})
    outputs = {
        "dataset": attempt.save("dataset.parquet", dataset, "application/vnd.apache.parquet"),
        "schema": attempt.save("schema.json", _dump(converted.schema.model_dump(mode="json")), "application/json"),
        "profile": attempt.save("profile.json", _dump(profiled), "application/json"),
        "request": attempt.save("request.json", _dump(completed.model_dump(mode="json")), "application/json"),
    }
    schema = converted.schema
    words = converted.words.get(target.column)
    return Outcome(
        outputs=outputs,
        facts={
            "rows": schema.rows,
            "columns": len(schema.columns),
            "column_types": dict(Counter(column.type for column in schema.columns)),
            "missing_values": sum(column["missing"] for column in profiled["columns"]),
            "data_format": data_format.name,
            "data_format_is": data_format.how,
            "written_as": converted.found,
            "missing_words": list(MISSING_WORDS) if data_format.name != "parquet" else ["null", "NaN"],
            "target_column": target.column,
            "target_column_is": "given" if target.is_given else "found by its name",
            "notes": notes[:_LOGGED_NOTES],
        },
        headline=f"{_count(schema.rows, 'row')}, {_count(len(schema.columns), 'column')}, target `{target.column}`"
        + (f" ({words})" if words else ""),
        location=outputs["dataset"].uri,
        request=completed,
        notes=notes,
    )


def _name_parameters(attempt: Attempt) -> str:
    """Return where a person writes what was not given for this run."""
    if attempt.drop.origin == TRIGGER:
        return PAYLOAD
    return f"s3://{attempt.settings.drop_bucket}/{attempt.dataset}/{DATASET_PARAMS}"


def describe_call(converted: Converted, unpacked: Unpacked) -> dict[str, Any]:
    """Return the call of pandas that reads the rows of the file."""
    function, options = converted.pandas_call
    argument = unpacked.write_argument(converted.pandas_argument, converted.pandas_encoding)
    if function == "read_csv" and argument == "{file}" and unpacked.name.lower().endswith(_PACKED_ENDINGS):
        options = options | {"compression": None}
    call = {"function": function, "options": options}
    others: dict[str, Any] = {"reset_index": converted.reset_index, "reads_otherwise": converted.pandas_unread or None}
    others["argument"] = argument if argument != "{file}" else None
    return call | {name: value for name, value in others.items() if value is not None}


def _note_partition(key: str, dataset: str) -> list[str]:
    """Return a sentence on an object's *key* in *dataset* that is one part of a table, or none."""
    parts = [part for part in key.split("/")[:-1] if part != dataset and _PARTITION.fullmatch(part)]
    if not parts:
        return []
    listed = ", ".join(f"`{part}`" for part in parts)
    said = f"This looks like one part of a partitioned table ({listed}): each file becomes a model of its own."
    return [f"{said} Put the table as one file."]


def _log_findings(attempt: Attempt, data_format: DataFormat, converted: Converted) -> None:
    log = attempt.log
    log.info("%s: %s (%s)", attempt.drop.uri, data_format.name.upper(), data_format.how)
    log.info("read as: %s", converted.found)
    kinds = Counter(column.type for column in converted.schema.columns)
    listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    schema = converted.schema
    log.info("%s, %s: %s", _count(schema.rows, "row"), _count(len(schema.columns), "column"), listed)


def _log_notes(attempt: Attempt, notes: list[str]) -> None:
    for note in notes[:_LOGGED_NOTES]:
        attempt.log.warning("%s", note)
    if len(notes) > _LOGGED_NOTES:
        attempt.log.warning("... and %d more notes like these, in profile.json", len(notes) - _LOGGED_NOTES)


def _put_first(notes: list[str], column: str | None) -> list[str]:
    """Return *notes* with those about *column* before all others."""
    return sorted(notes, key=lambda note: not note.startswith(f"`{escape(column or '')}`"))


def _refuse_header(dataset: Path, target: str | None, names: list[str], where: str) -> None:
    """Refuse a table of which the first row has the name of the *target*: it is the header, and a title was taken for that."""
    with pq.ParquetFile(dataset) as file:
        first: dict[str, Any] = next((batch.to_pylist()[0] for batch in file.iter_batches(1)), {})
    if target in first.values():
        shown = ", ".join(f"`{name}`" for name in names[:5]) + (", ..." if len(names) > 5 else "")
        raise ColumnMissing(
            f"`target_column` is `{target}`, which no column is called, but the first row has it: that seems to be the header, and "
            f"not {shown}.",
            where=where,
            fix="Write the file with the names of the columns first, without a title above them, and drop it again.",
            details={"parameter": "target_column", "given": target, "columns": names},
        )


def _refuse_left_out_target(target: TargetColumn, converted: Converted, source: str) -> None:
    why = converted.schema.left_out.get(target.column)
    if why is not None:
        raise DataUnreadable(
            f"`{target.column}` is the target, and cannot be used: {why.removesuffix('.')}.",
            where=source,
            fix="Write it as numbers, text or booleans, and drop the file again; or choose another `target_column`.",
            details={"column": target.column},
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _dump(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode()
