"""The versions of a dataset's model in MLflow's registry, and the alias that names the newest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from pipeline_contract.run_key import RunKey, is_run_key

from ...errors import TrackingConflict, TrackingUnavailable
from ...mlflow_server import MlflowServer
from ...run.run_order import tell_order

ALIAS = "newest"
_ORDER = "run_order"
_DECIDED = "decided_at"
_PAGE = 1_000
#: MLflow's name for that what is asked for, or is to be changed, is not there.
_MISSING = "RESOURCE_DOES_NOT_EXIST"
#: More rounds than workers that could publish the same dataset at the same moment.
_ROUNDS = 50


@dataclass(frozen=True)
class Version:
    """One version of a registered model; *run_key* is empty where something else registered it.

    *run_order* sorts runs as :func:`tell_order` has it; empty where a version is older than that.
    *decided_at* is when its training last ended with this model, in UTC as manifests spell it: a run that was trained anew and
    then as before has two versions, and the first of them was decided last.
    """

    number: int
    run_key: str
    run_order: str = ""
    decided_at: str = ""

    @property
    def order(self) -> tuple[bool, str, str, str, int]:
        """What makes one version newer than another: the order of the run, its key, what was decided last of it, the number."""
        if not is_run_key(self.run_key):
            return False, "", "", "", self.number
        run_order = self.run_order or tell_order(RunKey.parse(self.run_key).time)
        return True, run_order, self.run_key, self.decided_at, self.number


class Registry:
    """The registered model *name* on a server."""

    def __init__(self, server: MlflowServer, name: str) -> None:
        self._server = server
        self.name = name

    def register(
        self,
        *,
        run_key: str,
        run_order: str,
        model_digest: str,
        decided_at: str,
        mlflow_run_id: str,
        mlflow_model_id: str,
        tags: Mapping[str, str],
        description: str,
    ) -> tuple[Version, bool]:
        """Return the version of this run and this model, and whether it was made now or was there already.

        The run key and the digest are what it is found by, so they are put on it in the call that makes it.
        """
        identity = {"run_key": run_key, "model_digest": model_digest}
        self._ensure_model()
        found = self._find(identity)
        if found is not None:
            return self._decide(found, decided_at), False
        made = self._server.call(
            "POST",
            "model-versions/create",
            {
                "name": self.name,
                "source": f"models:/{mlflow_model_id}",
                "run_id": mlflow_run_id,
                "model_id": mlflow_model_id,
                "description": description,
                "tags": _list_tags(identity | {_ORDER: run_order, _DECIDED: decided_at} | dict(tags)),
            },
        )["model_version"]
        first = self._find(identity)
        if first is not None and first.number != int(made["version"]):
            # Another worker registered the same model between the search and the call.
            self._server.call("DELETE", "model-versions/delete", {"name": self.name, "version": made["version"]})
            return self._decide(first, decided_at), False
        # So that the page of the logged model names its version, as MLflow's own client has it.
        told = {"mlflow.modelVersions": json.dumps([{"name": self.name, "version": str(made["version"])}])}
        self._server.call("PATCH", f"logged-models/{mlflow_model_id}/tags", {"tags": _list_tags(told)})
        return Version(int(made["version"]), run_key, run_order, decided_at), True

    def _decide(self, version: Version, decided_at: str) -> Version:
        """Return a version that was there already as the one that was decided at that time, where it was not later."""
        if decided_at <= version.decided_at:
            return version
        values = {"name": self.name, "version": str(version.number), "key": _DECIDED, "value": decided_at}
        self._server.call("POST", "model-versions/set-tag", values)
        return replace(version, decided_at=decided_at)

    def move_alias(self, mine: Version) -> Version:
        """Let the alias name the newest version, and return that; *mine* is the one that was just registered.

        MLflow cannot compare and set. So whoever set the alias looks again, at all versions, until there is nothing
        to change: a slower worker that sets it to an older version finds the newer one then, and mends it.

        :raises TrackingUnavailable: it never settled.
        """
        for _ in range(_ROUNDS):
            newest = max([mine, *self._list_versions()], key=attrgetter("order"))
            if self._read_alias() == newest.number:
                return newest
            wanted = {"name": self.name, "alias": ALIAS, "version": str(newest.number)}
            # Another worker may set the alias of a new model for the first time at the same moment, or take the version back of a
            # model that it registered at the same moment.
            with suppress(TrackingConflict):
                self._server.try_call("POST", "registered-models/alias", wanted, _MISSING)
        raise TrackingUnavailable(
            f"The alias `{ALIAS}` of `{self.name}` is changed by something else all the time.",
            where=self._server.safe_uri,
            fix=f"Let nothing but the pipeline set the alias `{ALIAS}`; it is tried again.",
        )

    def _ensure_model(self) -> None:
        if self._server.try_call("GET", "registered-models/get", {"name": self.name}, _MISSING) is None:
            values = {"name": self.name, "tags": _list_tags({"dataset": self.name})}
            # Another worker may be faster.
            self._server.try_call("POST", "registered-models/create", values, "RESOURCE_ALREADY_EXISTS")

    def _find(self, identity: Mapping[str, str]) -> Version | None:
        # The name is compared here: as text in a filter it would need quoting that MLflow does not have.
        wanted = " and ".join(f"tags.{name} = '{value}'" for name, value in identity.items())
        return min(self._search(wanted), key=attrgetter("number"), default=None)

    def _list_versions(self) -> list[Version]:
        quote = '"' if "'" in self.name else "'"
        return list(self._search(f"name = {quote}{self.name}{quote}"))

    def _search(self, wanted: str) -> Iterator[Version]:
        token = ""
        while True:
            values = {"filter": wanted, "max_results": _PAGE} | ({"page_token": token} if token else {})
            answer = self._server.call("GET", "model-versions/search", values)
            for entry in answer.get("model_versions", []):
                if entry["name"] == self.name:
                    yield _read_version(entry)
            token = answer.get("next_page_token", "")
            if not token:
                return

    def _read_alias(self) -> int | None:
        model = self._server.call("GET", "registered-models/get", {"name": self.name})["registered_model"]
        return next((int(each["version"]) for each in model.get("aliases", []) if each["alias"] == ALIAS), None)


def _read_version(entry: Mapping[str, Any]) -> Version:
    tags = {tag["key"]: tag.get("value", "") for tag in entry.get("tags", [])}
    return Version(int(entry["version"]), *(str(tags.get(name, "")) for name in ("run_key", _ORDER, _DECIDED)))


def _list_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": name, "value": value} for name, value in tags.items()]
