"""Stage `train`: fit a model on one part of the rows, measure it on the other, and keep both in MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .attempt import Attempt, Outcome
from .manifest import Artifact
from .mlflow_server import MlflowServer
from .request import Request
from .run_key import RunKey
from .schema import Schema
from .training.threads import limit_threads, wait_without_spinning
from .training.tracking import TrackedRun, quiet_client, track_run

if TYPE_CHECKING:
    from .training.learn import Learned
    from .training.plan import Plan


def train(attempt: Attempt) -> Outcome:
    """Carry out the stage.

    The model that is kept, and later published, is the one that was measured: it has learned from the train part only.

    :raises RequestFault: the model, a hyperparameter or a column does not fit the data; or there is no MLflow server.
    :raises DataFault: there is too little to learn from.
    :raises TrackingUnavailable: MLflow does not answer.
    """
    server = MlflowServer(attempt.settings)
    with attempt.timed("mlflow"):
        server.check()
    quiet_client()
    wait_without_spinning()
    # Loaded only now: that takes seconds, which a server that is down shall not cost.
    with attempt.timed("imports"):
        import mlflow.sklearn  # noqa: F401 - so that what follows is timed without it

        from .training.learn import describe_learned, draw_learned, draw_metrics, learn, say_result
        from .training.plan import make_plan

    schema = Schema.model_validate_json(attempt.fetch("schema").read_bytes())
    dataset = attempt.fetch("dataset")
    with attempt.timed("plan"):
        plan = make_plan(dataset, schema, attempt.request)
    request = attempt.request.model_copy(
        update={
            "model_name": plan.model.name,
            "model_version": attempt.request.model_version or RunKey.parse(attempt.run_key).version,
        }
    )
    _log_plan(attempt, plan)
    rows, tags = len(plan.split.train), _make_tags(attempt)
    with (
        track_run(server, attempt.settings.mlflow_experiment_name, attempt.run_key, tags) as run,
        limit_threads(rows) as threads,
    ):
        attempt.log.info("fitting on %d rows in %d threads; MLflow run: %s", rows, threads, run.url)
        learned = learn(plan, request.hyperparameters, request.random_state, attempt.timed)
        with attempt.timed("draw"):
            figures = draw_learned(plan, learned)
        outputs = _save(attempt, learned, figures, f"{request.model_name}_v{request.model_version}.pkl")
        with attempt.timed("mlflow"):
            model_id = _track(
                attempt, run, request, plan, learned, figures, tags | {"model_digest": outputs["model"].digest}
            )
    facts = describe_learned(plan, learned) | {
        "model_version": request.model_version,
        "model_file": outputs["model"].uri.rpartition("/")[2],
        "model_digest": outputs["model"].digest,
        "mlflow_run_id": run.run_id,
        "mlflow_run_url": run.url,
        "mlflow_model_id": model_id,
        "experiment_id": run.experiment_id,
    }
    for note in facts["notes"]:
        attempt.log.warning("%s", note)
    attempt.log.info("measured on %d rows:\n%s", len(plan.split.test), draw_metrics(learned))
    return Outcome(
        outputs=outputs,
        facts=facts,
        headline=say_result(plan, learned),
        location=outputs["model"].uri,
        request=request,
        links={"mlflow_run": run.url},
        notes=[*facts["notes"], *(f"`{name}`: {why}" for name, why in plan.suspects.items())],
    )


def _make_tags(attempt: Attempt) -> dict[str, str]:
    return {
        "run_key": attempt.run_key,
        "dataset": attempt.dataset,
        "stage": attempt.stage,
        "attempt": attempt.name,
        "ask": attempt.ask,
    }


def _save(attempt: Attempt, learned: Learned, figures: Mapping[str, bytes], model_file: str) -> dict[str, Artifact]:
    from .training.logged_model import dump_pipeline

    path = attempt.scratch / model_file
    with attempt.timed("dump"):
        dump_pipeline(learned.fitted.pipeline, path)
    metrics = json.dumps(learned.described, indent=1, ensure_ascii=False).encode()
    return {
        "model": attempt.save(f"models/{model_file}", path),
        "metrics": attempt.save("metrics.json", metrics, "application/json"),
        **{
            f"figure_{name.removesuffix('.png')}": attempt.save(f"figures/{name}", content, "image/png")
            for name, content in figures.items()
        },
    }


def _track(
    attempt: Attempt,
    run: TrackedRun,
    request: Request,
    plan: Plan,
    learned: Learned,
    figures: Mapping[str, bytes],
    tags: dict[str, str],
) -> str:
    """Keep everything in the MLflow *run*; return the id of the model there."""
    from .training.logged_model import log_pipeline, make_example

    params: dict[str, Any] = {"random_state": request.random_state} | plan.estimator.get_params()
    asked = request.model_dump(
        include={
            "model_name",
            "model_version",
            "training_scenario",
            "test_size",
            "drop_columns",
            "input_schema_version",
        }
    )
    run.log_params(
        params
        | asked
        | {"target_column": plan.target.name, "target_kind": plan.model.kind, "data_source": attempt.drop.uri}
        | {"rows_without_target": plan.table.rows_without_target}
    )
    run.tag("model_digest", tags["model_digest"])
    run.log_dataset(
        attempt.dataset,
        attempt.artifacts["dataset"],
        rows=plan.table.rows,
        columns=len(plan.table.columns) + 1,
    )
    folder = attempt.scratch / "tracked"
    (folder / "figures").mkdir(parents=True)
    for name, content in figures.items():
        (folder / "figures" / name).write_bytes(content)
    (folder / "metrics.json").write_text(json.dumps(learned.described, indent=1, ensure_ascii=False), encoding="utf-8")
    run.log_folder(folder)
    model_id = log_pipeline(
        learned.fitted.pipeline,
        columns=plan.table.columns,
        example=make_example(plan.train_features, plan.table.columns),
        target=plan.target.array,
        tags=tags,
    )
    baseline = {f"baseline_{name}": value for name, value in learned.measured.baseline.items()}
    run.log_metrics(learned.measured.model | baseline, model_id)
    return model_id


def _log_plan(attempt: Attempt, plan: Plan) -> None:
    log = attempt.log
    log.info("%s", plan.why)
    if attempt.request.drop_columns:
        log.info("dropped: %s", ", ".join(f"`{name}`" for name in attempt.request.drop_columns))
    for name, reason in plan.chosen.items():
        log.info("%s = %s", name, reason)
    for name, reason in plan.suspects.items():
        log.warning("`%s`: %s", name, reason)
