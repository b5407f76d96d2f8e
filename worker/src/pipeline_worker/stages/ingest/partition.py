"""Files that are parts of one table, in folders named by the values of a column: `sales/year=2024/part-0.parquet`."""

from __future__ import annotations

import re

_PART = re.compile(r"[^=]+=.+")


def note_partition(key: str, dataset: str) -> list[str]:
    """Return a sentence on an object's *key* in *dataset* that is one part of a table, or none."""
    parts = [part for part in key.split("/")[:-1] if part != dataset and _PART.fullmatch(part)]
    if not parts:
        return []
    listed = ", ".join(f"`{part}`" for part in parts)
    said = f"This looks like one part of a partitioned table ({listed}): each file becomes a model of its own."
    return [f"{said} Put the table as one file."]
