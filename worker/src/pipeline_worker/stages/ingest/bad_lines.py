"""Lines of a CSV file that are no rows: which they are and why, and a copy of the file without them."""

from __future__ import annotations

import codecs
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import DataUnreadable
from .csv_format import CsvFormat
from .csv_lines import Row, read_lines
from .separator import NAMES, find_separator, split_rows
from .setting_line import write_config
from .told import list_phrases
from .totals import is_number

#: Bad lines that are named, at most.
_NAMED = 20
#: The bound of `max_bad_lines`.
_MOST_BAD_LINES = 1000
#: So small a share of lines may be bad for that to be what a person wants.
_FEW = 0.1
#: What is looked at of it at once; more does not fit into the processor's cache, and takes three times as long.
_BLOCK_BYTES = 1 << 18


#: What a header may have around a name where it is repeated, beside blanks: the mark of a file that was joined to another.
_AROUND = "\ufeff\"' \t"


@dataclass(frozen=True)
class LeftOut:
    """What became of a file's bad lines.

    :param path: the file, or its copy with blank lines in their place, so that all others keep their number.
    :param records: the rows that are not in the copy, as pandas counts them.
    """

    path: Path
    records: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def may_close_early(path: Path, csv_format: CsvFormat) -> bool:
    """Whether a quote seems to close in the middle of a cell, as in `"big" red`; that can only be where `escape` is none.

    Blanks behind a quote are no reason, and neither are the signs of inches in a cell without quotes.
    """
    if csv_format.escape is not None or not csv_format.has_quotes:
        return False
    quote, ends = re.escape(csv_format.quote), f"{re.escape(csv_format.separator)}\\n\\r"
    pattern = f"(?:^|[{ends}]){quote}(?:[^{quote}]|{quote}{quote})*[^{quote}{ends}](?:{quote}{quote})*{quote} *[^{quote}{ends} ]"

    def is_in(block: bytes) -> bool:
        # Where all quotes stand at an end of a cell or are written twice, numpy sees it at a third of what the pattern takes.
        signs = np.frombuffer(block, np.uint8)
        quotes = signs == ord(csv_format.quote)
        others = ~(quotes | (signs == ord(csv_format.separator)) | (signs <= ord("\r")))
        if not np.any(quotes[1:-1] & others[:-2] & others[2:]):
            return False
        buffers = [None, pa.py_buffer(array("i", [0, len(block)])), pa.py_buffer(block)]
        found: bool = pc.match_substring_regex(pa.Array.from_buffers(pa.binary(), 1, buffers), pattern)[0].as_py()
        return found

    codec = csv_format.encoding.codec
    with path.open("rb") as raw:
        file = codecs.EncodedFile(raw, "utf-8", codec) if codec.startswith(("utf-16", "utf-32")) else raw
        rest = b""
        while chunk := file.read(_BLOCK_BYTES):
            block = rest + chunk
            end = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1 or len(block)
            if is_in(block[:end]):
                return True
            rest = block[end:]
    return is_in(rest)


def check_quotes(path: Path, csv_format: CsvFormat, name: str) -> None:
    """Refuse a file in which a quote is never closed, closes in the middle of a cell, or closes one that swallowed rows.

    All rows in between would become one cell without a word. Slow: only for files where that can have happened.

    :raises DataUnreadable: with the line in which the row begins.
    """
    if any(row.fault is not None for row in read_lines(path, csv_format)):
        raise explain_rows(path, csv_format, name, "a quote is at fault")


def explain_rows(path: Path, csv_format: CsvFormat, name: str, reason: str) -> DataUnreadable:
    """Return the error that names the bad lines of a file: slow, and only done when it has some.

    :param reason: what to say where none is found.
    """
    bad: list[Row] = []
    rows = count = bad_lines = longer = shorter = 0
    fault: Row | None = None
    swallows = False
    again = 0
    for row in read_lines(path, csv_format):
        rows += 1
        if _is_bad(row, csv_format):
            count += 1
            again += is_header(row.values, csv_format.header)
            bad_lines += row.last - row.first + 1
            longer += row.cells == csv_format.width + 1
            shorter += row.cells == csv_format.width - 1
            if row.fault is not None:
                fault = fault or row
                swallows |= row.last > row.first
            if len(bad) < _NAMED:
                bad.append(row)
    if not bad:
        return DataUnreadable(
            f"The file cannot be read as CSV: {reason}",
            where=name,
            fix="Write it again as CSV, with quotes around cells that hold separators, quotes or line breaks.",
        )
    # Lines that a quote swallowed are rows, and no reason to leave them out.
    is_worth_it = not swallows and count <= max(1, _FEW * rows) and count < rows and bad_lines <= _MOST_BAD_LINES
    leave_out = f" To have such lines left out, give {write_config(max_bad_lines=bad_lines)}" if is_worth_it else ""
    if fault is not None:
        # It comes first wherever it is, as it may be the reason for the others.
        return _refuse_quote(fault, name, "" if fault.has_setting else leave_out)
    if again == count:
        more = f", and so are {count - 1:,} more" if count > 1 else ""
        return DataUnreadable(
            f"Line {bad[0].first} is the header again{more}: files seem to have been joined, or pages.",
            where=_list_lines(bad, count, name),
            fix=f"Take these lines out of the file.{leave_out}",
            details={"rows": [{"line": row.first, "cells": row.cells} for row in bad], "row_count": count},
        )
    first = next((row for row in bad if not is_header(row.values, csv_format.header)), bad[0])
    expected = csv_format.width
    others = "each other row" if csv_format.has_end else "the header"
    details = {
        "expected_cells": expected,
        "rows": [{"line": row.first, "cells": row.cells} for row in bad],
        "row_count": count,
    }
    if longer == rows:
        return DataUnreadable(
            f"Every row has {_count(first.cells)}, one more than the header, which has {expected}.",
            where=f"{name}, line {csv_format.header_line}",
            fix=f"Write the name of the column that has none into the header. If it is the first one, as where R writes the names of "
            f"rows: begin the line with `row{csv_format.separator}`.",
            details=details,
        )
    if shorter == rows and not csv_format.header[-1].strip():
        return DataUnreadable(
            f"Every row has {_count(first.cells)}, one fewer than the header, which ends with a separator.",
            where=f"{name}, line {csv_format.header_line}",
            fix="Take that separator out of the header, or write a cell more in each row.",
            details=details,
        )
    seems, fix = _explain_cells(first, bad, csv_format, is_most=count * 2 > rows)
    return DataUnreadable(
        f"Line {first.first} has {_count(first.cells)}, but {others} has {expected}"
        f"{f' ({count} rows differ from the header)' if count > 1 else ''}.{seems}",
        where=_list_lines(bad, count, name),
        fix=f"{fix} Nothing was dropped or filled in.{leave_out}",
        details=details,
    )


def explain_long_row(path: Path, csv_format: CsvFormat, name: str, most: int) -> DataUnreadable:
    """Return the error for a file with a row of more than *most* bytes, which names the row's line: slow, as above."""
    for row in read_lines(path, csv_format):
        if row.fault is not None:
            return _refuse_quote(row, name, "")
        sizes = [len(cell.encode()) for cell in row.values] if sum(map(len, row.values)) * 4 > most else [0]
        if sum(sizes) > most:
            longest = max(range(len(sizes)), key=sizes.__getitem__)
            column = csv_format.header[longest].strip() if longest < len(csv_format.header) else str(longest + 1)
            return DataUnreadable(
                f"A cell of `{column}` has {sizes[longest]:,} bytes, and its row {sum(sizes):,}: {most:,} can be read.",
                where=f"{name}, line {row.first}, column `{column}`",
                fix="Look whether a quote is never closed there; or shorten the text, or leave it out of the file.",
                details={"line": row.first, "column": column, "bytes": sizes[longest]},
            )
    return DataUnreadable(
        f"A row is longer than {most:,} bytes.",
        where=name,
        fix="Look for a quote that is never closed, or for a separator that does not fit.",
    )


def leave_out_bad_lines(path: Path, copy: Path, csv_format: CsvFormat, name: str, allowed: int) -> LeftOut:
    """Return the file without its bad lines; it is *copy* where it has some.

    :param allowed: how many lines may be left out, by `ingestion_config.max_bad_lines`.
    :raises DataUnreadable: there are more, or no others.
    """
    bad: list[Row] = []
    rows = lines = 0
    for row in read_lines(path, csv_format):
        rows += 1
        if _is_bad(row, csv_format):
            bad.append(row)
            lines += row.last - row.first + 1
            if lines > allowed:
                raise explain_rows(path, csv_format, name, f"more than {allowed} lines are bad")
    if not bad:
        return LeftOut(path)
    if len(bad) == rows:
        raise explain_rows(path, csv_format, name, "all lines are bad")
    _blank_lines(path, copy, csv_format.encoding.codec, {at for row in bad for at in range(row.first, row.last + 1)})
    listed = list_phrases([_say_bad(row, csv_format.width) for row in bad], _NAMED)
    are = "1 bad line was" if lines == 1 else f"{lines} bad lines were"
    note = (
        f"{are} left out (`max_bad_lines` allows {allowed}; the header has {_count(len(csv_format.header))}): {listed}."
    )
    return LeftOut(copy, tuple(row.record for row in bad), (note,))


def is_header(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Whether the *cells* of a row are the names of the columns, which are no numbers; a byte order mark may stand before them."""
    is_same = len(cells) >= len(header) and all(
        cell.strip(_AROUND) == name.strip(_AROUND) for cell, name in zip(cells, header, strict=False)
    )
    return is_same and any(map(str.strip, header)) and not any(map(is_number, header))


def _is_bad(row: Row, csv_format: CsvFormat) -> bool:
    return row.fault is not None or row.cells != csv_format.width or is_header(row.values, csv_format.header)


def _say_bad(row: Row, width: int) -> str:
    if row.fault is not None:
        return f"line {row.first}: {row.fault.removesuffix('.')}"
    # Its cells are as many as those of the header where it is that.
    return (
        f"line {row.first} has {_count(row.cells)}" if row.cells != width else f"line {row.first} is the header again"
    )


def _blank_lines(path: Path, copy: Path, codec: str, numbers: set[int]) -> None:
    with path.open(encoding=codec, newline="") as source, copy.open("w", encoding=codec, newline="") as target:
        for number, line in enumerate(source, start=1):
            target.write(line[len(line.rstrip("\r\n")) :] if number in numbers else line)


def _explain_cells(first: Row, bad: Sequence[Row], csv_format: CsvFormat, *, is_most: bool) -> tuple[str, str]:
    """Return a sentence on what the *first* of rows with too few or too many cells seems to be, if any, and what to do.

    :param is_most: whether most rows are such.
    """
    if first.values == ["\x1a"]:
        return " It is the character Ctrl-Z (\\x1a) alone, with which DOS ended a file.", "Take it out of the file."
    if said := _say_other_separator(first, csv_format):
        return said, "Write all rows with the same separator."
    fix = "put quotes around cells that hold the separator, add the missing cells, or remove lines that are no rows (titles, totals)."
    if is_most:
        return "", f"Look whether this is a table, and its first line the header. If so, {fix}"
    after = next((row for row in bad if row.first == first.last + 1), None)
    if after is not None and first.cells + after.cells == csv_format.width + 1:
        return (
            f" With line {after.first} it would be a row: a line end (\\n or \\r) may stand inside a cell.",
            "Take that line end out, or put quotes around the cell; or add the missing cells.",
        )
    return "", fix.capitalize()


def _say_other_separator(row: Row, csv_format: CsvFormat) -> str:
    """Return a sentence on a *row* of one cell which is whole by another separator than the file's; none where it is not."""
    if row.cells != 1 or not row.values[0].strip():
        return ""
    found = find_separator(row.values[0], csv_format.quote, csv_format.escape)
    if found is None or len(split_rows(row.values[0], found, csv_format.quote)[0]) != csv_format.width:
        return ""
    return (
        f" It has as many with {NAMES[found]} between them: files may have been joined that were written in two ways."
    )


def _list_lines(bad: Sequence[Row], count: int, name: str) -> str:
    listed = ", ".join(str(row.first) for row in bad[:5])
    return f"{name}, {'lines' if len(bad) > 1 else 'line'} {listed}{', ...' if count > 5 else ''}"


def _refuse_quote(row: Row, name: str, more: str) -> DataUnreadable:
    assert row.fault is not None
    return DataUnreadable(
        row.fault,
        where=f"{name}, line {row.first}",
        fix=row.fix + more,
        details={"line": row.first, "last_line": row.last},
    )


def _count(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"
