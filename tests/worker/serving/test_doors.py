"""The doors of a published model: what each takes, what each refuses, and in which words."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_worker.request import IngestionConfig, Request
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.data_format import DataFormat
from tests.ports import free_ports
from tests.worker.line import LIBRARY_WARNINGS

if TYPE_CHECKING:
    import pandas as pd

pytestmark = [*LIBRARY_WARNINGS, pytest.mark.slow("trains models")]

#: A column of every type, one that pandas does not read as numbers, and labels that others take for missing or for numbers.
HEADER = ["size", "amount", "depot", "area", "is_new", "day", "at", "kind"]
KINDS = ("small", "middle", "large")


def make_rows() -> list[list[str]]:
    rows = []
    for number in range(240):
        kind = number % 3
        size = f"{number % 7}.5" if number % 40 else ""
        amount = f"{1 + number % 5}.{100 + number}"
        # A label alone tells the kind: of the depot in every second row, and of the area in the others.
        depot, area = (("007", "7", "012")[kind], "XX") if number % 2 else ("0", ("NA", "EU", "AS")[kind])
        day = f"{1 + number % 28:02}/{1 + number % 12:02}/2024"
        rows.append([size, amount + ",5", depot, area, str(number % 2 == 0), day, f"{number % 24:02}:30", KINDS[kind]])
    return rows


#: A row of the kind `small`, as people write it in JSON, and as the file writes it.
ROW: dict[str, Any] = {
    "size": 3,
    "amount": 1150.5,
    "depot": "007",
    "area": "NA",
    "is_new": True,
    "day": "13/02/2024",
    "at": "07:30",
}
CELLS = ROW | {"size": "3", "amount": "1.150,5", "is_new": "True"}


@dataclass(frozen=True)
class Served:
    """A saved model, loaded here, and the addresses of servers that have it: one as it is, one for probabilities."""

    folder: Path
    model: Any
    labels: str
    probabilities: str


def save(folder: Path) -> Path:
    """Train on the rows as `ingest` reads them, and save the model as MLflow does."""
    from mlflow.models import Model

    from pipeline_worker.stages.train.learn import learn
    from pipeline_worker.stages.train.logged_model import make_example, save_model, write_signature
    from pipeline_worker.stages.train.plan import make_plan

    source, parquet = folder / "data.csv", folder / "dataset.parquet"
    source.write_text("\n".join(map(";".join, [HEADER, *make_rows()])) + "\n", encoding="utf-8")
    schema = convert(source, parquet, "data.csv", DataFormat("csv", "given"), IngestionConfig()).schema
    assert [column.type for column in schema.columns] == [
        *("number", "number", "text", "text", "boolean", "date", "time", "text"),
    ]
    plan = make_plan(parquet, schema, Request(target_column="kind", model_name="HistGradientBoostingClassifier"))
    learned = learn(plan, lambda _: nullcontext())
    save_model(
        str(folder / "model"),
        Model(),
        learned.fitted.pipeline,
        write_signature(plan.table.columns, plan.target.array),
        make_example(plan.train_features, plan.table.columns),
    )
    return folder / "model"


@contextmanager
def serve(model: Path, **environ: str) -> Iterator[str]:
    """Give the address of a server of MLflow's that has *model*; it ends with the block."""
    (port,) = free_ports(1)
    # `mlflow models serve` starts the same, by a shell that would outlive us where it is killed.
    argv = [sys.executable, "-m", "uvicorn", "mlflow.pyfunc.scoring_server.app:app", f"--port={port}"]
    log = model.parent / f"{port}.log"
    with log.open("wb") as output:
        served = os.environ | {"__pyfunc_model_path__": str(model)} | environ
        process = subprocess.Popen(argv, env=served, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"{address}/ping", timeout=5).close()  # noqa: S310 - our own server
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give the model, loaded and served; the servers start while it is loaded here."""
    import mlflow.pyfunc

    folder = save(tmp_path_factory.mktemp("doors"))
    probabilities = json.dumps({"output": "probabilities"})
    with serve(folder) as labels, serve(folder, SERVING_MODEL_CONFIG=probabilities) as other:
        yield Served(folder, mlflow.pyfunc.load_model(str(folder)), labels, other)


class RefusedError(Exception):
    """What a door says of rows that it does not take."""


def post(address: str, kind: str, body: str) -> Any:
    headers = {"Content-Type": kind}
    request = urllib.request.Request(f"{address}/invocations", body.encode(), headers)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)["predictions"]
    except urllib.error.HTTPError as error:
        told = json.load(error)["message"]
        raise RefusedError(told if error.code == 400 else f"{error.code} {told}") from error


def post_json(served: Served, **body: Any) -> Any:
    return post(served.labels, "application/json", json.dumps(body))


def predict(served: Served, rows: Any, **params: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        found = served.model.predict(rows, params=params or None)
    except MlflowException as error:
        raise RefusedError(error.message) from error
    return found.to_dict("records") if hasattr(found, "to_dict") else found.tolist()


def make_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)


def write_csv(rows: list[dict[str, Any]]) -> str:
    import csv

    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    # A number with a decimal comma is written as in the file: `1150.5` could be another.
    writer.writerows(row | ({"amount": CELLS["amount"]} if row.get("amount") == ROW["amount"] else {}) for row in rows)
    return text.getvalue()


def turn(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


#: Door → what passes rows through it.
DOORS: dict[str, Callable[[Served, list[dict[str, Any]]], Any]] = {
    "frame": lambda served, rows: predict(served, make_frame(rows)),
    "dict of lists": lambda served, rows: predict(served, turn(rows)),
    "list of dicts": predict,
    "JSON inputs, records": lambda served, rows: post_json(served, inputs=rows),
    "JSON inputs, columns": lambda served, rows: post_json(served, inputs=turn(rows)),
    "CSV": lambda served, rows: post(served.labels, "text/csv", write_csv(rows)),
}
OPEN = pytest.mark.parametrize("door", DOORS)


@OPEN
@pytest.mark.parametrize(
    ("row", "what"),
    [
        (ROW, "values as JSON has them, whole numbers among them"),
        (CELLS, "cells as the file has them"),
        (ROW | {"kind": "large", "more": 1}, "columns that the model does not need"),
        (dict(reversed(ROW.items())), "another order"),
        (ROW | {"size": None, "is_new": None, "day": None}, "missing values"),
        (ROW | {"day": "2024-02-13"}, "a date as computers write it"),
    ],
)
def test_each_door_takes(served: Served, door: str, row: dict[str, Any], what: str) -> None:
    """A row as people have it is predicted by every door that is open, and alike."""
    assert what
    assert DOORS[door](served, [row, row]) == ["small", "small"]


@OPEN
def test_labels_are_told_apart_by_every_door(served: Served, door: str) -> None:
    """`007` is not `7`, and an area `NA` is a label: nothing else tells these rows apart."""
    rows = [ROW | {"depot": depot, "area": area} for depot, area in (("007", "NA"), ("7", "EU"), ("012", "AS"))]
    assert DOORS[door](served, rows) == list(KINDS)


@OPEN
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW | {"day": "02/30/2024"}, r"`day`, row 1: '02/30/2024' is no date like DD/MM/YYYY"),
        (ROW | {"at": "25:00"}, r"`at`, row 1: '25:00' is no time of day"),
        (ROW | {"is_new": "yes"}, r"`is_new`, row 1: 'yes' is neither true nor false"),
        (ROW | {"amount": "12 (3)"}, r"`amount`, row 1: '12 \(3\)' is no number like 1\.234,5"),
        ({name: value for name, value in ROW.items() if name != "area"}, "lack a column that the model needs: `area`"),
    ],
)
def test_each_door_refuses(served: Served, door: str, row: dict[str, Any], message: str) -> None:
    """What does not fit is an error that names column, row and value."""
    with pytest.raises(RefusedError, match=message):
        DOORS[door](served, [row])


@OPEN
def test_text_in_a_column_of_numbers_is_refused(served: Served, door: str) -> None:
    """By the model with column, row and value; over CSV by MLflow itself, with the value."""
    message = "could not convert string to float: 'x'" if door == "CSV" else "`size`, row 1: 'x' is no number"
    with pytest.raises(RefusedError, match=message):
        DOORS[door](served, [ROW | {"size": "x"}])


@pytest.mark.parametrize("name", ["dataframe_records", "dataframe_split", "instances"])
def test_these_doors_are_closed(served: Served, name: str) -> None:
    """MLflow says which one is open."""
    content: Any = [ROW]
    if name == "dataframe_split":
        content = {"columns": list(ROW), "data": [list(ROW.values())]}
    with pytest.raises(RefusedError, match="must be a dictionary with 'inputs' key"):
        post_json(served, **{name: content})


def test_one_dict_is_one_row(served: Served) -> None:
    """In Python and over JSON."""
    assert predict(served, ROW) == ["small"]
    assert post_json(served, inputs=ROW) == ["small"]


@pytest.mark.parametrize("rows", [[], [[1, 2]], "x", 7, {"size": [1, 2], "area": ["NA"]}])
def test_what_is_no_table_is_refused(served: Served, rows: Any) -> None:
    """The error says what is."""
    with pytest.raises(RefusedError, match=r"Rows are a pandas table|different numbers of values"):
        predict(served, rows)


def test_no_rows_are_refused(served: Served) -> None:
    """In words of ours, which MLflow's server tells: a header alone, or columns of no values."""
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="There are no rows to predict"):
        served.model.predict({name: [] for name in ROW})


def test_a_bad_value_can_be_missing(served: Served) -> None:
    """With a warning that names it, in Python; over JSON by the same parameter."""
    row = ROW | {"size": "x"}
    with pytest.warns(UserWarning, match="`size`, row 1: 'x' is no number. Taken for missing"):
        assert predict(served, [row], on_bad_value="missing") == ["small"]
    assert post_json(served, inputs=[row], params={"on_bad_value": "missing"}) == ["small"]


def test_probabilities_have_the_names_of_the_classes(served: Served) -> None:
    """By a parameter in Python and over JSON, and by the settings that a server was started with, over CSV too."""
    (wanted,) = predict(served, [ROW], output="probabilities")
    assert list(wanted) == sorted(KINDS)
    assert wanted["small"] > 0.9
    assert sum(wanted.values()) == pytest.approx(1)
    assert post_json(served, inputs=[ROW], params={"output": "probabilities"}) == [pytest.approx(wanted)]
    assert post(served.probabilities, "text/csv", write_csv([CELLS])) == [pytest.approx(wanted)]
    body = json.dumps({"inputs": [ROW], "params": {"output": "labels"}})
    assert post(served.probabilities, "application/json", body) == ["small"]


@pytest.mark.parametrize(("name", "value"), [("output", "probabilites"), ("on_bad_value", "ignore")])
def test_a_misspelt_value_is_an_error(served: Served, name: str, value: str) -> None:
    """It does not mean the default."""
    with pytest.raises(RefusedError, match=f"`{name}` is '{value}'; it can be"):
        predict(served, [ROW], **{name: value})
    with pytest.raises(RefusedError, match=f"`{name}` is '{value}'; it can be"):
        post_json(served, inputs=[ROW], params={name: value})


def test_a_word_that_csv_lost_is_a_label_again_in_a_server_only(served: Served) -> None:
    """A missing value in JSON or of a frame is missing; what a server read from CSV was the label `NA`."""
    row = ROW | {"depot": None}
    (small,) = post(served.probabilities, "text/csv", write_csv([row]))
    body = json.dumps({"inputs": [row | {"area": None}]})
    (unknown,) = post(served.probabilities, "application/json", body)
    assert small["small"] > unknown["small"]
    assert predict(served, make_frame([row | {"area": None}]), output="probabilities") == [pytest.approx(unknown)]


def test_the_flavour_of_scikit_learn_takes_raw_rows_too(served: Served) -> None:
    """It is the same pipeline, without a door."""
    import mlflow.sklearn

    pipeline = mlflow.sklearn.load_model(str(served.folder))
    assert pipeline.predict(make_frame([CELLS])).tolist() == ["small"]


def test_a_regression_has_no_probabilities(tmp_path: Path) -> None:
    """It says so."""
    import pandas as pd
    from sklearn.dummy import DummyRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    from pipeline_worker.serving.pyfunc_model import PublishedModel
    from pipeline_worker.serving.reader import Reader

    pipeline = make_pipeline(FunctionTransformer(Reader([])), DummyRegressor()).fit(pd.DataFrame(index=[0]), [1.0])
    pipeline.steps[0] = ("read", pipeline.steps[0][1])
    with pytest.raises(Exception, match="predicts a number, and has no probabilities"):
        settings = {"output": "probabilities", "on_bad_value": "error"}
        PublishedModel(pipeline, settings, is_served=False).predict(pd.DataFrame(index=[0]))
