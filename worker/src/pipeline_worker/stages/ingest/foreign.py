"""Files that are no table, or hold one in a format that is not read: what they are, and what to say of them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import NoReturn

from ...errors import DataUnreadable

#: Endings of names of programs, pictures, sounds and documents. They are refused whatever the file holds, as nobody means a
#: table by them.
_REFUSED = {
    "a program": "py js exe com scr msi dll so dylib bat cmd ps1 vbs sh jar apk app deb rpm dmg iso class wasm",
    "a picture": "png jpg jpeg gif bmp tif tiff webp svg ico heic psd",
    "a sound or a film": "mp3 wav ogg flac mp4 avi mov mkv webm",
    "a document": "pdf doc docx ppt pptx rtf odt odp epub html htm",
}
_REFUSED_ENDINGS = {f".{ending}": kind for kind, endings in _REFUSED.items() for ending in endings.split()}

#: Endings of formats that are not read, and what people call such a file.
CALLED = {
    ".bz2": "a bzip2 file",
    ".xz": "an xz file",
    ".zst": "a Zstandard file",
    ".tar": "a tar archive",
    ".7z": "a 7-Zip archive",
    ".rar": "a RAR archive",
    ".feather": "a Feather file",
    ".arrow": "an Arrow file",
    ".orc": "an ORC file",
    ".avro": "an Avro file",
    ".h5": "an HDF5 file",
    ".hdf5": "an HDF5 file",
    ".npy": "an array of NumPy",
    ".pkl": "a pickled Python object",
    ".pickle": "a pickled Python object",
    ".sqlite": "an SQLite database",
    ".db": "an SQLite database",
    ".xml": "an XML file",
}

_COMPRESSED = "Drop the file inside, as it is, or in zip or gzip."
_REWRITE = "Write the table as CSV or Parquet and drop that file."
_NO_TABLE = "Look whether it is the file that was meant, and drop the table."
_AGAIN = (
    "Probably a server's page was saved in place of the file: a login, or an error. Open the address in a browser, save the file "
    "itself, and drop that."
)
_DOWNLOAD = "It was saved in place of the file: download the file again, and drop that."
_LFS = (
    "Probably it was taken from a Git repository without Git LFS. Fetch the file itself (`git lfs pull`) and drop that."
)

#: First bytes (of the byte at which they begin), what to call such a file, and what a person can do. The first that fits counts.
_SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (4, b"1AY&SY", "a bzip2 file", _COMPRESSED),
    (0, b"\xfd7zXZ\x00", "an xz file", _COMPRESSED),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file", _COMPRESSED),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _COMPRESSED),
    (0, b"Rar!\x1a\x07", "a RAR archive", _COMPRESSED),
    (257, b"ustar", "a tar archive", _COMPRESSED),
    (0, b"SQLite format 3\x00", "an SQLite database", _REWRITE),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", _REWRITE),
    (0, b"ARROW1\0\0", "an Arrow file", _REWRITE),
    (0, b"Obj\x01", "an Avro file", _REWRITE),
    (0, b"\x93NUMPY", "an array of NumPy", _REWRITE),
    (0, b"\x80\x02", "a pickled Python object", _REWRITE),
    (0, b"\x80\x03", "a pickled Python object", _REWRITE),
    (0, b"\x80\x04", "a pickled Python object", _REWRITE),
    (0, b"\x80\x05", "a pickled Python object", _REWRITE),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture", _NO_TABLE),
    (0, b"\xff\xd8\xff", "a JPEG picture", _NO_TABLE),
    (0, b"GIF87a", "a GIF picture", _NO_TABLE),
    (0, b"GIF89a", "a GIF picture", _NO_TABLE),
    (0, b"II*\x00", "a TIFF picture", _NO_TABLE),
    (0, b"MM\x00*", "a TIFF picture", _NO_TABLE),
    (8, b"WEBP", "a WebP picture", _NO_TABLE),
    (0, b"%PDF-", "a PDF document", _NO_TABLE),
    (0, b"{\\rtf", "an RTF document", _NO_TABLE),
    (0, b"\x7fELF", "a program", _NO_TABLE),
    (0, b"MZ\x90\x00", "a program", _NO_TABLE),
    (
        0,
        b"version https://git-lfs.github.com/",
        "a Git LFS pointer, which stands for a file, and is not that file",
        _LFS,
    ),
)
#: First bytes that a column's name can begin with as well: `ORCID`. They count where characters follow that no text has.
_WORDS: tuple[tuple[bytes, str, str], ...] = (
    (b"PARE", "an encrypted Parquet file", "Write it without encryption, and drop that file."),
    (b"FEA1", "a Feather file", _REWRITE),
    (b"ORC", "an ORC file", _REWRITE),
)
_NO_TEXT = re.compile(rb"[\0-\x08\x0e-\x1a]")
_COMMENTS = re.compile(rb"(?:\s*<!--.*?-->)+", re.DOTALL)
#: How other texts begin, what to call them, and what a person can do. The first that fits counts. Names of columns can be in angle
#: brackets too, but with a separator between them.
_TEXTS = (
    (re.compile(rb"\s*<(?:!doctype html|html|head|body|title|script)\b", re.IGNORECASE), "an HTML page", _AGAIN),
    (
        re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<error\b[^<>]*>(?:\s*\n\s*)?<", re.IGNORECASE),
        "a server's error in XML",
        _AGAIN,
    ),
    (
        re.compile(rb"\s*<(?:(?:\?xml|!doctype)\b|[a-z][^<>]*>(?:\s*\n\s*)?<)", re.IGNORECASE),
        "an XML file",
        _REWRITE,
    ),
    (re.compile(rb"curl: \(\d+\) "), "an error of curl", _DOWNLOAD),
    (re.compile(rb"(?:\([ld]|c[a-z_][\w.]*\n\w+\n)p0\n"), "a pickled Python object", _REWRITE),
    (re.compile(rb"[-+]?[\d.]+(?: \d+:[-+.\deE]+){2,} *\r?\n"), "a LibSVM file", _REWRITE),
    (re.compile(rb"(?:\s*%[^\n]*\n)*\s*@relation\s", re.IGNORECASE), "an ARFF file", _REWRITE),
    (
        re.compile(rb"(?:\s*--[^\n]*\n)*\s*(?:create\s+table|insert\s+into|drop\s+table)\s", re.IGNORECASE),
        "an SQL script",
        _REWRITE,
    ),
    (re.compile(rb"(?:---[ \t]*\r?\n)?- [^\n,;\t|]+: "), "a YAML file", _REWRITE),
)


def refuse_ending(name: str) -> None:
    """Refuse a file of which the *name* ends like that of a program, a picture, a sound or a document.

    :raises DataUnreadable: it does.
    """
    ending = PurePosixPath(name).suffix.lower()
    if ending in _REFUSED_ENDINGS:
        raise DataUnreadable(
            f"By its name this is {_REFUSED_ENDINGS[ending]} (`{ending}`), and no table.",
            where=name,
            fix="Drop the table. If this file is one, give it a name that ends in what it is, such as `.csv`.",
            details={"ending": ending},
        )


def can_be_table(name: str) -> bool:
    """Whether the *name* of a file does not say that it is something else, or a format that is not read."""
    return PurePosixPath(name).suffix.lower() not in _REFUSED_ENDINGS.keys() | CALLED.keys()


def refuse_foreign(head: bytes, name: str) -> None:
    """Refuse a file which begins with the bytes *head*, where they say that it is none that can be read.

    :param name: what people know the file as.
    :raises DataUnreadable: they do.
    """
    for offset, signature, kind, fix in _SIGNATURES:
        if head.startswith(signature, offset):
            refuse_kind(kind, name, fix)
    for word, kind, fix in _WORDS:
        if head.startswith(word) and _NO_TEXT.search(head, 0, 4096):
            refuse_kind(kind, name, fix)
    text = head.removeprefix(b"\xef\xbb\xbf")
    if comments := _COMMENTS.match(text):
        text = text[comments.end() :]
    for pattern, kind, fix in _TEXTS:
        if pattern.match(text):
            refuse_kind(kind, name, fix)


def refuse_kind(kind: str, name: str, fix: str = _NO_TABLE) -> NoReturn:
    """Refuse a file that is of the *kind*."""
    said = "is no table" if fix in {_NO_TABLE, _AGAIN, _DOWNLOAD, _LFS} else "holds no table in a format that is read"
    raise DataUnreadable(f"This is {kind}; it {said}.", where=name, fix=fix, details={"kind": kind})
