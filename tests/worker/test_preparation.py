"""Columns on their way to a model: as ingested while it learns, and as `pandas.read_csv` gives them afterwards."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline_worker.request import Request
from tests.worker.tables import ingest_table, make_hires, make_penguins

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from pipeline_worker.training.models import Model
    from pipeline_worker.training.table import Table

pytestmark = pytest.mark.slow("trains models")


CLASSIFIERS = ["HistGradientBoostingClassifier", "RandomForestClassifier", "LogisticRegression"]


def fit(table: Table, model: Model, rows: slice = slice(None)) -> Pipeline:
    from pipeline_worker.training.fit import fit_pipeline
    from pipeline_worker.training.models import make_estimator
    from pipeline_worker.training.preparation import make_steps

    target = table.target.to_numpy(zero_copy_only=False)[rows]
    estimator, _ = make_estimator(model, {}, target, 42)
    steps = make_steps(table.columns, table.features.iloc[rows], model.family, 42)
    return fit_pipeline(steps, estimator, table.features.iloc[rows], target, model, {}).pipeline


def read(table: pd.DataFrame, folder: Path, target: str, **how: str) -> Table:
    from pipeline_worker.training.table import read_table

    parquet, schema = ingest_table(table, folder, **how)
    return read_table(parquet, schema, Request(target_column=target))


def as_csv(table: pd.DataFrame, **how: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(io.StringIO(table.to_csv(index=False, **how)), **how)  # type: ignore[call-overload,no-any-return]


def encode(pipeline: Pipeline, features: pd.DataFrame) -> Any:
    from pipeline_worker.training.preparation import ENCODE

    return pipeline[: list(pipeline.named_steps).index(ENCODE) + 1].transform(features)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_rows_of_the_dropped_file_predict_what_typed_rows_do(tmp_path: Path, name: str) -> None:
    """Dates as text, whole numbers as floats, the target as one column more, another order: all the same."""
    import pandas as pd

    from pipeline_worker.training.models import MODELS

    frame = make_penguins()
    table = read(frame, tmp_path, "species")
    pipeline = fit(table, MODELS[name])
    raw = as_csv(frame)[["seen_on", "species", "is_tagged", "body_mass_g", "bill_length_mm", "island"]]
    assert (pipeline.predict(raw) == pipeline.predict(table.features)).all()
    pd.testing.assert_frame_equal(encode(pipeline, raw), encode(pipeline, table.features), check_categorical=False)


def test_times_and_free_text_survive_as_well(tmp_path: Path) -> None:
    """A time of day without seconds, and text with many values, are read as in training."""
    import pandas as pd

    from pipeline_worker.training.models import MODELS

    frame = make_hires()
    table = read(frame, tmp_path, "hires")
    pipeline = fit(table, MODELS["HistGradientBoostingRegressor"])
    encoded = encode(pipeline, as_csv(frame))
    assert encoded["times__opened"].notna().all()
    pd.testing.assert_frame_equal(encoded, encode(pipeline, table.features), check_categorical=False)


@pytest.mark.parametrize(
    "form", ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d %b %Y", "%d.%m.%Y %H:%M"]
)
def test_dates_mean_what_they_meant_in_training(tmp_path: Path, form: str) -> None:
    """The first of February is not taken for the second of January, whatever way the file writes its dates."""
    import pandas as pd

    from pipeline_worker.training.models import MODELS

    frame = make_hires()
    frame["day"] = pd.to_datetime(frame["day"]).dt.strftime(form)
    table = read(frame, tmp_path, "hires")
    pipeline = fit(table, MODELS["LinearRegression"])
    wanted = encode(pipeline, table.features)
    pd.testing.assert_frame_equal(encode(pipeline, as_csv(frame)), wanted)
    if "%H" not in form:
        # Whoever writes a row by hand writes the date the usual way.
        iso = as_csv(make_hires())
        pd.testing.assert_frame_equal(encode(pipeline, iso), wanted)


def test_times_with_a_zone_are_told_from_those_without(tmp_path: Path) -> None:
    """Offsets are taken into account, and need not be the same in all rows."""
    import pandas as pd

    from pipeline_worker.training.models import MODELS

    frame = make_hires()
    stamps = pd.to_datetime(frame["day"]).dt.tz_localize("UTC") + pd.Timedelta(hours=5)
    frame["day"] = [f"{stamp.isoformat()[:19]}+00:00" for stamp in stamps]
    table = read(frame, tmp_path, "hires")
    pipeline = fit(table, MODELS["HistGradientBoostingRegressor"])
    moved = frame.assign(day=[f"{(stamp + pd.Timedelta(hours=2)).isoformat()[:19]}+02:00" for stamp in stamps])
    moved.loc[0, "day"] = frame.loc[0, "day"]
    wanted = encode(pipeline, table.features)
    pd.testing.assert_frame_equal(encode(pipeline, as_csv(moved)), wanted, check_categorical=False)


def test_numbers_with_a_decimal_comma_are_read_though_pandas_leaves_them_text(tmp_path: Path) -> None:
    """`1.234,5` is a number to the model, also if `pandas.read_csv` was not told of the comma."""
    import pandas as pd

    from pipeline_worker.training.models import MODELS

    frame = make_hires()
    frame["takings"] = [f"{1 + number % 9}.{100 + number},{number % 10}5" for number in range(len(frame))]
    table = read(frame, tmp_path, "hires", sep=";")
    pipeline = fit(table, MODELS["HistGradientBoostingRegressor"])
    raw = as_csv(frame, sep=";")
    assert not pd.api.types.is_numeric_dtype(raw["takings"])
    assert encode(pipeline, raw)["numbers__takings"].tolist() == pytest.approx(table.features["takings"].tolist())


@pytest.mark.parametrize("form", ["{:,.2f}", "{:,.0f}"])
def test_numbers_with_signs_between_thousands_are_not_taken_for_missing(tmp_path: Path, form: str) -> None:
    """`1,234.50` is text to `pandas.read_csv`, and predicts what the number predicts."""
    import pandas as pd

    from pipeline_worker.training.models import MODELS

    numbers = [400.0 + 37 * number for number in range(240)]
    frame = make_hires().assign(takings=[form.format(number) for number in numbers])
    frame["hires"] = numbers
    table = read(frame, tmp_path, "hires")
    pipeline = fit(table, MODELS["LinearRegression"])
    raw = as_csv(frame)
    assert not pd.api.types.is_numeric_dtype(raw["takings"])
    assert table.features["takings"].tolist() == numbers
    assert pipeline.predict(raw) == pytest.approx(pipeline.predict(table.features))
    assert pipeline.predict(raw.assign(takings=numbers)) == pytest.approx(pipeline.predict(raw))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_row_of_nothing_but_unknown_or_missing_values_is_predicted(tmp_path: Path, name: str) -> None:
    """Categories that were never seen, and missing values everywhere, are no reason to fail."""
    import pandas as pd

    from pipeline_worker.training.models import MODELS

    table = read(make_penguins(), tmp_path, "species")
    pipeline = fit(table, MODELS[name])
    known = {"island": "Dream", "bill_length_mm": 39.5, "body_mass_g": 3700, "is_tagged": True, "seen_on": "2024-03-01"}
    rows = [known, known | {"island": "Atlantis"}, dict.fromkeys(known), known | {"is_tagged": None, "island": 7}]
    for row in rows:
        assert pipeline.predict(pd.DataFrame([row]))[0] in {"Adelie", "Chinstrap", "Gentoo"}
    assert len(pipeline.predict(pd.DataFrame(rows))) == 4


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """A row that lacks a column is refused with its name."""
    from pipeline_worker.training.models import MODELS

    table = read(make_penguins(), tmp_path, "species")
    pipeline = fit(table, MODELS["RandomForestClassifier"])
    with pytest.raises(ValueError, match="island"):
        pipeline.predict(table.features.drop(columns="island"))


def test_nothing_of_the_test_part_reaches_the_encoder(tmp_path: Path) -> None:
    """A category and an extreme that only the test part has are unknown to the pipeline."""
    from pipeline_worker.training.models import MODELS
    from pipeline_worker.training.preparation import ENCODE

    frame = make_penguins()
    frame.loc[140:, "island"] = "Atlantis"
    frame.loc[140:, "body_mass_g"] = 9_000_000
    table = read(frame, tmp_path, "species")
    pipeline = fit(table, MODELS["LogisticRegression"], slice(0, 140))
    outputs = pipeline.named_steps[ENCODE].get_feature_names_out().tolist()
    assert any(name.endswith("island_Dream") for name in outputs)
    assert not any(name.endswith("island_Atlantis") for name in outputs)
    scaler = pipeline.named_steps["scale"]
    assert scaler.mean_.max() < 1e10
    position = outputs.index("numbers__body_mass_g")
    assert scaler.mean_[position] < 10_000


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """A training can be repeated to the last bit, free text included."""
    import cloudpickle

    from pipeline_worker.training.models import MODELS

    table = read(make_hires(), tmp_path, "hires")
    first, second = (cloudpickle.dumps(fit(table, MODELS["HistGradientBoostingRegressor"])) for _ in range(2))
    assert first == second


def test_the_pickle_holds_nothing_of_this_package(tmp_path: Path) -> None:
    """It loads wherever the libraries are installed."""
    import cloudpickle
    from sklearn.pipeline import Pipeline

    from pipeline_worker.training.models import MODELS

    content = cloudpickle.dumps(fit(read(make_hires(), tmp_path, "hires"), MODELS["LinearRegression"]))
    assert b"pipeline_worker" not in content
    assert isinstance(pickle.loads(content), Pipeline)  # noqa: S301 - our own bytes


def test_columns_that_say_the_same_do_not_blow_up_a_linear_model(tmp_path: Path) -> None:
    """A weekday beside its date leaves the weights small; in 32 bits they were in the hundreds of thousands."""
    import pandas as pd

    from pipeline_worker.training.models import MODELS

    frame = make_hires()
    frame["weekday"] = pd.to_datetime(frame["day"]).dt.day_name()
    pipeline = fit(read(frame, tmp_path, "hires"), MODELS["LinearRegression"])
    assert np.abs(pipeline.named_steps["model"].coef_).max() < 1_000
