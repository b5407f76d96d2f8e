"""Stage `train`: fit a model on one part of the rows, measure it on the other, and keep both in MLflow."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_contract.run_key import RunKey

from ...mlflow_server import MlflowServer
from ...request import Request
from ...run.attempt import Attempt, Outcome
from ...run.manifest import Artifact
from ...schema import Schema
from .threads import limit_threads, wait_without_spinning
from .tracking import TrackedRun, quiet_client, track_run

if TYPE_CHECKING:
    from .learn import Learned
    from .plan import Plan
    from .tuned import Tuned


def train(attempt: Attempt) -> Outcome:
    """Carry out the stage.

    The model that was measured has learned from the train part only; what is published is the same, fitted anew on all rows,
    unless the request does not want that.

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

        from .learn import learn
        from .plan import make_plan, say_work
        from .result import describe_learned, say_result

    schema = Schema.model_validate_json(attempt.fetch("schema").read_bytes())
    dataset = attempt.fetch("dataset")
    with attempt.timed("plan"):
        plan = make_plan(dataset, schema, attempt.request, attempt.settings.train_cells)
    _log_plan(attempt, plan)
    rows, tags = len(plan.split.train), _make_tags(attempt)
    settings = attempt.settings
    with (
        track_run(server, settings.mlflow_experiment_name, attempt.run_key, tags) as run,
        limit_threads(rows, settings.train_threads) as threads,
    ):
        attempt.log.info("%s; MLflow run: %s", say_work(plan, threads), run.url)
        learned = learn(plan, attempt.timed, lambda line: attempt.log.info("%s", line), settings.choice_seconds)
        # With what was chosen and what has a default: the file and the version are named by it.
        version = attempt.request.model_version or RunKey.parse(attempt.run_key).version
        chosen = {"model_name": learned.decision.candidate.model.name, "model_version": version}
        request = attempt.request.model_copy(update=chosen)
        outputs, kept = _keep(attempt, run, request, plan, learned, tags)
    facts = describe_learned(plan, learned) | kept
    _log_learned(attempt, plan, learned, facts["notes"])
    return Outcome(
        outputs=outputs,
        facts=facts,
        headline=say_result(plan, learned),
        location=outputs["model"].uri,
        request=request,
        links={"mlflow_run": run.url},
        notes=[*facts["notes"], *(f"`{name}`: {why}" for name, why in (plan.suspects | plan.useless).items())],
    )


def _make_tags(attempt: Attempt) -> dict[str, str]:
    return {
        "run_key": attempt.run_key,
        "dataset": attempt.dataset,
        "stage": attempt.stage,
        "attempt": attempt.name,
        "ask": attempt.ask,
    }


def _keep(
    attempt: Attempt, run: TrackedRun, request: Request, plan: Plan, learned: Learned, tags: dict[str, str]
) -> tuple[dict[str, Artifact], dict[str, Any]]:
    """Save what comes of the training, and keep it in the MLflow *run*; return the outputs, and the facts of where it is."""
    from .learn import draw_learned
    from .tuned import write_tuned

    decision = learned.decision
    with attempt.timed("draw"):
        files = {f"figures/{name}": picture for name, picture in draw_learned(plan, learned).items()}
    if decision.tuned:
        files |= {
            f"tuning/{name}": content for name, content in write_tuned(decision.tuned, decision.candidate).items()
        }
    outputs = _save(attempt, learned, files, f"{request.model_name}_v{request.model_version}")
    digests = {"model_digest": outputs["model"].digest}
    if "measured_model" in outputs:
        digests["measured_digest"] = outputs["measured_model"].digest
    with attempt.timed("mlflow"):
        _track_params(attempt, run, request, plan, learned, digests)
        model_id = _track(attempt, run, plan, learned, files, tags | digests)
        if decision.tuned:
            _track_trials(run, decision.tuned, tags)
    return outputs, {
        "model_version": request.model_version,
        "model_file": outputs["model"].uri.rpartition("/")[2],
        **digests,
        "mlflow_run_id": run.run_id,
        "mlflow_run_url": run.url,
        "mlflow_model_id": model_id,
        "experiment_id": run.experiment_id,
    }


def _save(attempt: Attempt, learned: Learned, files: Mapping[str, bytes], name: str) -> dict[str, Artifact]:
    """Save the models, whose files begin with *name*, the metrics, and *files*: `figures/curves.png` as `figure_curves`."""
    import cloudpickle

    saved = {}
    for output, fitted, file in (
        ("model", learned.published, f"{name}.pkl"),
        ("measured_model", learned.fitted if learned.refitted else None, f"{name}.measured.pkl"),
    ):
        if fitted:
            with attempt.timed("dump"), (attempt.scratch / file).open("wb") as opened:
                # `pickle.load` reads it where the requirements are installed.
                cloudpickle.dump(fitted.pipeline, opened, protocol=pickle.DEFAULT_PROTOCOL)
            saved[output] = attempt.save(f"models/{file}", attempt.scratch / file)
    # The metrics are those of the model that was measured.
    measured = saved.get("measured_model", saved["model"])
    content = learned.described | {"measured_digest": measured.digest}
    saved["metrics"] = attempt.save("metrics.json", json.dumps(content, indent=1, ensure_ascii=False).encode())
    for path, written in files.items():
        folder, _, file = path.partition("/")
        saved[f"{folder.removesuffix('s')}_{file.rpartition('.')[0]}"] = attempt.save(path, written)
    return saved


def _track_params(
    attempt: Attempt, run: TrackedRun, request: Request, plan: Plan, learned: Learned, digests: Mapping[str, str]
) -> None:
    """Keep in the MLflow *run* what was asked for, what the model is, and what it has learned from."""
    params: dict[str, Any] = {"random_state": request.random_state} | learned.estimator.get_params()
    asked = request.model_dump(
        include={
            "model_name",
            "model_version",
            "training_scenario",
            "time_column",
            "group_column",
            "test_size",
            "drop_columns",
            "keep_columns",
            "metric",
            "refit",
            "threshold",
            "tuning",
            "input_schema_version",
        }
    )
    run.log_params(
        params
        | asked
        | {"target_column": plan.target.name, "target_kind": plan.kind, "data_source": attempt.drop.uri}
        | {"rows_without_target": plan.table.rows_without_target},
        {**digests, "fitted_on": learned.fitted_on, **plan.split.facts},
    )


def _track(
    attempt: Attempt, run: TrackedRun, plan: Plan, learned: Learned, files: Mapping[str, bytes], tags: dict[str, str]
) -> str:
    """Keep data, *files*, metrics and model in the MLflow *run*; return the id of the model there."""
    from .logged_model import log_pipeline, make_example
    from .result import collect_tracked
    from .tuned import measure_tuned

    dataset, columns = attempt.artifacts["dataset"], plan.table.columns
    run.log_dataset(attempt.dataset, dataset, rows=plan.table.rows, columns=len(columns) + 1)
    metrics = json.dumps(learned.described, indent=1, ensure_ascii=False).encode()
    for path, content in {**files, "metrics.json": metrics}.items():
        file = attempt.scratch / "tracked" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    run.client.log_artifacts(run.run_id, str(attempt.scratch / "tracked"))
    model_id = log_pipeline(
        learned.published.pipeline,
        columns=columns,
        example=make_example(plan.train_features, columns),
        target=plan.target.array,
        tags=tags | {"fitted_on": learned.fitted_on},
    )
    searched = measure_tuned(learned.decision.tuned) if learned.decision.tuned else {}
    run.log_metrics({**collect_tracked(learned.measured), **searched}, model_id)
    return model_id


def _track_trials(run: TrackedRun, tuned: Tuned, tags: Mapping[str, str]) -> None:
    """Keep the best trials as runs below the MLflow *run*."""
    from .tuned import TOLD_TRIALS

    for trial in tuned.ranked[:TOLD_TRIALS]:
        name = f"trial {trial.number}" + ("" if trial.number else ", the defaults")
        run.add_child(
            name,
            {**tags, "trial": str(trial.number)},
            trial.params,
            {f"cv_{tuned.metric.name}": tuned.measure(trial.score)},
        )


def _log_plan(attempt: Attempt, plan: Plan) -> None:
    log = attempt.log
    log.info("%s", plan.why)
    if attempt.request.drop_columns:
        log.info("dropped: %s", ", ".join(f"`{name}`" for name in attempt.request.drop_columns))
    for name, reason in (plan.suspects | plan.useless).items():
        log.warning("`%s`: %s", name, reason)


def _log_learned(attempt: Attempt, plan: Plan, learned: Learned, notes: Sequence[str]) -> None:
    from .result import draw_metrics

    for name, reason in learned.chosen.items():
        attempt.log.info("%s = %s", name, reason)
    for note in notes:
        attempt.log.warning("%s", note)
    attempt.log.info("measured on %d rows:\n%s", len(plan.split.test), draw_metrics(learned))
