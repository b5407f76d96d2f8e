"""A file of which only one column was found: what it seems to be instead, or that it is no more."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import NoReturn

from ...errors import DataUnreadable, ParameterInvalid
from ...wording import shorten
from .blank_runs import BlankRuns
from .separator import BLANKS, NAMES, SEPARATORS, find_separator, split_rows
from .setting_line import write_config

_LONGEST_SHOWN = 60
#: A name of a column seldom has more.
_MOST_WORDS = 4
#: Characters that could part cells, and that a person can give as the separator; Hive writes the last.
_SIGNS = string.punctuation.replace('"', "").replace("'", "") + "\x01"
_TIME = re.compile(r"\d:\d")
#: So small a share of lines may be bad for that to be what a person wants.
_FEW = 0.1
#: Lines that are looked at.
_LOOKED_AT = 200


def refuse_given_separator(given: str, header: str, sample: str, quote: str, escape: str | None, name: str) -> NoReturn:
    """Refuse the separator of the request, which the *header* does not contain."""
    other = find_separator(sample, quote, escape)
    hint = f" {NAMES[other].capitalize()} would fit." if other else ""
    raise ParameterInvalid(
        f"`ingestion_config.separator` is {given!r}, which the header does not contain: {shorten(header, _LONGEST_SHOWN)!r}.{hint}",
        where=name,
        fix="Leave it out to have it found, or give the character that stands between the columns.",
        details={"parameter": "ingestion_config.separator"},
    )


def refuse_single_column(header: str, sample: str, quote: str, escape: str | None, name: str) -> NoReturn:
    """Refuse a file with one column, and say what it seems to be.

    :param sample: its beginning, from the header on.
    :param name: what people know the file as.
    """
    seen = shorten(header.strip(), _LONGEST_SHOWN)
    lines = [line for line in sample.split("\n")[:_LOOKED_AT] if line.strip()]
    below = max(
        (len(row) for separator in SEPARATORS for row in split_rows("\n".join(lines[1:20]), separator, quote, escape)),
        default=1,
    )
    blanks = BlankRuns(quote, escape).count_cells("\n".join(lines))
    where = name
    if not lines:
        what = "The file has nothing but blanks and empty lines."
        fix = "Drop it again, with a header line and rows."
    elif not seen:
        what = "The first line has nothing but blanks, and the header is to be there."
        fix = "Remove the lines before the header line."
    elif len(lines) == 1:
        what = f"The first line is {seen!r}, and there is nothing below it but empty lines or blanks."
        fix = "Drop it again with the rows below the header."
    elif below > 1:
        what = f"Only one column was found: the first line is {seen!r}, while lines below it have {below}."
        fix = "Remove what stands before the header line."
    elif sign := _find_sign(lines):
        refuse_several_signs("\n".join(lines), sign, name)
        what = f"Only one column was found, but every line has {lines[0].count(sign)} `{sign}`."
        fix = f"If that stands between the columns, give {write_config(separator=sign)}"
    elif blanks[0] > 1 and "  " in "".join(lines):
        number = next((at for at, cells in enumerate(blanks, start=1) if cells != blanks[0]), 1)
        line = sample.split("\n").index(lines[number - 1]) + 1
        what = (
            f"The columns seem to be aligned by blanks, but line {line} has {blanks[number - 1]} words, and the first one has "
            f"{blanks[0]}."
        )
        where = f"{name}, line {line}"
        fix = (
            "Put quotes around names and cells that have blanks in them, and a word such as NA where a cell is empty; or write the "
            "file with commas."
        )
        odd = sum(cells != blanks[0] for cells in blanks)
        if odd <= _FEW * len(blanks):
            fix += f" To have such lines left out, give {write_config(separator=BLANKS, max_bad_lines=odd)}"
    else:
        is_spaced = any(not line.strip() for line in sample.strip("\n").split("\n"))
        spaced = ", with empty lines between its rows" if is_spaced else ""
        what = f"The file has only one column, {seen!r}{spaced}: there is nothing to predict a target from."
        fix = "Drop a file that has the target, and columns to predict it from, with a separator between them."
        if len(seen.split()) > _MOST_WORDS:
            fix = f"The first line reads like a text or a log, and was taken for the header. {fix}"
    raise DataUnreadable(what, where=where, fix=fix, details={"header": header[:200]})


def refuse_several_signs(sample: str, separator: str, name: str) -> None:
    """Refuse a file that has other signs around each *separator*, such as `~|~`, or more than one where it is no usual one.

    :param sample: its beginning, from the header on.
    """
    lines = [line for line in sample.split("\n")[:_LOOKED_AT] if line.strip()]
    signs = f"[{re.escape(_SIGNS)}]*"
    found = re.search(f"{signs}{re.escape(separator)}{signs}", lines[0] if lines else "")
    run = found[0] if found else separator
    before, _, after = run.partition(separator)
    is_around_cells = bool(after) and lines[0].startswith(after)
    # Names may begin with a sign, and cells may be empty.
    is_enough = separator not in SEPARATORS or (before and after) or (separator in after and run.strip(separator))
    if (
        len(run) > 1
        and is_enough
        and not is_around_cells
        and all(line.count(run) * run.count(separator) == line.count(separator) for line in lines)
    ):
        raise DataUnreadable(
            f"`{run}` seems to stand between the cells, and a separator is a single character.",
            where=name,
            fix="Write the file with one character between cells, such as a comma, and quotes around cells that have it in them.",
            details={"separator": run},
        )


def _find_sign(lines: Sequence[str]) -> str | None:
    """Return the sign of which every line has as many as the first, if there is one; those within a time do not count."""
    counts = {sign: lines[0].count(sign) for sign in _SIGNS if sign in _TIME.sub("", lines[0]) and sign not in "_.-"}
    alike = [sign for sign, count in counts.items() if all(line.count(sign) == count for line in lines)]
    return max(alike, key=counts.__getitem__, default=None)
