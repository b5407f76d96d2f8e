"""Files in the form of public reports of wrong models: each was published with a false score, or as something else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_worker.ingestion.convert import convert
from pipeline_worker.ingestion.data_format import DataFormat
from pipeline_worker.request import IngestionConfig, Request

if TYPE_CHECKING:
    from pipeline_worker.training.learn import Learned
    from pipeline_worker.training.plan import Plan

pytestmark = pytest.mark.slow("trains models")

REPORTS = Path(__file__).parent / "reports"
LONG = pytest.mark.long("the same file with another estimator")


def train(name: str, folder: Path, **request: Any) -> tuple[Plan, Learned]:
    from contextlib import nullcontext

    from pipeline_worker.training.learn import learn
    from pipeline_worker.training.plan import make_plan

    parquet = folder / "dataset.parquet"
    data_format = DataFormat(name.rpartition(".")[2], "given")
    wanted = Request(**request)
    schema = convert(REPORTS / name, parquet, name, data_format, wanted.ingestion_config).schema
    plan = make_plan(parquet, schema, wanted)
    return plan, learn(plan, {}, 42, lambda _: nullcontext())


@pytest.mark.parametrize(
    ("name", "target", "model", "least"),
    [
        # Six account numbers that are two in 32 bits.
        ("float32-account.csv", "flag", None, 0.95),
        ("float32-account.csv", "flag", "RandomForestClassifier", 0.95),
        # Store numbers with leading zeros are labels: 0230 is not more than 0031.
        ("zeros-store.csv", "sold", "LinearRegression", 0.99),
        pytest.param("zeros-store.csv", "sold", None, 0.99, marks=LONG),
        # Routes 012 and 12 are two.
        ("zeros-twins.csv", "depot", None, 1.0),
        pytest.param("zeros-twins.csv", "depot", "LogisticRegression", 1.0, marks=LONG),
        # `None` is a kind of cover, and an empty cell is missing.
        ("missing-none-label.csv", "churn", None, 0.87),
        pytest.param("missing-none-label.csv", "churn", "RandomForestClassifier", 0.87, marks=LONG),
        # Labels with a point, or from a database that knows decimals only.
        ("kind-float-label.csv", "label", None, 0.85),
        ("kind-float-label-three.csv", "grade", None, 0.9),
        ("kind-decimal-label.parquet", "churned", None, 0.8),
        # 07/14/24 is a date, and 32:28:00 takes longer than 5:52:00.
        ("dates-two-digit-year.csv", "demand", None, 0.95),
        ("dates-hours-beyond-24.csv", "late", None, 1.0),
    ],
)
def test_a_reported_file_gets_the_score_that_is_in_it(
    tmp_path: Path, name: str, target: str, model: str | None, least: float
) -> None:
    """What a score is without the trap of the file, it is with it."""
    _, learned = train(name, tmp_path, target_column=target, model_name=model)
    assert learned.measured.model[learned.measured.headline] >= least


@pytest.mark.parametrize(
    ("name", "target", "labels"),
    [
        ("kind-float-label.csv", "label", [0, 1]),
        ("kind-float-label-three.csv", "grade", [1, 2, 3]),
        ("kind-decimal-label.parquet", "churned", [0, 1]),
    ],
)
def test_labels_with_a_point_are_predicted_as_whole_numbers(
    tmp_path: Path, name: str, target: str, labels: list[int]
) -> None:
    """A label comes out of the model as one of the labels, not as 0.47."""
    plan, learned = train(name, tmp_path, target_column=target)
    assert plan.model.kind == "classification"
    predicted = learned.fitted.pipeline.predict(plan.test_features)
    assert predicted.dtype == "int64"
    assert sorted(set(predicted.tolist())) == labels


def test_a_date_of_which_nobody_knows_the_order_stays_a_label(tmp_path: Path) -> None:
    """01/04/2024 is not read as January on its way to the model."""
    from pipeline_worker.training.preparation import READ, trace_columns

    plan, learned = train("dates-ambiguous.csv", tmp_path, target_column="demand")
    assert [column.type for column in plan.table.columns if column.name == "date"] == ["text"]
    read = learned.fitted.pipeline.named_steps[READ].transform(plan.test_features)
    assert read["date"].tolist() == plan.test_features["date"].tolist()
    assert not [name for name in trace_columns(learned.fitted.pipeline)["date"] if "month" in name]


def test_a_date_of_a_given_order_is_one(tmp_path: Path) -> None:
    """The line that the note on the column ends with gives the model what labels kept from it."""
    labels, dates = (
        train("dates-ambiguous.csv", tmp_path, target_column="demand", ingestion_config=config)[1].measured
        for config in (IngestionConfig(), IngestionConfig(date_order="dmy"))
    )
    assert dates.headline == "r2"
    assert dates.model["r2"] > max(labels.model["r2"], 0.9)
