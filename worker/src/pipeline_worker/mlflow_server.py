"""MLflow's REST API, called directly: its own client takes two seconds to load, and `publish` needs six calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from .errors import ParameterInvalid, TrackingConflict, TrackingUnavailable
from .settings import Settings

#: Lets MLflow's pages begin with models, rather than with prompts and agents.
_VIEW = "workflowType=machine_learning"
#: To connect, and to wait for an answer, in seconds.
_TIMEOUT = (5, 15)
#: What MLflow calls everything that its database refused, as in a race of two who write the same row; faults of a call
#: have other names. (`mlflow/store/db/utils.py`)
_DATABASE_REFUSAL = "BAD_REQUEST"


class MlflowRefusal(Exception):
    """The server understood a call and refused it; *code* is MLflow's name of the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class MlflowServer:
    """The MLflow server of the settings.

    Every call raises :class:`MlflowRefusal` where the server refuses it for a reason that lies in the call, and
    :class:`~pipeline_worker.errors.TrackingUnavailable` where it does not answer as an MLflow server would.
    """

    def __init__(self, settings: Settings) -> None:
        """Remember where the server is, without a slash at its end; nothing is called yet.

        :raises ParameterInvalid: the settings name none. MLflow keeps nothing in a plain folder any more, and a database needs its
            server, so there has to be one even on a laptop.
        """
        self.uri = (settings.mlflow_tracking_uri or "").rstrip("/")
        if not self.uri.startswith(("http://", "https://")):
            raise ParameterInvalid(
                f"`{self.uri}` is no address of an MLflow server."
                if self.uri
                else "There is no MLflow server to keep the model in.",
                where="MLFLOW_TRACKING_URI",
                fix="Start one in another terminal (`pip install mlflow`, then `mlflow server --port 5000`), set "
                "MLFLOW_TRACKING_URI=http://127.0.0.1:5000, and run this again.",
            )
        self._public_url = _without_password(settings.mlflow_public_url or self.uri).rstrip("/")
        self._session = requests.Session()

    def check(self) -> None:
        """Return if the server answers."""
        self._ask("GET", "/health")

    def call(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer to *method* on `/api/2.0/mlflow/<path>` with *values*."""
        where = f"/api/2.0/mlflow/{path}"
        answer = self._ask(method, where, values)
        try:
            content = answer.json()
        except requests.JSONDecodeError as error:
            raise self._odd(where, answer) from error
        if not isinstance(content, dict):
            raise self._odd(where, answer)
        return content

    def try_call(self, method: str, path: str, values: Mapping[str, Any], refused_as: str) -> dict[str, Any] | None:
        """Return the answer as :meth:`call` does, or None where the server refuses by the code *refused_as*."""
        try:
            return self.call(method, path, values)
        except MlflowRefusal as refusal:
            if refusal.code != refused_as:
                raise
            return None

    def link_run(self, experiment_id: str, run_id: str) -> str:
        """Return the address of a run's page."""
        return f"{self._public_url}/#/experiments/{experiment_id}/runs/{run_id}?{_VIEW}"

    def link_version(self, name: str, version: str) -> str:
        """Return the address of the page of a version of a registered model."""
        return f"{self._public_url}/#/models/{quote(name, safe='')}/versions/{version}?{_VIEW}"

    def _ask(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> requests.Response:
        where = {"params": dict(values)} if values and method == "GET" else {"json": values} if values else {}
        try:
            answer = self._session.request(method, f"{self.uri}{path}", timeout=_TIMEOUT, **where)
        except requests.RequestException as error:
            raise self._silent(_say_briefly(error)) from error
        if answer.ok:
            return answer
        if answer.status_code in {401, 403}:
            raise TrackingUnavailable(
                f"MLflow refuses the worker ({answer.status_code}): {_shorten(answer.text)}",
                where=self.safe_uri,
                fix="Check the credentials in MLFLOW_TRACKING_URI, and the server's --allowed-hosts.",
            )
        if answer.status_code < 500 and answer.status_code != 429:
            try:
                refusal = answer.json()
                code, message = str(refusal["error_code"]), str(refusal.get("message", ""))
            except (requests.JSONDecodeError, KeyError, TypeError):
                raise self._odd(path, answer) from None
            if code == _DATABASE_REFUSAL:
                raise TrackingConflict(
                    f"MLflow's database refuses {path}: {_shorten(message)}",
                    where=self.safe_uri,
                    fix="Nothing if another run was published at the same moment; it is tried again. Else look at the "
                    "server's log.",
                )
            raise MlflowRefusal(code, message)
        if answer.status_code in {502, 503, 504}:
            # As a proxy before the server says it; its page of HTML has nothing more.
            raise self._silent(f"{answer.status_code} {answer.reason}")
        raise self._odd(path, answer)

    @property
    def safe_uri(self) -> str:
        """The server's address without a password that may be in it."""
        return _without_password(self.uri)

    def _silent(self, why: str) -> TrackingUnavailable:
        return TrackingUnavailable(
            f"MLflow does not answer: {why}.",
            where=self.safe_uri,
            fix="Check that it runs and that MLFLOW_TRACKING_URI is right as seen from here; it is tried again.",
        )

    def _odd(self, path: str, answer: requests.Response) -> TrackingUnavailable:
        return TrackingUnavailable(
            f"The server at MLflow's address answers {answer.status_code} to {path}: {_shorten(answer.text)}",
            where=self.safe_uri,
            fix="Look at the server's log; if that is no MLflow server at all, mend MLFLOW_TRACKING_URI. "
            "It is tried again.",
        )


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _say_briefly(error: Exception) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "no connection within 5 seconds"
    if isinstance(error, requests.Timeout):
        return "no answer within 15 seconds"
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return str(cause) or type(error).__name__


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:199] + "…"
