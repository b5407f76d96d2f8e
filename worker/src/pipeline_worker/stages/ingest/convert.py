"""A file as it was dropped becomes Parquet with types: read in blocks, some several times, and never held whole."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from ...limits import USUAL, Limits
from ...request import IGNORED, IngestionConfig
from .converted import Converted
from .data_format import DataFormat
from .formats.file_format import FileFormat
from .formats.loaded import FORMATS


def convert(
    path: Path,
    target: Path,
    name: str,
    data_format: DataFormat,
    config: IngestionConfig,
    drop_columns: Collection[str] = (),
    limits: Limits = USUAL,
) -> Converted:
    """Write the table in the file *path* to *target* as Parquet, and return what it is.

    :param name: what people know the file as.
    :param config: how to read the file, as far as the request says.
    :param drop_columns: columns that are no reason to refuse the file, as no model will see them.
    :param limits: how large the table may be.
    :raises DataUnreadable: the file is no table of this format, has no rows, or is too large.
    :raises ParameterInvalid: *config* does not fit the file.
    """
    file_format = FORMATS[data_format.name]
    converted = file_format.convert(path, target, name, config, drop_columns, limits)
    notes = [data_format.note] if data_format.note else []
    return replace(converted, notes=[*notes, *_note_unused(config, file_format), *converted.notes])


def _note_unused(config: IngestionConfig, file_format: FileFormat) -> list[str]:
    """Return a sentence on what *config* gives and such a file does not need, and one on each name that is ignored."""
    given = config.model_dump(exclude_none=True)
    unused = [f"`{each}`" for each in given if each in file_format.unused]
    notes = [
        f"`{each}` of `ingestion_config` was {IGNORED[each][0].lower()}{IGNORED[each][1:]}"
        for each in given
        if each in IGNORED
    ]
    if unused:
        was_or_were = "was" if len(unused) == 1 else "were"
        notes.append(
            f"{' and '.join(unused)} of `ingestion_config` {was_or_were} not used: the file is {file_format.called}."
        )
    return notes
