"""Labels that differ by case alone: they are told, never made one."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

#: A column with more different texts has no labels.
_MOST_LABELS = 200
_LISTED = 5


class AlikeLabels:
    """What was seen of the labels of one column."""

    def __init__(self) -> None:
        self._labels: dict[str, None] = {}

    def look(self, values: pa.Array) -> None:
        """Look at some more of them."""
        if len(self._labels) <= _MOST_LABELS:
            found = pc.unique(values)[: _MOST_LABELS + 2]
            self._labels |= {label.as_py(): None for label in found if label.is_valid}

    def describe(self, name: str, words: Sequence[str]) -> str | None:  # noqa: ARG002 - as of other doubts
        """Return a sentence on the labels that are alike, or None."""
        if len(self._labels) > _MOST_LABELS:
            return None
        groups: dict[str, list[str]] = {}
        for label in self._labels:
            groups.setdefault(label.casefold(), []).append(label)
        alike = [sorted(labels) for labels in groups.values() if len(labels) > 1]
        if not alike:
            return None
        listed = "; ".join(" and ".join(f"`{label}`" for label in labels) for labels in alike[:_LISTED])
        more = f"; and {len(alike) - _LISTED} more" if len(alike) > _LISTED else ""
        return f"Labels that differ only by case are different labels: {listed}{more}. Write them alike."
