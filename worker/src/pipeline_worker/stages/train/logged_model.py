"""The fitted pipeline as MLflow keeps it: with a signature, an example, and what has to be installed to load it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ... import serving
from ...schema import Column
from ...serving.rules import is_double

if TYPE_CHECKING:
    from mlflow.models import Model, ModelSignature

#: Everything that is imported when the model is loaded and used; `mlflow-skinny` is in `mlflow`, so either will do.
_REQUIREMENTS = ("mlflow-skinny", "scikit-learn", "skrub", "pandas", "numpy", "scipy", "cloudpickle")
_PYFUNC_MODEL = Path(serving.__path__[0]) / "pyfunc_model.py"


def log_pipeline(
    pipeline: Pipeline,
    *,
    columns: Sequence[Column],
    example: list[dict[str, Any]],
    target: NDArray[Any],
    tags: Mapping[str, str],
) -> str:
    """Keep *pipeline* as the model of the active MLflow run; return its id there.

    It is pickled rather than written as skops: skops would have to be told to trust the 26 private classes that skrub
    and scikit-learn happen to use in this version, and the file that we publish is a pickle all the same. Nothing of
    this package is in the pickle but the reader's text, only libraries that the requirements name.
    """
    from mlflow.models import Model

    info = Model.log(
        artifact_path=None,
        name="model",
        # MLflow asks of a flavour a module that has `save_model`.
        flavor=sys.modules[__name__],
        tags=dict(tags),
        pipeline=pipeline,
        signature=write_signature(columns, target),
        input_example=example,
    )
    return str(info.model_id)


def save_model(
    path: str,
    mlflow_model: Model,
    pipeline: Pipeline,
    signature: ModelSignature,
    input_example: list[dict[str, Any]],
) -> None:
    """Write the model's files to *path*: what scikit-learn's flavour needs, and a door of our own for `pyfunc`."""
    import mlflow.sklearn

    code = _PYFUNC_MODEL.read_bytes()
    # A process may load the models of two versions of this package: one name would be one module.
    module = f"pipeline_model_{hashlib.sha256(code).hexdigest()[:12]}"
    folder = Path(path).parent / f"{Path(path).name}-code"
    folder.mkdir()
    (folder / f"{module}.py").write_bytes(code)
    mlflow.sklearn.save_model(
        pipeline,
        path,
        mlflow_model=mlflow_model,
        serialization_format="cloudpickle",
        signature=signature,
        input_example=input_example,
        pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
        code_paths=[str(folder / f"{module}.py")],
    )
    flavor = mlflow_model.flavors["python_function"]
    flavor |= {"loader_module": module, "data": flavor.pop("model_path")}
    # What a server can be started with instead; a key that is not here would be ignored.
    flavor["config"] = {"output": "labels", "on_bad_value": "error"}
    mlflow_model.save(str(Path(path) / "MLmodel"))


def write_signature(columns: Sequence[Column], target: NDArray[Any]) -> ModelSignature:
    """Return the columns' types as they are to people, and to MLflow's server where it reads CSV.

    MLflow itself would refuse whole numbers for `double`, and text of a column without a value: it is told that the model looks
    at its rows, as models do whose types are Python's.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    kinds = {"b": DataType.boolean, "i": DataType.long, "f": DataType.double}
    signature = ModelSignature(
        inputs=Schema(
            [ColSpec(DataType.double if is_double(column) else DataType.string, name=column.name) for column in columns]
        ),
        outputs=Schema([ColSpec(kinds.get(target.dtype.kind, DataType.string))]),
        params=ParamSchema([ParamSpec(name, DataType.string, None) for name in ("output", "on_bad_value")]),
    )
    signature._is_signature_from_type_hint = True  # noqa: SLF001 - no parameter of MLflow says so
    return signature


def make_example(features: pd.DataFrame, columns: Sequence[Column], rows: int = 3) -> list[dict[str, Any]]:
    """Return the first *rows* as a person would write them in JSON: dates and times as text, missing values as None."""
    example = features.head(rows).copy()
    for column in columns:
        values = example[column.name]
        if column.type == "date":
            example[column.name] = values.dt.strftime("%Y-%m-%d")
        elif column.type == "timestamp":
            example[column.name] = values.map(lambda value: value.isoformat(), na_action="ignore")
        elif column.type == "time":
            example[column.name] = values.map(lambda value: str(value).rpartition(" ")[2], na_action="ignore")
    records: list[dict[str, Any]] = example.astype(object).where(example.notna(), None).to_dict("records")
    return records
