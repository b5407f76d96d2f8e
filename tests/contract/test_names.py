"""Run keys, datasets, drops and what people see of them: every part of the product has these answers from here."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline_contract.attempt_name import is_attempt_of, name_attempt, split_attempt
from pipeline_contract.drop_key import (
    choose_receipt_dataset,
    dataset_of_key,
    dataset_of_request,
    dataset_of_source,
    is_drop_key,
)
from pipeline_contract.escape import escape
from pipeline_contract.run_key import RunKey, RunKeyInvalid, is_run_key, make_run_key

VECTORS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text(encoding="utf-8"))
RUN_KEY = "penguins.20260131T120000Z.1a2b3c4d"


@pytest.mark.parametrize("vector", VECTORS["run_keys"], ids=lambda vector: vector["run_key"])
def test_a_run_key_is_made_of_dataset_time_and_identity(vector):
    """The same drop or trigger always has the same key, and the key reads back in its parts."""
    time = datetime.fromisoformat(vector["time"])
    key = make_run_key(vector["dataset"], time, *vector["identity"])
    assert str(key) == vector["run_key"]
    assert RunKey.parse(vector["run_key"]) == key
    assert key.time == time.replace(microsecond=0)


@pytest.mark.parametrize("text", VECTORS["not_run_keys"], ids=repr)
def test_other_text_is_no_run_key(text):
    """What would be another path, or has a time that does not exist, is no run key."""
    assert not is_run_key(text)
    with pytest.raises(RunKeyInvalid):
        RunKey.parse(text)


@pytest.mark.parametrize("vector", VECTORS["drop_keys"], ids=lambda vector: repr(vector["key"]))
def test_a_drop_and_its_dataset(vector):
    """One pattern says what a drop is, and its dataset is its first folder, or a name made of its stem at the top."""
    assert is_drop_key(vector["key"]) == vector["is_drop"]
    if vector["is_drop"]:
        assert dataset_of_key(vector["key"]) == vector["dataset"]


@pytest.mark.parametrize("vector", VECTORS["sources"], ids=lambda vector: repr(vector["key"]))
def test_the_dataset_of_a_source(vector):
    """A manual trigger's dataset is that of its source below `_sources/`, unless it says one."""
    source = f"s3://bucket/{vector['key']}"
    assert dataset_of_source(vector["key"]) == dataset_of_request(None, source) == vector["dataset"]
    assert dataset_of_request("mine", source) == "mine"


def test_no_source_and_no_dataset_has_a_name():
    """The untouched form gets a run key as well: its failure is the worker's to explain."""
    assert dataset_of_request(None, None) == dataset_of_request("", "") == "unnamed"


@pytest.mark.parametrize("source", ["s3://KEY:SECRET@bucket/sales/x.csv", "s3://KEY:SEC/RET@bucket/sales/x.csv"])
def test_no_part_of_a_key_gets_into_a_name(source):
    """A secret may have slashes, so that a part of it would stand where the folder stands."""
    assert dataset_of_request(None, source) == "unnamed"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b"])
def test_the_receipt_of_what_is_no_name(name):
    """What cannot be a folder's name gives way to the slug in the run key; anything else stays."""
    assert choose_receipt_dataset(name, RUN_KEY) == "penguins"
    assert choose_receipt_dataset("Größe & Co", RUN_KEY) == "Größe & Co"


@pytest.mark.parametrize(
    "dag_run_id",
    ["manual__2026-11-22T21:59:54.123456+00:00", "asset_triggered__x", "mine / ../ a", "é" * 150, "--help"],
)
def test_an_attempt_is_known_by_its_dag_run(dag_run_id):
    """Its name is that of a folder, tells one Dag run from another, and says whose try it is."""
    name = name_attempt(dag_run_id, 12)
    assert name.endswith(".12")
    assert not set(name) & set("/\\ :+é")
    assert split_attempt(name) == (split_attempt(name_attempt(dag_run_id, 3))[0], "12")
    assert is_attempt_of(name, dag_run_id)
    assert not is_attempt_of(name, f"other{dag_run_id}")
    assert name != name_attempt(dag_run_id.replace("a", "b").replace("é", "ü") + "!", 12)


@pytest.mark.parametrize("vector", VECTORS["escaped"], ids=lambda vector: vector["escaped"])
def test_what_cannot_be_seen_is_written_out(vector):
    """All other text stays as it is."""
    assert escape(vector["text"]) == vector["escaped"]


def test_a_run_key_is_in_whole_seconds():
    """A time that is as exact as the store tells it makes the key that whole seconds make."""
    exact, whole = (datetime(2026, 1, 2, microsecond=each, tzinfo=UTC) for each in (999_999, 0))
    assert make_run_key("x", exact, "1") == make_run_key("x", whole, "1")
