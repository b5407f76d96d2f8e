"""JSON lines: a record on each line, as an object."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ....errors import DataUnreadable
from ....limits import Limits
from ....request import IngestionConfig
from ..converted import Converted
from ..json_columns import Cells, read_columns
from ..json_records import (
    TOO_MANY_DIGITS,
    UNUSED,
    Record,
    RepeatedNameError,
    SeenRecords,
    convert_records,
    make_record,
    note_kinds,
    refuse_nested,
    refuse_repeated,
    say_broken,
)
from ..json_text import decode_head
from ..text_encoding import TextEncoding, find_encoding
from .file_format import FileFormat

_LONGEST_LINE = 32 << 20
_BLOCK_BYTES = 4 << 20
#: By so much Python finds out what lines have to be before Arrow reads the first block.
_FIRST_BYTES = 1 << 18
_CUT = (
    "The file ends there, and perhaps its transfer broke off: send it again; if it is whole, mend or remove the line."
)


def _is_one(head: bytes, _: Path) -> bool:
    lines = [line for line in decode_head(head).split("\n", 50) if line.strip()]
    if len(lines) < 2:
        return False
    try:
        return isinstance(json.loads(lines[0]), dict)
    except ValueError:
        return False


def can_be_lines(head: bytes, *, is_whole: bool) -> bool:
    """Whether a file that is called JSON lines can be that, by its first bytes, where nothing shows that it is.

    Its first line is too long to be seen whole, the only record, an array, of which it is said that it is no record, or a record
    that is broken: in no document an object begins behind it.
    """
    line, end, rest = decode_head(head).strip().partition("\n")
    if not end:
        return line.startswith("{") and not (is_whole and "[" in line)
    try:
        return isinstance(json.loads(line), list)
    except (ValueError, RecursionError):
        return line.startswith("{") and rest.startswith("{") and not line.rstrip().endswith((",", ":", "["))


def _convert(
    path: Path, target: Path, name: str, config: IngestionConfig, drop_columns: Collection[str], limits: Limits
) -> Converted:
    encoding = find_encoding(path, name, config.encoding, quotes=())
    seen = SeenRecords()
    records = _read(path, encoding, name, seen)
    converted = convert_records(records, seen, "line", target, name, config, drop_columns, limits)
    return replace(
        converted,
        found=f"a record for each line, encoding {encoding.name}",
        pandas_argument="[json.loads(line) for line in {file} if line.strip()]",
        pandas_encoding=encoding.codec,
        notes=[*filter(None, [encoding.note]), *converted.notes],
    )


def _read(path: Path, encoding: TextEncoding, name: str, seen: SeenRecords) -> Iterator[tuple[int, Record | Cells]]:
    number = 1
    for block in _read_blocks(path, encoding):
        if not seen.kinds and len(block) > _FIRST_BYTES:
            # What is wrong with the first lines is said when they are read for good.
            with suppress(DataUnreadable):
                first = str(block[:_FIRST_BYTES], "utf-8", "ignore").split("\n")[:-1]
                note_kinds([record for _, record in _read_lines(first, 1, name, is_cut=False)], seen, name)
        # What the lines before were tells what these have to be.
        is_long = len(block) >= _LONGEST_LINE
        found = None if is_long else read_columns(block, seen.kinds, seen.nested)
        if found is not None:
            yield number, found
            number += found.rows
        else:
            lines = str(block, "utf-8").removesuffix("\n").split("\n")
            yield from _read_lines(lines, number, name, is_cut=block[-1:] != b"\n")
            number += len(lines)


def _read_blocks(path: Path, encoding: TextEncoding) -> Iterator[bytes | memoryview]:
    """Yield whole lines in UTF-8, of which only the last of a block can be long."""
    if encoding.is_plain:
        with path.open("rb") as file:
            file.seek(len(codecs.BOM_UTF8) if encoding.codec == "utf-8-sig" else 0)
            while content := file.read(_BLOCK_BYTES):
                end = content.rfind(b"\n") + 1
                if end and len(content) == _BLOCK_BYTES:
                    # A part of a line is read again: to put its rest behind it would copy the block.
                    file.seek(end - len(content), os.SEEK_CUR)
                    yield memoryview(content)[:end]
                else:
                    yield content + file.readline()
    else:
        with path.open(encoding=encoding.codec) as text:
            while lines := text.read(_BLOCK_BYTES):
                yield (lines + text.readline(_LONGEST_LINE)).encode()


def _read_lines(lines: Sequence[str], first: int, name: str, *, is_cut: bool) -> Iterator[tuple[int, Record]]:
    decode = json.JSONDecoder(object_pairs_hook=make_record).raw_decode
    for number, line in enumerate(lines, start=first):
        text = line.strip()
        if not text:
            continue
        if len(line) >= _LONGEST_LINE:
            raise DataUnreadable(
                f"Line {number} is longer than {_LONGEST_LINE >> 20} MiB.",
                where=f"{name}, line {number}",
                fix="Write each record on a line of its own; if this is one, shorten its texts, or leave them out.",
                details={"line": number},
            )
        try:
            record, end = decode(text)
        except RepeatedNameError as error:
            raise refuse_repeated(str(error), f"{name}, line {number}") from error
        except json.JSONDecodeError as error:
            # A line is known to be whole by its end.
            cut = _CUT if is_cut and number == first + len(lines) - 1 else ""
            raise _refuse_line(number, f"{say_broken(error)} (column {error.colno})", name, cut) from error
        except ValueError as error:
            raise _refuse_line(number, TOO_MANY_DIGITS, name) from error
        except RecursionError as error:
            raise refuse_nested(number, name) from error
        if end < len(text):
            raise _refuse_line(number, f"something follows it (column {end + 1})", name)
        if type(record) is not dict:
            raise _refuse_line(number, "it is no object, {...}, so that its values have no names", name)
        yield number, record


def _refuse_line(number: int, reason: str, name: str, fix: str = "") -> DataUnreadable:
    return DataUnreadable(
        f"Line {number} is no record of JSON: {reason}.",
        where=f"{name}, line {number}",
        fix=fix or "Mend or remove the line. Each record stands on a line of its own, as an object.",
        details={"line": number},
    )


JSON_LINES = FileFormat(
    "jsonl", "a JSON lines file", (".jsonl", ".ndjson"), _convert, is_one=_is_one, unused=UNUSED, is_text=True
)
