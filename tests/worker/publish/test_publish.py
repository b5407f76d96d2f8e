"""The stage `publish`, against a real MLflow server."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import unescape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pipeline_worker.errors import StorageRefused
from pipeline_worker.mlflow_server import MlflowRefusal, MlflowServer
from pipeline_worker.run.drop import read_drop
from pipeline_worker.run.manifest import digest_of
from pipeline_worker.run.run_order import order_drop
from pipeline_worker.store.base import Write
from tests.ports import free_ports
from tests.worker.conftest import Mlflow
from tests.worker.line import LIBRARY_WARNINGS, Line, failure_of
from tests.worker.tables import make_penguins

pytestmark = [*LIBRARY_WARNINGS, pytest.mark.slow("trains a model")]


@pytest.fixture(scope="module")
def origin(mlflow_server: Mlflow, tmp_path_factory: pytest.TempPathFactory) -> tuple[Line, str]:
    """Give a store with a trained model, and the run key; it is copied, and stays as it is."""
    line = Line(tmp_path_factory.mktemp("trained") / "lake", mlflow_server.uri, dataset="to-publish")
    return line, line.train(make_penguins(60), target_column="species")


@pytest.fixture
def line(origin: tuple[Line, str], mlflow_server: Mlflow, tmp_path: Path) -> Iterator[Line]:
    """Give a copy of the store, and a registry in which the model is unknown: the MLflow server is shared."""
    made, _ = origin
    shutil.copytree(made.folder, tmp_path / "lake")
    line = Line(tmp_path / "lake", mlflow_server.uri, made.dataset)
    line.attempts = made.attempts
    yield line
    line.settings = made.settings
    with suppress(MlflowRefusal):
        delete_model(line)


@pytest.fixture
def trained(origin: tuple[Line, str]) -> str:
    return origin[1]


def delete_model(line: Line) -> None:
    MlflowServer(line.settings).call("DELETE", "registered-models/delete", {"name": line.dataset})


def read_model(line: Line) -> dict[str, Any]:
    model: dict[str, Any] = MlflowServer(line.settings).call("GET", "registered-models/get", {"name": line.dataset})[
        "registered_model"
    ]
    return model


def read_versions(line: Line) -> list[dict[str, Any]]:
    found = MlflowServer(line.settings).call("GET", "model-versions/search", {"max_results": 1000})
    return [each for each in found.get("model_versions", []) if each["name"] == line.dataset]


def list_objects(line: Line) -> set[str]:
    return {info.uri for bucket in ("drops", "artifacts") for info in line.store.list(f"s3://{bucket}/")}


def test_the_model_lies_where_it_is_said_and_is_a_version(line: Line, trained: str) -> None:
    """The last line of stdout is the location; the registry has the version, its tags and the alias."""
    ended = line.run("publish", trained)
    assert ended.exit_code == 0
    manifest = line.committed("publish", trained)
    facts = manifest.facts
    root = f"s3://artifacts/ml-pipeline-runs/models/{line.dataset}/{trained}/{manifest.attempt}"
    assert ended.stdout[-1] == facts["location"]
    assert facts["location"] == f"{root}/HistGradientBoostingClassifier_v20260101T000000Z.pkl"
    trained_model = line.committed("train", trained).outputs["model"]
    assert line.store.read(facts["location"])[0] == line.store.read(trained_model.uri)[0]
    assert facts["alias_moved"] is True
    assert facts["metrics"] == line.committed("train", trained).facts["metrics"]
    assert re.search(rf"/#/models/{line.dataset}/versions/1\?", facts["mlflow_model_url"])
    (found,) = read_versions(line)
    tags = {tag["key"]: tag["value"] for tag in found["tags"]}
    assert tags["run_key"] == trained
    found_drop = read_drop(line.store, line.settings.layout.run(trained))
    assert found_drop
    assert tags["run_order"] == order_drop(found_drop[0])
    assert tags["model_digest"] == trained_model.digest
    assert tags["location"] == facts["location"]
    assert "balanced accuracy" in found["description"]
    assert read_model(line)["aliases"] == [{"alias": "newest", "version": "1"}]
    receipt = json.loads(line.store.read(f"s3://artifacts/ml-pipeline-runs/receipts/{line.dataset}/{trained}.json")[0])
    assert receipt["state"] == "published"
    assert set(receipt["links"]) >= {"mlflow_run", "model", "report"}


def test_the_layout_is_kept_under_its_version(line: Line, trained: str) -> None:
    """A run with an `input_schema_version` leaves its columns for the next one to be compared with; one without leaves none."""
    assert line.run("publish", trained).exit_code == 0
    folder = f"s3://artifacts/ml-pipeline-runs/schemas/{line.dataset}/"
    assert list(line.store.list(folder)) == []
    assert line.run("publish", trained, input_schema_version="v 1").exit_code == 0
    kept = json.loads(line.store.read(f"{folder}v%201.json")[0])
    assert (kept["run_key"], kept["columns"]["species"]) == (trained, "text")


def test_publishing_again_registers_nothing_new(line: Line, trained: str) -> None:
    """The same run and model are one version, however often they are published."""
    line.run("publish", trained)
    ended = line.run("publish", trained)
    assert ended.exit_code == 0
    assert len(read_versions(line)) == 1
    assert line.committed("publish", trained).facts["registered"] == "before"


def test_a_rerun_of_an_older_run_leaves_the_alias(line: Line, trained: str, caplog: pytest.LogCaptureFixture) -> None:
    """It becomes a version, the alias stays with the later run, and that is said."""
    later = line.train(make_penguins(70, seed=1), "2026-02-01", target_column="species")
    line.run("publish", later)
    assert line.run("publish", trained).exit_code == 0
    facts = line.committed("publish", trained).facts
    assert (facts["model_version"], facts["alias_moved"], facts["alias_version"]) == (2, False, 1)
    assert "stays at version 1" in line.committed("publish", trained).summaries["publish"].headline
    assert f"of the later run {later}" in caplog.text
    assert read_model(line)["aliases"] == [{"alias": "newest", "version": "1"}]
    report = line.store.read(line.committed("publish", trained).outputs["report"].uri)[0].decode()
    assert "newest is version 1" in report


def test_an_override_can_be_undone(line: Line, trained: str) -> None:
    """Trained with an override and then without, the run's first version is the newest again, and is said to be."""
    numbers = []
    for params in ({}, {"model_name": "LogisticRegression"}, {}):
        assert line.run("train", trained, **params).exit_code == 0
        assert line.run("publish", trained).exit_code == 0
        facts = line.committed("publish", trained).facts
        assert (facts["alias_moved"], facts["alias_version"]) == (True, facts["model_version"])
        numbers.append(facts["model_version"])
    assert numbers == [1, 2, 1]
    assert read_model(line)["aliases"] == [{"alias": "newest", "version": "1"}]
    assert "now `newest`" in line.committed("publish", trained).summaries["publish"].headline


def test_a_refused_rerun_takes_nothing_back(line: Line, trained: str) -> None:
    """What is published stays told in the receipt, with its metrics and links, beside the reason of the refusal."""
    assert line.run("publish", trained).exit_code == 0
    manifest = line.committed("publish", trained)
    assert line.run("train", trained, model_name="LinearRegression").exit_code == 2
    uri = f"s3://artifacts/ml-pipeline-runs/receipts/{line.dataset}/{trained}.json"
    receipt = json.loads(line.store.read(uri)[0])
    assert (receipt["state"], receipt["stage"]) == ("refused", "train")
    assert receipt["published"]["facts"] == manifest.facts
    assert receipt["published"]["links"] == manifest.links
    assert line.run("train", trained).exit_code == 0
    assert json.loads(line.store.read(uri)[0])["published"]["attempt"] == manifest.attempt


def test_a_place_of_ones_own_gets_the_model_and_keeps_it(line: Line, trained: str) -> None:
    """`target_output_path` is used as it is; the same model may be there already, another one is never overwritten."""
    assert line.run("train", trained, model_version="20260101T000000Z").exit_code == 0
    folder = f"s3://elsewhere/{line.dataset}"
    assert line.run("publish", trained, target_output_path=f"{folder}/").exit_code == 0
    location = line.committed("publish", trained).facts["location"]
    assert location == f"{folder}/HistGradientBoostingClassifier_v20260101T000000Z.pkl"
    assert line.run("publish", trained, target_output_path=folder).exit_code == 0
    line.store.put(location, b"something else")
    ended = line.run("publish", trained, target_output_path=folder)
    assert ended.exit_code == 2
    assert failure_of(ended)["error"] == "TargetTaken"
    assert line.store.read(location)[0] == b"something else"


def test_models_of_one_second_get_names_of_their_own(
    line: Line, trained: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nobody chose a version, a name that is taken gets the run key's digest, then the model's; nothing is lost."""
    folder, name = "s3://elsewhere/models", "HistGradientBoostingClassifier_v20260101T000000Z"
    line.store.put(f"{folder}/{name}.pkl", b"of another run")
    assert line.run("publish", trained, target_output_path=folder).exit_code == 0
    second = line.committed("publish", trained).facts["location"]
    assert second == f"{folder}/{name}-{trained.rpartition('.')[2]}.pkl"
    assert f"so this model becomes {second.rpartition('/')[2]}" in caplog.text
    assert line.run("publish", trained, target_output_path=folder).exit_code == 0
    assert line.committed("publish", trained).facts["location"] == second

    assert line.run("train", trained, test_size=0.4).exit_code == 0
    assert line.run("publish", trained, target_output_path=folder).exit_code == 0
    published = line.committed("publish", trained).outputs["published_model"]
    assert published.uri == f"{folder}/{name}-{published.digest.removeprefix('sha256:')[:8]}.pkl"
    assert digest_of(line.store.read(published.uri)[0]) == published.digest
    assert line.store.read(f"{folder}/{name}.pkl")[0] == b"of another run"


@pytest.mark.parametrize("path", ["s3://drops/models", "s3://artifacts/ml-pipeline-runs/x", "/tmp/models"])  # noqa: S108
def test_a_place_that_is_not_allowed_is_refused_before_anything_is_written(line: Line, trained: str, path: str) -> None:
    """Neither the store nor the registry is touched."""
    before = list_objects(line)
    ended = line.run("publish", trained, target_output_path=path)
    assert ended.exit_code == 2
    assert failure_of(ended)["error"] == "LocationRefused"
    record = f"s3://artifacts/ml-pipeline-runs/{trained}/published/attempt-{line.attempts}/failure.json"
    assert list_objects(line) - before == {record}
    assert not read_versions(line)


@pytest.mark.parametrize(
    ("bucket", "code", "error"), [("elsewhere", 2, "LocationRefused"), ("artifacts", 75, "StorageRefused")]
)
def test_a_bucket_that_is_refused_is_the_requests_fault_if_it_chose_it(
    line: Line, trained: str, bucket: str, code: int, error: str
) -> None:
    """Another bucket is refused at once, with what to do; the pipeline's own is a matter of its keys, and tried again."""

    @contextmanager
    def refuse(write: Write) -> Iterator[None]:
        if write.uri.startswith(f"s3://{bucket}/published/"):
            raise StorageRefused("There is no such bucket.", where=write.uri, fix="Make it.")
        yield

    line.store.around_write = refuse
    ended = line.run("publish", trained, target_output_path=f"s3://{bucket}/published")
    assert ended.exit_code == code
    record = failure_of(ended)
    assert record["error"] == error
    assert "no such bucket" in record["what"]
    assert f"s3://{bucket}/published/" in record["where"]
    assert not read_versions(line)


def test_a_dead_server_is_an_outage(line: Line, trained: str) -> None:
    """Exit 75, and the next attempt publishes."""
    settings = line.settings
    line.settings = type(settings)(**(vars(settings) | {"mlflow_tracking_uri": f"http://127.0.0.1:{free_ports(1)[0]}"}))
    ended = line.run("publish", trained)
    assert ended.exit_code == 75
    assert failure_of(ended)["error"] == "TrackingUnavailable"
    line.settings = settings
    assert line.run("publish", trained).exit_code == 0


def test_the_report_needs_nothing_else(line: Line, trained: str) -> None:
    """It holds its figures, loads nothing from anywhere, and is found in the links."""
    line.run("publish", trained)
    manifest = line.committed("publish", trained)
    page = line.store.read(manifest.outputs["report"].uri)[0].decode()
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"""(src|href)=["'](?!data:|http://127)""", page)
    assert "<script" not in page
    assert "@import" not in page
    assert manifest.links["report"] == manifest.outputs["report"].uri
    assert manifest.outputs["published_model"].digest == digest_of(line.store.read(manifest.facts["location"])[0])


def test_names_that_read_like_html_do_no_harm(line: Line) -> None:
    """Column names and labels come from a file, and are shown as what they are."""
    import pandas as pd

    table = make_penguins(60)
    table["species"] = table["species"].replace("Adelie", "<img src=x onerror=alert(1)>")
    table = table.rename(columns={"island": "<b>island</b>&\"'", "species": "</td><script>alert(1)</script>"})
    run_key = line.train(pd.DataFrame(table), "2026-03-01", target_column="</td><script>alert(1)</script>")
    line.run("publish", run_key)
    page = line.store.read(line.committed("publish", run_key).outputs["report"].uri)[0].decode()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;b&gt;island&lt;/b&gt;" in page


def test_the_lines_of_the_report_run_as_they_stand(line: Line, trained: str, tmp_path: Path) -> None:
    """Whoever copies them from the section "Use it", beside the file that landed, gets predictions."""
    table = make_penguins(60)
    table.to_csv(tmp_path / "data.csv", index=False)
    dependencies, predicted = run_lines(line, trained, tmp_path)
    assert dependencies.endswith("requirements.txt")
    assert f"scikit-learn=={version('scikit-learn')}" in Path(dependencies).read_text().split()
    model = pickle.loads(line.store.read(line.committed("publish", trained).facts["location"])[0])  # noqa: S301 - our own bytes
    assert predicted == model.predict(table).tolist()
    assert len(set(predicted)) == 3


@pytest.mark.long("loads the libraries of a notebook once more; test_reports.py reads such words by the printed call")
def test_the_lines_of_the_report_find_the_same_words_missing(line: Line, tmp_path: Path) -> None:
    """A species `NA` is a label to pandas too, and `?` beside numbers is missing, as `ingest` decided."""
    table = make_penguins(60)
    table["species"] = table["species"].replace("Adelie", "NA")
    table["bill_length_mm"] = table["bill_length_mm"].astype(object).where(table["bill_length_mm"].notna(), "?")
    run_key = line.train(table, "2026-04-01", target_column="species")
    table.to_csv(tmp_path / "data.csv", index=False)
    _, predicted = run_lines(line, run_key, tmp_path)
    model = pickle.loads(line.store.read(line.committed("publish", run_key).facts["location"])[0])  # noqa: S301 - our own bytes
    typed = table.assign(bill_length_mm=[None if value == "?" else value for value in table["bill_length_mm"]])
    assert predicted == model.predict(typed.astype({"bill_length_mm": float})).tolist()
    assert "NA" in predicted


def run_lines(line: Line, run_key: str, folder: Path) -> tuple[str, list[Any]]:
    """Publish, run the lines of the report's section "Use it" in *folder*, and return what they show."""
    assert line.run("publish", run_key).exit_code == 0
    page = line.store.read(line.committed("publish", run_key).outputs["report"].uri)[0].decode()
    (code,) = re.findall(r"<h2>Use it</h2>.*?<pre>(.*?)</pre>", page, re.DOTALL)
    # As a notebook does: the value of the last line is shown.
    shown = subprocess.run(
        [sys.executable, "-c", SHOW_LAST, unescape(code)],
        cwd=folder,
        env=os.environ | {"MLFLOW_TRACKING_URI": str(line.settings.mlflow_tracking_uri)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr[-3000:]
    dependencies, *_, predicted = shown.stdout.splitlines()
    return dependencies, json.loads(predicted)


SHOW_LAST = """
import ast, json, sys

*lines, last = ast.parse(sys.argv[1]).body
names = {}
exec(compile(ast.Module(lines, []), "report", "exec"), names)
print(json.dumps(eval(compile(ast.Expression(last.value), "report", "eval"), names).tolist()))
"""
