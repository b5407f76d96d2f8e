"""Committing a manifest: over what was seen, once, also where the answer to a put got lost."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from pipeline_contract.layout import RunLayout
from pipeline_contract.s3 import PreconditionFailed
from pipeline_worker.errors import CommitLost, Crash
from pipeline_worker.run.manifest import Manifest, commit, digest_of_json, read_committed
from pipeline_worker.settings import read_settings
from pipeline_worker.store.base import Store, open_store

KEY = "penguins.20260101T000000Z.aaaaaaaa"


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    return read_settings({}, store_folder=tmp_path).layout.run(KEY)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(read_settings({}, store_folder=tmp_path))


def make_manifest(layout: RunLayout, attempt: str) -> Manifest:
    """Return a manifest with nothing in it."""
    texts = dict.fromkeys(("base_digest", "started_at", "finished_at"), "")
    objects: dict[str, Any] = {
        name: {}
        for name in ("inputs", "outputs", "request", "request_from", "overrides", "facts", "links", "summaries")
    }
    return Manifest(
        uri=layout.manifest("train", attempt), run_key=KEY, dataset="penguins", stage="train",
        attempt=attempt, ask=attempt, versions={}, timings={}, **texts, **objects,
    )  # fmt: skip


def test_an_answer_that_got_lost_is_no_lost_race(
    store: Store, layout: RunLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that repeats a put finds its own manifest there: it is committed."""
    put = store.put

    def put_twice(uri: str, *arguments: Any, **options: Any) -> Any:
        put(uri, *arguments, **options)
        if options.get("if_none_match"):
            raise PreconditionFailed("", where=uri)

    monkeypatch.setattr(store, "put", put_twice)
    commit(store, layout, make_manifest(layout, "b"), None)
    found = read_committed(store, layout, "train")
    assert found
    assert found.manifest.attempt == "b"


@pytest.mark.parametrize("winner", ["a", "c"])
def test_a_lost_race_changes_nothing(store: Store, layout: RunLayout, winner: str) -> None:
    """Whoever commits second over the same loses, whatever the two are called; the first one's manifest stays."""
    commit(store, layout, make_manifest(layout, winner), None)
    with pytest.raises(CommitLost):
        commit(store, layout, make_manifest(layout, "b"), None)
    found = read_committed(store, layout, "train")
    assert found
    assert found.manifest.attempt == winner


def test_a_manifest_that_is_gone_at_the_second_look_is_a_lost_race(
    store: Store, layout: RunLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a put was refused and nothing is there any more, it is tried again rather than taken for done."""
    seen_by_none = make_manifest(layout, "b")
    put = store.put

    def refuse(uri: str, *arguments: Any, **options: Any) -> Any:
        if options.get("if_none_match"):
            raise PreconditionFailed("", where=uri)
        return put(uri, *arguments, **options)

    monkeypatch.setattr(store, "put", refuse)
    with pytest.raises(CommitLost):
        commit(store, layout, seen_by_none, None)


def test_what_is_no_manifest_is_said_without_its_content(store: Store, layout: RunLayout) -> None:
    """Something else in the manifest's place ends the stage with the names at fault, and nothing of what stands there."""
    store.put(layout.committed("train"), b'{"format": 1, "uri": "s3://a/b", "hunter2": "hunter2-value"}')
    with pytest.raises(Crash, match="cannot be read by this version") as raised:
        read_committed(store, layout, "train")
    faults = raised.value.details["faults"]
    assert {"run_key", "hunter2"} <= {fault["loc"][0] for fault in faults}
    assert all(fault.keys() == {"type", "loc", "msg"} for fault in faults)
    assert "hunter2-value" not in str(faults)


def test_the_order_of_names_is_no_difference() -> None:
    """Two requests that say the same have the same digest."""
    assert digest_of_json({"a": 1, "b": {"c": "é", "d": 2}}) == digest_of_json({"b": {"d": 2, "c": "é"}, "a": 1})
    assert digest_of_json({"a": 1}) != digest_of_json({"a": 2})


def test_a_digest_is_the_same_in_the_next_version() -> None:
    """Manifests keep digests: were they made in another way, every input would seem another one."""
    text = '{"a": 1, "b": "é"}'
    assert digest_of_json({"b": "é", "a": 1}) == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
