"""Files in the form of public reports of wrong models: each was published with a false score, or as something else."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import pytest

from pipeline_worker.request import IngestionConfig, Request
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import DataFormat
from tests.worker.conftest import REPORTS
from tests.worker.printed_call import read_by_call

if TYPE_CHECKING:
    from pipeline_worker.stages.train.learn import Learned
    from pipeline_worker.stages.train.plan import Plan

pytestmark = pytest.mark.slow("trains models")

LONG = pytest.mark.long("the same file with another estimator")


@cache
def train(
    name: str,
    target: str,
    model: str | None = None,
    date_order: Literal["dmy"] | None = None,
    escape: str | None = None,
) -> tuple[Converted, Plan, Learned]:
    """Return what becomes of a file; a model is trained once for all tests that look at it."""
    from contextlib import nullcontext

    from pipeline_worker.stages.train.learn import learn
    from pipeline_worker.stages.train.plan import make_plan

    data_format = DataFormat(name.rpartition(".")[2], "given")
    config = IngestionConfig(date_order=date_order, escape=escape)
    with TemporaryDirectory() as folder:
        parquet = Path(folder) / "dataset.parquet"
        converted = convert(REPORTS / name, parquet, name, data_format, config)
        plan = make_plan(parquet, converted.schema, Request(target_column=target, model_name=model or "auto"))
    return converted, plan, learn(plan, lambda _: nullcontext())


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
        # Numbers in a form of accounts, of another country, or with words for missing between them.
        ("numbers-parentheses.csv", "risk", None, 0.95),
        ("numbers-space-groups.csv", "risk", None, 0.95),
        ("numbers-trailing-minus.csv", "risk", None, 0.95),
        ("missing-dash.csv", "resp", None, 0.98),
        # A continent `NA`.
        ("missing-na-target.csv", "continent", None, 0.85),
        # The last line is a total; the second has units.
        ("rows-total.csv", "revenue", None, 0.99),
        ("rows-units-class.csv", "water", None, 0.95),
        ("rows-units-regression.csv", "oxygen", None, 0.98),
        # One row has `n/a` where the target should be.
        ("missing-na-lower-case.csv", "price", None, 0.99),
        # 07/14/24 is a date, and 32:28:00 takes longer than 5:52:00.
        ("dates-two-digit-year.csv", "demand", None, 0.95),
        ("dates-hours-beyond-24.csv", "late", None, 1.0),
    ],
)
def test_a_reported_file_gets_the_score_that_is_in_it(name: str, target: str, model: str | None, least: float) -> None:
    """What a score is without the trap of the file, it is with it."""
    *_, learned = train(name, target, model)
    assert learned.measured.model[learned.measured.headline] >= least


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("predict-time-of-day.parquet", "y"),
        ("predict-named-index.parquet", "yield"),
        ("predict-named-index-two.parquet", "yield"),
        ("numbers-parentheses.csv", "risk"),
        ("numbers-space-groups.csv", "risk"),
        ("numbers-trailing-minus.csv", "risk"),
        ("missing-dash.csv", "resp"),
        ("missing-na-target.csv", "continent"),
        ("missing-none-label.csv", "churn"),
        ("rows-total.csv", "revenue"),
        ("rows-units-class.csv", "water"),
        ("zeros-twins.csv", "depot"),
        ("dates-ambiguous.csv", "demand"),
        ("dates-two-digit-year.csv", "demand"),
        ("dates-hours-beyond-24.csv", "late"),
    ],
)
def test_the_call_of_the_report_gives_what_was_learned(monkeypatch: pytest.MonkeyPatch, name: str, target: str) -> None:
    """The file itself, read by the printed line, is predicted as the dataset is."""
    converted, plan, learned = train(name, target)
    _, raw = read_by_call(REPORTS / name, converted, monkeypatch)
    assert len(raw) == converted.schema.rows
    wanted = learned.fitted.pipeline.predict(plan.table.features)
    found = learned.fitted.pipeline.predict(raw)
    assert found.tolist() == wanted.tolist()
    assert converted.pandas_unread == {}


def test_a_row_without_a_target_is_counted_and_not_learned() -> None:
    """The result says in its first line that a row is left out, and its facts how many and which."""
    from pipeline_worker.stages.train.result import describe_learned, say_result

    _, plan, learned = train("missing-na-lower-case.csv", "price")
    facts = describe_learned(plan, learned)
    assert facts["rows_without_target"] == 1
    assert facts["rows"] == {"train": 159, "test": 40}
    assert "1 of 200 rows has no value in the target `price`" in facts["notes"][0]
    assert say_result(plan, learned).endswith("on 40 test rows; 1 row without a target left out")


def test_units_are_no_class_of_the_target() -> None:
    """The `-` below the header is neither learned nor predicted."""
    _, plan, learned = train("rows-units-class.csv", "water")
    assert sorted(set(learned.fitted.pipeline.predict(plan.test_features))) == ["cold", "warm"]
    assert plan.target.distinct == 2


@pytest.mark.parametrize(
    ("name", "target", "labels"),
    [
        ("kind-float-label.csv", "label", [0, 1]),
        ("kind-float-label-three.csv", "grade", [1, 2, 3]),
        ("kind-decimal-label.parquet", "churned", [0, 1]),
    ],
)
def test_labels_with_a_point_are_predicted_as_whole_numbers(name: str, target: str, labels: list[int]) -> None:
    """A label comes out of the model as one of the labels, not as 0.47."""
    _, plan, learned = train(name, target)
    assert plan.kind == "classification"
    predicted = learned.fitted.pipeline.predict(plan.test_features)
    assert predicted.dtype == "int64"
    assert sorted(set(predicted.tolist())) == labels


def test_a_date_of_which_nobody_knows_the_order_stays_a_label() -> None:
    """01/04/2024 is not read as January on its way to the model."""
    from pipeline_worker.stages.train.preparation import READ, trace_columns

    _, plan, learned = train("dates-ambiguous.csv", "demand")
    assert [column.type for column in plan.table.columns if column.name == "date"] == ["text"]
    read = learned.fitted.pipeline.named_steps[READ].transform(plan.train_features)
    assert read["date"].tolist() == plan.train_features["date"].tolist()
    assert not [name for name in trace_columns(learned.fitted.pipeline)["date"] if "month" in name]


def test_a_date_of_a_given_order_is_one() -> None:
    """The line that the note on the column ends with gives the model what labels kept from it."""
    labels, dates = (train("dates-ambiguous.csv", "demand", None, order)[2].measured for order in (None, "dmy"))
    assert dates.headline == "r2"
    assert dates.model["r2"] > max(labels.model["r2"], 0.9)


def test_a_quote_behind_a_backslash_is_read_where_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the report's own line as well, whose rows are predicted as the dataset is."""
    converted, plan, learned = train("quotes-backslash.csv", "kind", escape="\\")
    printed, raw = read_by_call(REPORTS / "quotes-backslash.csv", converted, monkeypatch)
    assert "escapechar='\\\\'" in printed
    assert raw["item"].tolist()[:2] == ['3/4" valve, brass', '6" pipe']
    assert (
        learned.fitted.pipeline.predict(raw).tolist() == learned.fitted.pipeline.predict(plan.table.features).tolist()
    )
