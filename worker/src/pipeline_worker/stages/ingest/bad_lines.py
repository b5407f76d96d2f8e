"""Lines of a CSV file that are no rows: which they are and why, and a copy of the file without them."""

from __future__ import annotations

import codecs
import re
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...wording import list_phrases
from .bad_rows import MOST_NAMED, count_row_cells, explain_rows
from .csv_format import CsvFormat
from .csv_lines import Row, is_bad, read_lines

#: What is looked at of it at once; more does not fit into the processor's cache, and takes three times as long.
_BLOCK_BYTES = 1 << 18


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


def leave_out_bad_lines(path: Path, copy: Path, csv_format: CsvFormat, name: str, allowed: int) -> LeftOut:
    """Return the file without its bad lines; it is *copy* where it has some.

    :param allowed: how many lines may be left out, by `ingestion_config.max_bad_lines`.
    :raises DataUnreadable: there are more, or no others.
    """
    bad: list[Row] = []
    rows = lines = 0
    for row in read_lines(path, csv_format):
        rows += 1
        if is_bad(row, csv_format):
            bad.append(row)
            lines += row.last - row.first + 1
            if lines > allowed:
                raise explain_rows(path, csv_format, name, f"more than {allowed} lines are bad")
    if not bad:
        return LeftOut(path)
    if len(bad) == rows:
        raise explain_rows(path, csv_format, name, "all lines are bad")
    _blank_lines(path, copy, csv_format.encoding.codec, {at for row in bad for at in range(row.first, row.last + 1)})
    listed = list_phrases([_say_bad(row, csv_format.width) for row in bad], MOST_NAMED)
    are = "1 bad line was" if lines == 1 else f"{lines} bad lines were"
    note = f"{are} left out (`max_bad_lines` allows {allowed}; the header has {count_row_cells(len(csv_format.header))}): {listed}."
    return LeftOut(copy, tuple(row.record for row in bad), (note,))


def _say_bad(row: Row, width: int) -> str:
    if row.fault is not None:
        return f"line {row.first}: {row.fault.removesuffix('.')}"
    # Its cells are as many as those of the header where it is that.
    return (
        f"line {row.first} has {count_row_cells(row.cells)}"
        if row.cells != width
        else f"line {row.first} is the header again"
    )


def _blank_lines(path: Path, copy: Path, codec: str, numbers: set[int]) -> None:
    with path.open(encoding=codec, newline="") as source, copy.open("w", encoding=codec, newline="") as target:
        for number, line in enumerate(source, start=1):
            target.write(line[len(line.rstrip("\r\n")) :] if number in numbers else line)
