"""The ways to a model that `models.py` compares: rows to learn from in, predictions of other rows out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.model_data import CLASSES
from pipeline_worker.stages.train.threads import limit_threads

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

#: What FLAML is given; it uses all of it.
FLAML_SECONDS = 60


@dataclass(frozen=True)
class Predicted:
    """What a model says of rows that it has not seen.

    :param labels: a number, or the text of a class, for each row.
    :param scores: rows by classes, in the order of *classes*; None for numbers.
    :param chosen: what the model is, where that was not known before.
    """

    labels: NDArray[Any]
    scores: NDArray[np.float64] | None = None
    classes: tuple[str, ...] = ()
    chosen: str = ""


@dataclass(frozen=True)
class Rows:
    """Rows to learn from, and rows to predict."""

    kind: str
    features: pd.DataFrame
    target: pd.Series
    asked: pd.DataFrame


def take_product(rows: Rows) -> Predicted:
    """Drop a CSV file, ask for nothing but the target, and predict rows as another CSV file has them: in text."""
    import pandas as pd

    from pipeline_worker.request import IngestionConfig, Request
    from pipeline_worker.stages.ingest.convert import convert
    from pipeline_worker.stages.ingest.data_format import DataFormat
    from pipeline_worker.stages.train.learn import learn
    from pipeline_worker.stages.train.plan import make_plan

    target = str(rows.target.name)
    with TemporaryDirectory() as folder:
        dropped, dataset, asked = (Path(folder) / name for name in ("dropped.csv", "dataset.parquet", "asked.csv"))
        rows.features.assign(**{target: rows.target}).to_csv(dropped, index=False)
        rows.asked.to_csv(asked, index=False)
        converted = convert(dropped, dataset, dropped.name, DataFormat("csv", "by its name"), IngestionConfig())
        plan = make_plan(dataset, converted.schema, Request(target_column=target))
        with limit_threads(len(plan.split.train)):
            learned = learn(plan, lambda _: nullcontext())
        cells = pd.read_csv(asked, dtype=str, keep_default_na=False)
    assert plan.kind == rows.kind, plan.why
    return _predict(learned.published.pipeline, cells, rows.kind, learned.decision.candidate.name)


def take_plain(rows: Rows) -> Predicted:
    """Fit a random forest to the numeric columns, the median where they miss a value; without any, predict the same for all."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    names = rows.features.select_dtypes(["number", "bool"]).columns
    if len(names):
        forest = (RandomForestClassifier if rows.kind == CLASSES else RandomForestRegressor)(random_state=0)
        pipeline = make_pipeline(SimpleImputer(strategy="median"), forest)
    else:
        pipeline = DummyClassifier() if rows.kind == CLASSES else DummyRegressor()
    with limit_threads(len(rows.features)):
        pipeline.fit(rows.features[names], rows.target)
        return _predict(pipeline, rows.asked[names], rows.kind)


def take_boosting(rows: Rows) -> Predicted:
    """Fit scikit-learn's boosting to what skrub makes of the columns, both with their defaults."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from skrub import tabular_pipeline

    boosting = HistGradientBoostingClassifier if rows.kind == CLASSES else HistGradientBoostingRegressor
    pipeline = tabular_pipeline(boosting(random_state=0))
    with limit_threads(len(rows.features)):
        pipeline.fit(rows.features, rows.target)
        return _predict(pipeline, rows.asked, rows.kind)


def take_flaml(rows: Rows) -> Predicted:
    """Let FLAML search for :data:`FLAML_SECONDS`, by the metric that the table shows."""
    from flaml import AutoML

    automl = AutoML()
    is_binary = rows.target.nunique() == 2
    metric = ("roc_auc" if is_binary else "log_loss") if rows.kind == CLASSES else "r2"
    with limit_threads(len(rows.features)) as threads:
        automl.fit(
            rows.features,
            rows.target,
            task=rows.kind,
            metric=metric,
            time_budget=FLAML_SECONDS,
            seed=0,
            n_jobs=threads,
            verbose=0,
        )
        return _predict(automl, rows.asked, rows.kind, str(automl.best_estimator))


WAYS: dict[str, Callable[[Rows], Predicted]] = {
    "product": take_product,
    "plain": take_plain,
    "boosting": take_boosting,
    "flaml": take_flaml,
}


def _predict(model: Any, features: pd.DataFrame, kind: str, chosen: str = "") -> Predicted:
    import numpy as np

    if kind != CLASSES:
        return Predicted(np.asarray(model.predict(features), dtype=float), chosen=chosen)
    scores = model.predict_proba(features)
    classes = tuple(str(label) for label in model.classes_)
    return Predicted(np.asarray(classes, dtype=object)[scores.argmax(axis=1)], scores, classes, chosen)
