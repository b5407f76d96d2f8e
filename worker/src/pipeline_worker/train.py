"""Stage `train`: fit a model on one part of the rows, measure it on the other, and keep both in MLflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .attempt import Attempt, Outcome
from .mlflow_server import MlflowServer
from .run_key import RunKey
from .schema import Schema
from .threads import limit_threads, wait_without_spinning
from .tracking import TrackedRun, quiet_client, track_run

if TYPE_CHECKING:
    from .fit import Fitted
    from .metrics import Measured
    from .plan import Plan


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
        import mlflow.sklearn  # noqa: F401 - loaded here, so that what follows is timed without it

        from .figures import draw_figures
        from .fit import fit_pipeline
        from .importance import measure_importance
        from .logged_model import dump_pipeline, log_pipeline, make_example
        from .metrics import describe_measured, measure, predict
        from .plan import make_plan

    request = attempt.request
    schema = Schema.model_validate_json(attempt.fetch("schema").read_bytes())
    dataset = attempt.fetch("dataset")
    with attempt.timed("plan"):
        plan = make_plan(dataset, schema, request)
    kind = plan.model.kind
    version = request.model_version or RunKey.parse(attempt.run_key).version
    request = request.model_copy(update={"model_name": plan.model.name, "model_version": version})
    _log_plan(attempt, plan)
    tags = {
        "run_key": attempt.run_key,
        "dataset": attempt.dataset,
        "stage": attempt.stage,
        "attempt": attempt.name,
        "ask": attempt.ask,
    }
    rows = {"train": len(plan.split.train), "test": len(plan.split.test)}
    folder = attempt.scratch / "kept"
    (folder / "figures").mkdir(parents=True)
    with (
        track_run(server, attempt.settings.mlflow_experiment_name, attempt.run_key, tags) as run,
        limit_threads(rows["train"]) as threads,
    ):
        attempt.log.info("fitting on %d rows, %d threads; MLflow run: %s", rows["train"], threads, run.url)
        with attempt.timed("fit"):
            fitted = fit_pipeline(
                plan.steps,
                plan.estimator,
                plan.train_features,
                plan.train_target,
                plan.model,
                request.hyperparameters,
            )
        with attempt.timed("measure"):
            predicted = predict(fitted.pipeline, plan.test_features, kind)
            measured = measure(kind, plan.train_target, plan.test_target, predicted)
            importance = measure_importance(
                fitted.pipeline, plan.test_features, plan.test_target, kind, random_state=request.random_state
            )
        with attempt.timed("draw"):
            figures = draw_figures(kind, plan.target.name, plan.test_target, predicted, measured, importance)
        model_path = attempt.scratch / f"{plan.model.name}_v{version}.pkl"
        dump_pipeline(fitted.pipeline, model_path)
        described = describe_measured(measured, kind, rows) | {"importance": importance}
        (folder / "metrics.json").write_text(json.dumps(described, indent=1, ensure_ascii=False), encoding="utf-8")
        for name, content in figures.items():
            (folder / "figures" / name).write_bytes(content)

        outputs = {
            "model": attempt.save(f"models/{model_path.name}", model_path),
            "metrics": attempt.save("metrics.json", folder / "metrics.json"),
            **{
                f"figure_{name.removesuffix('.png')}": attempt.save(f"figures/{name}", content, "image/png")
                for name, content in figures.items()
            },
        }
        digest = outputs["model"].digest
        with attempt.timed("mlflow"):
            _track(run, attempt, plan, version)
            run.tag("model_digest", digest)
            run.log_folder(folder)
            model_id = log_pipeline(
                fitted.pipeline,
                columns=plan.table.columns,
                example=make_example(plan.train_features, plan.table.columns),
                target=plan.target.array,
                tags=tags | {"model_digest": digest},
            )
            baseline = {f"baseline_{name}": value for name, value in measured.baseline.items()}
            run.log_metrics(measured.model | baseline, model_id)
    facts = _describe(plan, fitted, measured) | {
        "model_version": version,
        "model_file": model_path.name,
        "model_digest": digest,
        "mlflow_run_id": run.run_id,
        "mlflow_run_url": run.url,
        "mlflow_model_id": model_id,
        "experiment_id": run.experiment_id,
    }
    for note in facts["notes"]:
        attempt.log.warning("%s", note)
    return Outcome(
        outputs=outputs,
        facts=facts,
        headline=_say_result(plan, measured),
        location=outputs["model"].uri,
        request=request,
        links={"mlflow_run": run.url},
    )


def _track(run: TrackedRun, attempt: Attempt, plan: Plan, version: str) -> None:
    request = attempt.request
    params: dict[str, Any] = plan.estimator.get_params() | {
        "model_name": plan.model.name,
        "model_version": version,
        "target_column": plan.target.name,
        "target_kind": plan.model.kind,
        "training_scenario": request.training_scenario,
        "test_size": request.test_size,
        "drop_columns": request.drop_columns,
        "input_schema_version": request.input_schema_version,
        "data_source": attempt.drop.uri,
    }
    params.setdefault("random_state", request.random_state)
    run.log_params(params)
    run.log_dataset(
        attempt.dataset,
        attempt.artifacts["dataset"],
        rows=len(plan.table.features),
        columns=len(plan.table.columns) + 1,
    )


def _log_plan(attempt: Attempt, plan: Plan) -> None:
    log = attempt.log
    log.info("%s", plan.why)
    if attempt.request.drop_columns:
        log.info("dropped: %s", ", ".join(f"`{name}`" for name in attempt.request.drop_columns))
    for name, reason in plan.chosen.items():
        log.info("%s = %s", name, reason)
    for name, reason in plan.suspects.items():
        log.warning("`%s`: %s", name, reason)


def _describe(plan: Plan, fitted: Fitted, measured: Measured) -> dict[str, Any]:
    notes = [*plan.split.notes, *fitted.notes]
    if fitted.unused:
        listed = ", ".join(f"`{name}`" for name in fitted.unused)
        notes.append(f"Without a value in any row to learn from, and so ignored: {listed}.")
    return {
        "model_name": plan.model.name,
        "model_is": "the one that was measured; it learned from the train part only",
        "target_column": plan.target.name,
        "target_kind": plan.model.kind,
        "target_rule": plan.why,
        "rows": {"train": len(plan.split.train), "test": len(plan.split.test)},
        "is_stratified": plan.split.is_stratified,
        "features": len(plan.table.columns),
        "unused_columns": list(fitted.unused),
        "suspect_columns": plan.suspects,
        "defaults_chosen": plan.chosen,
        "metrics": measured.model,
        "baseline": measured.baseline,
        "headline_metric": measured.headline,
        "notes": notes,
    }


def _say_result(plan: Plan, measured: Measured) -> str:
    # With a single row in the test part there is no R².
    name = measured.headline if measured.headline in measured.model else "rmse"
    rows = len(plan.split.test)
    return (
        f"{plan.model.name}: {name.replace('_', ' ')} {measured.model[name]:.3g} "
        f"(baseline {measured.baseline[name]:.3g}) on {rows} test rows"
    )
