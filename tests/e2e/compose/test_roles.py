"""Each user of Airflow may do what the role is for, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.compose_stack import ComposeStack
from tests.e2e.pipeline import Pipeline

LOOK, RUN, KEEP, RULE = "look", "run", "keep", "rule"
#: What is asked, and what kind of right it takes. `{dag}` is one of the stages for who may not, and none for who may.
ACTIONS: dict[str, tuple[str, str, str, Any]] = {
    "see the Dags": (LOOK, "GET", "/api/v2/dags", None),
    "see the runs": (LOOK, "GET", "/api/v2/dags/~/dagRuns", None),
    "see what does not parse": (LOOK, "GET", "/api/v2/importErrors", None),
    "see a Dag's code": (LOOK, "GET", "/api/v2/dagSources/watch", None),
    # With a key that is none, so that nothing runs.
    "trigger": (RUN, "POST", "/api/v2/dags/publish/dagRuns", {"logical_date": None, "conf": {"run_key": "none"}}),
    "clear": (RUN, "POST", "/api/v2/dags/publish/clearTaskInstances", {"dry_run": True}),
    "stop": (RUN, "PATCH", "/api/v2/dags/publish/dagRuns/none", {"state": "failed"}),
    "stop a task": (
        RUN,
        "PATCH",
        "/api/v2/dags/publish/dagRuns/none/taskInstances/save_results",
        {"new_state": "failed"},
    ),
    "pause": (KEEP, "PATCH", "/api/v2/dags/publish", {"is_paused": False}),
    "pause all": (KEEP, "PATCH", "/api/v2/dags?dag_id_pattern=none", {"is_paused": False}),
    "delete a Dag": (KEEP, "DELETE", "/api/v2/dags/{dag}", None),
    "delete a run": (KEEP, "DELETE", "/api/v2/dags/publish/dagRuns/none", None),
    "delete a task": (KEEP, "DELETE", "/api/v2/dags/publish/dagRuns/none/taskInstances/save_results", None),
    "run watch": (KEEP, "POST", "/api/v2/dags/watch/dagRuns", {"no": "such field"}),
    "clear watch": (KEEP, "POST", "/api/v2/dags/watch/clearTaskInstances", {"dry_run": True}),
    "stop watch": (KEEP, "PATCH", "/api/v2/dags/watch/dagRuns/none", {"state": "failed"}),
    "make an event": (KEEP, "POST", "/api/v2/assets/events", {"asset_id": 1000}),
    "materialize an asset": (KEEP, "POST", "/api/v2/assets/1000/materialize", None),
    "drop what is queued": (KEEP, "DELETE", "/api/v2/dags/{dag}/assets/queuedEvents", None),
    "make a connection": (KEEP, "POST", "/api/v2/connections", {"connection_id": "x", "conn_type": "http"}),
    "read connections": (KEEP, "GET", "/api/v2/connections", None),
    "make a variable": (KEEP, "POST", "/api/v2/variables", {"key": "x", "value": "y"}),
    "change the pool": (
        KEEP,
        "PATCH",
        "/api/v2/pools/stages",
        {"pool": "stages", "slots": 2, "include_deferred": False},
    ),
    "see all users": (RULE, "GET", "/auth/fab/v1/users", None),
}
MAY = {
    "AIRFLOW_VIEWER": {LOOK},
    "AIRFLOW_OPERATOR": {LOOK, RUN},
    "AIRFLOW_API": {LOOK, RUN},
    "AIRFLOW_ADMIN": {LOOK, RUN, KEEP, RULE},
}


@pytest.fixture(scope="module", params=MAY)
def user(request: pytest.FixtureRequest, pipeline: Pipeline) -> Iterator[tuple[str, httpx.Client]]:
    """Give each user in turn, logged in."""
    settings = pipeline.settings
    login = {"username": settings[f"{request.param}_USERNAME"], "password": settings[f"{request.param}_PASSWORD"]}
    with httpx.Client(base_url=settings.airflow_url, trust_env=False, timeout=60) as client:
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield request.param, client


@pytest.mark.parametrize("name", ACTIONS)
def test_a_user_does_what_the_role_is_for(user: tuple[str, httpx.Client], name: str) -> None:
    """The viewer looks, the operator and the commands run and clear, the administrator keeps house too."""
    prefix, client = user
    right, method, path, body = ACTIONS[name]
    may = right in MAY[prefix]
    answer = client.request(method, path.format(dag="none" if may else "publish"), json=body)
    if may:
        # What is not there is asked for where the deed itself would harm the other tests.
        assert answer.is_success or answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY}, (
            answer.text
        )
    else:
        assert answer.status_code == httpx.codes.FORBIDDEN, answer.text
    if name == "make a connection" and answer.is_success:
        client.delete("/api/v2/connections/x").raise_for_status()
    if name == "make a variable" and answer.is_success:
        client.delete("/api/v2/variables/x").raise_for_status()


@pytest.mark.parametrize("path", ["/api/v2/dags", "/api/v2/connections", "/auth/fab/v1/users"])
def test_nobody_looks_without_a_login(compose: ComposeStack, path: str) -> None:
    """Without a token nothing is shown."""
    assert httpx.get(f"{compose.settings.airflow_url}{path}", trust_env=False).status_code == httpx.codes.UNAUTHORIZED


def test_a_session_that_a_worker_signs_is_nobodys(compose: ComposeStack) -> None:
    """Celery workers have Airflow's secret key; what they could sign with it logs nobody in."""
    settings = compose.settings

    def log_in(key: str) -> bool:
        # Flask-Login's cookie: the id of a user, and its signature.
        signature = hmac.new(key.encode(), b"1", "sha512").hexdigest()
        with httpx.Client(base_url=settings.airflow_url, trust_env=False, timeout=60) as client:
            client.cookies.set("remember_token", f"1|{signature}")
            return "_token" in client.get("/auth/").cookies

    assert "AIRFLOW_API_SECRET_KEY" in settings.values
    assert not log_in(settings["AIRFLOW_API_SECRET_KEY"])
    # With the right one it does, so the way that is tried is one.
    assert log_in(hashlib.sha256(f"sessions {settings['AIRFLOW_JWT_SECRET']}".encode()).hexdigest())


def test_a_wrong_password_is_refused(compose: ComposeStack) -> None:
    """A user's name is not enough, and Airflow's well-known first password is nobody's."""
    for password in ("airflow", "admin", ""):
        login = {"username": compose.settings["AIRFLOW_ADMIN_USERNAME"], "password": password}
        answer = httpx.post(f"{compose.settings.airflow_url}/auth/token", json=login, trust_env=False)
        assert answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.BAD_REQUEST}
        assert "access_token" not in answer.text
