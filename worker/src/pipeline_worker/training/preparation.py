"""How columns become the numbers that a model computes with; part of the fitted pipeline.

Every step is a class or a function of a library, none of our own: so the pickled pipeline loads wherever these
libraries are, without this package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from skrub import ApplyToCols, DatetimeEncoder, SelectCols, StringEncoder, TableVectorizer, ToCategorical

from ..schema import Column
from .models import Family

Steps = list[tuple[str, Any]]

#: The step whose output has columns of numbers and categories, still traceable to the columns of the file.
ENCODE = "encode"

#: Dates as a file may write them → ISO; day first, month first, year first.
_TO_ISO = {
    "DD": (r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4})", r"\3-\2-\1"),
    "MM": (r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4})", r"\3-\1-\2"),
    "YYYY": (r"^\s*(\d{4})[./](\d{1,2})[./](\d{1,2})", r"\1-\2-\3"),
}
_GROUP_SIGNS = "'\u2019\u00a0\u202f"


def make_steps(columns: Sequence[Column], family: Family, random_state: int) -> Steps:
    """Return the steps, not fitted, that prepare *columns* for a model of *family*.

    They select the columns, so that others may be there too; read text as the file wrote it (dates, times, numbers
    with a decimal comma or with signs between thousands), so that rows as `pandas.read_csv` gives them mean what they
    meant in training; encode; and, for linear models, fill in missing values and scale.
    """
    return [
        ("select", SelectCols(cols=[column.name for column in columns])),
        *_make_reading_steps(columns),
        (ENCODE, _make_encoder(family, random_state)),
        *_make_scaling_steps(family),
    ]


def trace_columns(pipeline: Pipeline) -> dict[str, list[str]]:
    """Return column → the columns that the encoder of the fitted *pipeline* makes of it: none if it ignores it."""
    encoder = pipeline.named_steps[ENCODE]
    return {
        name: list(made) if name in encoder.column_to_kind_ else [] for name, made in encoder.input_to_outputs_.items()
    }


def _make_reading_steps(columns: Sequence[Column]) -> Steps:
    rewrites: dict[str, dict[str, str]] = {}
    for column in columns:
        if column.type in {"date", "timestamp"}:
            form = (column.format or "").partition("/")[0].partition(".")[0].partition("-")[0]
            if form in _TO_ISO and column.format != "YYYY-MM-DD":
                pattern, iso = _TO_ISO[form]
                rewrites[column.name] = {pattern: iso}
        elif column.type == "time":
            rewrites[column.name] = {r"^\s*(\d{1,2}:\d{2})\s*$": r"\1:00"}
        elif column.type in {"integer", "number"} and column.format is not None:
            decimal, group = (",", ".") if column.format.startswith("1.") else (".", ",")
            rewrites[column.name] = {rf"(?<=\d)[{group}{_GROUP_SIGNS}](?=\d{{3}})": "", re.escape(decimal): "."}
    steps: Steps = []
    if rewrites:
        replace = FunctionTransformer(pd.DataFrame.replace, kw_args={"to_replace": rewrites, "regex": True})
        steps.append(("rewrite", replace))
    for name, wanted, convert, options in (
        ("dates", _find_dates(columns, zoned=False), pd.to_datetime, {"format": "mixed"}),
        ("zoned_dates", _find_dates(columns, zoned=True), pd.to_datetime, {"format": "mixed", "utc": True}),
        ("times", [column.name for column in columns if column.type == "time"], pd.to_timedelta, {}),
    ):
        if wanted:
            kw_args = {"func": convert, "errors": "coerce", **options}
            steps.append((name, ApplyToCols(FunctionTransformer(pd.DataFrame.apply, kw_args=kw_args), cols=wanted)))
    return steps


def _find_dates(columns: Sequence[Column], *, zoned: bool) -> list[str]:
    dates = (column for column in columns if column.type in {"date", "timestamp"})
    return [column.name for column in dates if ("tz=" in column.parquet_type) is zoned]


def _make_encoder(family: Family, random_state: int) -> TableVectorizer:
    """Return the encoder: few different texts become categories, many become 30 numbers, dates become their parts."""
    few: dict[Family, Any] = {
        "boosting": ToCategorical(),
        "forest": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        "linear": OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype="float32"),
    }
    # A line cannot follow the hours of a day or the months of a year, unless they are laid out on a circle.
    periodic = "circular" if family == "linear" else None
    return TableVectorizer(
        low_cardinality=few[family],
        high_cardinality=StringEncoder(random_state=random_state),
        datetime=DatetimeEncoder(add_weekday=True, periodic_encoding=periodic),
    )


def _make_scaling_steps(family: Family) -> Steps:
    if family != "linear":
        return []
    return [
        # In 32 bits what columns have in common (a weekday and the weekday of a date) is not seen to be so, and the
        # least squares of `LinearRegression` find weights in the hundreds of thousands that cancel out, or do not.
        ("widen", FunctionTransformer(pd.DataFrame.astype, kw_args={"dtype": "float64"})),
        ("fill", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)),
        ("scale", StandardScaler()),
    ]
