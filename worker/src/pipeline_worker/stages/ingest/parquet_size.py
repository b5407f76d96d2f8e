"""How large the table in a Parquet file is: by its footer and its dictionaries, before any row is read."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...limits import Limits
from .parquet_types import damaged, is_text

#: The text of the rows that are read at once, at most, if it is not a single row's.
_BLOCK_BYTES = 64 << 20


def check_size(path: Path, file: pq.ParquetFile, name: str, limits: Limits, spared: Collection[str] = ()) -> int:
    """Return how many rows may be read at once, so that their text has a bound.

    A dictionary holds a value once that any number of rows repeat: a few bytes can stand for hundreds of gigabytes.

    :param name: what people know the file as.
    :param spared: columns whose texts may be of any length, as no model will see them.
    :raises DataUnreadable: the file has too many rows or columns, unpacks to too much, or a text in a dictionary is too long.
    """
    metadata = file.metadata
    limits.check_rows(metadata.num_rows, name)
    limits.check_columns(len(file.schema_arrow), name)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    limits.check_size(sum(group.total_byte_size for group in groups), name, "Unpacked, the file has")
    most = max((group.total_byte_size / group.num_rows for group in groups if group.num_rows), default=1.0)
    texts = [field.name for field in file.schema_arrow if is_text(getattr(field.type, "value_type", field.type))]
    if texts:
        try:
            probe = pq.ParquetFile(path, read_dictionary=texts)
            longest = [[_find_longest(probe, number, column) for column in texts] for number in range(len(groups))]
            for number, sizes in enumerate(longest, start=1):
                for column, size in zip(texts, sizes, strict=True):
                    if column.strip() not in spared:
                        limits.check_cell(size, f"row group {number}", column.strip(), name)
            if (
                sum(sum(sizes) * group.num_rows for sizes, group in zip(longest, groups, strict=True))
                > limits.file_bytes
            ):
                limits.check_size(
                    _count_bytes(probe, texts), name, "Counted in each row that repeats them, its texts have"
                )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise damaged(name, error) from error
        most = max(most, *map(sum, longest))
    return max(1, int(_BLOCK_BYTES / most))


def _find_longest(probe: pq.ParquetFile, group: int, column: str) -> int:
    """Return how long the longest text is that a row group has in the dictionary of a column; 0 where it has none."""
    batch = next(probe.iter_batches(batch_size=1, row_groups=[group], columns=[column]), None)
    if batch is None:
        return 0
    return max((pc.max(pc.binary_length(each.dictionary)).as_py() or 0 for each in _select(batch, column)), default=0)


def _count_bytes(probe: pq.ParquetFile, columns: list[str]) -> int:
    """Return how many bytes the texts of *columns* have, each as often as it occurs."""
    total = 0
    for column in columns:
        for batch in probe.iter_batches(columns=[column]):
            for each in _select(batch, column):
                total += pc.sum(pc.take(pc.binary_length(each.dictionary), each.indices)).as_py() or 0
    return total


def _select(batch: pa.RecordBatch, column: str) -> list[pa.Array]:
    # To Arrow `a` asks for `a.b` as well; and of a name that is repeated, which is refused later, it makes one dictionary.
    found = [batch.column(position) for position in batch.schema.get_all_field_indices(column)]
    return [each for each in found if pa.types.is_dictionary(each.type)]
