"""The three ways in, on a real stack: what is dropped, triggered and run again, and what becomes of it."""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import Future

import pytest

from cli.runs.airflow_api import DagRun
from cli.settings import PROJECT
from cli.stacks.service import make_environment
from cli.stacks.standing import find_standing
from pipeline_contract.run_key import make_run_key
from tests.e2e.conftest import ODD, Done, Wave, find_run_key
from tests.e2e.pipeline import PATIENCE_SECONDS, PENGUINS, SPECIES, TASKS, Dropped, Pipeline, wait_until

# The first test waits for the stack and for a dozen runs at once, beside whatever else a machine does.
pytestmark = pytest.mark.timeout(3 * PATIENCE_SECONDS)


def test_a_drop_is_followed_to_the_published_model(pipeline: Pipeline, dropped: Future[Done], penguins: str) -> None:
    """`make drop` tells each stage, the metrics and the links, in plain lines, and succeeds when the model is published."""
    told = dropped.result().stdout
    assert "\x1b" not in told
    stages = [line.split()[1] for line in told.splitlines() if line.startswith("✓")]
    assert stages == ["put", "put", "claimed", *TASKS]
    assert re.search(r"^Published in .*: models:/penguins@newest \(version \d+\)$", told, re.MULTILINE)
    assert re.search(r"accuracy +0\.9\d+ +0\.4\d+", told)
    for address in (pipeline.settings.mlflow_url, pipeline.settings.airflow_url, "s3://artifacts/", "report.html"):
        assert address in told
    receipt = pipeline.wait(penguins, "published")
    assert list(receipt.stages) == list(TASKS)
    assert penguins not in pipeline.list_objects("open")


def test_the_published_model_predicts(pipeline: Pipeline, penguins: str) -> None:
    """Anyone can load the newest model, and it knows most penguins from the rows that were dropped."""
    code = (
        "import mlflow, pandas as pd; d = pd.read_csv('examples/penguins/penguins.csv');"
        "m = mlflow.pyfunc.load_model('models:/penguins@newest');"
        "print((m.predict(d) == d.species).mean(), list(m.predict(d.head(1).to_dict('records'))))"
    )
    environment = make_environment(pipeline.settings) | {"MLFLOW_TRACKING_URI": pipeline.settings.mlflow_url}
    command = [str(pipeline.settings.worker_python), "-c", code]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    share, _, first = done.stdout.strip().partition(" ")
    assert float(share) > 0.95
    assert first == "['Adelie']"


def test_airflow_shows_run_key_dataset_and_links(pipeline: Pipeline, penguins: str) -> None:
    """In Airflow a task leads to its MLflow run and model, and names the run, the dataset and the manifest."""
    runs = pipeline.runs(penguins)
    assert [len(runs[stage]) for stage in TASKS] == [1, 1, 1, 1]
    train, publish = runs["train"][0], runs["publish"][0]
    pipeline.wait_for_run(publish)
    assert pipeline.read_task(train, "xcomEntries/run_key")["value"] == penguins
    assert pipeline.read_task(train, "xcomEntries/dataset")["value"] == "penguins"
    assert f"{penguins}/training/" in pipeline.read_task(train, "xcomEntries/manifest")["value"]
    assert pipeline.settings.mlflow_url in pipeline.read_task(train, "links")["extra_links"]["MLflow run"]
    assert "penguins" in pipeline.read_task(publish, "links")["extra_links"]["MLflow model"]


def test_what_was_dropped_leaves_and_parameters_of_the_dataset_stay(pipeline: Pipeline, penguins: str) -> None:
    """After a claim the file is gone from the drop bucket, and `_params.json` is still there."""
    wait_until(lambda: True if pipeline.list_versions("penguins/") == ["penguins/_params.json"] else None, "clearing")
    raw = pipeline.root.get_object(Bucket=pipeline.artifacts, Key=f"{pipeline.prefix}/{penguins}/raw/data")
    assert raw["Body"].read() == PENGUINS


def test_the_broken_example_stops_at_validate(pipeline: Pipeline, wave: Wave) -> None:
    """Data that breaks its rules is refused: the column and the values are in the receipt and in the log, nothing is trained."""
    done = wave.refused.result(PATIENCE_SECONDS)
    assert done.returncode == 1
    run_key = find_run_key(done.stdout)
    assert "Stopped at validate" in done.stdout
    assert "runbooks/validation-blocks-good-data.md" in done.stdout
    receipt = pipeline.wait(run_key, "refused")
    runs = pipeline.runs(run_key)
    assert [len(runs[stage]) for stage in TASKS] == [1, 1, 0, 0]
    assert pipeline.wait_for_run(runs["validate"][0]).state == "failed"
    assert pipeline.read_task(runs["validate"][0], "")["try_number"] == 1
    assert receipt.reason
    log = pipeline.read_log(runs["validate"][0])
    for told in (log, json.dumps(receipt.reason.details), pipeline.stack.run("status", RUN=run_key).stdout + log):
        for fault in ("body_mass_g", "species", "Emperor"):
            assert fault in told
    for rule in ("species: expected no missing value; found 2 of 344", "id: expected", "body_mass_g: expected"):
        assert rule in done.stdout
    assert run_key not in pipeline.list_objects("open")


def test_a_trigger_is_followed_in_the_same_way(pipeline: Pipeline, wave: Wave) -> None:
    """`make trigger` puts a file below `_sources/`, where it stays, runs the payload and follows it to the model.

    Airflow lists all of its stages under the run key, and `make status` has a link and an attempt of each.
    """
    done = wave.triggered.result(PATIENCE_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    run_key = find_run_key(done.stdout)
    request = pipeline.read_json(run_key, "training", "manifest.json")["request"]
    assert (request["model_name"], request["test_size"]) == ("RandomForestRegressor", 0.25)
    assert pipeline.list_versions("_sources/bikes.csv") == ["_sources/bikes.csv"]
    assert [len(runs) for runs in pipeline.runs(run_key).values()] == [1, 1, 1, 1]
    told = pipeline.stack.run("status", RUN=run_key).stdout
    user = pipeline.settings.airflow_login["username"]
    assert re.search(
        rf'^  ingest .* ✓ committed  trigger by {user}, with {{.*"target_column": "hires"', told, re.MULTILINE
    )
    for stage in TASKS:
        assert f"Airflow, {stage}" in told
        assert len(re.findall(rf"^  {stage} .* ✓ committed ", told, re.MULTILINE)) == 1


def test_the_untouched_form_is_refused(pipeline: Pipeline, wave: Wave) -> None:
    """A form that nobody filled in ends in one try that says what to fill in, and nothing after `ingest` runs.

    Airflow's filter does not find its Dag run, which carries no partition key; `make status` does, and its task leads there.
    """
    run = pipeline.wait_for_run(wave.untouched)
    assert run.state == "failed"
    assert pipeline.read_task(run, "")["try_number"] == 1
    log = pipeline.read_log(run)
    assert "`data_source` is missing" in log
    run_key = str(make_run_key("unnamed", run.run_after, run.dag_run_id))
    receipt = pipeline.wait(run_key, "refused")
    assert receipt.reason
    assert "data_source" in receipt.reason.fix
    assert not pipeline.read_events(run)
    assert not any(pipeline.runs(run_key).values())
    told = pipeline.stack.run("status", RUN=run_key).stdout
    assert re.search(r"^  ingest .* ✗ refused    trigger by \S+: `data_source` is missing", told, re.MULTILINE)
    assert run.url in told
    links = pipeline.read_task(run, "links")["extra_links"]
    assert links["Dag runs of this run key"].endswith(f"/dag_runs?partition_key_pattern={run_key}")


def test_the_form_lies_over_the_datasets_parameters(pipeline: Pipeline, form: DagRun) -> None:
    """Fields of the form that were left empty do not override `_params.json`; those that were filled in do."""
    run = pipeline.wait_for_run(form)
    assert run.state == "success", pipeline.read_log(run)
    request = pipeline.read_json(str(make_run_key("form", run.run_after, run.dag_run_id)), "ingested", "manifest.json")[
        "request"
    ]
    assert (request["target_column"], request["test_size"], request["random_state"]) == ("species", 0.4, 7)


def test_a_key_that_is_overwritten_makes_two_runs(pipeline: Pipeline, wave: Wave) -> None:
    """Two versions put one right after the other are two drops, each judged on its own bytes."""
    first, second = wave.overwritten
    assert pipeline.find(first) != pipeline.find(second)
    assert pipeline.wait(first, "refused").stage == "validate"
    pipeline.wait(second, "published")
    wait_until(lambda: True if not pipeline.list_versions("overwritten/x") else None, "clearing")


def test_the_same_file_twice_is_two_versions_of_the_model(pipeline: Pipeline, wave: Wave) -> None:
    """The same bytes dropped twice are published twice, each once, and the alias is at the second, within a second too."""
    receipts = [pipeline.wait(dropped, "published") for dropped in wave.repeated]
    versions = pipeline.list_model_versions("repeated")
    assert sorted(versions.values()) == sorted(receipt.run_key for receipt in receipts)
    newest = pipeline.ask_mlflow("registered-models/alias", name="repeated", alias="newest")["model_version"]
    assert versions[newest["version"]] == receipts[1].run_key


def test_a_sidecar_is_for_its_file_and_leaves_with_it(pipeline: Pipeline, wave: Wave) -> None:
    """The parameters beside one file are used for it, and leave the drop bucket with it."""
    receipt = pipeline.wait(wave.odd, "published")
    request = pipeline.read_json(receipt.run_key, "training", "manifest.json")["request"]
    assert (request["test_size"], request["model_name"]) == (0.4, "LogisticRegression")
    wait_until(lambda: True if not pipeline.list_versions("Größe & Maß/") else None, "clearing")


def test_a_drop_without_parameters_is_refused_and_can_be_mended(pipeline: Pipeline, wave: Wave) -> None:
    """Without a target the run names the columns and the file to write; once it is written, clearing `ingest` is enough."""
    receipt = pipeline.wait(wave.without_params, "refused")
    assert receipt.stage == "ingest"
    reason = receipt.reason
    assert reason
    told = f"{reason.what} {reason.fix} {json.dumps(reason.details)}"
    for word in ("species", "bill_length_mm", "year", "plain/_params.json"):
        assert word in told
    pipeline.put("plain/_params.json", SPECIES)
    run = pipeline.runs(receipt.run_key)["ingest"][0]
    pipeline.wait_for_run(run)
    pipeline.clear(run)
    wait_until(
        lambda: True if (pipeline.receipts.read("plain", receipt.run_key) or receipt).state != "refused" else None,
        "a start",
    )
    pipeline.wait(wave.without_params, "published")
    assert pipeline.read_json(receipt.run_key, "ingested", "manifest.json")["request"]["target_column"] == "species"


def test_odd_names_go_all_the_way(pipeline: Pipeline, wave: Wave) -> None:
    """Spaces, umlauts, an ampersand, a percent sign and a folder in a name change nothing."""
    receipt = pipeline.wait(wave.odd, "published")
    assert (receipt.dataset, receipt.run_key.partition(".")[0]) == ("Größe & Maß", "groe-ma")
    assert receipt.file == f"s3://drops/{ODD}"
    assert len(pipeline.list_model_versions("Größe & Maß")) == 1


def test_a_file_at_the_top_is_a_dataset_of_its_own(pipeline: Pipeline, at_the_top: Dropped) -> None:
    """A file in no folder belongs to the dataset of its stem, and its sidecar counts too."""
    receipt = pipeline.wait(at_the_top, "refused")
    assert (receipt.dataset, receipt.stage) == ("top", "validate")


def test_a_name_that_mlflow_refuses_is_refused_first(pipeline: Pipeline, unfit_for_mlflow: Dropped) -> None:
    """A dataset whose model could never be registered stops at `ingest`, with the rule."""
    receipt = pipeline.wait(unfit_for_mlflow, "refused")
    assert receipt.stage == "ingest"
    assert receipt.reason
    assert ":" in f"{receipt.reason.what} {receipt.reason.fix}"


def test_status_names_a_task_without_a_sign_of_life(pipeline: Pipeline) -> None:
    """What `status` asks Airflow's database for is answered: a sensor that was last heard of long ago is named."""

    def look() -> str | None:
        # Its next sign of life is seconds away.
        pipeline.stack.ask_postgres(
            "UPDATE task_instance SET last_heartbeat_at = now() - interval '200 seconds' "
            "WHERE task_id = 'wait_for_drop' AND state = 'running'"
        )
        said = [line for line in find_standing(pipeline.stack.settings) if "wait_for_drop" in line]
        return said[0] if said else None

    assert "gave no sign of life for 3 min 2" in wait_until(look, "a task that is silent")


def test_status_tells_what_happened_and_why(pipeline: Pipeline, wave: Wave, penguins: str) -> None:
    """`make status` lists the last drops with their ends, and tells all of one by its key."""
    run_key = find_run_key(wave.refused.result(PATIENCE_SECONDS).stdout)
    told = pipeline.stack.run("status").stdout
    assert "Last drops" in told
    assert "published" in told
    one = pipeline.stack.run("status", RUN=run_key).stdout
    assert "refused by validate" in one
    assert "what to do" in one
    unknown = pipeline.stack.run("status", RUN=penguins[:-1] + ("0" if penguins[-1] != "0" else "1"))
    assert unknown.returncode == 2
    assert penguins in unknown.stderr
