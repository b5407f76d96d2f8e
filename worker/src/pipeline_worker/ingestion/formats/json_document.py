"""A JSON document that is a table: an array of records, an object of columns, or an object that holds one array of records."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import DataUnreadable
from ...limits import Limits
from ...request import IngestionConfig
from ..converted import Converted
from ..json_records import UNUSED, Record, convert_records
from ..json_text import JsonText, decode_head
from ..text_encoding import find_encoding
from .file_format import FileFormat

_BEGINS = re.compile(r'\s*(?:\{\s*["}]|\[\s*[\[{"\d\]])')
#: A CSV file may begin with a name in brackets.
_ROW = re.compile(r"\s*\[[^\]\[\n{]*\]\s*[,;\t|]")
_ARRAY = "an array of records"
_AS_RECORDS = 'Write it as an array of objects, [{"name": value, ...}, ...], or as JSON lines.'
#: What pandas writes with `orient="split"`.
_SPLIT = {"columns", "index", "data"}


def _is_one(head: bytes, _: Path) -> bool:
    text = decode_head(head[:4096])
    return _BEGINS.match(text) is not None and _ROW.match(text) is None


@dataclass
class _Found:
    """What a document was found to be, once its records were read.

    :param argument: what pandas is called with, as Python.
    """

    how: str = _ARRAY
    argument: str = "json.load({file})"
    is_columns: bool = False


def _convert(
    path: Path, target: Path, name: str, config: IngestionConfig, drop_columns: Collection[str], limits: Limits
) -> Converted:
    encoding = find_encoding(path, name, config.encoding)
    found = _Found()
    with path.open(encoding=encoding.codec) as file:
        records = enumerate(_read(JsonText(file, name), found), start=1)
        converted = convert_records(records, "record", target, name, config, drop_columns, limits)
    return replace(
        converted,
        found=f"{found.how}, encoding {encoding.name}",
        pandas_call=("DataFrame", {"dtype": "object"}) if found.is_columns else converted.pandas_call,
        pandas_argument=found.argument,
        pandas_encoding=encoding.codec,
        notes=[*filter(None, [encoding.note]), *converted.notes],
    )


def _read(text: JsonText, found: _Found) -> Iterator[Record]:
    if text.peek() == "[":
        yield from _read_array(text)
    elif text.peek() == "{":
        yield from _read_object(text, found)
    else:
        raise text.refuse("it is neither an array nor an object")
    if text.peek():
        raise text.refuse(
            "something follows the end of the document; records one after the other are JSON lines, each on a line"
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


def _read_object(text: JsonText, found: _Found) -> Iterator[Record]:
    """Yield the records of the one array of records that an object holds, else those of its columns, else itself."""
    others: Record = {}
    arrays: list[str] = []
    text.expect("{")
    is_open = not text.skip("}")
    while is_open:
        key = text.read_value()
        if type(key) is not str:
            raise text.refuse("a name in quotes should come next")
        text.expect(":")
        if text.peek() == "[" and _holds_records(text):
            arrays.append(key)
            if len(arrays) > 1:
                raise _refuse_several(arrays, text.name)
            found.how, found.argument = f"the array of records `{key}`", f"json.load({{file}})[{key!r}]"
            yield from _read_array(text)
        else:
            others[key] = text.read_value()
        is_open = text.expect(",", "}") == ","
    if not arrays:
        yield from _read_columns(others, text, found)


def _holds_records(text: JsonText) -> bool:
    return text.peek_behind("[") == "{"


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
        found.argument = "json.load({file})"
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
    else:
        found.how, found.argument = "one record", "[json.load({file})]"
        yield columns


def _refuse_several(arrays: list[str], name: str) -> DataUnreadable:
    return DataUnreadable(
        f"The object holds more than one array of records: {', '.join(f'`{each}`' for each in arrays)}.",
        where=name,
        fix="Write the one that is the table into a file of its own.",
        details={"arrays": arrays},
    )


JSON = FileFormat("json", "a JSON file", (".json",), _convert, is_one=_is_one, unused=UNUSED, is_text=True)
