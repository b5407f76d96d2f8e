"""The formats of the table, with their readers."""

from __future__ import annotations

from importlib import import_module

from . import TABLE
from .file_format import FileFormat


def _load(place: str) -> FileFormat:
    module, _, name = place.partition(".")
    loaded: FileFormat = getattr(import_module(f"{__package__}.{module}"), name)
    return loaded


FORMATS = {name: _load(place) for name, place in TABLE.items()}
#: How the names of data files end.
DATA_ENDINGS = {ending for each in FORMATS.values() for ending in each.endings}
