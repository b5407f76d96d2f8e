"""The elements of a member of a workbook, as its reader meets them: it is lenient, so what is no strict XML is refused before."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from xml.parsers import expat

from .workbook_file import refuse_workbook

_CHUNK_BYTES = 1 << 20


def has_element(archive: zipfile.ZipFile, member: zipfile.ZipInfo, kind: str) -> bool:
    """Whether an element of *kind*, with a prefix or without, may begin somewhere in *member*."""
    sought = (f"<{kind}".encode(), f":{kind}".encode())
    end = b""
    with archive.open(member) as file:
        while chunk := file.read(_CHUNK_BYTES):
            if any(each in end + chunk for each in sought):
                return True
            end = chunk[-len(sought[0]) :]
    return False


def make_parser(
    start: Callable[[str, dict[str, str]], None], end: Callable[[str], None] | None = None
) -> expat.XMLParserType:
    """Return what calls *start* with the name and the attributes of each element that begins, and *end* with its name."""
    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    # One that counts its elements sees none that an entity stands for.
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


class _DoctypeError(ValueError):
    """A member declares entities, as no program that writes workbooks does."""


def _refuse_doctype(*_: object) -> None:
    raise _DoctypeError("it declares a document type")


def parse_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, parser: expat.XMLParserType, name: str) -> None:
    """Give the content of *member* to *parser*.

    :param name: what people know the workbook as.
    :raises DataUnreadable: it is no XML.
    """
    try:
        with archive.open(member) as file:
            while chunk := file.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, _DoctypeError) as error:
        raise refuse_workbook(name, f"`{member.filename}` is no XML as workbooks have it, {error}") from error
