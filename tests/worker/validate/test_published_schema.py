"""What is kept of a published layout, where it lies, and whose it is."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from pipeline_contract.layout import Layout
from pipeline_worker.errors import Crash
from pipeline_worker.published_schema import PublishedSchema, locate, put_published, read_published
from pipeline_worker.settings import read_settings
from pipeline_worker.store.base import Store, Write, open_store

URI = "s3://artifacts/ml-pipeline-runs/schemas/birds/1.json"


def make(number: int, **columns: str | None) -> PublishedSchema:
    """Return the layout of the run of this number."""
    key, order = f"birds.20260101T00000{number}Z.aaaaaaaa", f"2026-01-01T00:00:0{number}"
    return PublishedSchema(dataset="birds", version="1", run_key=key, run_order=order, columns=dict(columns))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Give a store in a folder."""
    return open_store(read_settings({}, store_folder=tmp_path))


def read(store: Store) -> PublishedSchema:
    """Return what is kept."""
    found = read_published(store, URI)
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("dataset", "version", "path"),
    [
        ("birds", "1.0", "birds/1.0.json"),
        ("a b", "../x", "a%20b/..%2Fx.json"),
        ("ä%", "..", "%C3%A4%25/...json"),
        ("birds", "鳥" * 100, f"birds/{'%E9%B3%A5' * 11}%~"),
    ],
)
def test_names_become_parts_of_a_path(store: Store, dataset: str, version: str, path: str) -> None:
    """Free text leads nowhere else, and is never too long for a part; what can be read stays readable."""
    uri = locate(Layout("s3://artifacts/ml-pipeline-runs"), dataset, version)
    assert uri.partition("/schemas/")[2].startswith(path)
    assert all(len(part) < 200 for part in uri.split("/"))
    put_published(store, uri, make(1, a="text"))
    assert [info.uri for info in store.list("s3://artifacts/ml-pipeline-runs/schemas/")] == [uri]


def test_the_latest_run_counts(store: Store) -> None:
    """A re-run of an older run leaves what a later one put; a re-run of the same run replaces its own."""
    assert put_published(store, URI, make(1, a="text")) == read(store)
    assert put_published(store, URI, make(3, a="number")) == read(store)
    assert put_published(store, URI, make(2, a="date")) == read(store) == make(3, a="number")
    assert put_published(store, URI, make(3, b="date")) == read(store) == make(3, b="date")


def test_a_column_without_values_keeps_the_type_that_it_had(store: Store) -> None:
    """A file without any value in it does not make the next one free."""
    put_published(store, URI, make(1, a="number", b=None))
    put_published(store, URI, make(2, a=None, b="date", c=None))
    assert read(store).columns == {"a": "number", "b": "date", "c": None}


def test_another_worker_in_between_is_seen(store: Store) -> None:
    """What was put after it was looked at is not put over: it is looked at again."""
    others = [make(2, a="date"), make(4, a="time")]

    def put_another(write: Write) -> AbstractContextManager[object]:
        if others:
            other = others.pop(0)
            put_published(store, write.uri, other)
        return nullcontext()

    store.around_write = put_another
    assert put_published(store, URI, make(3, a="number")) == read(store) == make(4, a="time")


def test_what_is_not_ours_is_said(store: Store) -> None:
    """An object that cannot be read names itself, and what to do."""
    store.put(URI, b"{}")
    with pytest.raises(Crash, match="cannot be read") as raised:
        read_published(store, URI)
    assert raised.value.where == URI
