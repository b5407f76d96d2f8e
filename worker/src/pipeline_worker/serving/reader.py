"""Rows as people have them become the values that a model has learned from.

Each column is read by its own rules, which `rules.py` writes down from `schema.json`; nothing here looks at values to find out
what they are. A model takes this file with it, as text inside its pickle: it needs nothing but pandas and numpy, and none of this
package.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: This file, which :meth:`Reader.__reduce__` puts into pickles. Read from one, it was given.
SOURCE: str = globals().get("SOURCE") or Path(__file__).read_text(encoding="utf-8")
_REBUILD = "exec(source, (module := {'__name__': 'pipeline_reader', 'SOURCE': source})) or module['Reader'](**values)"

#: A greater number, an infinite one above all, is missing to a model: its square, which scaling needs, may be infinite.
GREATEST = float(np.finfo(np.float32).max)
#: What to do with a value that is not of its column's type.
ERROR, MISSING = "error", "missing"
_LISTED = 5
_LONGEST = 60
#: What is a number, or a duration, by itself.
_NUMBERS = (int, float, np.number, Decimal, dt.timedelta)
#: From here on, several whole numbers are one 64-bit float.
_ROUNDED = 2.0**53

Rules = dict[str, Any]


class RowsUnreadableError(ValueError):
    """Rows that the model cannot take. `faults` has column, row (counted from 1) and value of those that do not fit."""

    def __init__(self, message: str, faults: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.faults = faults or []


class UnseenLabelWarning(UserWarning):
    """Rows have labels that training did not have."""


class Reader:
    """Reads the columns of `columns` from tables that may have more, in another order.

    :param columns: the rules for each column, in the order of the result.
    """

    def __init__(self, columns: list[Rules]) -> None:
        self.columns = columns

    def __call__(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return *rows* as :meth:`read` does; what does not fit is an error."""
        return self.read(rows)

    def __reduce__(self) -> tuple[Any, ...]:
        """Take this file along, as text: bytecode is of one version of Python."""
        return eval, (_REBUILD, {"source": SOURCE, "values": {"columns": self.columns}})

    def read(self, rows: pd.DataFrame, on_bad_value: str = ERROR, *, are_words_lost: bool = False) -> pd.DataFrame:
        """Return a column of 64-bit floats, text, times (in UTC, where they have a zone) or durations for each of `columns`.

        :param on_bad_value: what becomes of a value that is not of its column's type: `error`, or `missing` with a warning.
        :param are_words_lost: whether words such as `NA` became missing before they came here. Where training had one such word as
            a label, and no empty cell, a missing value is that label, with a warning.
        :raises RowsUnreadableError: columns are missing or there twice, or values do not fit.
        """
        positions = self._find_columns([str(name).strip() for name in rows.columns])
        found: dict[str, pd.Series] = {}
        faults: list[dict[str, Any]] = []
        for rules in self.columns:
            name = rules["name"]
            # Labels of rows may repeat, and what is told is where a row stands.
            values = _unwrap(rows.iloc[:, positions[name]].reset_index(drop=True))
            read, is_bad = _READERS[rules["type"]](values, rules)
            bad = np.flatnonzero(is_bad.to_numpy())
            faults += [{"column": name, "row": int(row) + 1, "value": values[row], "is": rules["is"]} for row in bad]
            if "label" in rules and are_words_lost:
                read = _fill(read, rules)
            if "labels" in rules:
                _tell_unseen(read, rules)
            found[name] = read
        if faults:
            message = _list_faults(faults)
            if on_bad_value == ERROR:
                fix = f"Mend what does not fit, or take it for missing by `on_bad_value`: {MISSING!r}."
                raise RowsUnreadableError(f"{message} {fix}", faults)
            warnings.warn(f"{message} Taken for missing.", stacklevel=2)
        return pd.DataFrame(found).set_axis(rows.index)

    def _find_columns(self, names: list[str]) -> dict[str, int]:
        wanted = [rules["name"] for rules in self.columns]
        missing = [name for name in wanted if name not in names]
        if missing:
            raise RowsUnreadableError(
                f"The rows lack {'a column' if len(missing) == 1 else f'{len(missing)} columns'} that the model needs: "
                f"{_list_names(missing)}. They have {_list_names(names) or 'none'}."
            )
        repeated = [name for name in wanted if names.count(name) > 1]
        if repeated:
            raise RowsUnreadableError(f"The rows have more than one column called {_list_names(repeated)}.")
        return {name: position for position, name in enumerate(names)}


def _list_names(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(f"`{name}`" for name in names[:_LISTED]) + more


def _list_faults(faults: list[dict[str, Any]]) -> str:
    listed = "; ".join(
        f"`{fault['column']}`, row {fault['row']}: {_shorten(fault['value'])} is {fault['is']}"
        for fault in faults[:_LISTED]
    )
    more = f"; and {len(faults) - _LISTED} more" if len(faults) > _LISTED else ""
    return f"{'A value does' if len(faults) == 1 else f'{len(faults)} values do'} not fit: {listed}{more}."


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _fill(texts: pd.Series, rules: Rules) -> pd.Series:
    count = int(texts.isna().sum())
    if count:
        warnings.warn(
            f"`{rules['name']}`: {count} missing values were taken for the label {rules['label']!r}, as training had that, and no "
            "missing value. To tell the two apart, send JSON.",
            stacklevel=3,
        )
    return texts.fillna(rules["label"])


def _tell_unseen(texts: pd.Series, rules: Rules) -> None:
    unseen = sorted(set(texts.dropna()) - set(rules["labels"]))
    if unseen:
        warnings.warn(
            f"`{rules['name']}`: training had no {_list_names(unseen)}; the prediction goes by the other columns.",
            UnseenLabelWarning,
            stacklevel=3,
        )


def _unwrap(values: pd.Series) -> pd.Series:
    """Return categories as what they stand for, and dates and durations of Arrow's as pandas itself has them."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.astype(object)
    if isinstance(values.dtype, pd.ArrowDtype) and values.dtype.kind in "mM":
        return pd.Series(values.array.__arrow_array__().to_pandas())
    return values


def _read_numbers(values: pd.Series, rules: Rules) -> tuple[pd.Series, pd.Series]:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _leave_out_great(_leave_out_missing(values, rules)), _none(values)
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        return values / pd.Timedelta(seconds=1), _none(values)
    # What is a number already, as JSON has it beside text, is not written in any way.
    is_number = values.map(lambda value: isinstance(value, _NUMBERS) and not isinstance(value, bool))
    given = values.where(is_number).map(_take_number, na_action="ignore").astype("float64")
    given = _leave_out_missing(given, rules)
    texts = _clean(values.mask(is_number), rules["missing"])
    numbers = _parse_each(texts, rules)
    return _leave_out_great(given.fillna(numbers)), texts.notna() & numbers.isna()


def _take_number(value: Any) -> float:
    """Return *value*, one of `_NUMBERS`, as a float: a duration in seconds, and what is too great for any as infinite."""
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _parse_each(texts: pd.Series, rules: Rules) -> pd.Series:
    """Return the numbers, or the seconds, that *texts* are, and NaN for what they are not."""
    if rules["type"] == "duration":
        return texts.map({text: _parse_duration(text, rules) for text in texts.dropna().unique()}).astype("float64")
    # Where the decimal sign is a comma, pandas would take the sign between thousands for one.
    numbers = pd.to_numeric(texts if rules["decimal"] == "." else pd.Series(index=texts.index), errors="coerce")
    numbers = numbers.astype("float64")
    # What is no number to pandas, or one that a file does not mean (`1e999`).
    is_open = texts.notna() & ~np.isfinite(numbers)
    parsed = {text: _parse_number(text, rules) for text in texts[is_open].unique()}
    return numbers.mask(is_open, texts.map(parsed).astype("float64"))


def _leave_out_great(numbers: pd.Series) -> pd.Series:
    return numbers.mask(numbers.abs() > GREATEST)


def _leave_out_missing(values: pd.Series, rules: Rules) -> pd.Series:
    """Return the numbers *values* in 64 bits, without those that are missing: -999, where the word is."""
    kind = "float32" if values.dtype == "float32" else "float64"
    numbers = _widen(values)
    return numbers.mask(numbers.isin(np.asarray(rules["missing_numbers"], dtype=kind).astype("float64")))


def _widen(values: pd.Series) -> pd.Series:
    return pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), index=values.index)


def _parse_number(text: str, rules: Rules) -> float:
    """Return the number *text*, or NaN where it is none."""
    text = text.translate(rules["wide"])
    if re.fullmatch(rules["zero"], text):
        return 0.0
    if re.fullmatch(rules["infinite"], text):
        return float(text)
    decimal = rules["decimal"]
    if re.fullmatch(rules["number"], text):
        number = float(re.sub(rules["groups"], "", text).replace(decimal, "."))
        return number if np.isfinite(number) else np.nan
    if not re.fullmatch(rules["form"], text):
        return np.nan
    digits = "".join(sign for sign in text if sign.isdigit() or sign == decimal)
    return float(digits.replace(decimal, ".")) * (-1 if "(" in text or "-" in text else 1)


def _parse_duration(text: str, rules: Rules) -> float:
    """Return the seconds of *text*, `39:10:00`, or NaN where it is no duration."""
    match = re.fullmatch(rules["duration"], text)
    if not match:
        return np.nan
    seconds = int(match["H"]) * 3600 + int(match["M"]) * 60 + float(match["S"])
    return -seconds if match["sign"] else seconds


def _read_truths(values: pd.Series, rules: Rules) -> tuple[pd.Series, pd.Series]:
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = _leave_out_missing(values, rules)
        is_truth = numbers.isin([0, 1])
        return numbers.where(is_truth), numbers.notna() & ~is_truth
    texts = _clean(values, rules["missing"])
    # pandas makes floats of booleans where one is missing.
    truths = texts.str.lower().map({"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}).astype("float64")
    return truths, texts.notna() & truths.isna()


def _read_texts(values: pd.Series, rules: Rules) -> tuple[pd.Series, pd.Series]:
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        values = values / pd.Timedelta(seconds=1)
    # A label of digits that pandas made a float of is another label now, and no longer itself.
    if pd.api.types.is_float_dtype(values.dtype):
        numbers = _widen(values).abs()
        is_rounded = (numbers >= _ROUNDED) & (numbers < np.inf)
    elif pd.api.types.is_object_dtype(values.dtype):
        is_rounded = values.map(lambda value: isinstance(value, float) and _ROUNDED <= abs(value) < np.inf).astype(bool)
    else:
        is_rounded = _none(values)
    if rules["has_truths"]:
        values = values.map(lambda value: str(value).lower() if isinstance(value, bool | np.bool_) else value)
    return _clean(values, rules["missing"]), is_rounded


def _read_dates(values: pd.Series, rules: Rules) -> tuple[pd.Series, pd.Series]:
    is_zoned = rules["is_zoned"]
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        values = values.dt.as_unit("us")
        has_zone = values.dt.tz is not None
        if not is_zoned:
            # Nobody knows which of the zone's times the others of the column are.
            return (values.dt.tz_localize(None), values.notna()) if has_zone else (values, _none(values))
        return (values.dt.tz_convert("UTC") if has_zone else values.dt.tz_localize("UTC")), _none(values)
    texts = _clean(values, rules["missing"])
    # Days repeat, and each text has to be taken to pieces.
    codes, unique = pd.factorize(texts)
    dates = _parse_dates(pd.Series(unique, dtype="str"), rules).reindex(codes).set_axis(texts.index)
    return dates.dt.as_unit("us"), texts.notna() & dates.isna()


def _parse_dates(texts: pd.Series, rules: Rules) -> pd.Series:
    written = pd.Series(index=texts.index, dtype="str")
    for pattern in rules["patterns"]:
        is_open = written.isna()
        if is_open.any():
            parts = texts[is_open].str.extract(f"^{pattern}$").dropna(subset="d")
            written[parts.index] = _write_iso(parts, rules)
    return pd.to_datetime(written, errors="coerce", format="ISO8601", utc=rules["is_zoned"])


def _write_iso(parts: pd.DataFrame, rules: Rules) -> pd.Series:
    """Return the dates of which *parts* are the groups of a pattern, as `2024-01-31T13:00:00Z`."""
    year, month, day = parts["y"], parts["m"], parts["d"]
    year = year.map(
        {f"{number:02}": str(number + (2000 if number < rules["pivot"] else 1900)) for number in range(100)}
    ).fillna(year)
    named = month.str[:3].str.lower().map(rules["months"])
    month = named.where(named.notna(), month)
    hour, half = parts["H"].fillna("0").astype("int64"), parts["p"].str.lower()
    hour = hour.where(half.isna(), hour % 12 + np.where(half == "p", 12, 0)).astype("str")
    written = year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    written += "T" + hour.str.zfill(2) + ":" + parts["M"].fillna("00") + ":" + parts["S"].fillna("00")
    zone = parts["z"].str.replace("UTC", "Z")
    # Without a zone of its own, a time of a column with zones is in UTC; with one, it is none of a column without.
    return written + zone.fillna("Z") if rules["is_zoned"] else written.where(zone.isna())


def _read_times(values: pd.Series, rules: Rules) -> tuple[pd.Series, pd.Series]:
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        return values, _none(values)
    texts = _clean(values, rules["missing"])
    is_time = texts.str.fullmatch(rules["time"], na=False)
    whole = texts.where(texts.str.count(":") != 1, texts + ":00")
    return pd.to_timedelta(whole.where(is_time), errors="coerce"), texts.notna() & ~is_time


def _clean(values: pd.Series, missing: list[str]) -> pd.Series:
    """Return *values* as text without blanks around it; what is one of the words *missing* is missing."""
    if not isinstance(values.dtype, pd.StringDtype):
        values = values.map(_write, na_action="ignore")
    texts = values.astype("str").str.strip()
    return texts.mask(texts.isin(missing))


def _write(value: Any) -> str:
    # Labels that look like numbers are floats to pandas where one is missing: 7.0 is `7`.
    if isinstance(value, float | np.floating | Decimal):
        is_whole = np.isfinite(float(value)) and value == int(value)
        return str(int(value)) if is_whole else str(float(value))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return _write_time(value) if isinstance(value, dt.date | dt.time) else str(value)


def _write_time(value: dt.date | dt.time) -> str:
    """Return a date, a time or both as `ingest` writes them: `2024-01-31T10:00:00.25Z`."""
    zone = ""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value, zone = value.astimezone(dt.UTC).replace(tzinfo=None), "Z"
    text = value.isoformat()
    return (text.rstrip("0") if "." in text else text) + zone


def _none(values: pd.Series) -> pd.Series:
    return pd.Series(np.zeros(len(values), dtype=bool), index=values.index)


_READERS: dict[str, Callable[[pd.Series, Rules], tuple[pd.Series, pd.Series]]] = {
    "integer": _read_numbers,
    "number": _read_numbers,
    "duration": _read_numbers,
    "boolean": _read_truths,
    "text": _read_texts,
    "date": _read_dates,
    "timestamp": _read_dates,
    "time": _read_times,
}
