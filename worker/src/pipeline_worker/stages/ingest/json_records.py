"""Records of JSON become a table of text: what is in them is flattened one level, and what is deeper stays JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa

from ...errors import DataUnreadable
from ...limits import Limits
from ...request import IngestionConfig
from ...wording import list_names
from .cell_file import CellFile
from .converted import MERGING, Converted, leave_types_open
from .csv_format import name_columns
from .extra_lines import find_body
from .json_columns import Cells
from .native_cells import write_float, write_floats, write_truth
from .text_format import TextFormat
from .text_table import convert_body

Record = dict[str, Any]

_BLOCK_CELLS = 1 << 17
#: What of `ingestion_config` is about separated text and workbooks.
UNUSED = frozenset({"separator", "quote", "escape", "max_bad_lines", "sheet"})
_LISTED = 10
#: Python reads no longer number.
TOO_MANY_DIGITS = "it has a number of more than 4,300 digits"
#: What is no text in the file.
_NATIVE: set[type] = {int, float, bool}


class RepeatedNameError(ValueError):
    """An object has a name twice."""


def make_record(pairs: list[tuple[str, Any]]) -> Record:
    """Return an object as Python's `json` is to make it.

    :raises RepeatedNameError: it has a name twice.
    """
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        raise RepeatedNameError(next(name for name in names if names.count(name) > 1))
    return record


def refuse_nested(line: int, name: str) -> DataUnreadable:
    """Return the error for a value that is nested more deeply than Python reads."""
    return DataUnreadable(
        f"A value in line {line} is nested too deeply to be read: by several hundred brackets or more.",
        where=f"{name}, line {line}",
        fix="Write what is inside as values side by side, or leave it out.",
        details={"line": line},
    )


def say_broken(error: json.JSONDecodeError) -> str:
    """Return what is wrong with a text that is no JSON."""
    if error.doc.startswith("'", error.pos):
        return "it has single quotes, as Python prints what it holds, and JSON has double ones"
    if error.doc.startswith(("}", "]"), error.pos) and error.doc[: error.pos].rstrip().endswith(","):
        return f"nothing follows the last comma before its {error.doc[error.pos]}"
    return error.msg


@dataclass
class SeenRecords:
    """What was seen of the records of one file.

    :param kinds: for each name, what its values are, but for null.
    :param nested: name of an object in a record → the names that its values have.
    """

    kinds: dict[str, set[type]] = field(default_factory=lambda: defaultdict(set))
    nested: dict[str, list[str]] = field(default_factory=dict)


def convert_records(
    records: Iterable[tuple[int, Record | Cells]],
    seen: SeenRecords,
    place: str,
    target: Path,
    name: str,
    config: IngestionConfig,
    drop_columns: Collection[str],
    limits: Limits,
) -> Converted:
    """Write *records* to *target* as Parquet, and return what they are; how to read them again is not told yet.

    :param records: each with its number, from 1; or the cells of many, with the number of the first.
    :param seen: what is seen of them while they are read.
    :param place: what has this number: a line, or a record.
    :param name: what people know the file as.
    :param drop_columns: columns that are no reason to refuse the file.
    :param limits: how large the table may be.
    :raises DataUnreadable: there are none, they are no table, or too large a one.
    """
    with CellFile(target.with_name("cells.arrow")) as cells:
        _write_cells(records, seen, cells, place, name, limits)
    if not cells.rows or not seen.kinds:
        raise DataUnreadable("The file has no records.", where=name, fix="Drop it again with its records.")
    keys = _list_keys(seen)
    if any(not key.strip() for key in keys):
        raise DataUnreadable(
            "A record has a value without a name: it is empty, or of blanks.",
            where=name,
            fix="Give each value a name.",
        )
    names, notes = name_columns(keys)
    kinds = {each: seen.kinds[key] for each, key in zip(names, keys, strict=True)}
    mixed = {key: str in seen.kinds[key] for key in keys if seen.kinds[key] & _NATIVE}
    has_texts = any(str in each for each in kinds.values())
    text_format = TextFormat(
        line="Record", header=tuple(keys), has_quotes=has_texts, decimal=config.decimal, kinds=kinds
    )

    def read(unquoted: tuple[str, ...] = ()) -> Iterator[pa.RecordBatch]:
        return limits.watch(cells.read(keys, unquoted, mixed), names, name, cells.rows, drop_columns)

    body = find_body(read, text_format, names, leave_types_open(config, drop_columns), name, target)
    converted = convert_body(body, text_format, names, target, name)
    is_nested = bool(seen.nested)
    unread = {
        column.name: "pandas makes floats of its whole numbers, which are too great for them, as some are missing"
        for column in converted.schema.columns
        if is_nested and column.nullable and (column.note or "").startswith(MERGING)
    }
    return replace(
        converted,
        pandas_call=("json_normalize", {"max_level": 1}) if is_nested else ("DataFrame", {"dtype": "object"}),
        pandas_unread=converted.pandas_unread | unread,
        notes=[*notes, *_note_nested(seen, kinds), *converted.notes],
    )


def note_kinds(records: Iterable[Record], seen: SeenRecords, name: str) -> None:
    """Note in *seen* what the values of *records* are.

    :raises DataUnreadable: a record has a name twice.
    """
    for record in records:
        for key, value in _flatten(record, seen, name).items():
            seen.kinds[key] |= {type(value)} - {type(None)}


def _list_keys(seen: SeenRecords) -> list[str]:
    """Return the names of the columns: an object that is null in some records is no column beside what is in it."""
    nested = seen.nested
    return [key for key, kinds in seen.kinds.items() if kinds or key not in nested]


def _note_nested(seen: SeenRecords, kinds: dict[str, set[type]]) -> list[str]:
    notes = []
    if seen.nested:
        listed = "; ".join(
            f"`{key}` became {list_names(f'{key}.{inner}' for inner in names) or 'nothing, as it is empty'}"
            for key, names in list(seen.nested.items())[:_LISTED]
        )
        notes.append(f"Objects in the records were flattened, by one level: {listed}.")
    deep = [each for each, found in kinds.items() if {dict, list} & found]
    if deep:
        notes.append(f"What is deeper was kept as JSON, in text: {list_names(deep)}.")
    return notes


def _write_cells(
    records: Iterable[tuple[int, Record | Cells]],
    seen: SeenRecords,
    cells: CellFile,
    place: str,
    name: str,
    limits: Limits,
) -> None:
    waiting: list[Record] = []
    size = 0
    first = 1
    for number, record in records:
        if isinstance(record, Cells):
            _write_block(waiting, seen, cells, (place, first), name)
            waiting, size = [], 0
            cells.write(record.columns, record.rows)
            continue
        first = first if waiting else number
        waiting.append(record)
        size += len(record)
        if size >= _BLOCK_CELLS:
            _write_block(waiting, seen, cells, (place, first), name)
            limits.check_columns(len(seen.kinds), name)
            waiting, size = [], 0
    _write_block(waiting, seen, cells, (place, first), name)
    limits.check_columns(len(_list_keys(seen)), name)


def _write_block(records: list[Record], seen: SeenRecords, cells: CellFile, place: tuple[str, int], name: str) -> None:
    if not records:
        return
    if any(dict in map(type, record.values()) for record in records):
        records = [_flatten(record, seen, name) for record in records]
    names = list(dict.fromkeys(chain.from_iterable(records)))
    is_full = sum(map(len, records)) == len(names) * len(records)
    step = len(records) if is_full else max(1, _BLOCK_CELLS // max(1, len(names)))
    for start in range(0, len(records), step):
        some = records[start : start + step]
        columns = {}
        for key in names:
            values = list(map(itemgetter(key), some)) if is_full else [record.get(key) for record in some]
            found = set(map(type, values))
            seen.kinds[key] |= found - {type(None)}
            columns[key] = _write_values(values, found)
        try:
            cells.write(columns, len(some))
        except UnicodeEncodeError as error:
            raise DataUnreadable(
                f"A text from {place[0]} {place[1]:,} on has half of a character (`\\ud800` or the like), which is no text.",
                where=f"{name}, from {place[0]} {place[1]} on",
                fix="Write the file again from its source.",
            ) from error


def _flatten(record: Record, seen: SeenRecords, name: str) -> Record:
    flat: Record = {}
    for key, value in record.items():
        if type(value) is not dict:
            inner = {key: value}
        else:
            inner = {f"{key}.{each}": deeper for each, deeper in value.items()}
            known = seen.nested.setdefault(key, [])
            known += [each for each in value if each not in known]
        for each in inner:
            if each in flat:
                raise refuse_repeated(each, name)
        flat |= inner
    return flat


def refuse_repeated(repeated: str, where: str) -> DataUnreadable:
    """Return the error for a record that has a name twice."""
    return DataUnreadable(
        f"A record has more than one value called `{repeated}`.",
        where=where,
        fix="Give each value a name of its own.",
        details={"columns": [repeated]},
    )


def _write_values(values: Sequence[Any], kinds: set[type]) -> Sequence[str]:
    if kinds == {str}:
        return values
    if kinds == {float}:
        return write_floats(values)
    return (
        list(map(_WRITE[next(iter(kinds))], values))
        if len(kinds) == 1
        else [_WRITE[type(each)](each) for each in values]
    )


def _write_deep(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_WRITE: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    float: write_float,
    bool: write_truth,
    dict: _write_deep,
    list: _write_deep,
    type(None): lambda _: "",
}
