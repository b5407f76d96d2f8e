"""Workbooks for tests, written by hand: as few parts as a reader needs."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - dates of workbooks have no zone
_DAY = dt.timedelta(days=1)

Rows = Sequence[Sequence[Any]]


def write_xlsx(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """Write an Excel workbook with the cells of *sheets* as what they are; None is an empty one."""
    numbered = list(enumerate(sheets.items(), start=1))
    listed = "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="s{n}"/>' for n, (name, _) in numbered)
    targets = [(f"s{n}", "worksheet", f"worksheets/sheet{n}.xml") for n, _ in numbered]
    formats = "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 22, 21, 164))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        archive.writestr("_rels/.rels", _relate([("w", "officeDocument", "xl/workbook.xml")]))
        archive.writestr("xl/_rels/workbook.xml.rels", _relate([*targets, ("f", "styles", "styles.xml")]))
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
        )
        archive.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="[h]:mm:ss"/></numFmts>'
            f'<cellXfs count="5">{formats}</cellXfs></styleSheet>',
        )
        for n, (_, rows) in numbered:
            body = "".join(
                f'<row r="{number}">{"".join(_write_xlsx_cell(f"{_name(at)}{number}", cell) for at, cell in enumerate(row))}</row>'
                for number, row in enumerate(rows, start=1)
            )
            sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
            archive.writestr(f"xl/worksheets/sheet{n}.xml", sheet)
    return path


def _relate(targets: Sequence[tuple[str, str, str]]) -> str:
    each = "".join(f'<Relationship Id="{id_}" Type="{_OFFICE}/{kind}" Target="{to}"/>' for id_, kind, to in targets)
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{each}</Relationships>'


def _name(column: int) -> str:
    return (_name(column // 26 - 1) if column >= 26 else "") + chr(ord("A") + column % 26)


def _write_xlsx_cell(place: str, cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return f'<c r="{place}" t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, str):
        if cell.startswith("#"):
            return f'<c r="{place}" t="e"><v>{cell}</v></c>'
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
    style, number = 0, cell
    if isinstance(cell, dt.datetime):
        style, number = 2, (cell - _EPOCH) / _DAY
    elif isinstance(cell, dt.date):
        style, number = 1, (cell - _EPOCH.date()).days
    elif isinstance(cell, dt.time):
        style, number = 3, dt.timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second) / _DAY
    elif isinstance(cell, dt.timedelta):
        style, number = 4, cell / _DAY
    return f'<c r="{place}" s="{style}"><v>{number!r}</v></c>'


def write_ods(path: Path, sheets: Mapping[str, Rows], repeated: int = 1) -> Path:
    """Write an OpenDocument spreadsheet of text, numbers and dates; its last row stands there so many times."""
    tables = ""
    for name, rows in sheets.items():
        body = "".join(
            f'<table:table-row table:number-rows-repeated="{repeated if row is rows[-1] else 1}">'
            f"{''.join(map(_write_ods_cell, row))}</table:table-row>"
            for row in rows
        )
        tables += f"<table:table table:name={quoteattr(name)}>{body}</table:table>"
    spaces = "".join(
        f' xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"' for short in ("office", "table", "text")
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml",
            f"<office:document-content{spaces}><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
            "</office:document-content>",
        )
    return path


def _write_ods_cell(cell: Any) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, dt.date):
        return f'<table:table-cell office:value-type="date" office:date-value="{cell}"/>'
    if isinstance(cell, str):
        return f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'
    return f'<table:table-cell office:value-type="float" office:value="{cell}"/>'
