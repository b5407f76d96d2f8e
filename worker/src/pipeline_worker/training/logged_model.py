"""The fitted pipeline as MLflow keeps it: with a signature, an example, and what has to be installed to load it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ..schema import Column

#: Everything that is imported when the model is loaded and used; `mlflow-skinny` is in `mlflow`, so either will do.
_REQUIREMENTS = ("mlflow-skinny", "scikit-learn", "skrub", "pandas", "numpy", "scipy", "cloudpickle")


def log_pipeline(
    pipeline: Pipeline,
    *,
    columns: Sequence[Column],
    example: pd.DataFrame,
    target: NDArray[Any],
    tags: Mapping[str, str],
) -> str:
    """Keep *pipeline* as the model of the active MLflow run; return its id there.

    It is pickled rather than written as skops: skops would have to be told to trust the 26 private classes that skrub
    and scikit-learn happen to use in this version, and the file that we publish is a pickle all the same. Nothing of
    this package is in the pickle, only libraries that the requirements name.
    """
    import mlflow.sklearn
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    any_type = AnyType()  # type: ignore[no-untyped-call]
    kinds = {"b": DataType.boolean, "i": DataType.long, "f": DataType.double}
    signature = ModelSignature(
        # Of any type: rows come as `pandas.read_csv` gives them, with dates as text and missing integers as floats.
        inputs=Schema([ColSpec(any_type, name=column.name, required=True) for column in columns]),
        outputs=Schema([ColSpec(kinds.get(target.dtype.kind, DataType.string))]),
    )
    info = mlflow.sklearn.log_model(
        pipeline,
        name="model",
        serialization_format="cloudpickle",
        signature=signature,
        input_example=example,
        pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
        tags=dict(tags),
    )
    return str(info.model_id)


def make_example(features: pd.DataFrame, columns: Sequence[Column], rows: int = 3) -> pd.DataFrame:
    """Return the first *rows* as a person would write them: dates and times as text, missing values as None."""
    example = features.head(rows).copy()
    for column in columns:
        values = example[column.name]
        if column.type == "date":
            example[column.name] = values.dt.strftime("%Y-%m-%d")
        elif column.type == "timestamp":
            example[column.name] = values.map(lambda value: value.isoformat(), na_action="ignore")
        elif column.type == "time":
            example[column.name] = values.map(lambda value: str(value).rpartition(" ")[2], na_action="ignore")
    return example.astype(object).where(example.notna(), None)


def dump_pipeline(pipeline: Pipeline, path: Path) -> None:
    """Write *pipeline* to *path*; `pickle.load` reads it where the requirements are installed."""
    with path.open("wb") as file:
        cloudpickle.dump(pipeline, file, protocol=pickle.DEFAULT_PROTOCOL)
