"""A target of numbers in which a few cells are something else: as text, each different number would be a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...errors import DataUnreadable
from ...request import IngestionConfig
from ...schema import Schema
from ...wording import shorten
from .arrow_text import make_texts
from .missing_words import GivenWords, WordSet
from .number_form import NumberForm
from .number_format import LEADING_ZERO, Numbers
from .setting_line import LONGEST_WORD, write_setting

#: Cells that are numbers, of those that say anything, and different numbers: with fewer they are labels, such as 1, 2, 3+.
_LEAST_SHARE, _MOST_LABELS = 0.95, 20
_LISTED = 10


def refuse_words_among_numbers(
    path: Path, schema: Schema, target: str, config: IngestionConfig, source: str, data_format: str
) -> None:
    """Refuse a text *target* that would be numbers but for a few cells. A type that the request gives is taken as it is.

    Words for missing say nothing, and are no reason.

    :param path: the dataset as Parquet.
    :param source: what people know the data as.
    :param data_format: what the file is: text of a Parquet file becomes numbers only where the request says so.
    :raises DataUnreadable: with the rows of these cells, and the line that makes them missing, or all cells labels.
    """
    column = schema.find(target)
    if column is None or column.type != "text" or target in (config.column_types or {}):
        return
    given = GivenWords.of(config, target)
    words, decimals = WordSet(given.typed), (config.decimal,) if config.decimal else (".", ",")
    seen = set[str]()
    most = (1 - _LEAST_SHARE) * schema.rows
    readings = [_Seen(each) for decimal in decimals for each in (Numbers(decimal), NumberForm(decimal))]
    for _, cells in _read_cells(path, target):
        filled = words.leave_out(cells)
        seen |= {each.as_py() for each in pc.unique(cells.filter(pc.is_null(filled))) if each.is_valid}
        counted = pc.value_counts(filled.drop_null())
        for each in readings:
            each.look(counted.field(0), counted.field(1))
        readings = [each for each in readings if each.others_count <= most]
        if not readings:
            return
    found = min(readings, key=lambda each: (each.is_faulty, each.others_count))
    if found.is_label_like:
        return
    missing = list(dict.fromkeys([*given.words, *(word for word in words.words if word and word in seen)]))
    rows = _find_rows(path, target, found, words)
    kinds = {"column_types": found.reading.type} if data_format == "parquet" else {}
    raise _explain(target, schema, source, found, rows, missing, kinds)


class _Seen:
    """What was seen of the cells of a column, read as one kind of numbers."""

    def __init__(self, reading: Numbers | NumberForm) -> None:
        self.reading = reading
        self.cells = self.others_count = 0
        self.others: Counter[str] = Counter()
        self._numbers = set[float]()

    def look(self, values: pa.Array, counts: pa.Array) -> None:
        """Look at different *values*, each of which stands in so many cells."""
        self.cells += pc.sum(counts).as_py() or 0
        misfits = self.reading.find_misfits(values)
        if misfits is not None:
            others, values = values.filter(misfits), values.filter(pc.invert(misfits))
            counts = counts.filter(misfits)
            self.others_count += pc.sum(counts).as_py()
            for value, count in zip(others[: _LISTED + 1], counts, strict=False):
                self.others[value.as_py()] += count.as_py()
            if len(values):
                # What was seen of numbers decides how they are converted, and is kept only where all are some.
                self.reading.find_misfits(values)
        if len(values) and len(self._numbers) <= _MOST_LABELS:
            numbers = pc.unique(pc.cast(self.reading.convert(values), pa.float64(), safe=False))
            self._numbers |= {each.as_py() for each in numbers[: _MOST_LABELS + 1]}

    @property
    def is_faulty(self) -> bool:
        """Whether the numbers alone are no column of numbers."""
        return isinstance(self.reading, NumberForm) and self.reading.find_fault() is not None

    @property
    def is_label_like(self) -> bool:
        """Whether the cells are labels all the same: few, or numbers without exception, or codes with zeros before them."""
        has_numbers = self.cells - self.others_count >= _LEAST_SHARE * self.cells
        has_codes = any(pc.match_substring_regex(make_texts(*self.others), LEADING_ZERO).to_pylist())
        return self.is_faulty or not self.others or not has_numbers or len(self._numbers) <= _MOST_LABELS or has_codes


def _read_cells(path: Path, target: str) -> Iterator[tuple[int, pa.Array]]:
    """Yield the cells of a column in blocks, with the row that each block begins with."""
    row = 1
    for batch in pq.ParquetFile(path).iter_batches(columns=[target]):
        yield row, pc.ascii_trim_whitespace(batch.column(0))
        row += batch.num_rows


def _find_rows(path: Path, target: str, found: _Seen, words: WordSet) -> list[tuple[int, str]]:
    """Return the first rows that are no numbers, and what they say."""
    rows: list[tuple[int, str]] = []
    for first, cells in _read_cells(path, target):
        misfits = found.reading.find_misfits(words.leave_out(cells))
        if misfits is not None:
            positions = pc.indices_nonzero(misfits)[: _LISTED - len(rows)].to_pylist()
            rows += [(first + position, cells[position].as_py()) for position in positions]
        if len(rows) == _LISTED:
            break
    return rows


def _explain(
    target: str,
    schema: Schema,
    source: str,
    found: _Seen,
    rows: list[tuple[int, str]],
    missing: list[str],
    kinds: dict[str, str],
) -> DataUnreadable:
    def place(row: int) -> str:
        return f"row {row}" + (f" (line {schema.first_row_line + row - 1})" if schema.first_row_line else "")

    listed = ", ".join(f"{shorten(value)!r} in {place(row)}" for row, value in rows)
    more = ", ..." if found.others_count > len(rows) else ""
    fix = "Mend these cells, and drop the file again"
    fix += f" with {write_setting('column_types', target, kinds['column_types'])}." if kinds else "."
    if len(found.others) <= _LISTED and not any(
        len(word) > LONGEST_WORD or any(map(str.isdigit, word)) for word in found.others
    ):
        setting = write_setting("missing_values", target, [*missing, *found.others], **kinds)
        fix += f" If they mean missing, give {setting}."
    fix += f" If all of its cells are labels, give {write_setting('column_types', target, 'text')}."
    is_one = found.others_count == 1
    return DataUnreadable(
        f"The target `{target}` is numbers but for {found.others_count:,} of its {found.cells:,} cells, which {'is' if is_one else 'are'} "
        f"none: {listed}{more}. As text each of its numbers would be a class of its own.",
        where=f"{source}, column `{target}`",
        fix=fix,
        details={
            "column": target,
            "count": found.others_count,
            "rows": [{"row": row, "value": value[:LONGEST_WORD]} for row, value in rows],
        },
    )
