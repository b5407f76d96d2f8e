"""Run keys and names of datasets: the same vectors that the Dags' side is held against."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline_worker.errors import ParameterInvalid
from pipeline_worker.run_key import RunKey, dataset_of_key, dataset_of_source, make_run_key

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
