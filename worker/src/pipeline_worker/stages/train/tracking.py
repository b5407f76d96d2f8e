"""The MLflow run of a training: begun before the fit, so that it is seen; ended as failed when the attempt fails."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import TrackingUnavailable
from ...mlflow_server import MlflowServer
from ...run.manifest import Artifact

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

#: What MLflow's client is told before it is loaded. A dead server shall be noticed soon: by default it tries for 248 s.
_CLIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # It would print links to stdout, which is for results.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
#: The longest text that MLflow keeps as a parameter.
_MAX_TEXT = 6_000


@dataclass(frozen=True)
class TrackedRun:
    """One run in MLflow.

    :param url: its page, for people.
    """

    run_id: str
    experiment_id: str
    url: str
    client: MlflowClient

    def log_params(self, params: Mapping[str, Any], tags: Mapping[str, Any]) -> None:
        """Keep *params* and *tags* as text, in one request."""
        from mlflow.entities import Param, RunTag

        self.client.log_batch(
            self.run_id,
            params=[Param(name, _shorten(value)) for name, value in params.items()],
            tags=[RunTag(name, _shorten(value)) for name, value in tags.items()],
        )

    def log_metrics(self, metrics: Mapping[str, float], model_id: str) -> None:
        """Keep *metrics*, of the run and of the model that it made."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self.client.log_batch(
            self.run_id,
            metrics=[Metric(name, value, now, 0, model_id=model_id) for name, value in metrics.items()],
        )

    def log_dataset(self, name: str, artifact: Artifact, *, rows: int, columns: int) -> None:
        """Keep which data the model was trained on; MLflow shows it with a link to every run that used the same."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(
            name=name,
            digest=artifact.digest.removeprefix("sha256:")[:16],
            source_type="s3",
            source=json.dumps({"uri": artifact.uri}),
            profile=json.dumps({"num_rows": rows, "num_columns": columns}),
        )
        self.client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    def add_child(
        self, name: str, tags: Mapping[str, str], params: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> None:
        """Keep a run below this one that is over already."""
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        child = self.client.create_run(
            self.experiment_id, start_time=now, tags={**tags, "mlflow.parentRunId": self.run_id}, run_name=name
        )
        self.client.log_batch(
            child.info.run_id,
            metrics=[Metric(each, value, now, 0) for each, value in metrics.items()],
            params=[Param(each, _shorten(value)) for each, value in params.items()],
        )
        self.client.set_terminated(child.info.run_id)


def quiet_client() -> None:
    """Tell MLflow's client not to hang, not to report home and not to draw; to be called before it is loaded."""
    for name, value in _CLIENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def track_run(server: MlflowServer, experiment: str, name: str, tags: Mapping[str, str]) -> Iterator[TrackedRun]:
    """Begin the run *name* with *tags*, and end it: as finished, or as failed if the block raises.

    :raises TrackingUnavailable: the server stops answering, also within the block.
    """
    import mlflow

    experiment_id = find_experiment(server, experiment)
    end_stale_runs(server, experiment_id, tags["run_key"])
    # Its warnings are about choices that are made, and explained, in `logged_model`.
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(server.uri)
    with explain_mlflow(server), mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=dict(tags)) as run:
        run_id = run.info.run_id
        yield TrackedRun(run_id, experiment_id, server.link_run(experiment_id, run_id), mlflow.MlflowClient())


def end_stale_runs(server: MlflowServer, experiment_id: str, run_key: str) -> None:
    """End the runs that earlier attempts of *run_key* left running because they were killed."""
    wanted = f"tags.run_key = '{run_key}' and attributes.status = 'RUNNING'"
    found = server.call("POST", "runs/search", {"experiment_ids": [experiment_id], "filter": wanted})
    for run in found.get("runs", []):
        values = {"run_id": run["info"]["run_id"], "status": "KILLED", "end_time": int(time.time() * 1000)}
        server.call("POST", "runs/update", values)


def find_experiment(server: MlflowServer, name: str) -> str:
    """Return the id of the experiment *name*, which is made if need be; several workers may want it at once.

    :raises TrackingUnavailable: it was deleted, and nothing can be added to it.
    """
    missing, taken = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"
    for _ in range(2):
        answer = server.try_call("GET", "experiments/get-by-name", {"experiment_name": name}, missing)
        if answer is not None:
            found = answer["experiment"]
            if found["lifecycle_stage"] != "active":
                raise TrackingUnavailable(
                    f"The experiment `{name}` was deleted in MLflow.",
                    where=server.safe_uri,
                    fix=f"Restore it (`mlflow experiments restore -x {found['experiment_id']}`), or set "
                    "MLFLOW_EXPERIMENT_NAME to another name; it is tried again.",
                )
            return str(found["experiment_id"])
        made = server.try_call("POST", "experiments/create", {"name": name}, taken)
        if made is not None:
            return str(made["experiment_id"])
    raise TrackingUnavailable(
        f"The experiment `{name}` comes and goes.", where=server.safe_uri, fix="Nothing; it is tried again."
    )


@contextmanager
def explain_mlflow(server: MlflowServer) -> Iterator[None]:
    """Turn what MLflow's client raises where its server fails into `TrackingUnavailable`; a fault of ours stays one."""
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, requests.RequestException) as error:
        if isinstance(error, MlflowException) and not _is_outage(error):
            raise
        raise TrackingUnavailable(
            f"MLflow failed while the run was being kept: {_shorten(str(error), 300)}",
            where=server.safe_uri,
            fix="Check that it runs and has room for artifacts; the training is tried again.",
        ) from error


def _is_outage(error: MlflowException) -> bool:
    """Whether a server's answer, or that there was none, is what the client tells of, and another attempt may succeed.

    What the client finds wrong by itself has the status 500 as well, unless it says otherwise. It is told from an
    answer that is no JSON, or that never came, by how these begin. (`mlflow/utils/rest_utils.py`)
    """
    from mlflow.exceptions import RestException

    if not isinstance(error, RestException) and not str(error).startswith("API request"):
        return False
    status = error.get_http_status_code()  # type: ignore[no-untyped-call]
    return bool(status >= 500 or status in {401, 403, 429})


def _shorten(value: object, length: int = _MAX_TEXT) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= length else text[: length - 1] + "…"
