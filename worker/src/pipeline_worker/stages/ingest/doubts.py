"""What the values of the columns are looked at for on their way into the dataset: what may not mean what it says is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from .alike_labels import AlikeLabels
from .column_type import Typed
from .suspicious import Suspicious

_LOOKS: dict[str, type[Suspicious | AlikeLabels]] = {
    "integer": Suspicious,
    "number": Suspicious,
    "text": AlikeLabels,
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
