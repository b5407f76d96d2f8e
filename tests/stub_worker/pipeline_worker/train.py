"""Stand in for `train`: a model file of a few bytes, made of the request, and all that MLflow and `publish` ask for.

`hyperparameters` may hold `seconds`: so long it seems to fit.
"""

from __future__ import annotations

import json
import time
from typing import Any

from pipeline_contract.run_key import RunKey
from pipeline_worker import EXAMPLES, load_stage
from pipeline_worker.mlflow_server import MlflowServer
from pipeline_worker.run.attempt import Attempt, Outcome
from pipeline_worker.stages.train.tracking import find_experiment

_METRICS = {"accuracy": 0.9, "balanced_accuracy": 0.9}
_BASELINE = {"accuracy": 0.4, "balanced_accuracy": 0.5}


def train(attempt: Attempt) -> Outcome:
    """Keep a run and a model in MLflow, of nothing."""
    if attempt.dataset in EXAMPLES:
        outcome: Outcome = load_stage("train").train(attempt)
        return outcome
    server = MlflowServer(attempt.settings)
    server.check()
    attempt.fetch("schema")
    attempt.fetch("dataset")
    request = attempt.request.model_copy(
        update={
            # What the worker would choose, nobody knows without fitting.
            "model_name": attempt.request.model_name.replace("auto", "HistGradientBoostingClassifier"),
            "model_version": attempt.request.model_version or RunKey.parse(attempt.run_key).version,
        }
    )
    time.sleep(float(request.hyperparameters.get("seconds", 0)))
    file = f"{request.model_name}_v{request.model_version}.pkl"
    content = json.dumps(request.model_dump(mode="json"), sort_keys=True).encode()
    rows = {"train": 8, "test": 2}
    described = {
        "kind": "classification",
        "rows": rows,
        "model": _METRICS,
        "baseline": _BASELINE,
        "headline": "balanced_accuracy",
        "less_is_better": [],
        "interval": {"why_none": "nothing was fitted"},
        "against_baseline": "better than the baseline",
        "untested_classes": [],
        "positive_class": None,
        "per_class": {},
        "importance": [],
        "choice": None,
        "threshold": None,
        "training_scenario": "holdout",
    }
    model = attempt.save(f"models/{file}", content)
    measured = attempt.save(f"models/{file.removesuffix('.pkl')}.measured.pkl", content + b"\n")
    described["measured_digest"] = measured.digest
    metrics = attempt.save("metrics.json", json.dumps(described).encode(), "application/json")
    tracked = _track(attempt, server, model.digest)
    return Outcome(
        outputs={"model": model, "measured_model": measured, "metrics": metrics},
        facts={
            "model_name": request.model_name,
            "fitted_on": "all rows",
            "target_column": request.target_column,
            "target_kind": "classification",
            "target_rule": "",
            "rows": rows,
            "rows_without_target": 0,
            "is_stratified": False,
            "training_scenario": "holdout",
            "features": 1,
            "unused_columns": [],
            "useless_columns": {},
            "suspect_columns": {},
            "defaults_chosen": {},
            "choice": None,
            "threshold": None,
            "tuning": None,
            "metrics": _METRICS,
            "baseline": _BASELINE,
            "headline_metric": "balanced_accuracy",
            "interval": {"why_none": "nothing was fitted"},
            "against_baseline": "better than the baseline",
            "untested_classes": [],
            "metrics_shown": [[name, f"{value:g}", f"{_BASELINE[name]:g}"] for name, value in _METRICS.items()],
            "notes": [],
            "model_version": request.model_version,
            "model_file": file,
            "model_digest": model.digest,
            "measured_digest": measured.digest,
            **tracked,
        },
        headline=f"{request.model_name}: nothing was fitted",
        location=model.uri,
        request=request,
        links={"mlflow_run": str(tracked["mlflow_run_url"])},
    )


def _track(attempt: Attempt, server: MlflowServer, digest: str) -> dict[str, Any]:
    experiment = find_experiment(server, attempt.settings.mlflow_experiment_name)
    tags = {
        "run_key": attempt.run_key,
        "dataset": attempt.dataset,
        "stage": attempt.stage,
        "attempt": attempt.name,
        "ask": attempt.ask,
        "model_digest": digest,
    }
    values: dict[str, Any] = {
        "experiment_id": experiment,
        "run_name": attempt.run_key,
        "start_time": int(time.time() * 1000),
        "tags": [{"key": name, "value": value} for name, value in tags.items()],
    }
    run = server.call("POST", "runs/create", values)["run"]["info"]["run_id"]
    made = {"experiment_id": experiment, "name": "model", "source_run_id": run}
    model = server.call("POST", "logged-models", made)["model"]["info"]["model_id"]
    server.call("PATCH", f"logged-models/{model}", {"model_id": model, "status": "LOGGED_MODEL_READY"})
    metrics = [
        {"key": name, "value": value, "timestamp": values["start_time"], "step": 0} for name, value in _METRICS.items()
    ]
    server.call("POST", "runs/log-batch", {"run_id": run, "metrics": metrics})
    server.call("POST", "runs/update", {"run_id": run, "status": "FINISHED", "end_time": int(time.time() * 1000)})
    return {
        "mlflow_run_id": run,
        "mlflow_run_url": server.link_run(experiment, run),
        "mlflow_model_id": model,
        "experiment_id": experiment,
    }
