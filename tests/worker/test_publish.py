"""The stage `publish`, against a real MLflow server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest

from pipeline_worker.errors import StoreRefused
from pipeline_worker.manifest import digest_of
from pipeline_worker.mlflow_server import MlflowServer
from pipeline_worker.store import Write
from tests.worker.conftest import find_free_port
from tests.worker.line import LIBRARY_WARNINGS, Line, failure_of
from tests.worker.tables import make_penguins

pytestmark = LIBRARY_WARNINGS


@pytest.fixture
def trained(line: Line) -> str:
    return line.train(make_penguins(60), target_column="species")


def read_model(line: Line) -> dict[str, Any]:
    model: dict[str, Any] = MlflowServer(line.settings).call("GET", "registered-models/get", {"name": line.dataset})[
        "registered_model"
    ]
    return model


def read_versions(line: Line) -> list[dict[str, Any]]:
    found = MlflowServer(line.settings).call("GET", "model-versions/search", {"max_results": 1000})
    return [each for each in found["model_versions"] if each["name"] == line.dataset]


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
    (version,) = read_versions(line)
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert tags["run_key"] == trained
    assert tags["model_digest"] == trained_model.digest
    assert tags["location"] == facts["location"]
    assert "balanced accuracy" in version["description"]
    assert read_model(line)["aliases"] == [{"alias": "newest", "version": "1"}]
    receipt = json.loads(line.store.read(f"s3://artifacts/ml-pipeline-runs/receipts/{line.dataset}/{trained}.json")[0])
    assert receipt["state"] == "published"
    assert set(receipt["links"]) >= {"mlflow_run", "model", "report"}


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
    ended = line.run("publish", trained, target_output_path=path)
    assert ended.exit_code == 2
    assert failure_of(ended)["error"] == "LocationRefused"
    assert not list(line.store.list("s3://drops/models"))


@pytest.mark.parametrize(
    ("bucket", "code", "error"), [("elsewhere", 2, "LocationRefused"), ("artifacts", 75, "StoreRefused")]
)
def test_a_bucket_that_is_refused_is_the_requests_fault_if_it_chose_it(
    line: Line, trained: str, bucket: str, code: int, error: str
) -> None:
    """Another bucket is refused at once, with what to do; the pipeline's own is a matter of its keys, and tried again."""

    @contextmanager
    def refuse(write: Write) -> Iterator[None]:
        if write.uri.startswith(f"s3://{bucket}/published/"):
            raise StoreRefused("There is no such bucket.", where=write.uri, fix="Make it.")
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
    line.settings = type(settings)(**(vars(settings) | {"mlflow_tracking_uri": f"http://127.0.0.1:{find_free_port()}"}))
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
    table = make_penguins(60)
    table["species"] = table["species"].replace("Adelie", "<img src=x onerror=alert(1)>")
    table = table.rename(columns={"island": "<b>island</b>&\"'", "species": "</td><script>alert(1)</script>"})
    run_key = line.train(pd.DataFrame(table), target_column="</td><script>alert(1)</script>")
    line.run("publish", run_key)
    page = line.store.read(line.committed("publish", run_key).outputs["report"].uri)[0].decode()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;b&gt;island&lt;/b&gt;" in page
