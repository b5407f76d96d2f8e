"""A workbook as a file: which kind it is, and its sheets; what is wrong with it is said."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ...errors import DataUnreadable, ParameterInvalid, near_miss
from ...wording import shorten
from .damage import SEND_AGAIN, say_damage
from .foreign import refuse_kind
from .setting_line import write_config

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_ZIP = b"PK\x03\x04"
#: A file of Microsoft's that holds others: an old workbook, or a new one with a password.
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: Rows that are looked at for the header.
_GLANCE = 100


def is_xlsx(head: bytes, path: Path) -> bool:
    """Whether a file is a workbook of Excel, since 2007."""
    return head.startswith(_ZIP) and bool(_list_members(path) & {"xl/workbook.xml", "xl/workbook.bin"})


def is_ods(head: bytes, path: Path) -> bool:
    """Whether a file is a spreadsheet of OpenDocument."""
    return head.startswith(_ZIP) and {"mimetype", "content.xml"} <= _list_members(path)


def _list_members(path: Path) -> set[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return set()


def open_workbook(file: BinaryIO, name: str) -> CalamineWorkbook:
    """Return the workbook in *file*, which no other kind of file is.

    :param name: what people know it as.
    :raises DataUnreadable: it is damaged, or encrypted.
    """
    # Only a workbook needs this import.
    from python_calamine import CalamineError, PasswordError, load_workbook

    try:
        return load_workbook(file)
    except PasswordError as error:
        raise _refuse_password(name) from error
    except CalamineError as error:
        raise refuse_workbook(name, error) from error


def refuse_others(file: BinaryIO, name: str) -> None:
    """Refuse what begins like a workbook, and is something else.

    :param name: what people know it as.
    :raises DataUnreadable: it is encrypted, or of a kind that is not read.
    """
    head = file.read(len(OLE))
    if head == OLE:
        content = file.read()
        # The names of what is in it are UTF-16.
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise _refuse_password(name)
        for entry, kind in (("WordDocument", "a Word document"), ("PowerPoint Document", "a PowerPoint presentation")):
            if entry.encode("utf-16-le") in content and "Workbook".encode("utf-16-le") not in content:
                refuse_kind(kind, name)
    elif b"xl/workbook.bin" in head + file.read():
        refuse_kind("a binary Excel workbook (.xlsb)", name, "Save it as an Excel workbook (.xlsx), and drop that.")
    file.seek(0)


def _refuse_password(name: str) -> DataUnreadable:
    return DataUnreadable(
        "The workbook is encrypted by a password.",
        where=name,
        fix="Save it without a password, and drop that.",
    )


def refuse_workbook(name: str, reason: object) -> DataUnreadable:
    """Return the error for a workbook that cannot be read for a *reason*."""
    return DataUnreadable(
        f"The workbook is damaged, or only a part of it: {say_damage(reason)}.",
        where=name,
        fix=f"{SEND_AGAIN} If a program opens it, save it there anew.",
    )


def find_sheet(workbook: CalamineWorkbook, given: str | None, name: str) -> tuple[CalamineSheet, int, list[str]]:
    """Return the sheet with the table, how many rows stand before its header, and what a person should know.

    That is the one that is *given*, else the first with a table: a row of two cells or more, and one below it.

    :raises DataUnreadable: there is none, or the workbook is damaged.
    :raises ParameterInvalid: there is no sheet *given*.
    """
    # Only a workbook needs this import.
    from python_calamine import CalamineError, SheetTypeEnum, SheetVisibleEnum

    sheets = [each for each in workbook.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
    names = [each.name for each in sheets]
    if given is not None and given not in names:
        raise ParameterInvalid(
            f"`ingestion_config.sheet` is `{given}`, and the workbook has no such sheet.{near_miss(given, names)}",
            where=name,
            fix=f"Use one of {', '.join(f'`{each}`' for each in names[:20])}.",
            details={"parameter": "ingestion_config.sheet", "sheets": names},
        )
    shown = [each.name for each in sheets if each.visible == SheetVisibleEnum.Visible]
    for each in shown if given is None else [given]:
        try:
            sheet = workbook.get_sheet_by_name(each)
        except CalamineError as error:
            raise refuse_workbook(name, error) from error
        before = _find_header(sheet)
        if before is not None:
            return sheet, before, _note_others(each, before, names, sheet, is_given=given is not None)
    what = f"The sheet `{given}` has no table" if given is not None else "No sheet of the workbook has a table"
    raise DataUnreadable(
        f"{what}: a row with the names of at least two columns, and a row below it.",
        where=name,
        fix="Put the names of the columns into one row, and each row of the table into a row below it.",
        details={"sheets": names},
    )


def _find_header(sheet: CalamineSheet) -> int | None:
    """Return how many rows stand before the first one with two cells or more, if a row with any cell follows."""
    before = None
    for position, row in enumerate(sheet.iter_rows()):
        filled = sum(cell != "" for cell in row)
        if before is not None and filled:
            return before
        if before is None and filled > 1:
            before = position
        if before is None and position == _GLANCE:
            return None
    return None


def _note_others(chosen: str, before: int, names: list[str], sheet: CalamineSheet, *, is_given: bool) -> list[str]:
    notes = []
    if len(names) > 1 and not is_given:
        others = ", ".join(f"`{each}`" for each in names if each != chosen)
        notes.append(
            f"Of the workbook the sheet `{chosen}` was read, the first with a table, and not {others}; to read another, give "
            f"{write_config(sheet=next(each for each in names if each != chosen))}."
        )
    above = [str(cell) for row, _ in zip(sheet.iter_rows(), range(before), strict=False) for cell in row if cell != ""]
    if above:
        notes.append(
            f"What stands above the header, which is row {before + 1}, was left out: {shorten(above[0], 60)!r}"
            + (", ..." if len(above) > 1 else "")
            + "."
        )
    return notes
