"""Airflow's REST API, as far as the commands need it: trigger a stage, see runs, see what stands in the way, set up."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

from cli.errors import NO_ANSWER, AirflowUnreachable, InputRefused
from cli.settings import StackSettings
from pipeline_contract.records import FAILURE_MARK
from pipeline_contract.stages import STAGES

#: The Dags that a drop passes through.
DAGS = ("watch", *STAGES)


@dataclass(frozen=True)
class DagRun:
    """One run of a Dag. `state`: queued, running, success or failed. `user`: who triggered it, empty where nobody did."""

    dag_id: str
    dag_run_id: str
    state: str
    run_after: datetime
    url: str
    user: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will be tried again."""
        return self.state in {"success", "failed"}


class Airflow:
    """The REST API, logged in as the user of the commands. Every failure is an AirflowUnreachable. Close it after use."""

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        # No proxy: the server is on this machine. The first login makes the server load all of its user management, which took
        # more than 20 s on two busy cores.
        timeout = httpx.Timeout(60, connect=5)
        self._client = httpx.Client(base_url=settings.airflow_url, trust_env=False, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def trigger(
        self, dag_id: str, conf: Mapping[str, Any], partition_key: str | None = None, dag_run_id: str | None = None
    ) -> DagRun:
        """Start a run of a Dag, under an id of ours or of Airflow's; what Airflow says against the conf is the person's to mend."""
        body = {
            "logical_date": None,
            "conf": dict(conf),
            "partition_key": partition_key,
            "dag_run_id": dag_run_id,
        }
        return self._describe(self._ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body))

    def find_runs(self, run_key: str) -> list[DagRun]:
        """Return the Dag runs of all stages that carry this run key, oldest first."""
        query = {"partition_key_prefix_pattern": run_key, "order_by": "id", "limit": "100"}
        return [self._describe(run) for run in self._ask("GET", "/api/v2/dags/~/dagRuns", params=query)["dag_runs"]]

    def read_run(self, dag_id: str, dag_run_id: str) -> DagRun:
        """Return what a Dag run is now."""
        return self._describe(self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{quote(dag_run_id, safe='')}"))

    def read_last_words(self, run: DagRun) -> list[str]:
        """Return what the log of a failed Dag run says at its end: the errors, without traces."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{quote(run.dag_run_id, safe='')}/taskInstances"
        words: list[str] = []
        for task in self._ask("GET", path)["task_instances"]:
            if task["state"] == "failed":
                log = f"{path}/{task['task_id']}/logs/{task['try_number']}"
                for line in self._ask("GET", log, params={"full_content": "true"})["content"]:
                    words += read_error(line) if isinstance(line, dict) else []
        # The operator says what happened, where and what to do; what is raised then only repeats it.
        told = [word for word in words if word.startswith(("What happened:", "Where:", "What to do:"))]
        return told[-3:] or words[-3:]

    def find_obstacles(self) -> list[str]:
        """Return what keeps Airflow from taking up drops; empty where nothing does."""
        try:
            health = self._ask("GET", "/api/v2/monitor/health")
            dags = {dag["dag_id"]: dag for dag in self._ask("GET", "/api/v2/dags", params={"limit": "100"})["dags"]}
            faults = self._ask("GET", "/api/v2/importErrors")["import_errors"]
        except AirflowUnreachable as error:
            return [str(error)]
        found = [
            f"Airflow's {part.replace('_', ' ')} is not healthy: `make up` starts what does not run."
            for part in ("metadatabase", "scheduler", "dag_processor")
            if (health.get(part) or {}).get("status") != "healthy"
        ]
        found += [f"{fault['filename']} does not parse: {last_line(fault['stack_trace'])}" for fault in faults]
        for name in DAGS:
            if name not in dags:
                found.append(
                    f"Airflow does not know the Dag `{name}` yet: it reads the Dag files in the first half minute."
                )
            elif dags[name]["is_paused"]:
                why = "no drop is taken up" if name == "watch" else "`watch` takes up no drop until it is not"
                found.append(
                    f"The Dag `{name}` is paused, so {why}: unpause it at {self._settings.airflow_url}/dags/{name}."
                )
        return found

    def _describe(self, run: Mapping[str, Any]) -> DagRun:
        return DagRun(
            dag_id=run["dag_id"],
            dag_run_id=run["dag_run_id"],
            state=run["state"],
            run_after=datetime.fromisoformat(run["run_after"]),
            url=f"{self._settings.airflow_url}/dags/{run['dag_id']}/runs/{quote(run['dag_run_id'], safe='')}",
            user=run.get("triggering_user_name") or "",
        )

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        if "Authorization" not in self._client.headers:
            self._log_in()
        answer = self._send(method, path, **options)
        if answer.status_code == httpx.codes.UNAUTHORIZED:  # the token is too old
            self._log_in()
            answer = self._send(method, path, **options)
        if answer.is_success:
            return answer.json()
        told = _read_detail(answer)
        if method == "POST" and answer.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY}:
            raise InputRefused(f"Airflow refuses the parameters: {told}")
        raise AirflowUnreachable(
            f"Airflow answers {answer.status_code} to {method} {path}: {told}\n"
            f"A Dag that it does not know is one whose file does not parse: the top of {self._settings.airflow_url} names it."
        )

    def _log_in(self) -> None:
        login = self._settings.airflow_login
        self._client.headers.pop("Authorization", None)
        answer = self._send("POST", "/auth/token", json=login)
        if not answer.is_success:
            raise AirflowUnreachable(
                f"Airflow at {self._settings.airflow_url} refuses the login of user {login['username']} ({answer.status_code}).\n"
                f"AIRFLOW_API_USERNAME and AIRFLOW_API_PASSWORD in {self._settings.env_file} must be those that it was "
                "started with: `make down up` starts it with those that are there now."
            )
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise AirflowUnreachable(
                f"Airflow does not answer at {self._settings.airflow_url} ({error}).\n{NO_ANSWER}"
            ) from None


@contextmanager
def open_airflow(settings: StackSettings) -> Iterator[httpx.Client]:
    """Give a client that is logged in as the administrator; paths are relative to Airflow's address, errors become AirflowUnreachable."""
    login = {"username": settings["AIRFLOW_ADMIN_USERNAME"], "password": settings["AIRFLOW_ADMIN_PASSWORD"]}
    try:
        # Not through a proxy: Airflow is on this machine. Patient: it has just started, and so has everything else.
        with httpx.Client(base_url=settings.airflow_url, trust_env=False, timeout=120) as client:
            token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
    except httpx.HTTPError as error:
        raise AirflowUnreachable(f"Airflow at {settings.airflow_url} did not do what it was asked: {error}") from error


def last_line(trace: str) -> str:
    """Return the last line of a trace: what went wrong."""
    return (trace.strip().splitlines() or ["?"])[-1]


def read_error(line: Mapping[str, Any]) -> list[str]:
    """Return what one line of a task's log says, if it is an error: the message, or the exception's."""
    event = str(line.get("event", ""))
    if event.startswith(FAILURE_MARK) or line.get("level") not in {"error", "critical"}:
        return []
    details = line.get("error_detail") or []
    return [f"{detail.get('exc_type')}: {detail.get('exc_value')}" for detail in details[-1:]] or [event]


def _read_detail(answer: httpx.Response) -> str:
    """Return what an answer says is wrong, in one line."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text[:300]
    if isinstance(detail, list):  # FastAPI's list of faults
        return "; ".join(f"{'.'.join(map(str, fault.get('loc', ())))}: {fault.get('msg')}" for fault in detail)
    # Of a shape that does not fit Airflow also prints the schema, after an empty line.
    return detail.partition("\n\n")[0] if isinstance(detail, str) else json.dumps(detail)
