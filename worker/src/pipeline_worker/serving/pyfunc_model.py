"""A published model as MLflow loads it: what comes in by any door is read as in training, and comes out as labels or numbers.

MLflow takes this file along with the model, and imports it from there: it needs nothing but MLflow, pandas and the pickle beside it.
The errors are MLflow's, as its server tells the text of no other.
"""

from __future__ import annotations

import pickle
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

#: What a prediction can be, and what becomes of a value that is not of its column's type; the first of each is the default.
SETTINGS = {"output": ("labels", "probabilities"), "on_bad_value": ("error", "missing")}


class PublishedModel:
    """A fitted pipeline whose first step reads rows.

    :param settings: what is not said with a call.
    """

    def __init__(self, pipeline: Any, settings: Mapping[str, str], *, is_served: bool) -> None:
        self._pipeline = pipeline
        self._settings = _check(settings)
        self._is_served = is_served

    def predict(self, rows: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return a prediction for each of *rows*: a table, a dict of lists or of single values, or a list of dicts.

        :param params: `output` (`labels`; `probabilities`: a column for each class, in the order of `classes_`), and `on_bad_value`
            (`error`; `missing`: with a warning).
        :raises MlflowException: the rows cannot be read, or a parameter has another value.
        """
        settings = self._settings | _check({name: value for name, value in (params or {}).items() if value is not None})
        # A table that reaches a server's model was CSV, of which MLflow reads words such as NA as missing.
        are_words_lost = self._is_served and isinstance(rows, pd.DataFrame)
        read = self._pipeline.named_steps["read"].func.read
        try:
            table = read(make_table(rows), settings["on_bad_value"], are_words_lost=are_words_lost)
        except ValueError as error:
            raise MlflowException(str(error), INVALID_PARAMETER_VALUE) from error
        if not len(table):
            raise MlflowException("There are no rows to predict.", INVALID_PARAMETER_VALUE)
        # What was to be said of the rows was said.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if settings["output"] == "labels":
                return self._pipeline.predict(table)
            if not hasattr(self._pipeline, "predict_proba"):
                raise MlflowException("The model predicts a number, and has no probabilities.", INVALID_PARAMETER_VALUE)
            found = self._pipeline.predict_proba(table)
        return pd.DataFrame(found, columns=[str(label) for label in self._pipeline.classes_], index=table.index)


def make_table(rows: Any) -> pd.DataFrame:
    """Return *rows* as a table, the values as they are.

    :raises ValueError: they are no table, and no dicts.
    """
    if isinstance(rows, pd.DataFrame):
        return rows
    if isinstance(rows, Mapping):
        columns = [value if isinstance(value, list | tuple) else [value] for value in rows.values()]
        lengths = sorted({len(values) for values in columns})
        if len(lengths) > 1:
            raise ValueError(f"The columns have different numbers of values: {lengths[0]} and {lengths[-1]}.")
        return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in zip(rows, columns, strict=True)})
    if isinstance(rows, list) and rows and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})
    raise ValueError(
        "Rows are a pandas table, a dict of columns, or a list with a dict for each row; as JSON: "
        '{"inputs": [{"<column>": <value>, …}, …]}.'
    )


def _check(settings: Mapping[str, Any]) -> dict[str, str]:
    for name, value in settings.items():
        if name in SETTINGS and value not in SETTINGS[name]:
            listed = " or ".join(map(repr, SETTINGS[name]))
            raise MlflowException(f"`{name}` is {value!r}; it can be {listed}.", INVALID_PARAMETER_VALUE)
    return {name: str(settings[name]) for name in SETTINGS if name in settings}


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> PublishedModel:
    """Return the model in the file *path*; MLflow calls this by its name."""
    defaults = {name: values[0] for name, values in SETTINGS.items()}
    # A missing value that somebody gives to `predict` is missing; only a server's own reading of CSV loses words.
    is_served = "mlflow.pyfunc.scoring_server.app" in sys.modules
    with Path(path).open("rb") as file:
        pipeline = pickle.load(file)  # noqa: S301 - MLflow gave it with this file
    return PublishedModel(pipeline, defaults | dict(model_config or {}), is_served=is_served)
