"""The columns of a dropped Parquet file: what each is, and which are left out."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...errors import DataUnreadable
from ...limits import USUAL, Limits
from ...wording import note_trimmed, note_trimmed_names, shorten
from .column_type import CellMisfitError, Typed
from .csv_columns import refuse_cell
from .pandas_index import PandasIndex, find_index, note_index
from .parquet_retyped import retype
from .parquet_size import check_size
from .parquet_types import choose_type, damaged, find_type, is_text
from .parquet_values import bring_to, decode, refuse_odd_years

_BATCH_CELLS = 2_000_000
_BUFFER_BYTES = 1 << 20
_LONGEST_KIND = 60


@dataclass(frozen=True)
class ParquetColumns:
    """The columns of a Parquet file.

    :param typed: what each is, by the name that it gets.
    :param sources: for each of them, what the file calls it.
    :param plain: and the type that its values are brought to, before they become one that the request gives.
    :param left_out: column → why it is left out.
    :param reset_index: as of :class:`PandasIndex`.
    :param notes: what a person should know beside the notes on columns.
    :param words: for each column, the words that the request says are missing in it.
    :param trimmed: columns of which some texts have blanks around them, known once the rows were read.
    :param emptied: column → how many of its texts have no character; likewise.
    :param block_rows: how many rows are read at once, at most.
    """

    file: pq.ParquetFile
    name: str
    typed: dict[str, Typed]
    sources: list[str]
    plain: dict[str, pa.DataType]
    left_out: dict[str, str] = field(default_factory=dict)
    reset_index: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    words: list[list[str]] = field(default_factory=list)
    trimmed: set[str] = field(default_factory=set)
    emptied: Counter[str] = field(default_factory=Counter)
    block_rows: int = 65536

    def read(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in blocks, with their types.

        :raises DataUnreadable: the file is damaged, a column has dates that no calendar has, or a cell is not of the type that
            the request gives.
        """
        schema = pa.schema([pa.field(each, typed.arrow_type) for each, typed in self.typed.items()])
        size = min(self.block_rows, max(1024, min(65536, _BATCH_CELLS // len(self.typed))))
        self.trimmed.clear()
        self.emptied.clear()
        rows = 0
        try:
            for batch in self.file.iter_batches(batch_size=size, columns=self.sources):
                arrays = [
                    self._convert(batch.column(source), each, rows)
                    for each, source in zip(self.typed, self.sources, strict=True)
                ]
                rows += batch.num_rows
                yield pa.record_batch(arrays, schema=schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise damaged(self.name, error) from error

    def select(self, names: Collection[str]) -> ParquetColumns:
        """Return the columns *names* alone, in that order."""
        sources = dict(zip(self.typed, self.sources, strict=True))
        typed, plain = ({each: of[each] for each in names} for of in (self.typed, self.plain))
        selected = [sources[each] for each in names]
        return ParquetColumns(self.file, self.name, typed, selected, plain, block_rows=self.block_rows)

    def _convert(self, values: pa.Array, column: str, rows: int) -> pa.Array:
        values = decode(values)
        refuse_odd_years(values, column, self.name)
        found = bring_to(values, self.plain[column])
        if is_text(values.type):
            self.emptied[column] += found.null_count - values.null_count
            before, after = (pc.sum(pc.binary_length(each)).as_py() or 0 for each in (values, found))
            if before != after:
                self.trimmed.add(column)
        typed = self.typed[column]
        try:
            return retype(found, typed)
        except CellMisfitError as error:
            misfit = CellMisfitError(rows + error.row, error.value)
            can_be_missing = not pa.types.is_temporal(found.type)
            raise refuse_cell(column, typed.type, misfit, self.name, can_be_missing=can_be_missing) from error

    def is_rounded(self, missing: Sequence[int]) -> bool:
        """Whether `pandas.read_parquet` would make floats of whole numbers that are too great for them, as some are missing.

        :param missing: how many values of each column are.
        """
        # Asked for once: it is made anew each time, and takes as long as there are columns.
        schema = self.file.schema_arrow
        fields = (schema.field(source).type for source in self.sources)
        kinds = [each.value_type if pa.types.is_dictionary(each) else each for each in fields]
        return any(
            typed.type == "text" and count and pa.types.is_integer(kind)
            for typed, count, kind in zip(self.typed.values(), missing, kinds, strict=True)
        )

    def tell(self) -> list[str | None]:
        """Return for each column a sentence on its texts without a character, once the rows were read."""
        return [
            f"{count:,} of its texts {'is' if count == 1 else 'are'} empty, and read as missing." if count else None
            for count in map(self.emptied.__getitem__, self.typed)
        ]

    def list_notes(self) -> list[str]:
        """Return what a person should know beside the notes on columns, once the rows were read."""
        return self.notes + note_trimmed([each for each in self.typed if each in self.trimmed])


def find_parquet_columns(
    path: Path, name: str, texts: Mapping[str, str], dropped: Collection[str] = (), limits: Limits = USUAL
) -> ParquetColumns:
    """Return the columns of the Parquet file at *path*.

    Columns that hold no plain values are left out, and so are those of *dropped* that cannot be read.

    :param name: what people know the file as.
    :param texts: columns that become text whatever they are → why, for people.
    :param limits: how large the table may be.
    :raises DataUnreadable: the file is damaged, has no rows, or has two columns of one name, or no column of plain values; or
        its table is too large.
    """
    file, index = _open(path, name)
    block_rows = check_size(path, file, name, limits, dropped)
    fields = [each for each in file.schema_arrow if each.name not in index.left_out]
    names = [index.names.get(each.name, each.name.strip()) for each in fields]
    left_out = index.left_out | _find_repeated(names, dropped, name)
    found: dict[str, Typed] = {}
    sources: list[str] = []
    for each, called in zip(fields, names, strict=True):
        kind = find_type(each.type)
        if kind is None:
            left_out[called] = (
                f"it holds {shorten(str(each.type), _LONGEST_KIND)}, which is no number, text, boolean, date or time"
            )
        elif called not in left_out:
            try:
                typed = choose_type(each, kind, file, name)
                if called in dropped:
                    plain = {called: typed.arrow_type}
                    one = ParquetColumns(file, name, {called: typed}, [each.name], plain, block_rows=block_rows)
                    deque(one.read(), maxlen=0)
            except DataUnreadable as error:
                if called not in dropped:
                    raise
                left_out[called] = f"it is in `drop_columns`, and cannot be read: {error.what}"
            else:
                found[called] = Typed("text", pa.string(), note=texts[called]) if called in texts else typed
                sources.append(each.name)
    if not found:
        _refuse_all(left_out, name)
    for each in found.keys() & set(index.names.values()):
        found[each] = replace(found[each], note=" ".join(filter(None, (found[each].note, note_index(each)))))
    notes = note_trimmed_names(each.name.strip() for each in fields if each.name != each.name.strip())
    notes += [f"`{each}` was left out: {why.removesuffix('.')}." for each, why in left_out.items()]
    plain = {called: typed.arrow_type for called, typed in found.items()}
    return ParquetColumns(file, name, found, sources, plain, left_out, index.reset_index, notes, block_rows=block_rows)


def _open(path: Path, name: str) -> tuple[pq.ParquetFile, PandasIndex]:
    try:
        # With both of these a column of a row group is streamed; otherwise it is held whole, compressed.
        file = pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True)
        index = find_index(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise damaged(name, error) from error
    if not file.metadata.num_rows or not len(file.schema_arrow):
        raise DataUnreadable("The file has no rows.", where=name, fix="Drop it again with its rows.")
    return file, index


def _find_repeated(names: Sequence[str], dropped: Collection[str], name: str) -> dict[str, str]:
    """Return which of *dropped* several columns are called.

    :raises DataUnreadable: several columns have another name.
    """
    repeated = sorted(each for each, count in Counter(names).items() if count > 1)
    refused = [each for each in repeated if each not in dropped]
    if refused:
        raise DataUnreadable(
            f"More than one column is called {', '.join(f'`{each}`' for each in refused)}.",
            where=name,
            fix="Give each column a name of its own; or name these in `drop_columns`, which leaves them out.",
            details={"columns": refused},
        )
    return dict.fromkeys(repeated, "it is in `drop_columns`, and more than one column is called so")


def _refuse_all(left_out: Mapping[str, str], name: str) -> NoReturn:
    listed = "; ".join(f"`{each}`: {why}" for each, why in list(left_out.items())[:10])
    raise DataUnreadable(
        f"No column of the file can be used. {listed}.",
        where=name,
        fix="Write columns of numbers, text, booleans, dates or times.",
        details={"columns": dict(left_out)},
    )
