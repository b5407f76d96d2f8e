"""How large a file may be: what is larger is refused before it takes the memory and the hours of others."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_contract.settings import SETTINGS

from .errors import DataUnreadable

if TYPE_CHECKING:
    import pyarrow as pa

#: Each limit, and the setting that it comes from.
NAMES = {
    "file_bytes": "ML_PIPELINE_MAX_FILE_BYTES",
    "rows": "ML_PIPELINE_MAX_ROWS",
    "columns": "ML_PIPELINE_MAX_COLUMNS",
    "cell_bytes": "ML_PIPELINE_MAX_CELL_BYTES",
}

#: What to do about a cell that is too long, where its format does not make it so.
SHORTEN = "Shorten the text"


@dataclass(frozen=True)
class Limits:
    """The most that a file may have.

    :param file_bytes: bytes of the file, and of what it unpacks to.
    :param rows: rows of its table.
    :param columns: columns of its table.
    :param cell_bytes: bytes of the text in one cell, in UTF-8.
    """

    file_bytes: int = int(SETTINGS[NAMES["file_bytes"]].default)
    rows: int = int(SETTINGS[NAMES["rows"]].default)
    columns: int = int(SETTINGS[NAMES["columns"]].default)
    cell_bytes: int = int(SETTINGS[NAMES["cell_bytes"]].default)

    def check_size(self, size: int, where: str, what: str = "The file has", most: int | None = None) -> None:
        """Refuse a file of *size* bytes, or one of which *what* has so many; or at least these, and *most* at most.

        :raises DataUnreadable: they are too many.
        """
        if size > self.file_bytes:
            fix = "Drop a part of its rows (a sample often teaches a model as much), fewer columns, or shorter texts"
            raise self._refuse("file_bytes", size, what, "bytes", where, fix, most)

    def check_columns(self, count: int, where: str) -> None:
        """Refuse a table of *count* columns.

        :raises DataUnreadable: they are too many.
        """
        if count > self.columns:
            fix = "Leave out those that predict nothing"
            raise self._refuse("columns", count, "The table has", "columns", where, fix)

    def check_rows(self, count: int, where: str, most: int | None = None) -> None:
        """Refuse a table of *count* rows; or of at least these, and *most* at most.

        :raises DataUnreadable: they are too many.
        """
        if count > self.rows:
            fix = "Drop a part of them: a sample often teaches a model as much"
            raise self._refuse("rows", count, "The table has", "rows", where, fix, most)

    def check_cell(self, size: int, row: str, column: str, where: str, hint: str = SHORTEN) -> None:
        """Refuse a cell with *size* bytes of text.

        :param row: which row it is in, in words.
        :param hint: what to do about the cell.
        :raises DataUnreadable: they are too many.
        """
        if size > self.cell_bytes:
            what = f"A cell of `{column}` in {row} has"
            left_out = json.dumps({"drop_columns": [column]}, ensure_ascii=False)
            fix = f"{hint}; or have no model see the column, by {left_out}"
            raise self._refuse("cell_bytes", size, what, "bytes", f"{where}, {row}, column `{column}`", fix)

    def watch(
        self,
        batches: Iterator[pa.RecordBatch],
        names: Sequence[str],
        where: str,
        most: int,
        spared: Collection[str],
        hint: str = SHORTEN,
    ) -> Iterator[pa.RecordBatch]:
        """Yield *batches*, rows of the columns *names*, as long as they keep within the limits.

        :param spared: columns whose texts may be of any length, as no model will see them.
        :param most: how many rows there are at most.
        :param hint: what to do about a cell that is too long.
        :raises DataUnreadable: there are too many rows, or a text is too long.
        """
        rows = 0
        for batch in batches:
            for name, values in zip(names, batch.columns, strict=True):
                # As good as always this is all that is looked at.
                if values.nbytes > self.cell_bytes and name not in spared:
                    self._check_texts(values, name, rows, where, hint)
            rows += batch.num_rows
            self.check_rows(rows, where, most)
            yield batch

    def _check_texts(self, values: pa.Array, name: str, rows: int, where: str, hint: str) -> None:
        import pyarrow.compute as pc
        from pyarrow import types

        if types.is_string(values.type) or types.is_large_string(values.type):
            sizes = pc.binary_length(values)
            largest = pc.max(sizes)
            if largest.is_valid and largest.as_py() > self.cell_bytes:
                row = pc.index(sizes, largest).as_py()
                self.check_cell(largest.as_py(), f"row {rows + row + 1:,}", name, where, hint)

    def _refuse(
        self, limit: str, found: int, what: str, unit: str, where: str, fix: str, most: int | None = None
    ) -> DataUnreadable:
        bound, setting = getattr(self, limit), NAMES[limit]
        # How many there are is not known where it may be *most*.
        count = (
            f"{found:,} {unit}; {bound:,} are allowed"
            if most is None
            else f"more than {bound:,} {unit}, the most allowed"
        )
        enough, surely = (found, "") if most is None else (most, ", which is surely enough")
        return DataUnreadable(
            f"{what} {count}.",
            where=where,
            fix=f"{fix}; or whoever runs the pipeline allows more by this line in `.env`{surely}, and `make down up`: {setting}={enough}",
            details={"limit": setting, "allowed": bound, "found": enough},
        )


#: What holds where no setting says otherwise.
USUAL = Limits()
