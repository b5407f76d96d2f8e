"""Fitting, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_worker.errors import DataFault, ParameterInvalid
from pipeline_worker.request import Request
from pipeline_worker.stages.train.kind import CLASSIFICATION
from pipeline_worker.stages.train.model_table import MODELS
from tests.worker.tables import ingest_table, make_penguins

if TYPE_CHECKING:
    import pandas as pd

    from pipeline_worker.stages.train.fit import Fitted

pytestmark = pytest.mark.slow("trains models")


CLASSIFIERS = [model.name for model in MODELS.values() if model.kind == CLASSIFICATION]


def fit(frame: pd.DataFrame, folder: Path, name: str, **hyperparameters: Any) -> Fitted:
    from pipeline_worker.stages.train.fit import Encodings, fit_pipeline
    from pipeline_worker.stages.train.models import make_estimator
    from pipeline_worker.stages.train.table import read_table

    parquet, schema = ingest_table(frame, folder)
    table = read_table(parquet, schema, Request(target_column="species"))
    target = table.target.to_numpy(zero_copy_only=False)
    model = MODELS[name]
    estimator, _ = make_estimator(model, hyperparameters, target, 42)
    encoded = Encodings(table.columns, table.features, 42).of(model.family)
    return fit_pipeline(encoded, estimator, target, model, hyperparameters)


def test_columns_without_any_value_are_ignored_and_named(tmp_path: Path) -> None:
    """Nothing is left out in silence."""
    frame = make_penguins()
    frame["empty"] = None
    fitted = fit(frame, tmp_path, "HistGradientBoostingClassifier")
    assert fitted.unused == ("empty",)


def test_a_table_without_any_feature_value_is_the_datas_fault(tmp_path: Path) -> None:
    """Where all features are empty there is nothing to learn from."""
    frame = make_penguins()[["species"]].assign(empty=None, void=None)
    with pytest.raises(DataFault, match="No feature has a value"):
        fit(frame, tmp_path, "HistGradientBoostingClassifier")


def test_hyperparameters_that_do_not_go_together_are_the_requests_fault(tmp_path: Path) -> None:
    """What only the fit itself finds out is said like any other wrong parameter."""
    with pytest.raises(ParameterInvalid, match=r"refuses its hyperparameters: .*penalt"):
        fit(make_penguins(), tmp_path, "LogisticRegression", l1_ratio=0.5, solver="lbfgs")
    with pytest.raises(ParameterInvalid, match="class_weight"):
        fit(make_penguins(), tmp_path, "LogisticRegression", class_weight={"Emperor": 2})
    with pytest.raises(ParameterInvalid, match="too large"):
        fit(make_penguins(), tmp_path, "LogisticRegression", C=10**400)


def test_what_the_libraries_warn_of_is_kept(tmp_path: Path) -> None:
    """A fit that did not converge says so in the notes."""
    fitted = fit(make_penguins(), tmp_path, "LogisticRegression", max_iter=1)
    assert any("ConvergenceWarning" in note for note in fitted.notes)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_very_small_tables_are_fitted(tmp_path: Path, name: str) -> None:
    """Twelve rows are few, and still make a model."""
    fitted = fit(make_penguins(12, seed=3), tmp_path, name)
    assert not fitted.unused
    assert list(fitted.pipeline.classes_) == sorted(set(make_penguins(12, seed=3)["species"]))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_class_with_one_row_is_fitted(tmp_path: Path, name: str) -> None:
    """A class that occurs once stops no model."""
    frame = make_penguins()
    frame.loc[0, "species"] = "Emperor"
    assert "Emperor" in fit(frame, tmp_path, name).pipeline.classes_
