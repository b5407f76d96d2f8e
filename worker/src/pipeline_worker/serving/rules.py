"""What `schema.json` says of a column, as rules that the reader of a model follows; the words and patterns are those of `ingest`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import pandas as pd

from ..schema import Column
from ..stages.ingest.column_type import TRUTHS
from ..stages.ingest.date_format import DURATION, DURATION_LABEL, FORMATS, MONTHS, TIME_OF_DAY, TWO_DIGIT_PIVOT
from ..stages.ingest.missing_words import MISSING_WORDS, PANDAS_WORDS
from ..stages.ingest.number_form import BLANK, CURRENCY, WIDE, NumberForm
from ..stages.ingest.number_format import INFINITE, Numbers, list_numbers
from .reader import Reader, Rules

#: Arrow knows currency signs by their class, and Python does not. Beyond the first two planes of Unicode there are no signs.
_CURRENCY_CLASS = r"\p{Sc}"
_CURRENCY_SIGNS = "".join(chr(code) for code in range(0x20000) if unicodedata.category(chr(code)) == "Sc")
_IS = {
    "integer": "no number",
    "number": "no number",
    "boolean": "neither true nor false",
    "time": "no time of day",
    "text": "a float, too great to tell which digits the label had; give text",
}


def make_reader(columns: Sequence[Column], categories: pd.DataFrame) -> Reader:
    """Return the reader of *columns*, which knows again the labels of the columns of *categories*, the rows to learn from."""
    return Reader(
        [
            describe_rules(column)
            | (_describe_labels(column, categories[column.name]) if column.name in categories else {})
            for column in columns
        ]
    )


def describe_rules(column: Column) -> Rules:
    """Return how the cells of *column* are read, as :class:`Reader` takes it."""
    usual = ("",) if column.type == "text" else MISSING_WORDS
    words = usual if column.missing_words is None else column.missing_words
    rules: Rules = {"name": column.name, "type": column.type, "missing": list(words)}
    rules["missing_numbers"] = list_numbers(words, _find_decimal(column.format or ""))
    if column.type == "text":
        rules["has_truths"] = column.format == TRUTHS
    elif column.format == DURATION_LABEL:
        rules |= {"type": "duration", "duration": DURATION, "is": f"no duration like {DURATION_LABEL}"}
    elif column.type in {"integer", "number"}:
        rules |= _describe_numbers(column)
    elif column.type in {"date", "timestamp"}:
        rules |= _describe_dates(column)
    elif column.type == "time":
        rules["time"] = TIME_OF_DAY
    return rules | {"is": rules.get("is", _IS.get(column.type, ""))}


def is_double(column: Column) -> bool:
    """Whether pandas reads the cells of *column* as numbers, missing ones included, without being told how they are written."""
    return column.type in {"integer", "number"} and column.format is None and column.missing_words is None


def _describe_numbers(column: Column) -> Rules:
    written = column.format or ""
    decimal = _find_decimal(written)
    currency = CURRENCY.replace(_CURRENCY_CLASS, f"[{_CURRENCY_SIGNS}]")
    is_account = re.search(rf"{currency}|\(", written)
    return {
        "decimal": decimal,
        "number": Numbers(decimal).pattern,
        "groups": Numbers(decimal).groups,
        "form": NumberForm(decimal).pattern.replace(CURRENCY, currency),
        "infinite": INFINITE,
        "wide": str.maketrans(WIDE),
        "zero": f"(?:{currency}{BLANK})?-" if is_account else "",
        "is": f"no number like {written}" if written else "no number",
    }


def _find_decimal(written: str) -> str:
    """Return the decimal sign of numbers like *written*: it is before the 5 of 1,234.5, or is not what groups digits in 1.234."""
    found = re.search(r"([.,])5(?!67)", written)
    if found:
        return found[1]
    return "," if re.search(r"\.(?:234|34|567)", written) else "."


def _describe_dates(column: Column) -> Rules:
    labels = dict.fromkeys([column.format or "YYYY-MM-DD", "YYYY-MM-DD"])
    return {
        "patterns": [FORMATS[label].pattern for label in labels],
        "is_zoned": "tz=" in column.parquet_type,
        "pivot": TWO_DIGIT_PIVOT,
        "months": {month: str(number) for number, month in enumerate(MONTHS)},
        "is": f"no date like {next(iter(labels))}" + ("" if "tz=" in column.parquet_type else " without a zone"),
    }


def _describe_labels(column: Column, learned: pd.Series) -> Rules:
    labels = sorted(learned.dropna().unique())
    lost = [label for label in labels if label in PANDAS_WORDS]
    has_missing = column.nullable or learned.isna().any()
    return {"labels": labels} | ({"label": lost[0]} if len(lost) == 1 and not has_missing else {})
