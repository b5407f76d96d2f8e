"""One data file out of a zip archive or a gzip file, in bounded room."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from ...errors import DataUnreadable, ParameterInvalid, near_miss
from ...limits import Limits
from ...run.dataset_name import check_key
from ...wording import list_names
from .damage import SEND_AGAIN, say_damage
from .foreign import can_be_table, refuse_kind
from .formats.loaded import DATA_ENDINGS
from .setting_line import write_config

_GZIP, _ZIPS = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
#: The first of several parts of a zip archive.
_PART = b"PK\x07\x08"
#: Others give their content in one piece, however large it is.
_BOUNDED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
#: Members that tell what a file is that only looks like an archive.
_WORKBOOKS = {"xl/workbook.xml", "xl/workbook.bin"}
_DOCUMENTS = {"word/document.xml": "a Word document", "ppt/presentation.xml": "a PowerPoint presentation"}
#: Files that systems put into archives.
_LITTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
_UNPACKED = "Unpacked, the file has"
_CHUNK_BYTES = 1 << 20
#: Bytes that one byte of gzip, or of a zip archive, can stand for, at most.
_MOST_PACKED = 1032
#: How the names of files end that are packed so.
_PACKED_ENDINGS = (".gz", ".zip", ".xlsx", ".xlsm", ".ods")
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}
_LISTED = 20


@dataclass(frozen=True)
class Unpacked:
    """The file that holds the table.

    :param name: what people know it as.
    :param opened: what opens it, as Python; `{file}` stands for the file as it was dropped, as it does in *opened_as_text*, in which
        `{encoding}` stands for its encoding.
    :param notes: what a person should know.
    """

    path: Path
    name: str
    opened: str = "{file}"
    opened_as_text: str = "open({file}, encoding={encoding})"
    notes: tuple[str, ...] = ()

    def write_argument(self, argument: str, encoding: str | None) -> str:
        """Return *argument*, the Python that pandas is called with, with what opens the file in the place of its `{file}`."""
        opened = self.opened if encoding is None else self.opened_as_text.replace("{encoding}", repr(encoding))
        return argument.replace("{file}", opened)


def bound_unpacked(name: str, size: int) -> int | None:
    """Return how many bytes a file of *size* can have unpacked, or None where it is none that is packed, by its name."""
    return size * _MOST_PACKED if name.lower().endswith(_PACKED_ENDINGS) else None


def unpack(path: Path, name: str, member: str | None, target: Path, limits: Limits) -> Unpacked:
    """Return the file at *path*, or what is in it where it is an archive.

    :param name: what people know the file as.
    :param member: the request's `ingestion_config.member`.
    :param target: where the file inside is written.
    :param limits: how large it may be unpacked, and a workbook too.
    :raises DataUnreadable: it is damaged, encrypted, too large, or holds another archive, no file, or several.
    :raises ParameterInvalid: it has no such member, or one whose name can look like another.
    """
    with path.open("rb") as file:
        head = file.read(len(_ZIPS[0]))
    if head == _PART:
        raise DataUnreadable(
            "This is the first of several parts of a zip archive.",
            where=name,
            fix="Unpack the parts together, and drop the file inside; or pack it into one archive.",
        )
    is_member_unused = member is not None and not head.startswith(_ZIPS)
    unused = ("`member` of `ingestion_config` was not used: the file is no zip archive.",) if is_member_unused else ()
    if head.startswith(_GZIP):
        unpacked = _unpack_gzip(path, name, target, limits)
    elif head.startswith(_ZIPS):
        with _explain_damage("zip archive", name), zipfile.ZipFile(path) as archive:
            _check_packing(archive)
            if _is_workbook(archive, name):
                limits.check_size(sum(each.file_size for each in archive.infolist()), name, _UNPACKED)
                return Unpacked(path, name)
            unpacked = _unpack_member(archive, name, member, target, limits)
    else:
        return Unpacked(path, name, notes=unused)
    _refuse_nested(unpacked)
    return replace(unpacked, notes=(*unused, *unpacked.notes))


def _unpack_gzip(path: Path, name: str, target: Path, limits: Limits) -> Unpacked:
    with _explain_damage("gzip file", name), gzip.GzipFile(path) as packed:
        # It does not say how large its content is.
        _copy(packed, target, limits, name, path.stat().st_size * _MOST_PACKED)
    ending = PurePosixPath(name).suffix.lower()
    inner = PurePosixPath(name).name.removesuffix(name[-3:] if ending == ".gz" else "")
    notes = () if ending in {"", ".gz"} else (f"By its name (`{ending}`) the file is not packed, but it is by gzip.",)
    opened_as_text = "gzip.open({file}, 'rt', encoding={encoding})"
    return Unpacked(target, f"{name}/{inner}", "gzip.open({file})", opened_as_text, notes)


def _check_packing(archive: zipfile.ZipFile) -> None:
    other = next((each for each in archive.infolist() if each.compress_type not in _BOUNDED), None)
    if other is not None:
        method = _METHODS.get(other.compress_type, f"method {other.compress_type}")
        raise NotImplementedError(f"`{other.filename}` by {method}")


def _is_workbook(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether it is no archive to people, but a workbook."""
    members = set(archive.namelist())
    for each, kind in _DOCUMENTS.items():
        if each in members:
            refuse_kind(kind, name)
    if "mimetype" in members:
        with archive.open("mimetype") as file:
            stated = file.read(100)
        if b"opendocument" in stated and b"spreadsheet" not in stated:
            refuse_kind("an OpenDocument file other than a spreadsheet", name)
        return b"opendocument" in stated
    return bool(members & _WORKBOOKS)


def _unpack_member(archive: zipfile.ZipFile, name: str, member: str | None, target: Path, limits: Limits) -> Unpacked:
    files = [each for each in archive.infolist() if not each.is_dir() and not _is_litter(each.filename)]
    chosen = _choose(files, member, name)
    check_key(chosen.filename, where=f"{name}, a file in the archive", archive=True)
    if chosen.flag_bits & 1:
        raise DataUnreadable(
            f"`{chosen.filename}` in the archive is encrypted.",
            where=name,
            fix="Pack it without a password, and drop that.",
        )
    limits.check_size(chosen.file_size, name, _UNPACKED)
    with archive.open(chosen) as packed:
        _copy(packed, target, limits, name)
    others = [each.filename for each in files if each is not chosen]
    notes = [f"Of the archive `{chosen.filename}` was read, and not {list_names(others, _LISTED)}."] if others else []
    if PurePosixPath(name).suffix.lower() != ".zip":
        notes.append("By its name the file is no zip archive, but it is one.")
    opened = f"zipfile.ZipFile({{file}}).open({chosen.filename!r})"
    return Unpacked(
        target, f"{name}/{chosen.filename}", opened, f"io.TextIOWrapper({opened}, encoding={{encoding}})", tuple(notes)
    )


def _is_litter(member: str) -> bool:
    return any(part in _LITTER or part.startswith(".") for part in member.split("/") if part not in {".", ".."})


def _choose(files: list[zipfile.ZipInfo], member: str | None, name: str) -> zipfile.ZipInfo:
    names = [each.filename for each in files]
    if not files:
        raise DataUnreadable("The archive holds no file.", where=name, fix="Pack the data file, and drop it again.")
    repeated = next((each for each in names if names.count(each) > 1), None) if len(set(names)) < len(names) else None
    if repeated is not None:
        raise DataUnreadable(
            f"The archive holds `{repeated}` more than once.",
            where=name,
            fix="Pack it again with each file once, and drop that.",
            details={"member": repeated},
        )
    if member is not None:
        if member not in names:
            raise ParameterInvalid(
                f"`ingestion_config.member` is `{member}`, and the archive has no such file.{near_miss(member, names)}",
                where=name,
                fix=f"Use one of {list_names(names, _LISTED)}.",
                details={"parameter": "ingestion_config.member", "members": names},
            )
        return files[names.index(member)]
    tables = [each for each in files if PurePosixPath(each.filename).suffix.lower() in DATA_ENDINGS]
    if len(tables) == 1 or len(files) == 1:
        return (tables or files)[0]
    found = [each.filename for each in tables or files]
    if not tables:
        possible = [each for each in found if can_be_table(each)]
        choose = [
            f"; or, if one of them is the table, say so, such as {write_config(member=each)}" for each in possible
        ]
        raise DataUnreadable(
            f"The archive holds {len(found)} files, and none is a table by its name: {list_names(found, _LISTED)}.",
            where=name,
            fix="Pack the table, as CSV or Parquet, and drop that" + (choose[0] if choose else "."),
            details={"members": found},
        )
    raise DataUnreadable(
        f"The archive holds {len(found)} files that can be the table: {list_names(found, _LISTED)}.",
        where=name,
        fix=f"Drop each by itself, or say which it is, such as {write_config(member=found[0])}",
        details={"members": found},
    )


def _copy(packed: IO[bytes] | gzip.GzipFile, target: Path, limits: Limits, name: str, most: int | None = None) -> None:
    # What the archive says of its size can be a lie.
    size = 0
    with target.open("wb") as file:
        while chunk := packed.read(_CHUNK_BYTES):
            size += len(chunk)
            limits.check_size(size, name, _UNPACKED, most)
            file.write(chunk)


@contextmanager
def _explain_damage(kind: str, name: str) -> Iterator[None]:
    try:
        yield
    except NotImplementedError as error:
        raise DataUnreadable(
            f"The {kind} is packed in a way that is not read: {error}.",
            where=name,
            fix="Pack it again, in the usual way (deflate).",
        ) from error
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        refuse_damaged(kind, name, error)


def refuse_damaged(kind: str, name: str, reason: object) -> NoReturn:
    """Refuse a file that is a *kind* by its first bytes, and broken for a *reason*."""
    ending = PurePosixPath(name).suffix.lower()
    kind = "workbook" if kind == "zip archive" and ending in {".xlsx", ".xlsm", ".xlsb", ".ods"} else kind
    raise DataUnreadable(
        f"The {kind} is damaged, or only a part of it: {say_damage(reason)}.",
        where=name,
        fix=SEND_AGAIN,
    )


def _refuse_nested(unpacked: Unpacked) -> None:
    with unpacked.path.open("rb") as file:
        head = file.read(len(_ZIPS[0]))
    is_archive = head.startswith(_GZIP)
    if head.startswith(_ZIPS):
        with _explain_damage("zip archive", unpacked.name), zipfile.ZipFile(unpacked.path) as archive:
            _check_packing(archive)
            is_archive = not _is_workbook(archive, unpacked.name)
    if is_archive:
        raise DataUnreadable(
            "The archive holds another archive.",
            where=unpacked.name,
            fix="Unpack it once, and drop the archive inside, or the file in that.",
        )
