"""The columns and rows that rules are about, read from the dataset a little at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...dataset_rows import read_pieces
from ...schema import Schema
from .rule import Rule

#: Values that are held at once. A larger dataset is looked at in parts of so many rows, which costs a little for each.
_HELD_VALUES = 2_000_000
_ROWS_AT_ONCE = 250_000
#: With more rules, and so columns, each of them costs more.
_RULES_AT_ONCE = 50

#: The rule of one column that only values which stand in several rows can break.
_UNIQUE = "expect_column_values_to_be_unique"

Numbered = list[tuple[int, Rule]]
#: 64 bits for each row, of its value.
_Digests = npt.NDArray[np.uint64]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """Rules, and rows that they are evaluated on.

    :param rows_before: how many rows of the dataset come before these.
    :param is_plain: the rules need whole numbers as floats, where some are missing.
    :param positions: where the rows are in the dataset, counted from 0, where they do not follow each other.
    :param single: values that are not here as they hold in any case.
    """

    rules: Numbered
    table: pa.Table
    rows_before: int = 0
    is_plain: bool = False
    positions: Sequence[int] | None = None
    single: int = 0

    def count_row(self, index: int) -> int:
        """Return the row of the dataset, counted from 1, that the row *index* of the table is."""
        return (self.rows_before + index if self.positions is None else self.positions[index]) + 1


def read_parts(numbered: Numbered, path: Path, schema: Schema) -> Iterator[Part]:
    """Yield all rules with the rows and columns that they are about: at once where that is little, else in parts."""
    file = pq.ParquetFile(path)
    on_names = [each for each in numbered if _is_about_names(each[1])]
    on_rows = [each for each in numbered if not _is_about_names(each[1]) and not each[1].subjects]
    on_values = [each for each in numbered if not _is_about_names(each[1]) and each[1].subjects]
    columns = list(dict.fromkeys(name for _, rule in on_values for name in rule.subjects))
    # Whose texts are long has more than one row group, however few its values are.
    has_texts = any(column.type == "text" for column in schema.columns if column.name in columns)
    is_little = schema.rows * len(columns) <= _HELD_VALUES and not (has_texts and file.num_row_groups > 1)
    if on_names:
        yield Part(on_names, file.schema_arrow.empty_table())
    for is_plain in (False, True):
        some = [each for each in on_values if each[1].offered.is_plain == is_plain]
        if not is_little:
            yield from _read_large(some, file, is_plain=is_plain)
            continue
        for start in range(0, len(some), _RULES_AT_ONCE):
            rules = some[start : start + _RULES_AT_ONCE]
            names = list(dict.fromkeys(name for _, rule in rules for name in rule.subjects))
            yield Part(rules, file.read(columns=names), is_plain=is_plain)
    if on_rows:
        # These need a table with all rows, whatever is in it.
        yield Part(on_rows, pa.table({"": pa.repeat(False, schema.rows)}))


def _read_large(numbered: Numbered, file: pq.ParquetFile, *, is_plain: bool) -> Iterator[Part]:
    """Yield rules about whole columns with these alone, and all others with some columns and rows at a time."""
    whole: dict[tuple[str, ...], Numbered] = {}
    several: dict[tuple[str, ...], Numbered] = {}
    single: Numbered = []
    for each in numbered:
        if not each[1].offered.is_row_by_row:
            whole.setdefault(each[1].subjects, []).append(each)
        elif each[1].column is None:
            several.setdefault(each[1].subjects, []).append(each)
        else:
            single.append(each)
    for names, rules in whole.items():
        yield from _read_whole(names, rules, file, is_plain=is_plain)
    columns = list(dict.fromkeys(rule.column for _, rule in single if rule.column))
    at_once = max(1, _HELD_VALUES // _ROWS_AT_ONCE)
    for start in range(0, len(columns), at_once):
        some = columns[start : start + at_once]
        several[tuple(some)] = several.get(tuple(some), []) + [each for each in single if each[1].column in some]
    for names, rules in several.items():
        before = 0
        for table in read_pieces(file, names, _ROWS_AT_ONCE):
            yield Part(rules, table, before, is_plain)
            before += len(table)


def _read_whole(names: tuple[str, ...], numbered: Numbered, file: pq.ParquetFile, *, is_plain: bool) -> Iterator[Part]:
    on_repeated = [each for each in numbered if each[1].expectation == _UNIQUE]
    others = [each for each in numbered if each[1].expectation != _UNIQUE]
    if on_repeated:
        yield from _read_repeatable(on_repeated, names[0], file)
    if others:
        yield Part(others, file.read(columns=list(names)), is_plain=is_plain)


def _read_repeatable(rules: Numbered, name: str, file: pq.ParquetFile) -> Iterator[Part]:
    """Yield the rows of the column *name* whose value may be repeated, a part at a time; at least once, of no row even.

    All rows that have one value are in the same part. Values of which no other has the digest are told apart by that; of those that
    share one, the values themselves decide.
    """
    digests, is_there = _take_digests(file, name)
    is_shared = _find_shared(digests, is_there)
    groups = max(1, -(-int(is_shared.sum()) // _HELD_VALUES))
    for group in range(groups):
        wanted = is_shared if groups == 1 else is_shared & (digests % groups == group)
        single = int(is_there.sum() - is_shared.sum()) if group == 0 else 0
        yield Part(rules, _read_rows(file, name, wanted), positions=np.flatnonzero(wanted).tolist(), single=single)


def _take_digests(file: pq.ParquetFile, name: str) -> tuple[_Digests, _Mask]:
    from pandas.util import hash_pandas_object

    rows = file.metadata.num_rows
    digests, is_there = np.empty(rows, np.uint64), np.empty(rows, np.bool_)
    before = 0
    for table in read_pieces(file, [name], _ROWS_AT_ONCE):
        values: Any = _number(table.column(name)).to_pandas()
        here = slice(before, before + len(table))
        digests[here] = hash_pandas_object(values, index=False, categorize=False)
        is_there[here] = values.notna()
        before += len(table)
    return digests, is_there


def _number(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return *values* so that those that are equal have one digest: 0.0 and -0.0 have two."""
    return pc.add(values, pa.scalar(0.0, values.type)) if pa.types.is_floating(values.type) else values


def _find_shared(digests: _Digests, is_there: _Mask) -> _Mask:
    ordered = np.sort(digests[is_there])
    shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if not len(shared):
        return np.zeros(len(digests), np.bool_)
    nearest = np.minimum(np.searchsorted(shared, digests), len(shared) - 1)
    is_shared: _Mask = is_there & (shared[nearest] == digests)
    return is_shared


def _read_rows(file: pq.ParquetFile, name: str, wanted: _Mask) -> pa.Table:
    before, tables = 0, [file.schema_arrow.empty_table().select([name])]
    for table in read_pieces(file, [name], _ROWS_AT_ONCE) if wanted.any() else ():
        tables.append(table.filter(pa.array(wanted[before : before + len(table)])))
        before += len(table)
    return pa.concat_tables(tables)


def _is_about_names(rule: Rule) -> bool:
    """Return whether the rule is about which columns there are, so that no row has to be read."""
    return rule.expectation == "expect_column_to_exist" or rule.expectation.startswith("expect_table_column")
