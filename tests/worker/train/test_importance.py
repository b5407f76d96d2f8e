"""What a model relies on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline_worker.request import Request
from tests.worker.tables import ingest_table, make_hires

if TYPE_CHECKING:
    from pipeline_worker.stages.train.fit import Fitted
    from pipeline_worker.stages.train.plan import Plan

pytestmark = pytest.mark.slow("trains a model")


def fit(plan: Plan) -> Fitted:
    from pipeline_worker.stages.train.fit import Encodings, fit_pipeline
    from pipeline_worker.stages.train.models import make_estimator

    model = plan.candidates.all[0].model
    estimator, _ = make_estimator(model, {}, plan.train_target, 42)
    encoded = Encodings(plan.table.columns, plan.train_features, 42).of(model.family)
    return fit_pipeline(encoded, estimator, plan.train_target, model, {})


def test_the_column_that_matters_comes_first_and_noise_last(tmp_path: Path) -> None:
    """Shuffling a column that carries the target hurts; shuffling noise, or an empty column, does not."""
    from pipeline_worker.stages.train.importance import measure_importance
    from pipeline_worker.stages.train.plan import make_plan

    frame = make_hires().assign(noise=np.random.default_rng(1).normal(size=240), empty=None)
    parquet, schema = ingest_table(frame, tmp_path)
    plan = make_plan(parquet, schema, Request(target_column="hires", model_name="HistGradientBoostingRegressor"))
    fitted = fit(plan)
    found = measure_importance(fitted.pipeline, plan.test_features, plan.test_target, "regression", random_state=1)
    assert list(found) == sorted(found, key=lambda name: -found[name])
    assert found["weather"] > 10 * abs(found["noise"])
    assert found["temperature"] > 10 * abs(found["noise"])
    assert "empty" not in found
    again = measure_importance(fitted.pipeline, plan.test_features, plan.test_target, "regression", random_state=1)
    assert found == again


def test_it_ends_when_its_time_is_up(tmp_path: Path) -> None:
    """A wide table costs no more than the seconds it may take."""
    from pipeline_worker.stages.train.importance import measure_importance
    from pipeline_worker.stages.train.plan import make_plan

    parquet, schema = ingest_table(make_hires(), tmp_path)
    plan = make_plan(parquet, schema, Request(target_column="hires", model_name="HistGradientBoostingRegressor"))
    fitted = fit(plan)
    assert (
        measure_importance(
            fitted.pipeline, plan.test_features, plan.test_target, "regression", random_state=1, seconds=0
        )
        == {}
    )
