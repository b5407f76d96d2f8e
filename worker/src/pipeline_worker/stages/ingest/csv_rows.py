"""The rows of a CSV file as text, a block at a time."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from .arrow_text import make_text
from .bad_rows import explain_rows
from .csv_format import CsvFormat
from .csv_lines import is_header

#: Rows of a block with one of the header's names that are looked at whole.
_MOST_LIKE_HEADER = 1000


class RowTooLongError(Exception):
    """A row does not fit into a block; reading with larger blocks may help."""


def read_batches(
    path: Path,
    csv_format: CsvFormat,
    name: str,
    block_bytes: int,
    unquoted: Sequence[str] = (),
    *,
    with_end: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows below the header in blocks; the columns are named by their position, and all of them are text.

    Blank lines are left out. A row that has more or fewer cells than the header is an error, never padded or cut.

    :param name: what people know the file as.
    :param block_bytes: about how much text makes one block.
    :param unquoted: cells that come as nulls where they stand without quotes.
    :param with_end: whether to give what is behind a separator at the end of each row, too.
    :raises DataUnreadable: a row is malformed; its line is named.
    :raises RowTooLongError: a row is longer than a block.
    """
    names = [str(position) for position in range(csv_format.width)]
    is_utf8 = csv_format.encoding.codec in {"utf-8", "utf-8-sig", "ascii"}
    source = _Throttled(path)
    try:
        reader = arrow_csv.open_csv(
            source,
            read_options=arrow_csv.ReadOptions(
                column_names=names,
                # Whether it counts blank lines was tried: it does, and a header over two lines counts once.
                skip_rows=csv_format.lines_before,
                skip_rows_after_names=1,
                block_size=block_bytes,
                encoding="utf8" if is_utf8 else csv_format.encoding.codec,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=csv_format.separator,
                quote_char=csv_format.quote,
                escape_char=csv_format.escape or False,
                newlines_in_values=True,
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=names if with_end else names[: len(csv_format.header)],
                column_types=dict.fromkeys(names, pa.string()),
                null_values=list(unquoted),
                strings_can_be_null=bool(unquoted),
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            source.allow_another()
            if batch.num_rows:
                if not unquoted and _has_header(batch, csv_format.header):
                    raise explain_rows(path, csv_format, name, "the header stands among the rows")
                source.is_awaited = False
                yield batch
                source.is_awaited = True
    except pa.ArrowInvalid as error:
        if "straddling object" in str(error):
            raise RowTooLongError from error
        raise explain_rows(path, csv_format, name, str(error)) from error
    finally:
        source.close()


def _has_header(batch: pa.RecordBatch, header: Sequence[str]) -> bool:
    """Whether the header stands among the rows, as where files were joined: each of its names would be a value."""
    # The longest name is no frequent value, and the first one may have a byte order mark before it.
    longest = max(range(len(header)), key=lambda at: len(header[at]) if at else 0)
    is_name = pc.equal(batch.column(longest), make_text(header[longest]))
    if not pc.any(is_name).as_py():
        return False
    rows = batch.filter(is_name).slice(0, _MOST_LIKE_HEADER).to_pydict()
    return any(is_header(row, header) for row in zip(*rows.values(), strict=True))


class _Throttled(io.RawIOBase):
    """A file that is read only a little ahead of the blocks that were used.

    Arrow reads 32 blocks ahead in a thread of its own, and has no setting for that: of a wide table, or one with long
    cells, it would hold a gigabyte.

    :ivar is_awaited: whether Arrow is to give a batch now, rather than one that it gave is in use.
    """

    _AHEAD = 3
    #: Should a block become no batch, reading goes on after so long. So it is where a row is longer than a block: Arrow says
    #: so only when its thread has read on.
    _LONGEST_WAIT_SECONDS = 0.5

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._blocks = threading.Semaphore(self._AHEAD)
        self.is_awaited = True

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while not self._blocks.acquire(timeout=self._LONGEST_WAIT_SECONDS) and not self.is_awaited:
            pass
        return b"" if self._file.closed else self._file.read(size)

    def allow_another(self) -> None:
        """Let one more block be read."""
        self._blocks.release()

    def close(self) -> None:
        """End it for the thread that reads ahead, too."""
        self._file.close()
        self.is_awaited = True
        self._blocks.release(self._AHEAD)
        super().close()
