"""What happens to drops while parts of the stack are down or killed: they wait, and nothing is lost or done twice."""

from __future__ import annotations

import pytest

from tests.e2e.pipeline import PATIENCE_SECONDS, PENGUINS, SPECIES, Pipeline, wait_until

pytestmark = [pytest.mark.timeout(3 * PATIENCE_SECONDS), pytest.mark.usefixtures("settled")]


def test_a_killed_command_is_tried_once_more(pipeline: Pipeline) -> None:
    """A command that is killed in the middle of its work is run again, and the model is published once."""
    pipeline.put("killed/_params.json", SPECIES | {"hyperparameters": {"seconds": 5}})
    dropped = pipeline.put("killed/x.csv", PENGUINS)
    run_key = pipeline.find(dropped)
    wait_until(lambda: pipeline.stack.find_command(run_key, "train_model"), "the training").kill()
    receipt = pipeline.wait(dropped, "waiting")
    assert receipt.reason
    assert "memory" in receipt.reason.what
    receipt = pipeline.wait(dropped, "published")
    assert receipt.stages["train"].attempt.endswith(".2")
    assert len(pipeline.list_model_versions("killed")) == 1


@pytest.mark.long("waits for a server's outage")
def test_a_run_waits_for_mlflow(pipeline: Pipeline) -> None:
    """With MLflow down the run says that it waits and for what; it goes on by itself when MLflow is back."""
    pipeline.put("waiting/_params.json", SPECIES)
    pipeline.stack.stop_service("mlflow")
    try:
        dropped = pipeline.put("waiting/x.csv", PENGUINS)
        receipt = pipeline.wait(dropped, "waiting")
        assert receipt.stage == "train"
        assert receipt.reason
        assert "MLflow" in receipt.reason.what
        assert receipt.run_key in pipeline.list_objects("open")
    finally:
        pipeline.stack.start_service("mlflow")
    receipt = pipeline.wait(dropped, "published")
    assert receipt.reason is None
    assert len(pipeline.list_model_versions("waiting")) == 1
