"""How columns become the numbers that a model computes with; part of the fitted pipeline.

What a column is was decided at ingest, and stands in `schema.json`: nothing here looks at values to find out. Numbers, dates and times
stay in 64 bits. Every step is a class or a function of a library but the reader, which takes its own text along: so the pickled
pipeline loads wherever these libraries are, without this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from skrub import DatetimeEncoder, StringEncoder

from ...schema import Column
from ...serving.rules import make_reader
from .model_table import Family

Steps = list[tuple[str, Any]]
Entry = tuple[str, Any, Any]

#: The step whose output has the columns of the file as `schema.json` describes them.
READ = "read"
#: The step whose output has columns of numbers and categories, still traceable to the columns of the file.
ENCODE = "encode"

#: Text with fewer different values than this is a category for each of them.
MANY_VALUES = 40
#: What text of many values is encoded to.
TEXT_NUMBERS = 30
#: For linear models so are more, if each is in so many rows on average: of 120 shops with a level each a line learned R² 1.0 that way,
#: and 0.4 from the 30 numbers that text is otherwise encoded to; trees learned more from these (0.96) than from categories (0.4).
_MOST_CATEGORIES, _REPEATED = 250, 5


def make_steps(columns: Sequence[Column], learned: pd.DataFrame, family: Family, random_state: int) -> Steps:
    """Return the steps, not fitted, that prepare *columns* for a model of *family*.

    They read the columns, as the file wrote them or as the dataset has them; encode them; and scale, where the family needs it.

    :param learned: the rows to learn from. Columns without a value in any of them are ignored, and text is encoded by how many
        different values they have.
    """
    used = [column for column in columns if learned[column.name].notna().any()]
    texts = [column.name for column in used if column.type == "text"]
    categories = [name for name in texts if _has_few_values(learned[name], family)]
    return [
        (READ, FunctionTransformer(make_reader(used, learned[categories]))),
        (ENCODE, _make_encoder(used, categories, family, random_state)),
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


def _make_encoder(
    columns: Sequence[Column], categories: list[str], family: Family, random_state: int
) -> ColumnTransformer:
    """Return the encoder: few different texts become categories, many become 30 numbers, dates become seconds and their parts."""

    def list_of(*types: str) -> list[Column]:
        return [column for column in columns if column.type in types]

    dates = list_of("date", "timestamp")
    # A line cannot follow the hours of a day or the months of a year, unless they are laid out on a circle.
    parts = DatetimeEncoder(
        add_weekday=True, add_total_seconds=False, periodic_encoding="circular" if family == "linear" else None
    )
    texts = [column.name for column in list_of("text")]
    second = pd.Timedelta(seconds=1)
    entries: list[Entry] = [
        ("numbers", "passthrough", [column.name for column in list_of("integer", "number", "boolean")]),
        *_encode_few(categories, family),
        *(
            (f"text {number}", StringEncoder(TEXT_NUMBERS, random_state=random_state), name)
            for number, name in enumerate(texts)
            if name not in categories
        ),
        # Not by skrub's encoder as well: it counts in 32 bits, in which times of the same two minutes are one.
        *(
            (
                f"seconds of {name}",
                make_pipeline(
                    _call(pd.DataFrame.sub, other=pd.Timestamp(0, tz=zone)), _call(pd.DataFrame.div, other=second)
                ),
                [column.name for column in dates if ("tz=" in column.parquet_type) is (zone is not None)],
            )
            for name, zone in (("dates", None), ("zoned dates", "UTC"))
        ),
        *((f"parts {number}", parts, column.name) for number, column in enumerate(dates)),
        ("times", _call(pd.DataFrame.div, other=second), [column.name for column in list_of("time")]),
    ]
    return ColumnTransformer([entry for entry in entries if entry[2]]).set_output(transform="pandas")


def _has_few_values(texts: pd.Series, family: Family) -> bool:
    distinct = texts.nunique()
    does_repeat = distinct <= min(_MOST_CATEGORIES, texts.count() / _REPEATED)
    return bool(distinct < MANY_VALUES or (family == "linear" and does_repeat))


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
