"""The cells of a table, kept while their types are found: what they were read from is read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_text import EMPTY, NULL, make_texts
from .native_cells import write_values

#: So much is kept in memory, and only what is beyond it in a file: to write and read it costs as much as to write the dataset.
_MEMORY_BYTES = 256 << 20
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
#: A number, true or false as the cells have them; what looks like one can be text all the same.
_NATIVE = r"^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false)$"


class CellFile:
    """Blocks of cells, each with the columns that it has: a missing cell is an empty one.

    :param path: the file of those that memory is not for.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = pa.OSFile(str(path), "wb")
        self._kept: list[tuple[int, pa.RecordBatch]] = []
        self._room = _MEMORY_BYTES
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, columns: Mapping[str, Sequence[str] | pa.Array], rows: int) -> None:
        """Add a block of so many *rows*."""
        # A column that stands in the way of no other: a block without columns would have no rows.
        arrays = {name: cells if isinstance(cells, pa.Array) else make_texts(*cells) for name, cells in columns.items()}
        schema = pa.schema([pa.field(name, each.type) for name, each in arrays.items()], {"rows": str(rows)})
        batch = pa.record_batch(list(arrays.values()), schema=schema)
        self._room -= batch.get_total_buffer_size()
        if self._room >= 0:
            self._kept.append((rows, batch))
        else:
            with pa.ipc.new_stream(self._file, schema, options=_OPTIONS) as stream:
                stream.write_batch(batch)
        self.rows += rows

    def read(
        self, names: Sequence[str], unquoted: Sequence[str] = (), mixed: Mapping[str, bool] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the cells of the columns *names*, which are named by their position, as they were written.

        :param unquoted: cells that come as nulls where they are no text.
        :param mixed: column that has numbers, true or false → whether it has text too.
        """
        positions = [str(position) for position in range(len(names))]
        words = make_texts(*unquoted)
        for rows, batch in self._read_blocks():
            has = set(batch.schema.names)
            empty = pc.fill_null(pa.nulls(rows, pa.string()), EMPTY)
            arrays = [batch.column(name) if name in has else empty for name in names]
            if unquoted:
                natives = mixed or {}
                arrays = [
                    _leave_out(write_values(cells), words, is_mixed=natives[name]) if name in natives else cells
                    for name, cells in zip(names, arrays, strict=True)
                ]
            yield pa.record_batch(arrays, names=positions)

    def _read_blocks(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        yield from self._kept
        with pa.OSFile(str(self._path)) as file:
            while file.tell() < file.size():
                stream = pa.ipc.open_stream(file)
                rows = int(stream.schema.metadata[b"rows"])
                for batch in stream:
                    yield rows, batch


def _leave_out(cells: pa.Array, words: pa.Array, *, is_mixed: bool) -> pa.Array:
    found = pc.is_in(cells, value_set=words)
    if is_mixed:
        found = pc.and_(found, pc.match_substring_regex(cells, _NATIVE))
    return pc.if_else(found, NULL, cells)
