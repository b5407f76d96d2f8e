"""What `ingest` noted about the target, told again by `train` where it refuses the target."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_worker.column_note import say_note, telling_note
from pipeline_worker.errors import DataFault, StageError
from pipeline_worker.request import Request
from pipeline_worker.schema import Column
from tests.worker.tables import ingest_table

NOTED = Column(name="x", type="text", parquet_type="string", nullable=False, note="Text, because of 'n.a.' in row 3.")


def test_an_error_about_a_column_ends_with_its_note() -> None:
    """A column without a note, or none at all, changes nothing of the error."""
    for column, what in ((NOTED, "Bad. Text, because of 'n.a.' in row 3."), (None, "Bad.")):
        with pytest.raises(DataFault) as raised, telling_note(column):
            raise DataFault("Bad.", where="x", fix="")
        assert raised.value.what == what
    assert say_note(NOTED.model_copy(update={"note": None})) == ""


@pytest.mark.slow("loads scikit-learn")
@pytest.mark.parametrize(
    ("cells", "what", "note"),
    [
        # A word that nobody knows among many numbers makes a target of text that hardly repeats.
        ([*map(str, range(40)), "unknown"], "no classes to learn", "if `unknown` means missing, give {"),
        ([*map(str, range(30)), *["?"] * 40], "no value in the target", "40 cells say `?`: read as missing"),
        ([f"name {number}" for number in range(40)], "no classes to learn", ""),
    ],
)
def test_a_refused_target_tells_what_ingest_noted_of_it(tmp_path: Path, cells: list[str], what: str, note: str) -> None:
    """The reason ends with the line to paste, where there is one."""
    import pandas as pd

    from pipeline_worker.stages.train.plan import make_plan

    frame = pd.DataFrame({"price": cells, "n": range(len(cells))})
    parquet, schema = ingest_table(frame, tmp_path)
    with pytest.raises(StageError, match=what) as raised:
        make_plan(parquet, schema, Request(target_column="price"))
    assert note in raised.value.what
    assert ("ingestion_config" in raised.value.what) == bool(note)
