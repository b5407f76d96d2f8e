"""The dataset, written while its cells are looked at: most columns are to the end what their first rows were.

So most files are read once. Where a column turns out to be something else, the file is read again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from .column_type import CellMisfitError, Typed
from .converted import arrow_schema, write_rows
from .doubts import Doubts
from .guess import Guess

#: Cells, and for each column the values that a look at them gave by the way.
Looked = tuple[pa.RecordBatch, list[pa.Array | None]]


@dataclass(frozen=True)
class Draft:
    """A dataset that was written by the types *typed*.

    :param missing: how many values of each column are.
    :param doubts: what was seen of its values.
    """

    typed: list[Typed]
    missing: list[int]
    doubts: Doubts

    def holds(self, typed: Sequence[Typed]) -> bool:
        """Whether it is what columns that are *typed* would become."""
        return all(before.reads_like(after) for before, after in zip(self.typed, typed, strict=True))


class _TypeChangedError(Exception):
    """A column is no more what it was when the draft began."""


def write_draft(
    target: Path, guesses: Sequence[Guess], looked: Iterator[Looked], find_types: Callable[[], list[Typed] | None]
) -> tuple[int, Draft | None]:
    """Write what is *looked* at to *target*; return the rows, and the draft, if no column changed its type on the way.

    :param find_types: says what the columns are by what was looked at so far, or None where that cannot be said.
    """
    rows = 0

    def count(each: Looked) -> Looked:
        nonlocal rows
        rows += each[0].num_rows
        return each

    counted = map(count, looked)
    first = list(itertools.islice(counted, 1))
    typed = find_types() if first else None
    draft = None
    if typed is not None:
        columns = {guess.name: each for guess, each in zip(guesses, typed, strict=True)}
        doubts = Doubts(columns)
        values = _convert(itertools.chain(first, counted), guesses, typed, arrow_schema(columns))
        with suppress(_TypeChangedError):
            draft = Draft(typed, write_rows(target, columns, doubts.watch(values))[1], doubts)
    # What is left has to be looked at all the same.
    for _ in counted:
        pass
    return rows, draft


def _convert(
    looked: Iterator[Looked], guesses: Sequence[Guess], typed: Sequence[Typed], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    begun = [each.reading and each.reading.arrow_type for each in typed]
    for batch, found in looked:
        arrays = []
        for guess, each, arrow_type, texts, values in zip(guesses, typed, begun, batch.columns, found, strict=True):
            if each.reading and not (guess.can_be(each.reading) and each.reading.arrow_type == arrow_type):
                raise _TypeChangedError
            try:
                is_done = values is not None and values.type == each.arrow_type
                arrays.append(values if is_done else each.convert(texts))
            except (CellMisfitError, pa.ArrowInvalid) as error:
                raise _TypeChangedError from error
        yield pa.record_batch(arrays, schema=schema)
