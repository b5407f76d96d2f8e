"""Columns on their way to a model: as ingested while it learns, and as `pandas.read_csv` gives them afterwards."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline_worker.request import Request
from pipeline_worker.stages.train.model_table import MODELS
from tests.worker.tables import ingest_table, make_hires, make_penguins

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from pipeline_worker.stages.train.model_table import Model
    from pipeline_worker.stages.train.table import Table

pytestmark = pytest.mark.slow("trains models")


CLASSIFIERS = ["HistGradientBoostingClassifier", "RandomForestClassifier", "LogisticRegression"]


def fit(table: Table, model: Model, rows: slice = slice(None)) -> Pipeline:
    from pipeline_worker.stages.train.fit import Encodings, fit_pipeline
    from pipeline_worker.stages.train.models import make_estimator

    target = table.target.to_numpy(zero_copy_only=False)[rows]
    estimator, _ = make_estimator(model, {}, target, 42)
    encoded = Encodings(table.columns, table.features.iloc[rows], 42).of(model.family)
    return fit_pipeline(encoded, estimator, target, model, {}).pipeline


def read(table: pd.DataFrame, folder: Path, target: str, **how: str) -> Table:
    from pipeline_worker.stages.train.table import read_table

    parquet, schema = ingest_table(table, folder, **how)
    return read_table(parquet, schema, Request(target_column=target))


def as_csv(table: pd.DataFrame, **how: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(io.StringIO(table.to_csv(index=False, **how)), **how)  # type: ignore[call-overload,no-any-return]


def encode(pipeline: Pipeline, features: pd.DataFrame) -> Any:
    from pipeline_worker.stages.train.preparation import ENCODE

    return pipeline[: list(pipeline.named_steps).index(ENCODE) + 1].transform(features)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_rows_of_the_dropped_file_predict_what_typed_rows_do(tmp_path: Path, name: str) -> None:
    """Dates as text, whole numbers as floats, the target as one column more, another order: all the same."""
    import pandas as pd

    frame = make_penguins()
    table = read(frame, tmp_path, "species")
    pipeline = fit(table, MODELS[name])
    raw = as_csv(frame)[["seen_on", "species", "is_tagged", "body_mass_g", "bill_length_mm", "island"]]
    assert (pipeline.predict(raw) == pipeline.predict(table.features)).all()
    pd.testing.assert_frame_equal(encode(pipeline, raw), encode(pipeline, table.features), check_categorical=False)


def test_times_and_free_text_survive_as_well(tmp_path: Path) -> None:
    """A time of day without seconds, and text with many values, are read as in training."""
    import pandas as pd

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
    """Categories that were never seen, which is told, and missing values everywhere are no reason to fail."""
    import pandas as pd

    from pipeline_worker.serving.reader import UnseenLabelWarning

    table = read(make_penguins(), tmp_path, "species")
    pipeline = fit(table, MODELS[name])
    known = {"island": "Dream", "bill_length_mm": 39.5, "body_mass_g": 3700, "is_tagged": True, "seen_on": "2024-03-01"}
    for row in (known, dict.fromkeys(known)):
        assert pipeline.predict(pd.DataFrame([row]))[0] in {"Adelie", "Chinstrap", "Gentoo"}
    for row in (known | {"island": "Atlantis"}, known | {"is_tagged": None, "island": 7}):
        with pytest.warns(UnseenLabelWarning, match="`island`: training had no `(Atlantis|7)`"):
            assert pipeline.predict(pd.DataFrame([row]))[0] in {"Adelie", "Chinstrap", "Gentoo"}


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """A row that lacks a column is refused with its name."""
    table = read(make_penguins(), tmp_path, "species")
    pipeline = fit(table, MODELS["RandomForestClassifier"])
    with pytest.raises(ValueError, match="island"):
        pipeline.predict(table.features.drop(columns="island"))


def test_nothing_of_the_test_part_reaches_the_encoder(tmp_path: Path) -> None:
    """A category and an extreme that only the test part has are unknown to the pipeline."""
    from pipeline_worker.stages.train.preparation import ENCODE

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

    table = read(make_hires(), tmp_path, "hires")
    first, second = (cloudpickle.dumps(fit(table, MODELS["HistGradientBoostingRegressor"])) for _ in range(2))
    assert first == second


def test_the_pickle_holds_nothing_of_this_package(tmp_path: Path) -> None:
    """It loads wherever the libraries are installed."""
    import cloudpickle
    from sklearn.pipeline import Pipeline

    content = cloudpickle.dumps(fit(read(make_hires(), tmp_path, "hires"), MODELS["LinearRegression"]))
    assert b"pipeline_worker" not in content
    assert isinstance(pickle.loads(content), Pipeline)  # noqa: S301 - our own bytes


def test_columns_that_say_the_same_do_not_blow_up_a_linear_model(tmp_path: Path) -> None:
    """A weekday beside its date leaves the weights small; in 32 bits they were in the hundreds of thousands."""
    import pandas as pd

    frame = make_hires()
    frame["weekday"] = pd.to_datetime(frame["day"]).dt.day_name()
    pipeline = fit(read(frame, tmp_path, "hires"), MODELS["LinearRegression"])
    assert np.abs(pipeline.named_steps["model"].coef_).max() < 1_000


#: A column of each type, of values that 32 bits or a second reading take for the same, or for missing.
EVERY_TYPE: dict[str, list[Any]] = {
    "account": [100_000_001, 100_000_002, 100_000_003, 100_000_004],
    "ratio": [1.00000001, 1.00000002, 1.00000003, 1.00000004],
    "is_new": ["true", "false", "true", "false"],
    "route": ["012", "12", "None", "?"],
    "read_on": ["01/04/2024", "02/04/2024", "03/04/2024", "04/04/2024"],
    "born": ["1924-02-29", "1924-03-01", "2024-02-29", "2024-03-01"],
    "seen": ["2024-05-01 10:00:00", "2024-05-01 10:00:20", "2024-05-01 10:00:40", "2024-05-01 10:01:00"],
    "seen_in": [
        "2024-05-01 10:00:00+02:00",
        "2024-05-01 10:00:20+02:00",
        "2024-05-01 10:00:40+02:00",
        "2024-05-01 10:01:00+02:00",
    ],
    "opened": ["08:00:00.001", "08:00:00.002", "08:00:00.003", "08:00:00.004"],
}


@pytest.mark.parametrize("name", [*CLASSIFIERS, "LinearRegression", "HistGradientBoostingRegressor"])
def test_what_the_model_gets_is_what_the_schema_says(tmp_path: Path, name: str) -> None:
    """Of each type, as many different values reach the estimator as the file has; in 64 bits, and none of them missing."""
    import pandas as pd
    from sklearn.utils import check_array

    from pipeline_worker.stages.train.preparation import trace_columns

    is_classifier = name in CLASSIFIERS
    goal = [number % 4 for number in range(80)] if is_classifier else [number % 4 + 0.5 for number in range(80)]
    frame = pd.DataFrame({column: values * 20 for column, values in EVERY_TYPE.items()} | {"goal": goal})
    frame = frame.astype({"account": "Int64"})
    frame.loc[79, list(EVERY_TYPE)] = None
    table = read(frame, tmp_path, "goal")
    assert {column.name: column.type for column in table.columns} == {
        "account": "integer",
        "ratio": "number",
        "is_new": "boolean",
        "route": "text",
        "read_on": "text",
        "born": "date",
        "seen": "timestamp",
        "seen_in": "timestamp",
        "opened": "time",
    }
    pipeline = fit(table, MODELS[name])
    encoded = encode(pipeline, table.features)
    made = trace_columns(pipeline)
    assert set(made) == set(EVERY_TYPE)
    for column, outputs in made.items():
        groups = encoded[outputs].astype(object).where(encoded[outputs].notna(), None)
        assert len(set(map(tuple, groups.iloc[:4].to_numpy()))) == len(set(EVERY_TYPE[column])), column
        assert encoded[outputs].iloc[:79].notna().all(axis=None), column
        # Whatever is in the last row, it is none of the values.
        assert tuple(groups.iloc[79]) not in set(map(tuple, groups.iloc[:4].to_numpy())), column
    for column in ("account", "ratio", "is_new", "born", "seen", "seen_in", "opened"):
        assert encoded[made[column][0]].dtype == "float64", column
    assert encoded[made["account"][0]].tolist()[:4] == EVERY_TYPE["account"]
    assert encoded[made["ratio"][0]].tolist()[:4] == EVERY_TYPE["ratio"]
    if name.startswith("Hist"):
        return
    # Scaled, the values of a column are different in the 32 bits of a forest too.
    given = pipeline[:-1].transform(table.features)
    assert given.dtype == "float64"
    positions = {output: number for number, output in enumerate(encoded.columns)}
    for column in ("account", "ratio", "seen", "seen_in", "opened"):
        narrow = check_array(given[:4], dtype="float32", ensure_all_finite=False)[:, positions[made[column][0]]]
        assert len(set(narrow.tolist())) == 4, column


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_labels_that_look_like_numbers_are_the_same_labels_afterwards(tmp_path: Path, name: str) -> None:
    """`pandas.read_csv` makes numbers of them, and floats where one is missing; the model takes 7.0 for `7`."""
    import pandas as pd

    frame = pd.DataFrame({"grade": ["7", "8a", None] * 40, "goal": ["x", "y", "z"] * 40})
    pipeline = fit(read(frame, tmp_path, "goal"), MODELS[name])
    for seven in (7, 7.0, "7"):
        assert pipeline.predict(pd.DataFrame({"grade": [seven, None]})).tolist() == ["x", "z"]
    assert pipeline.predict(pd.DataFrame({"grade": ["8a"]})).tolist() == ["y"]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_an_infinite_number_is_missing_afterwards_too(tmp_path: Path, name: str) -> None:
    """As it was in training."""
    table = read(make_penguins(), tmp_path, "species")
    pipeline = fit(table, MODELS[name])
    infinite = table.features.assign(bill_length_mm=float("-inf"))
    missing = table.features.assign(bill_length_mm=float("nan"))
    assert (pipeline.predict(infinite) == pipeline.predict(missing)).all()


def test_booleans_in_json_may_be_text(tmp_path: Path) -> None:
    """`true`, "true" and True are the same; a boolean that is missing somewhere is one still."""
    import pandas as pd

    from pipeline_worker.stages.train.preparation import READ

    frame = make_penguins().astype({"is_tagged": object})
    frame.loc[5, "is_tagged"] = None
    pipeline = fit(read(frame, tmp_path, "species"), MODELS["HistGradientBoostingClassifier"])
    rows = frame.drop(columns="species").iloc[:4].assign(is_tagged=["true", " TRUE", True, None])
    assert pipeline.named_steps[READ].transform(rows)["is_tagged"].tolist()[:3] == [1, 1, 1]
    assert pd.isna(pipeline.named_steps[READ].transform(rows)["is_tagged"].iloc[3])


def test_many_labels_that_repeat_are_told_apart_by_a_line(tmp_path: Path) -> None:
    """Sixty shops with a level each: a linear model learns them one by one."""
    import pandas as pd

    level = np.random.default_rng(1).normal(200, 50, 60)
    frame = pd.DataFrame({"shop": [f"{number % 60:04d}" for number in range(600)]})
    frame["sold"] = [level[number % 60].round(2) for number in range(600)]
    table = read(frame, tmp_path, "sold")
    predicted = fit(table, MODELS["LinearRegression"]).predict(table.features)
    assert np.abs(predicted - frame["sold"]).max() < 0.01
