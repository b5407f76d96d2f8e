"""Run keys and datasets: the same answers as the worker's, from the same vectors."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.drop import is_drop_key
from pipeline.run_key import choose_receipt_dataset, dataset_of_key, dataset_of_request, is_run_key, make_run_key

VECTORS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS["run_keys"], ids=lambda vector: vector["run_key"])
def test_run_key_is_the_worker_s(vector):
    """A run has the same key wherever it is computed, and that key has the form that is let through."""
    run_key = make_run_key(vector["dataset"], datetime.fromisoformat(vector["time"]), *vector["identity"])
    assert run_key == vector["run_key"]
    assert is_run_key(run_key)


@pytest.mark.parametrize("text", VECTORS["not_run_keys"], ids=repr)
def test_other_text_is_no_run_key(text):
    """What would be another path, or a time that does not exist, is no run key."""
    assert not is_run_key(text)


@pytest.mark.parametrize("vector", VECTORS["drop_keys"], ids=lambda vector: repr(vector["key"]))
def test_drop_and_its_dataset(vector):
    """One pattern says what a drop is, and its dataset is its first folder, or its stem at the top."""
    assert is_drop_key(vector["key"]) == vector["is_drop"]
    if vector["is_drop"]:
        assert dataset_of_key(vector["key"]) == vector["dataset"]


@pytest.mark.parametrize("vector", VECTORS["sources"], ids=lambda vector: repr(vector["key"]))
def test_dataset_of_a_source(vector):
    """A manual trigger's dataset is that of its source below `_sources/`, unless it says one."""
    assert dataset_of_request(None, f"s3://bucket/{vector['key']}") == vector["dataset"]
    assert dataset_of_request("mine", f"s3://bucket/{vector['key']}") == "mine"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b"])
def test_receipt_of_what_is_no_name(name):
    """What cannot be a folder's name gives way to the slug in the run key, as with the worker; anything else stays."""
    assert choose_receipt_dataset(name, "penguins.20260131T120000Z.1a2b3c4d") == "penguins"
    assert choose_receipt_dataset("Größe & Co", "penguins.20260131T120000Z.1a2b3c4d") == "Größe & Co"


def test_no_source_and_no_dataset():
    """The untouched form gets a run key as well: its failure is the worker's to explain."""
    run_key = make_run_key(dataset_of_request(None, None), datetime(2026, 1, 2, tzinfo=UTC), "manual__1")
    assert run_key.startswith("unnamed.20260102T000000Z.")
