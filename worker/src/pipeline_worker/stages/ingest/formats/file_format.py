"""What a format of files is to `ingest`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from ....limits import Limits
from ....request import IngestionConfig
from ..converted import Converted

#: Writes the table in a file (what people know it as, how to read it, columns that are no reason to refuse it, how large it may be) as Parquet.
Convert = Callable[[Path, Path, str, IngestionConfig, Collection[str], Limits], Converted]


@dataclass(frozen=True)
class FileFormat:
    """A format that is read.

    :param name: as `data_format` has it.
    :param called: what people call such a file.
    :param endings: of names of such files.
    :param convert: reads the first path, writes the second, and raises what :func:`ingestion.convert.convert` raises.
    :param begins: the first bytes of such files.
    :param is_one: says of the first bytes of a file, and of the file, whether it is one, where *begins* does not tell.
    :param unused: names in `ingestion_config` that say nothing of such a file.
    :param is_text: whether such a file is text, so that any other text can be tried as one.
    """

    name: str
    called: str
    endings: tuple[str, ...]
    convert: Convert
    begins: tuple[bytes, ...] = ()
    is_one: Callable[[bytes, Path], bool] | None = None
    unused: frozenset[str] = frozenset()
    is_text: bool = False

    @property
    def is_any_text(self) -> bool:
        """Whether any text can be such a file, so that only its name tells."""
        return not self.begins and self.is_one is None

    def recognise(self, head: bytes, path: Path) -> bool:
        """Whether the file at *path*, which begins with *head*, says by itself that it is of this format."""
        return head.startswith(self.begins) if self.is_one is None else self.is_one(head, path)
