"""Run keys and names of datasets: the same vectors that the Dags' side is held against."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pipeline_worker.errors import ParameterInvalid
from pipeline_worker.run_key import RunKey, dataset_of_key, dataset_of_source, make_run_key, tell_order

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent.parent / "vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["run_keys"])
def test_run_key_is_made_of_dataset_time_and_identity(vector: dict[str, Any]) -> None:
    """The same drop or trigger always has the same key, and the key reads back in its parts."""
    key = make_run_key(vector["dataset"], datetime.fromisoformat(vector["time"]), *vector["identity"])
    assert str(key) == vector["run_key"]
    assert RunKey.parse(vector["run_key"]) == key


@pytest.mark.parametrize("text", VECTORS["not_run_keys"])
def test_other_forms_are_refused(text: str) -> None:
    """A run key becomes a path, so nothing of another form is let through."""
    with pytest.raises(ParameterInvalid):
        RunKey.parse(text)


@pytest.mark.parametrize("vector", [v for v in VECTORS["drop_keys"] if v["is_drop"]])
def test_dataset_is_the_first_folder_or_the_stem(vector: dict[str, Any]) -> None:
    """A drop belongs to its first folder; a file at the top is a dataset of its own."""
    assert dataset_of_key(vector["key"]) == vector["dataset"]


@pytest.mark.parametrize("vector", VECTORS["sources"])
def test_dataset_of_a_source_is_found_below_sources(vector: dict[str, Any]) -> None:
    """A manual trigger's source is named as a drop would be, without `_sources/`."""
    assert dataset_of_source(vector["key"]) == vector["dataset"]


def test_runs_are_sorted_by_time_then_by_place_then_by_claim() -> None:
    """A text stands for each run, and those of the later runs are greater, whatever a time's zone and exactness."""
    time = datetime(2026, 1, 1, tzinfo=UTC)
    claimed = [time + timedelta(seconds=seconds) for seconds in (7, 8, 9)]
    in_order = [
        # Three versions of one listing, and one that landed in their second and was claimed after them,
        tell_order(time, 10, claimed[1]),
        tell_order(time, 2, claimed[1]),
        tell_order(time, 0, claimed[1]),
        tell_order(time, 0, claimed[2]),
        # then what landed later, as little as it may be, whenever it was claimed, and what was not claimed at all.
        tell_order((time + timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=-2))), 5, claimed[0]),
        tell_order(time + timedelta(milliseconds=1)),
        tell_order(time + timedelta(milliseconds=10), 1),
        tell_order(time + timedelta(seconds=1)),
    ]
    assert sorted(in_order) == in_order
    assert len(set(in_order)) == len(in_order)
