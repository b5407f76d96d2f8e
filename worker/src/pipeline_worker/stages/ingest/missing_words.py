"""Words that stand for a missing value: where they do, and where they are labels like any other.

In a column of numbers, dates or booleans each word of the list is missing. In a column of text the same words can be
labels (a continent `NA`, a cover `None`), so there only what was given, or how the file is written, makes them missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ...request import IngestionConfig
from ...wording import count_cells
from .arrow_text import NULL, make_texts
from .setting_line import write_setting

#: Cells that mean "missing" beside numbers, dates, times and booleans, with or without blanks around them.
MISSING_WORDS = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "None", "NULL", "null", "\\N", "#N/A"),
    *("?", "-", "--", ".", "..", ":", "missing"),
)
#: Those that are never the only label of a column: a column with nothing else in it has no value at all.
_NEVER_ALONE = {"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "\\N", "#N/A"}
#: Those of which nobody has to be told that they are missing beside numbers.
_USUAL = {"", "NA", "N/A", "NaN", "nan", "NULL", "null", "#N/A"}
#: What `pandas.read_csv` takes as missing by default: https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html
PANDAS_WORDS = frozenset(
    {
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    }
)


@dataclass(frozen=True)
class GivenWords:
    """What the request says of one column.

    :param words: they are missing, whatever the column is.
    :param is_all: whether nothing else is missing but an empty cell.
    """

    words: tuple[str, ...] = ()
    is_all: bool = False

    @staticmethod
    def of(config: IngestionConfig, column: str) -> GivenWords:
        """Return what *config* says of *column*."""
        given = config.missing_values
        if isinstance(given, dict):
            words = given.get(column)
            return GivenWords() if words is None else GivenWords(tuple(word.strip() for word in words), is_all=True)
        return GivenWords(tuple(word.strip() for word in given or ()))

    @property
    def typed(self) -> tuple[str, ...]:
        """The words that are missing beside numbers, dates, times and booleans."""
        return ("", *self.words) if self.is_all else (*MISSING_WORDS, *self.words)


class WordSet:
    """Some words, to be found in cells, with or without blanks around them."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(dict.fromkeys(words))
        self.texts = make_texts(*self.words)
        #: Whether a word could be read as a number, so that a column has to be searched for it even if it has nothing else.
        self.has_numbers = any(any(map(str.isdigit, word)) for word in self.words)

    def find(self, trimmed: pa.Array) -> pa.Array | None:
        """Return which of the cells *trimmed* are one of the words, or None if none is."""
        found = pc.is_in(trimmed, value_set=self.texts)
        return found if pc.any(found).as_py() else None

    def leave_out(self, trimmed: pa.Array) -> pa.Array:
        """Return the cells *trimmed* with nulls for the words."""
        found = self.find(trimmed)
        return trimmed if found is None else pc.if_else(found, NULL, trimmed)


@dataclass
class Seen:
    """The words that one column was seen to have.

    :param cells: each cell that is a word as it stands, blanks included → how often.
    :param unquoted: of these, how many stand without quotes.
    :param samples: other cells, which could stand without quotes; *sampled_unquoted* says that one of them does.
    :param has_blanks: whether any cell, a word or not, has blanks around it.
    """

    cells: Counter[str] = field(default_factory=Counter)
    unquoted: Counter[str] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)
    sampled_unquoted: bool = False
    has_blanks: bool = False

    def count(self, word: str, *, unquoted: bool = False) -> int:
        """Return how many cells are *word*."""
        counted = self.unquoted if unquoted else self.cells
        return sum(number for cell, number in counted.items() if cell.strip() == word)

    @property
    def words(self) -> list[str]:
        """The words, without the empty cell."""
        return list(dict.fromkeys(cell.strip() for cell in self.cells if cell.strip()))


@dataclass(frozen=True)
class Verdict:
    """What the words of a text column are.

    :param missing: missing wherever they stand.
    :param missing_unquoted: missing where they stand without quotes, a label in quotes.
    :param labels: words of the list, or of pandas' list, that are labels.
    :param notes: what a person should know.
    :param short: the same in a few words, for a headline; empty where there is nothing to say.
    """

    missing: tuple[str, ...] = ("",)
    missing_unquoted: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    short: str = ""


def judge_words(
    name: str,
    seen: Seen,
    given: GivenWords,
    *,
    is_without_labels: bool,
    number_columns: dict[str, str],
    are_numbers_quoted: bool,
    is_text_quoted: bool,
) -> Verdict:
    """Return what the words in the text column *name* are.

    :param is_without_labels: whether all of its cells are words.
    :param number_columns: word that stands unquoted in a column of numbers → that column's name.
    :param are_numbers_quoted: whether quotes tell nothing, as the file has them around numbers too.
    :param is_text_quoted: whether all other cells of the column, or of the file's text, are quoted.
    """
    is_empty = is_without_labels and set(seen.words) <= _NEVER_ALONE
    missing, missing_unquoted, labels = ["", *given.words], list[str](), list[str]()
    reasons: dict[str, tuple[int, str]] = {}
    for word in seen.words:
        if word in given.words:
            continue
        is_open = not given.is_all and word in MISSING_WORDS
        if is_open and is_empty:
            missing.append(word)
            continue
        total = seen.count(word)
        count = total if are_numbers_quoted else seen.count(word, unquoted=True)
        why = f"as in `{number_columns[word]}`" if word in number_columns else ""
        if not why and is_text_quoted and not are_numbers_quoted:
            why = "because it has no quotes, and all other text has"
        if is_open and why and count:
            (missing if count == total else missing_unquoted).append(word)
            reasons[word] = (count, why)
        if reasons.get(word, (0, ""))[0] < total:
            labels.append(word)
    notes, short = _tell_words(name, seen, missing + missing_unquoted, [] if given.is_all else labels, reasons)
    return Verdict(tuple(missing), tuple(missing_unquoted), tuple(labels), tuple(notes), ", ".join(short))


def _tell_words(
    name: str, seen: Seen, missing: list[str], labels: list[str], reasons: dict[str, tuple[int, str]]
) -> tuple[list[str], list[str]]:
    """Return sentences on the words of a text column, and the same in a few words."""
    notes, short = [], []
    known = [word for word in missing if word]
    for word, (count, why) in reasons.items():
        setting = write_setting("missing_values", name, [each for each in known if each != word])
        notes.append(f"{count_cells(count)} `{word}`, read as missing, {why}; if it is a label, give {setting}.")
        short.append(f"{count_cells(count)} `{word}`: missing")
    for word in labels:
        if word in MISSING_WORDS:
            left = seen.count(word) - reasons.get(word, (0, ""))[0]
            where = " where it is in quotes" if word in reasons else ""
            setting = write_setting("missing_values", name, list(dict.fromkeys([*known, word])))
            notes.append(f"{count_cells(left)} `{word}`, kept as a label{where}; if it means missing, give {setting}.")
            short.append(f"{count_cells(left)} `{word}`: a label")
    return notes, short


def note_typed_words(name: str, kind: str, seen: Seen, given: GivenWords, zero: int) -> str | None:
    """Return a sentence on the words that are missing in a column that is no text, if any is unusual.

    :param zero: how many cells `-` are zero.
    """
    words = [
        f"{count_cells(seen.count(word))} `{word}`"
        for word in seen.words
        if word in given.typed and word not in _USUAL and word not in given.words and not (zero and word == "-")
    ]
    notes = []
    if words:
        as_text = write_setting("column_types", name, "text")
        notes.append(f"{', '.join(words)}: read as missing beside {_KINDS[kind]}; to keep it as text, give {as_text}.")
    if zero:
        as_missing = write_setting("missing_values", name, [word for word in seen.words if word in (*given.typed, "-")])
        notes.append(f"{count_cells(zero)} `-`, read as 0, as in accounts; if it means missing, give {as_missing}.")
    return " ".join(notes) or None


def say_typed_words(seen: Seen, words: Sequence[str]) -> str:
    """Return in a few words which of *words* a column that is no text has; empty where it has none."""
    return ", ".join(f"{count_cells(seen.count(word))} `{word}`: missing" for word in seen.words if word in words)


_KINDS = {"integer": "numbers", "number": "numbers", "boolean": "true and false"} | dict.fromkeys(
    ("date", "timestamp", "time"), "dates and times"
)
