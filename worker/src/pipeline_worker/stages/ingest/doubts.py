"""What the values of the columns are looked at for on their way into the dataset: what may not mean what it says is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ...wording import count_cells, list_phrases
from .column_type import Typed
from .setting_line import write_setting

_CANDIDATES = (-99, -999, -9999, -99999, -999999, 999, 9999, 99999, 999999)
#: A column with more different texts has no labels.
_MOST_LABELS = 200
_LISTED = 5


class _Suspicious:
    """The numbers of one column: those that may stand for a missing value, `-999` far from all others, are told, never changed."""

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
                setting = write_setting("missing_values", name, [*words, str(int(value))])
                return (
                    f"{count_cells(count)} {int(value)}, far from all others ({least:g} to {most:g}), and read as a number; "
                    f"if it means missing, give {setting}."
                )
        return None


class _AlikeLabels:
    """The labels of one column: those that differ by case alone are told, never made one."""

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
        listed = list_phrases([" and ".join(f"`{label}`" for label in labels) for labels in alike], _LISTED)
        return f"Labels that differ only by case are different labels: {listed}. Write them alike."


_LOOKS: dict[str, type[_Suspicious | _AlikeLabels]] = {
    "integer": _Suspicious,
    "number": _Suspicious,
    "text": _AlikeLabels,
}


class Doubts:
    """What was seen of the values of *columns*, by their types."""

    def __init__(self, columns: Mapping[str, Typed]) -> None:
        self._names = list(columns)
        self._looks = [_LOOKS[each.type]() if each.type in _LOOKS else None for each in columns.values()]

    def watch(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield *batches*, and look at each."""
        for batch in batches:
            for look, values in zip(self._looks, batch.columns, strict=True):
                if look is not None:
                    look.look(values)
            yield batch

    def tell(self, words: Sequence[Sequence[str]]) -> list[str | None]:
        """Return for each column a sentence on what is in doubt, or None.

        :param words: for each, what is missing in it already.
        """
        return [
            look.describe(name, missing) if look else None
            for look, name, missing in zip(self._looks, self._names, words, strict=True)
        ]
