"""How columns become the numbers that a model computes with; part of the fitted pipeline.

What a column is was decided at ingest, and stands in `schema.json`: nothing here looks at values to find out. Numbers, dates and times
stay in 64 bits. Every step is a class or a function of a library, none of our own: so the pickled pipeline loads wherever these
libraries are, without this package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from skrub import DatetimeEncoder, StringEncoder

from ..schema import Column
from .models import Family

Steps = list[tuple[str, Any]]
Entry = tuple[str, Any, Any]

#: The step whose output has the columns of the file as `schema.json` describes them.
READ = "read"
#: The step whose output has columns of numbers and categories, still traceable to the columns of the file.
ENCODE = "encode"

#: Text with fewer different values than this is a category for each of them.
_MANY = 40
#: For linear models so are more, if each is in so many rows on average: of 120 shops with a level each a line learned R² 1.0 that way,
#: and 0.4 from the 30 numbers that text is otherwise encoded to; trees learned more from these (0.96) than from categories (0.4).
_MOST_CATEGORIES, _REPEATED = 250, 5

#: Dates as a file may write them → ISO; day first, month first, year first.
_TO_ISO = {
    "DD": (r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4})", r"\3-\2-\1"),
    "MM": (r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4})", r"\3-\1-\2"),
    "YYYY": (r"^\s*(\d{4})[./](\d{1,2})[./](\d{1,2})", r"\1-\2-\3"),
}
_TO_TRUTH = {r"(?i)^\s*true\s*$": "1", r"(?i)^\s*false\s*$": "0"}
_GROUP_SIGNS = "'\u2019\u00a0\u202f"


def make_steps(columns: Sequence[Column], learned: pd.DataFrame, family: Family, random_state: int) -> Steps:
    """Return the steps, not fitted, that prepare *columns* for a model of *family*.

    They select the columns, so that others may be there too; read what the file wrote (dates, times, numbers with a decimal comma or
    with signs between thousands), so that rows as `pandas.read_csv` gives them mean what they meant in training; encode; and scale,
    where the family needs it.

    :param learned: the rows to learn from. Columns without a value in any of them are ignored, and text is encoded by how many
        different values they have.
    """
    used = [column for column in columns if learned[column.name].notna().any()]
    return [
        (READ, _make_reader(used)),
        (ENCODE, _make_encoder(used, learned, family, random_state)),
        *_make_scaling_steps(family),
    ]


def trace_columns(pipeline: Pipeline) -> dict[str, list[str]]:
    """Return column → the columns that the encoder of the fitted *pipeline* makes of it, without the columns that it ignores."""
    encoder = pipeline.named_steps[ENCODE]
    outputs = encoder.get_feature_names_out().tolist()
    made: dict[str, list[str]] = {}
    for name, _, columns in encoder.transformers_:
        given = [columns] if isinstance(columns, str) else list(columns)
        found = outputs[encoder.output_indices_[name]]
        # Several columns in one entry are encoded to as many.
        pairs = [(given[0], found)] if len(given) == 1 else zip(given, ([each] for each in found), strict=True)
        for column, its in pairs:
            made.setdefault(column, []).extend(its)
    return made


def _make_reader(columns: Sequence[Column]) -> ColumnTransformer:
    numbers = [column for column in columns if column.type in {"integer", "number", "boolean"}]
    dates = [column for column in columns if column.type in {"date", "timestamp"}]
    times = [column for column in columns if column.type == "time"]
    entries: Sequence[tuple[str, Sequence[Column], list[Any]]] = (
        (
            "numbers",
            numbers,
            [
                *_rewrite({column.name: _find_number_rewrites(column) for column in numbers}),
                _call(pd.DataFrame.apply, func=pd.to_numeric, errors="coerce"),
                _call(pd.DataFrame.astype, dtype="float64"),
                _call(pd.DataFrame.replace, to_replace=[np.inf, -np.inf], value=np.nan),
            ],
        ),
        (
            "text",
            [column for column in columns if column.type == "text"],
            # Labels that look like numbers come as numbers from `pandas.read_csv`, and as floats where one is missing: 7.0 is `7`.
            [
                _call(pd.DataFrame.convert_dtypes),
                _call(pd.DataFrame.astype, dtype="str"),
            ],
        ),
        *(
            (
                name,
                wanted,
                [
                    *_rewrite({column.name: _find_date_rewrites(column) for column in wanted}),
                    _call(pd.DataFrame.apply, func=pd.to_datetime, errors="coerce", format="mixed", **options),
                ],
            )
            for name, wanted, options in (
                ("dates", [column for column in dates if not _is_zoned(column)], {}),
                ("zoned dates", [column for column in dates if _is_zoned(column)], {"utc": True}),
            )
        ),
        (
            "times",
            times,
            [
                *_rewrite({column.name: {r"^\s*(\d{1,2}:\d{2})\s*$": r"\1:00"} for column in times}),
                _call(pd.DataFrame.apply, func=pd.to_timedelta, errors="coerce"),
            ],
        ),
    )
    return _transform_columns(
        [
            (name, make_pipeline(*steps), [column.name for column in wanted])
            for name, wanted, steps in entries
            if wanted
        ],
        verbose_feature_names_out=False,
    )


def _find_number_rewrites(column: Column) -> dict[str, str]:
    if column.type == "boolean":
        return _TO_TRUTH
    if column.format is None:
        return {}
    decimal, group = (",", ".") if column.format.startswith("1.") else (".", ",")
    return {rf"(?<=\d)[{group}{_GROUP_SIGNS}](?=\d{{3}})": "", re.escape(decimal): "."}


def _find_date_rewrites(column: Column) -> dict[str, str]:
    form = (column.format or "").partition("/")[0].partition(".")[0].partition("-")[0]
    if form not in _TO_ISO or column.format == "YYYY-MM-DD":
        return {}
    pattern, iso = _TO_ISO[form]
    return {pattern: iso}


def _rewrite(rewrites: Mapping[str, dict[str, str]]) -> list[FunctionTransformer]:
    wanted = {name: patterns for name, patterns in rewrites.items() if patterns}
    return [_call(pd.DataFrame.replace, to_replace=wanted, regex=True)] if wanted else []


def _is_zoned(column: Column) -> bool:
    return "tz=" in column.parquet_type


def _make_encoder(
    columns: Sequence[Column], learned: pd.DataFrame, family: Family, random_state: int
) -> ColumnTransformer:
    """Return the encoder: few different texts become categories, many become 30 numbers, dates become seconds and their parts."""
    names: dict[str, list[str]] = {}
    for column in columns:
        names.setdefault(column.type, []).append(column.name)
    dates = [column for column in columns if column.type in {"date", "timestamp"}]
    texts = names.get("text", [])
    many = {name for name in texts if not _has_few_values(learned[name], family)}
    # A line cannot follow the hours of a day or the months of a year, unless they are laid out on a circle.
    parts = DatetimeEncoder(
        add_weekday=True, add_total_seconds=False, periodic_encoding="circular" if family == "linear" else None
    )
    numbers = [column.name for column in columns if column.type in {"integer", "number", "boolean"}]
    second = pd.Timedelta(seconds=1)
    entries: list[Entry] = [
        ("numbers", "passthrough", numbers),
        *_encode_few([name for name in texts if name not in many], family),
        *(
            (f"text {number}", StringEncoder(random_state=random_state), name)
            for number, name in enumerate(texts)
            if name in many
        ),
        # Not by skrub's encoder as well: it counts in 32 bits, in which times of the same two minutes are one.
        *(
            (
                f"seconds of {name}",
                make_pipeline(
                    _call(pd.DataFrame.sub, other=pd.Timestamp(0, tz=zone)), _call(pd.DataFrame.div, other=second)
                ),
                [column.name for column in dates if _is_zoned(column) is (zone is not None)],
            )
            for name, zone in (("dates", None), ("zoned dates", "UTC"))
        ),
        *((f"parts {number}", parts, column.name) for number, column in enumerate(dates)),
        ("times", _call(pd.DataFrame.div, other=second), names.get("time", [])),
    ]
    return _transform_columns([entry for entry in entries if entry[2]])


def _has_few_values(texts: pd.Series, family: Family) -> bool:
    distinct = texts.nunique()
    does_repeat = distinct <= min(_MOST_CATEGORIES, texts.count() / _REPEATED)
    return bool(distinct < _MANY or (family == "linear" and does_repeat))


def _encode_few(names: list[str], family: Family) -> list[Entry]:
    """Return what makes a category of each value of the columns *names*; only a missing value is missing."""
    if family == "boosting":
        return [("categories", _call(pd.DataFrame.astype, dtype="category"), names)]
    if family == "forest":
        return [("categories", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), names)]
    return [
        (f"categories {number}", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [name])
        for number, name in enumerate(names)
    ]


def _make_scaling_steps(family: Family) -> Steps:
    if family == "boosting":
        return []
    # In 32 bits what columns have in common (a weekday and the weekday of a date) is not seen to be so, and the least squares of
    # `LinearRegression` find weights in the hundreds of thousands that cancel out, or do not.
    widen = ("widen", _call(pd.DataFrame.astype, dtype="float64"))
    # Forests compute in 32 bits, in which neighbouring account numbers are the same, unless they are scaled before.
    scale = ("scale", StandardScaler())
    if family == "forest":
        return [widen, scale]
    return [widen, ("fill", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)), scale]


def _call(function: Any, **arguments: Any) -> FunctionTransformer:
    return FunctionTransformer(function, kw_args=arguments, feature_names_out="one-to-one")


def _transform_columns(entries: Sequence[Entry], **options: Any) -> ColumnTransformer:
    return ColumnTransformer(list(entries), **options).set_output(transform="pandas")
