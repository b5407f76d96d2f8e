"""How a CSV file is written: separator, quote, encoding and header, each found in the file or given by the request."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import DataUnreadable, ParameterInvalid
from ...request import IngestionConfig
from ...wording import note_trimmed_names
from .blank_runs import BlankRuns
from .separator import BLANKS, NAMES, allow_long_cells, check_separator, find_separator, split_rows
from .setting_line import write_config
from .single_column import refuse_given_separator, refuse_several_signs, refuse_single_column
from .text_encoding import TextEncoding, find_encoding
from .text_format import TextFormat

_SAMPLE_CHARACTERS = 256 * 1024
_LONGEST_SAMPLE = 32 * 1024 * 1024
#: How MySQL writes a missing value.
_NULL = r"\N"


@dataclass(frozen=True, kw_only=True)
class CsvFormat(TextFormat):
    """How one CSV file is written; before its header are blank lines, and Excel's `sep=;`.

    :param escape: the character that takes its meaning from the one behind it, if there is any.
    :param given: which of `separator`, `quote`, `escape`, `decimal`, `encoding` the request gave.
    :param is_aligned: whether the file has runs of blanks; *separator* is a tab then, which a copy has in their place.
    :param has_end: whether each row ends with a separator, behind which there is never anything.
    :param note: what separates the cells, where something else was to.
    """

    encoding: TextEncoding
    escape: str | None
    given: frozenset[str]
    is_aligned: bool = False
    has_end: bool = False
    note: str | None = None

    @property
    def width(self) -> int:
        """How many cells each row has."""
        return len(self.header) + self.has_end

    @property
    def is_doubtful(self) -> bool:
        """Whether a quote may be open, or stand behind a backslash, so that its row has to be looked at."""
        quotes = self.encoding.quotes
        return quotes[self.quote] % 2 > 0 or (self.escape is None and quotes[f"\\{self.quote}"] > 0)

    def list_notes(self) -> list[str]:
        """Return what a person should know of how the file is written."""
        notes = [note for note in (self.encoding.note, self.note) if note]
        count = self.encoding.quotes[_NULL]
        if self.escape == "\\" and count:
            setting = write_config(escape=self.escape, missing_values=["N"])
            said = f"`{_NULL}` is in the file {'once' if count == 1 else f'{count:,} times'}, and read as `N`, as a backslash escapes it"
            notes.append(f"{said}; where it means missing, as MySQL writes it, give {setting}.")
        return notes

    @property
    def dialect(self) -> dict[str, Any]:
        """What Python's `csv` has to be told."""
        return {"delimiter": self.separator, "quotechar": self.quote, "escapechar": self.escape}

    @property
    def _written(self) -> str:
        return BLANKS if self.is_aligned else self.separator

    def describe(self) -> str:
        """Return one line that says what was found and what was given."""

        def origin(name: str) -> str:
            return "given" if name in self.given else "found"

        separator = NAMES.get(self._written, repr(self._written))
        encoding = "given" if "encoding" in self.given else self.encoding.how
        return (
            f"separator {separator} ({origin('separator')}), quote {self.quote} ({origin('quote')}), "
            f"{f'escape {self.escape} (given), ' if self.escape else ''}encoding {self.encoding.name} ({encoding})"
        )

    def list_pandas_options(self) -> dict[str, Any]:
        """Return what `pandas.read_csv` has to be told to give the cells of the same rows as they are, for the model to read."""
        # pandas leaves a byte order mark out by itself, and blank lines too.
        encoding = self.encoding.codec.removesuffix("-sig")
        options = {
            "sep": self._written,
            "quotechar": self.quote,
            "escapechar": self.escape,
            "encoding": encoding,
            "skiprows": self.lines_before,
        }
        usual = {"sep": ",", "quotechar": '"', "escapechar": None, "encoding": "utf-8", "skiprows": 0}
        given: dict[str, Any] = {name: value for name, value in options.items() if value != usual[name]}
        if self.has_end:
            # Else the first column would be the index.
            given |= {"index_col": False, "usecols": [*range(len(self.header))]}
        return given | {"dtype": "str", "keep_default_na": False}


def find_csv_format(path: Path, name: str, config: IngestionConfig, data_format: str) -> CsvFormat:
    """Return how the text file at *path* is written.

    :param name: what people know the file as.
    :param config: what the request gives; it is taken as it is.
    :param data_format: `csv` or `tsv`.
    :raises DataUnreadable: it is no table.
    :raises ParameterInvalid: what was given cannot be used, or does not fit.
    """
    given_separator = check_separator(config.separator)
    others = {"separator": given_separator, "decimal sign": config.decimal}
    quote = _check_sign("quote", config.quote, others) or '"'
    escape = _check_sign("escape", config.escape, others | {"quote": quote})
    encoding = find_encoding(path, name, config.encoding, (quote, f"\\{quote}", _NULL))
    sample = _read_sample(path, encoding)
    lines_before, hinted = _find_lines_before(sample)
    body = sample.split("\n", lines_before)[lines_before] if lines_before else sample
    if not body.strip("\n"):
        raise DataUnreadable("The file has no rows.", where=name, fix="Drop it again, with a header line and rows.")
    separator, note = given_separator, None
    if separator is None:
        hint = "\t" if data_format == "tsv" else hinted
        separator, note = _choose_separator(body, quote, escape, hint, name)
    blanks = BlankRuns(quote, escape)
    is_aligned = separator == BLANKS or (separator is None and blanks.are_in(body))
    if is_aligned:
        separator, body = "\t", "\n".join(map(blanks.put_tabs, body.split("\n")))
        encoding = replace(encoding, last_line=blanks.put_tabs(encoding.last_line))
    if config.quote is None and separator is not None and _is_single_quoted(body, separator):
        quote = "'"
        encoding = find_encoding(path, name, config.encoding, (quote, f"\\{quote}", _NULL))
    if separator is None:
        separator = "," if quote != "," else ";"
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, quotechar=quote, escapechar=escape)
    allow_long_cells()
    header = tuple(next(reader))
    header_line = lines_before + reader.line_num
    first_row = tuple(next((row for row in reader if row), ()))
    last_row = next(reversed(split_rows(encoding.last_line, separator, quote, escape)), [])
    found = CsvFormat(
        line="Line",
        encoding=encoding,
        separator=separator,
        quote=quote,
        escape=escape,
        decimal=config.decimal,
        header=header,
        header_line=header_line,
        first_row=first_row,
        first_row_line=lines_before + reader.line_num,
        last_row=last_row if len(last_row) == len(header) else (),
        last_row_line=encoding.last_line_number,
        lines_before=lines_before,
        has_quotes=encoding.quotes[quote] > 0,
        given=frozenset(config.model_dump(exclude_none=True)),
        is_aligned=is_aligned,
        note=note,
    )
    if len(header) == 1:
        _refuse_one_column(found, config, body, name)
    return found


def _choose_separator(
    body: str, quote: str, escape: str | None, hint: str | None, name: str
) -> tuple[str | None, str | None]:
    """Return the separator, if there is any, and what to say where it is not the one that the file hints at.

    :raises DataUnreadable: several would do.
    """
    found = find_separator(body, quote, escape)
    if hint not in {None, quote} and (hint in body or found is None):
        found, hint = hint, None
    if found is None:
        return None, None
    refuse_several_signs(body, found, name)
    if hint is None:
        return found, None
    said = "The file is TSV by its name or by `data_format`" if hint == "\t" else f"The first line says `sep={hint}`"
    return (
        found,
        f"{said}, but no line has a {NAMES.get(hint, hint)}: it was read with {NAMES[found]}s between its cells.",
    )


def _refuse_one_column(found: CsvFormat, config: IngestionConfig, body: str, name: str) -> None:
    """Refuse a table of one column where what was given, or what is between the cells, is not what it was taken for."""
    (column,) = found.header
    if config.separator is not None:
        refuse_given_separator(config.separator, column, body, found.quote, found.escape, name)
    # Taken for a quote or an escape, the separator is not found.
    others = {"separator": find_separator(body, '"', None)}
    _check_sign("quote", config.quote, others)
    _check_sign("escape", config.escape, others)
    refuse_single_column(column, body, found.quote, found.escape, name)


def name_columns(header: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the columns' names, and a sentence for each that had to be made up.

    Blanks around a name are left out, and a cell without text becomes `Unnamed: <position>`, as `pandas.read_csv` has it.
    """
    cells = [cell.strip() for cell in header]
    names = [cell or f"Unnamed: {position}" for position, cell in enumerate(cells)]
    notes = [
        f"Column {position + 1} has no name; it is called `Unnamed: {position}` (counted from 0, as pandas does)."
        for position, cell in enumerate(cells)
        if not cell
    ]
    return names, notes + note_trimmed_names(
        cell for cell, written in zip(cells, header, strict=True) if cell != written
    )


def _check_sign(name: str, given: str | None, others: Mapping[str, str | None]) -> str | None:
    """Return the `quote` or the `escape` that the request gives, which may be none of *others*."""
    if given is None:
        return None
    is_usable = len(given) == 1 and given.isascii() and not given.isalnum() and given not in "\r\n\0"
    same = next((other for other, sign in others.items() if sign == given), None)
    if not is_usable or same:
        fault = f"is the {same}" if is_usable else "is no single ASCII character beside letters, digits and line ends"
        fix = {
            "quote": "Give the character that surrounds cells, such as `'`; or leave it out to have it found.",
            "escape": "Give the character before a quote that closes no cell, such as `\\`; or leave it out if a quote is written twice.",
        }[name]
        raise ParameterInvalid(
            f"`ingestion_config.{name}` is {given!r}, which {fault}.",
            where=f"ingestion_config.{name}",
            fix=fix,
            details={"parameter": f"ingestion_config.{name}"},
        )
    return given


def _read_sample(path: Path, encoding: TextEncoding) -> str:
    """Return the beginning of the file in whole lines, at least two of them if there are two."""
    with path.open(encoding=encoding.codec) as file:
        sample = file.read(_SAMPLE_CHARACTERS).removeprefix("\ufeff")
        is_whole = len(sample) < _SAMPLE_CHARACTERS - 1
        while not is_whole and sample.count("\n") < 3 and len(sample) < _LONGEST_SAMPLE:
            more = file.read(_SAMPLE_CHARACTERS)
            sample += more
            is_whole = not more
    return sample if is_whole or "\n" not in sample else sample[: sample.rindex("\n") + 1]


def _find_lines_before(sample: str) -> tuple[int, str | None]:
    """Return how many lines come before the header, and the separator of Excel's `sep=` line, if it can be one."""
    blank = len(sample) - len(sample.lstrip("\n"))
    first = sample[blank:].partition("\n")[0]
    if len(first) == 5 and first.lower().startswith("sep="):
        return blank + 1, first[4] if first[4].isascii() and first[4] != "\r" else None
    return blank, None


def _is_single_quoted(sample: str, separator: str) -> bool:
    """Whether `'` surrounds the cells of at least one whole column, and `"` surrounds none."""
    if "'" not in sample or '"' in sample or separator == "'":
        return False
    header, *rows = split_rows(sample, separator, "'")
    sign = re.escape(separator)
    opened = len(re.findall(rf"(?:^|{sign})'", sample, re.MULTILINE))
    closed = len(re.findall(rf"'(?:{sign}|$)", sample, re.MULTILINE))
    is_table = all(len(row) == len(header) for row in rows)
    return is_table and opened == closed and len(rows) > 1 and opened >= len(rows)
