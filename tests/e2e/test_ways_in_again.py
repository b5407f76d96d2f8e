"""The third way in: one stage of a run again, by clearing, by key, with overrides, and without what follows."""

from __future__ import annotations

import re

import pytest

from tests.e2e.pipeline import FOLDERS, PATIENCE_SECONDS, TASKS, Pipeline, wait_until

pytestmark = pytest.mark.timeout(3 * PATIENCE_SECONDS)


def test_two_keys_for_one_run_are_refused(pipeline: Pipeline, again: str) -> None:
    """A partition key and a `run_key` that differ start nothing."""
    before = pipeline.list_objects(again, "training")
    run = pipeline.trigger("train", {"run_key": "other.20260101T000000Z.00000000"}, again)
    run = pipeline.wait_for_run(run)
    assert run.state == "failed"
    assert "differ" in pipeline.read_log(run)
    assert pipeline.list_objects(again, "training") == before
    assert not pipeline.read_events(run)


def test_a_cleared_stage_runs_again_and_the_later_ones_follow(pipeline: Pipeline, again: str) -> None:
    """Clearing the task of `train` trains anew and publishes anew; the same model again is not a second version."""
    before = {stage: pipeline.read_json(again, folder, "manifest.json")["attempt"] for stage, folder in FOLDERS.items()}
    versions = pipeline.list_model_versions("again")
    runs = pipeline.runs(again)
    pipeline.clear(runs["train"][0])

    def look() -> bool | None:
        now = pipeline.read_json(again, FOLDERS["publish"], "manifest.json")["attempt"]
        return True if now != before["publish"] else None

    wait_until(look, "another publication")
    attempt = pipeline.read_json(again, FOLDERS["train"], "manifest.json")["attempt"]
    assert attempt != before["train"]
    assert attempt.rpartition(".")[0] == before["train"].rpartition(".")[0]
    after = pipeline.runs(again)
    assert [len(after[stage]) - len(runs[stage]) for stage in TASKS] == [0, 0, 0, 1]
    assert pipeline.list_model_versions("again") == versions


def test_a_stage_runs_again_with_overrides(pipeline: Pipeline, again: str) -> None:
    """`make rerun` changes a parameter of one stage, follows, and ends with the new model published."""
    done = pipeline.stack.run("rerun", STAGE="train", RUN=again, PARAMS='{"model_name": "LogisticRegression"}')
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("✓")] == [
        "triggered",
        "train",
        "publish",
    ]
    manifest = pipeline.read_json(again, "training", "manifest.json")
    assert manifest["request"]["model_name"] == "LogisticRegression"
    assert manifest["request"]["target_column"] == "species"
    assert manifest["overrides"] == {"model_name": "LogisticRegression"}


def test_a_mistyped_re_run_takes_nothing_back(pipeline: Pipeline, again: str) -> None:
    """A re-run that is refused leaves the run published, and `make status` lists it with what it was asked with, and why."""
    done = pipeline.stack.run("rerun", STAGE="train", RUN=again, PARAMS='{"data_validation": {"min_row_count": 1}}')
    assert done.returncode == 1
    told = pipeline.stack.run("status", RUN=again).stdout
    assert re.match(r"! published \(version \d+\); the last re-run was refused by train", told)
    user = pipeline.settings.airflow_login["username"]
    asked = re.escape(
        'with {"data_validation": {"min_row_count": 1}}: The stage `train` does not use `data_validation`'
    )
    assert re.search(rf"^  train .* ✗ refused    trigger by {user}, {asked}", told, re.MULTILINE)
    assert re.search(r"^  train .* ✓ (committed|replaced ) +event$", told, re.MULTILINE)


def test_a_run_key_in_the_conf_is_enough(pipeline: Pipeline, again: str) -> None:
    """A stage that is triggered with `run_key` alone, as by Airflow's CLI, emits its event under that key all the same."""
    run = pipeline.wait_for_run(pipeline.trigger("publish", {"run_key": again}))
    assert run.state == "success", pipeline.read_log(run)
    assert [event["partition_key"] for event in pipeline.read_events(run)] == [again]


def test_without_cascade_there_is_no_event(pipeline: Pipeline, again: str) -> None:
    """`CASCADE=0` does the work of the stage and emits nothing at all, so that nothing follows."""
    runs = pipeline.runs(again)
    done = pipeline.stack.run("rerun", STAGE="validate", RUN=again, CASCADE="0")
    assert done.returncode == 0, done.stdout + done.stderr
    (own,) = [run for run in pipeline.runs(again)["validate"] if run not in runs["validate"]]
    assert pipeline.wait_for_run(own).state == "success"
    attempt = pipeline.read_json(again, "validation", "manifest.json")["attempt"]
    assert re.sub(r"[^A-Za-z0-9_-]", "-", own.dag_run_id) in attempt
    assert not pipeline.read_events(own)
    assert len(pipeline.runs(again)["train"]) == len(runs["train"])
    assert again not in pipeline.list_objects("open")
