"""A JSON document that is a table: an array of records, an object of columns, or an object that holds one array of records."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ....errors import DataUnreadable
from ....limits import Limits
from ....request import IngestionConfig
from ....wording import list_names
from ..converted import Converted
from ..json_records import UNUSED, Record, SeenRecords, convert_records, refuse_repeated
from ..json_text import JsonText, decode_head
from ..text_encoding import find_encoding
from .file_format import FileFormat

_BEGINS = re.compile(r'\s*(?:\{\s*["}]|\[\s*(?:[\[{"\d\]]|null\b))')
#: A CSV file may begin with a name in brackets.
_ROW = re.compile(r"\s*\[[^\]\[\n{]*\]\s*[,;\t|]")
_ARRAY = "an array of records"
_AS_RECORDS = 'Write it as an array of objects, [{"name": value, ...}, ...], or as JSON lines.'
_BRACKETS = "Put records with commas between them into brackets, [{...}, {...}]"
#: What a server names its error by.
_ERRORS = {"error", "errors"}
#: What pandas writes with `orient="split"`.
_SPLIT = {"columns", "index", "data"}


def _is_one(head: bytes, _: Path) -> bool:
    text = decode_head(head[:4096])
    return _BEGINS.match(text) is not None and _ROW.match(text) is None


@dataclass
class _Found:
    """What a document was found to be, once its records were read.

    :param argument: what pandas is called with, as Python.
    :param notes: what a person should know.
    """

    how: str = _ARRAY
    argument: str = "json.load({file})"
    is_columns: bool = False
    notes: list[str] = field(default_factory=list)


def _convert(
    path: Path, target: Path, name: str, config: IngestionConfig, drop_columns: Collection[str], limits: Limits
) -> Converted:
    encoding = find_encoding(path, name, config.encoding)
    found = _Found()
    with path.open(encoding=encoding.codec) as file:
        records = enumerate(_read(JsonText(file, name), found), start=1)
        converted = convert_records(records, SeenRecords(), "record", target, name, config, drop_columns, limits)
    argument = found.argument
    if found.is_columns and converted.pandas_call[0] == "json_normalize":
        # It flattens records, and no columns.
        argument = f"pandas.DataFrame({argument}, dtype='object').to_dict('records')"
    return replace(
        converted,
        found=f"{found.how}, encoding {encoding.name}",
        pandas_argument=argument,
        pandas_encoding=encoding.codec,
        notes=[*filter(None, [encoding.note]), *found.notes, *converted.notes],
    )


def _read(text: JsonText, found: _Found) -> Iterator[Record]:
    is_object = text.peek() == "{"
    if text.peek() == "[":
        yield from _read_array(text)
    elif is_object:
        yield from _read_object(text, found)
    else:
        raise text.refuse("it is neither an array nor an object")
    is_line = is_object and text.line == 1
    if text.peek() == ",":
        raise text.refuse(
            "a comma follows the end of the document",
            f"{_BRACKETS}; or leave out the commas at the ends of lines.",
        )
    if text.peek():
        if not (is_line and text.line > 1):
            raise text.refuse(
                "something follows the end of the document",
                f"{_BRACKETS}; or write each on a line of its own, as JSON lines.",
            )
        raise text.refuse(
            "something follows the end of the document; records one after the other are JSON lines, each on a line",
            'If each line is a record, say so: {"data_format": "jsonl"}',
        )


def _read_array(text: JsonText) -> Iterator[Record]:
    text.expect("[")
    if text.skip("]"):
        return
    number = 0
    while True:
        number += 1
        value = text.read_value()
        if type(value) is not dict:
            kind = "an array, whose values have no names" if type(value) is list else "no object"
            raise DataUnreadable(
                f"Record {number} is {kind}.",
                where=f"{text.name}, record {number}",
                fix=_AS_RECORDS,
                details={"record": number},
            )
        yield value
        if text.expect(",", "]") == "]":
            return
        if text.peek() == "]":
            raise text.refuse("nothing follows the last comma before its ]", "Take that comma out.")


def _read_object(text: JsonText, found: _Found) -> Iterator[Record]:
    """Yield the records of the one array of records that an object holds, else those of its columns, else itself."""
    others: Record = {}
    arrays: list[str] = []
    count = 0
    text.expect("{")
    is_open = not text.skip("}")
    while is_open:
        key = text.read_value()
        if type(key) is not str:
            raise text.refuse("a name in quotes should come next")
        if key in others or key in arrays:
            raise refuse_repeated(key, f"{text.name}, line {text.line}")
        text.expect(":")
        if text.peek() == "[" and text.peek(behind=True) == "{":
            arrays.append(key)
            if len(arrays) > 1:
                raise DataUnreadable(
                    f"The object holds more than one array of records: {list_names(arrays)}.",
                    where=text.name,
                    fix="Write the one that is the table into a file of its own.",
                    details={"arrays": arrays},
                )
            found.how, found.argument = f"the array of records `{key}`", f"json.load({{file}})[{key!r}]"
            for record in _read_array(text):
                count += 1
                yield record
        else:
            others[key] = text.read_value()
        is_open = text.expect(",", "}") == ","
    if not arrays:
        yield from _read_columns(others, text, found)
    elif others:
        _check_others(others, arrays[0], count, text.name)
        found.notes.append(f"Of the object `{arrays[0]}` was read, and not {list_names(others)}.")


def _check_others(others: Record, array: str, count: int, name: str) -> None:
    """Refuse an array of records that can be a column of objects beside *others*."""
    columns = [key for key, value in others.items() if type(value) is list and len(value) == count]
    if columns:
        raise DataUnreadable(
            f"The object holds the array of records `{array}`, and as many values in {list_names(columns)}: whether these are "
            "columns beside it, nothing says.",
            where=name,
            fix=f"Write the records of `{array}` into a file of their own; or write all as an array of objects, "
            '[{"name": value, ...}, ...].',
            details={"array": array, "columns": columns},
        )


def _read_columns(columns: Record, text: JsonText, found: _Found) -> Iterator[Record]:
    kinds = {type(value) for value in columns.values()}
    if columns.keys() == _SPLIT:
        raise DataUnreadable(
            'The names of the columns stand apart from the rows, as pandas writes it with `orient="split"`.',
            where=text.name,
            fix=f'Write it with `orient="records"`. {_AS_RECORDS}',
        )
    if kinds == {list}:
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"`{name}` {length:,}" for name, length in list(lengths.items())[:10])
            raise DataUnreadable(
                f"The columns have different numbers of values: {listed}.",
                where=text.name,
                fix="Write as many values for each column, null for those that are missing.",
                details={"lengths": lengths},
            )
        found.how, found.is_columns = "an object of columns", True
        yield from (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    elif kinds == {dict}:
        if not all(key.isdecimal() for values in columns.values() for key in values):
            raise DataUnreadable(
                "It is an object of objects: whether these are records or columns, nothing says.",
                where=text.name,
                fix=_AS_RECORDS,
            )
        found.how, found.is_columns = "an object of columns, by row", True
        keys = dict.fromkeys(key for values in columns.values() for key in values)
        yield from ({name: values.get(key) for name, values in columns.items()} for key in keys)
    elif errors := sorted(_ERRORS & columns.keys()):
        raise DataUnreadable(
            f"It is one object with `{errors[0]}`, and no records: a server's error seems to have been saved in place of the file.",
            where=text.name,
            fix="Download the file itself, and drop that.",
        )
    else:
        found.how, found.argument = "one record", "[json.load({file})]"
        yield columns


JSON = FileFormat("json", "a JSON file", (".json",), _convert, is_one=_is_one, unused=UNUSED, is_text=True)
