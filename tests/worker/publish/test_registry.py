"""Versions and the alias in a real registry."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline_worker.mlflow_server import MlflowServer
from pipeline_worker.run.run_order import tell_order
from pipeline_worker.settings import read_settings
from pipeline_worker.stages.publish.registry import ALIAS, Registry, Version
from tests.worker.conftest import Mlflow


class Bench:
    """A registry, and logged models to register in it."""

    def __init__(self, mlflow: Mlflow, name: str) -> None:
        self.settings = read_settings({"MLFLOW_TRACKING_URI": mlflow.uri}, store_folder=Path("/nowhere"))
        self.server = MlflowServer(self.settings)
        self.registry = Registry(self.server, name)

    def register(
        self, run_key: str, digest: str = "sha256:aa", decided_at: str = "", run_order: str = ""
    ) -> tuple[Version, bool]:
        # A session of its own for each call, as each would be in a process of its own.
        server = MlflowServer(self.settings)
        run = server.call("POST", "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
        model = server.call("POST", "logged-models", {"experiment_id": "0", "name": "model", "source_run_id": run})[
            "model"
        ]["info"]["model_id"]
        return Registry(server, self.registry.name).register(
            run_key=run_key,
            run_order=run_order,
            model_digest=digest,
            decided_at=decided_at,
            mlflow_run_id=run,
            mlflow_model_id=model,
            tags={"attempt": "one"},
            description="good",
        )

    def publish(self, run_key: str, digest: str = "sha256:aa", decided_at: str = "", run_order: str = "") -> Version:
        version, _ = self.register(run_key, digest, decided_at, run_order)
        Registry(MlflowServer(self.settings), self.registry.name).move_alias(version)
        return version

    def aliased(self) -> int:
        model = self.server.call("GET", "registered-models/get", {"name": self.registry.name})["registered_model"]
        return next(int(each["version"]) for each in model["aliases"] if each["alias"] == ALIAS)

    def versions(self) -> list[dict[str, Any]]:
        found = self.server.call("GET", "model-versions/search", {"max_results": 1000})
        return [each for each in found.get("model_versions", []) if each["name"] == self.registry.name]


def key(day: int, digest: str = "aaaaaaaa") -> str:
    return f"birds.202601{day:02d}T000000Z.{digest}"


@pytest.fixture
def bench(mlflow_server: Mlflow, request: pytest.FixtureRequest) -> Bench:
    return Bench(mlflow_server, request.node.name)


def test_a_model_is_registered_once(bench: Bench) -> None:
    """The same run key and digest are the same version, however often they are published; another digest is another."""
    first, is_new = bench.register(key(1))
    assert is_new
    assert bench.register(key(1)) == (first, False)
    assert bench.register(key(1), "sha256:bb")[0].number == 2
    tags = {tag["key"]: tag["value"] for tag in bench.versions()[-1]["tags"]}
    assert tags == {
        "run_key": key(1),
        "run_order": "",
        "model_digest": "sha256:aa",
        "decided_at": "",
        "attempt": "one",
    }


def test_the_alias_goes_forward_only(bench: Bench) -> None:
    """An older run that is published late leaves the alias where it is; of one run the later version counts."""
    assert bench.publish(key(5)).number == bench.aliased() == 1
    assert bench.publish(key(9)).number == bench.aliased() == 2
    assert bench.publish(key(7)).number == 3
    assert bench.aliased() == 2
    assert bench.publish(key(9), "sha256:bb").number == bench.aliased() == 4
    assert bench.publish(key(9, "bbbbbbbb")).number == bench.aliased() == 5


def test_of_one_second_the_later_run_counts(bench: Bench) -> None:
    """The order of the runs decides where their keys have one time, not what the rest of the keys is made of."""
    time = datetime(2026, 1, 5, tzinfo=UTC)
    older, newer, newest = tell_order(time, 1), tell_order(time, 0), tell_order(time + timedelta(milliseconds=1), 0)
    assert bench.publish(key(5, "ffffffff"), run_order=older).number == bench.aliased() == 1
    assert bench.publish(key(5, "aaaaaaaa"), run_order=newer).number == bench.aliased() == 2
    assert bench.publish(key(5, "eeeeeeee"), "sha256:bb", run_order=older).number == 3
    # Whatever is decided of an older run.
    assert bench.publish(key(5, "ffffffff"), "sha256:bb", "2026-02-01T00:00:00.000Z", older).number == 4
    assert bench.aliased() == 2
    assert bench.publish(key(5, "11111111"), run_order=newest).number == bench.aliased() == 5
    assert bench.publish(key(5, "bbbbbbbb"), run_order=newer).number == 6
    assert bench.aliased() == 5


def test_what_was_decided_last_of_a_run_counts(bench: Bench) -> None:
    """A run that is trained anew, and then as before, ends with the version that it had before; a repeat changes nothing."""
    first, second, third = (f"2026-01-01T00:00:0{second}.000Z" for second in (1, 2, 3))
    decisions = [
        ("sha256:aa", first, 1, 1),
        ("sha256:bb", second, 2, 2),
        ("sha256:aa", third, 1, 1),
        # What is slower, or repeated, decides nothing.
        ("sha256:bb", second, 2, 1),
        ("sha256:aa", first, 1, 1),
    ]
    for digest, decided_at, number, aliased in decisions:
        assert bench.publish(key(5), digest, decided_at).number == number
        assert bench.aliased() == aliased
    # An older run does not either, whenever it is decided.
    assert bench.publish(key(4), "sha256:cc", "2026-02-01T00:00:00.000Z").number == 3
    assert bench.aliased() == 1
    assert len(bench.versions()) == 3


def test_an_alias_that_something_else_moved_comes_back(bench: Bench) -> None:
    """A version that no run of the pipeline made is never the newest."""
    bench.publish(key(5))
    foreign, _ = bench.register("by hand")
    wanted = {"name": bench.registry.name, "alias": ALIAS, "version": str(foreign.number)}
    bench.server.call("POST", "registered-models/alias", wanted)
    assert bench.publish(key(4)).number == 3
    assert bench.aliased() == 1


def test_many_at_once_end_with_one_version_each_and_the_newest_aliased(bench: Bench) -> None:
    """Eight workers that publish different runs at the same moment lose nothing, and the alias is right at the end."""
    days = [3, 9, 1, 7, 2, 8, 5, 6]
    with ThreadPoolExecutor(len(days)) as pool:
        versions = list(pool.map(lambda day: bench.publish(key(day)), days))
    assert sorted(version.number for version in versions) == list(range(1, 9))
    assert bench.aliased() == versions[days.index(9)].number


def test_the_same_model_from_two_workers_at_once_is_one_version(bench: Bench) -> None:
    """Whoever comes second in a race takes its own version back."""
    barrier = threading.Barrier(4)

    def publish(_: int) -> Version:
        barrier.wait()
        return bench.publish(key(1))

    with ThreadPoolExecutor(4) as pool:
        numbers = {version.number for version in pool.map(publish, range(4))}
    assert len(bench.versions()) == 1
    assert numbers == {int(bench.versions()[0]["version"])} == {bench.aliased()}


def test_workers_that_set_the_first_alias_together_all_succeed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's database takes one of them and refuses the others, who look again."""
    version, _ = bench.register(key(1))
    barrier = threading.Barrier(8)
    read = Registry._read_alias

    def read_together(registry: Registry) -> int | None:
        found = read(registry)
        if found is None and not barrier.broken:
            with suppress(threading.BrokenBarrierError):
                barrier.wait(60)
            barrier.abort()
        return found

    monkeypatch.setattr(Registry, "_read_alias", read_together)

    def move(_: int) -> Version:
        return Registry(MlflowServer(bench.settings), bench.registry.name).move_alias(version)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(move, range(8))) == {version}
    assert bench.aliased() == version.number


def test_a_worker_that_read_too_early_mends_what_it_overwrote(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A late write of an older version is found and put right by whoever wrote it."""
    older, _ = bench.register(key(1))
    slow = Registry(MlflowServer(bench.settings), bench.registry.name)
    read, first = slow._list_versions, itertools.count()

    def read_then_sleep() -> list[Version]:
        seen = read()
        if next(first) == 0:
            # Between its look and its write another worker publishes a newer run.
            assert bench.publish(key(2)).number == 2
        return seen

    monkeypatch.setattr(slow, "_list_versions", read_then_sleep)
    assert slow.move_alias(older).number == bench.aliased() == 2


@pytest.mark.parametrize("name", ["my data", "été", "it's", 'so "called"', "a@b%20c", "#1; drop"])
def test_names_that_ingest_accepts_are_registered(mlflow_server: Mlflow, name: str) -> None:
    """The model is named after the dataset exactly, quotes and spaces included."""
    bench = Bench(mlflow_server, name)
    assert bench.publish(key(1)).number == bench.publish(key(1)).number == bench.aliased() == 1
    assert bench.publish(key(2)).number == bench.aliased() == 2
