"""Workbooks: Excel's, new and old, and OpenDocument's. A sheet is a table, and its cells are text or values."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ....limits import Limits
from ....request import IngestionConfig
from ..cell_file import CellFile
from ..converted import Converted, leave_types_open
from ..csv_format import name_columns
from ..extra_lines import find_body
from ..native_cells import write_float, write_floats, write_truth
from ..sheet_size import check_sheets
from ..text_format import TextFormat
from ..text_table import convert_body
from ..workbook_file import OLE, find_sheet, is_ods, is_xlsx, open_workbook, refuse_others
from .file_format import FileFormat

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

_BLOCK_CELLS = 1 << 17
#: Values that pandas writes in another way where they stand in a column of text.
_TIMES = {dt.date, dt.datetime, dt.time, dt.timedelta}


def _convert(
    path: Path, target: Path, name: str, config: IngestionConfig, drop_columns: Collection[str], limits: Limits
) -> Converted:
    with path.open("rb") as file, CellFile(target.with_name("cells.arrow")) as cells:
        refuse_others(file, name)
        check_sheets(path, name, limits)
        sheet, before, notes = find_sheet(open_workbook(file, name), config.sheet, name)
        sheet_name = sheet.name
        found, blank = _write_cells(sheet, before, cells)
        del sheet
    names, named = name_columns(found.header)
    positions = list(found.kinds)
    sheet_format = replace(found, decimal=config.decimal, kinds=dict(zip(names, found.kinds.values(), strict=True)))

    def read(_: tuple[str, ...] = ()) -> Iterator[pa.RecordBatch]:
        return limits.watch(cells.read(positions), names, name, cells.rows, drop_columns)

    body = find_body(read, sheet_format, names, leave_types_open(config, drop_columns), name, target)
    first_line = None if blank else body.first_line
    converted = convert_body(body, sheet_format, names, target, name, first_line)
    skipped = {*range(before), *(row - 1 for row in blank), *body.pandas_options.get("skiprows", ())}
    options = {"sheet_name": sheet_name, "skiprows": sorted(skipped)} if skipped else {"sheet_name": sheet_name}
    options |= {"nrows": body.pandas_options["nrows"]} if "nrows" in body.pandas_options else {}
    unread = {
        column.name: "its dates and times are written in another way by pandas, as they stand beside other text"
        for column in converted.schema.columns
        if column.type == "text" and _TIMES & sheet_format.kinds[column.name]
    }
    return replace(
        converted,
        found=f"sheet `{sheet_name}`, header in row {sheet_format.header_line}",
        pandas_call=("read_excel", options | {"dtype": "object", "keep_default_na": False, "engine": "calamine"}),
        pandas_unread=unread,
        notes=[*notes, *named, *converted.notes],
    )


def _write_cells(sheet: CalamineSheet, before: int, cells: CellFile) -> tuple[TextFormat, list[int]]:
    """Write the cells below the header; return how the sheet is written, and which rows between others are without a cell.

    Rows are counted from 1, as programs show them; the columns that have a name or a cell are called by their positions.

    :param before: how many rows stand before the header.
    """
    rows = enumerate(sheet.iter_rows(), start=1)
    header: list[Any] = []
    for _ in range(before + 1):
        _, header = next(rows)
    left = sheet.start[1] if sheet.start else 0
    kinds: dict[int, set[type]] = defaultdict(set)
    first: tuple[int, list[Any]] = (0, [])
    last = first
    waiting: list[list[Any]] = []
    between: list[int] = []
    blank: list[int] = []
    size = max(1, _BLOCK_CELLS // len(header))
    for number, row in rows:
        if not any(cell != "" for cell in row):
            blank.append(number)
            continue
        between += blank
        blank = []
        first, last = (first if first[0] else (number, row)), (number, row)
        waiting.append(row)
        if len(waiting) == size:
            _write_block(waiting, cells, kinds)
            waiting = []
    _write_block(waiting, cells, kinds)
    used = [at for at, cell in enumerate(header) if cell != "" or kinds[at]]
    first_row, last_row = (tuple(_WRITE[type(row[at])](row[at]) for at in used) for row in (first[1], last[1]))
    found = TextFormat(
        line="Row",
        header=tuple(_write_name(header[at]) or f"Unnamed: {left + at}" for at in used),
        header_line=before + 1,
        lines_before=before,
        first_row=first_row,
        first_row_line=first[0],
        last_row=last_row,
        last_row_line=last[0],
        kinds={str(at): kinds[at] for at in used},
    )
    return found, between


def _write_block(rows: list[list[Any]], cells: CellFile, kinds: dict[int, set[type]]) -> None:
    if not rows:
        return
    columns: dict[str, Sequence[str]] = {}
    for at, column in enumerate(zip(*rows, strict=True)):
        found = set(map(type, column))
        if found == {float}:
            columns[str(at)] = write_floats(column)
        else:
            columns[str(at)] = column if found == {str} else [_WRITE[type(cell)](cell) for cell in column]
        kinds[at] |= found - {str}
        if str in found and any(cell != "" for cell in column if isinstance(cell, str)):
            kinds[at].add(str)
    cells.write(columns, len(rows))


def _write_name(cell: Any) -> str:
    """Return a cell of the header as pandas has it for a name."""
    if isinstance(cell, dt.date) and not isinstance(cell, dt.datetime):
        return f"{cell} 00:00:00"
    return _WRITE[type(cell)](cell) if isinstance(cell, float) else str(cell)


def _write_duration(value: dt.timedelta) -> str:
    seconds = abs(value) // dt.timedelta(seconds=1)
    return f"{'-' if value < dt.timedelta(0) else ''}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


#: How a cell is written, by what it is.
_WRITE: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    float: write_float,
    bool: write_truth,
    dt.date: dt.date.isoformat,
    dt.datetime: dt.datetime.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: _write_duration,
}

_UNUSED = frozenset({"separator", "quote", "escape", "max_bad_lines", "encoding"})

XLSX = FileFormat("xlsx", "an Excel workbook", (".xlsx", ".xlsm"), _convert, unused=_UNUSED, is_one=is_xlsx)
XLS = FileFormat("xls", "an old Excel workbook", (".xls",), _convert, unused=_UNUSED, begins=(OLE,))
ODS = FileFormat("ods", "an OpenDocument spreadsheet", (".ods",), _convert, unused=_UNUSED, is_one=is_ods)
