"""Which format a file has: what the request says, else its name's ending, else its first bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ..errors import DataUnreadable, ParameterInvalid

CSV, TSV, PARQUET = "csv", "tsv", "parquet"

_ENDINGS = {".csv": CSV, ".tsv": TSV, ".tab": TSV, ".parquet": PARQUET, ".pq": PARQUET}

#: Endings whose formats cannot be read (yet), and what to call such a file.
_OTHER_ENDINGS = {
    ".json": "a JSON file",
    ".jsonl": "a JSON Lines file",
    ".ndjson": "a JSON Lines file",
    ".xlsx": "an Excel workbook",
    ".xlsm": "an Excel workbook",
    ".xls": "an old Excel workbook",
    ".ods": "an OpenDocument spreadsheet",
    ".zip": "a zip archive",
    ".gz": "a gzip file",
    ".bz2": "a bzip2 file",
    ".xz": "an xz file",
    ".zst": "a Zstandard file",
    ".tar": "a tar archive",
    ".7z": "a 7-Zip archive",
    ".feather": "a Feather file",
    ".arrow": "an Arrow file",
    ".orc": "an ORC file",
    ".avro": "an Avro file",
    ".h5": "an HDF5 file",
    ".pkl": "a pickled Python object",
    ".sqlite": "an SQLite database",
    ".xml": "an XML file",
    ".html": "an HTML page",
    ".pdf": "a PDF document",
}

#: First bytes, and what to call such a file. The first that fits counts.
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PARE", "an encrypted Parquet file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"ARROW1", "an Arrow file"),
    (b"FEA1", "a Feather file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC\x0a", "an ORC file"),
    (b"\x80\x04\x95", "a pickled Python object"),
    (b"\x80\x05\x95", "a pickled Python object"),
    (b"\x7fELF", "a program"),
    (b"version https://git-lfs.github.com/", "a Git LFS pointer, not the file that it stands for"),
)

_JSON = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[\[{"\d\]])')
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class DataFormat:
    """A format that can be read, and how it was decided.

    :param name: `csv`, `tsv` or `parquet`.
    :param how: `given`, `by its name` or `by its content`.
    """

    name: str
    how: str


def find_format(path: Path, name: str, given: str | None = None) -> DataFormat:
    """Return the format of the file at *path*, which people know as *name* (a key or a URI).

    :param given: the request's `data_format`.
    :raises DataUnreadable: the file is empty, or of a format that cannot be read (yet).
    :raises ParameterInvalid: *given* contradicts the content.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise DataUnreadable(
            "The file is empty: it has 0 bytes.",
            where=name,
            fix="Drop it again, with a header line and rows. Perhaps it was dropped before it was written.",
        )
    content = _recognise(head, path)
    ending = PurePosixPath(name).suffix.lower()
    if given is not None:
        found = DataFormat(given, "given")
    elif ending in _ENDINGS:
        found = DataFormat(_ENDINGS[ending], "by its name")
    elif ending in _OTHER_ENDINGS:
        _refuse(content if content not in {None, PARQUET} else None, _OTHER_ENDINGS[ending], name)
    else:
        found = DataFormat(PARQUET if content == PARQUET else CSV, "by its content")
    if (content == PARQUET) != (found.name == PARQUET) or content not in {None, PARQUET}:
        _refuse_contradiction(found, content, head, name)
    return found


def _recognise(head: bytes, path: Path) -> str | None:
    """Return `parquet`, what else the bytes are, or None for text."""
    if head.startswith(b"PAR1"):
        return PARQUET
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _name_zip(path)
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _JSON.match(text):
        return "a JSON file"
    if _MARKUP.match(text):
        return "an HTML page or XML file"
    return None


def _name_zip(path: Path) -> str:
    # Only a zip file needs this import.
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "a damaged zip archive"
    if "xl/workbook.xml" in members or "xl/workbook.bin" in members:
        return "an Excel workbook"
    if "word/document.xml" in members:
        return "a Word document"
    if "mimetype" in members:
        return "an OpenDocument file"
    return "a zip archive"


def _refuse(content: str | None, kind: str, name: str) -> NoReturn:
    kind = content or kind
    raise DataUnreadable(
        f"This is {kind}. Reading it is not available yet: CSV, TSV and Parquet are.",
        where=name,
        fix=_advise(kind),
        details={"kind": kind},
    )


def _refuse_contradiction(found: DataFormat, content: str | None, head: bytes, name: str) -> NoReturn:
    if found.how == "given":
        is_what = content or f"no Parquet file: it begins with {head[:16]!r}"
        is_what = "a Parquet file" if content == PARQUET else is_what
        raise ParameterInvalid(
            f'`data_format` is "{found.name}", but the file is {is_what}.',
            where=name,
            fix="Leave `data_format` out." if content in {PARQUET, None} else _advise(content),
            details={"parameter": "data_format"},
        )
    if content == PARQUET:
        raise DataUnreadable(
            f"By its name this is a {found.name.upper()} file, but it is a Parquet file.",
            where=name,
            fix='Let its name end in `.parquet`, or give {"data_format": "parquet"}.',
        )
    if content is not None:
        _refuse(content, content, name)
    raise DataUnreadable(
        f"By its name this is a Parquet file, but it begins with {head[:16]!r} instead of b'PAR1'.",
        where=name,
        fix="Write it as Parquet again, or let its name end in what it is (`.csv`).",
    )


def _advise(kind: str) -> str:
    if any(word in kind for word in ("Excel", "spreadsheet", "OpenDocument")):
        return "Save the sheet as CSV (UTF-8) and drop that file."
    if any(word in kind for word in ("archive", "gzip", "bzip2", "xz", "Zstandard")):
        return "Unpack it and drop the file inside."
    if "Git LFS" in kind:
        return "Fetch the file itself (`git lfs pull`) and drop that."
    return "Write the table as CSV or Parquet and drop that file."
