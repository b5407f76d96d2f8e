"""Numbers that may stand for a missing value: `-999`, far from all others of their column. They are told, never changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from .setting_line import write_setting

_CANDIDATES = (-99, -999, -9999, -99999, -999999, 999, 9999, 99999, 999999)


class Suspicious:
    """What was seen of the numbers of one column."""

    def __init__(self) -> None:
        self._counts: Counter[float] = Counter()
        self._ends: list[float] = []

    def look(self, values: pa.Array) -> None:
        """Look at some more of them."""
        ends = pc.min_max(values)
        least, most = ends["min"].as_py(), ends["max"].as_py()
        while least is not None and (least in _CANDIDATES or most in _CANDIDATES):
            for end in {least, most} & set(_CANDIDATES):
                is_end = pc.equal(values, ends["min"] if end == least else ends["max"])
                self._counts[end] += pc.sum(is_end).as_py()
                values = values.filter(pc.invert(is_end))
            ends = pc.min_max(values)
            least, most = ends["min"].as_py(), ends["max"].as_py()
        if least is not None:
            self._ends += [least, most]

    def describe(self, name: str, words: Sequence[str]) -> str | None:
        """Return a sentence on the most frequent number of the column *name* that is far from all others, or None.

        :param words: what is missing in that column already.
        """
        if not self._ends:
            return None
        least, most = min(self._ends), max(self._ends)
        spread = most - least
        for value, count in self._counts.most_common():
            if spread > 0 and not least - spread <= value <= most + spread:
                cells = "1 cell says" if count == 1 else f"{count:,} cells say"
                setting = write_setting("missing_values", name, [*words, str(int(value))])
                return (
                    f"{cells} {int(value)}, far from all others ({least:g} to {most:g}), and read as a number; "
                    f"if it means missing, give {setting}."
                )
        return None
