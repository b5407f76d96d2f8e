"""What cannot be seen of a text is written out before a person reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.escape import escape

VECTORS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS["escaped"], ids=lambda vector: vector["escaped"])
def test_what_cannot_be_seen_is_written_out(vector):
    """As the worker and the commands write it out; all other text stays as it is."""
    assert escape(vector["text"]) == vector["escaped"]
