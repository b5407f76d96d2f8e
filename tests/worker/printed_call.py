"""The call of pandas that a report prints, run as it stands."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_worker.ingestion.convert import Converted
from pipeline_worker.publishing.report import _write_reading
from tests.worker.test_report import REPORT

if TYPE_CHECKING:
    import pandas as pd


def read_by_call(path: Path, converted: Converted, monkeypatch: pytest.MonkeyPatch) -> tuple[str, pd.DataFrame]:
    """Return the call that the report prints, and the table that it gives in the folder of the file."""
    import pandas as pd

    function, options = converted.pandas_call
    call: dict[str, Any] = {"function": function, "options": options}
    if converted.reset_index is not None:
        call["reset_index"] = converted.reset_index
    report = dataclasses.replace(REPORT, file=f"s3://drops/bikes/{path.name}", profile={"pandas": call})
    monkeypatch.chdir(path.parent)
    printed = _write_reading(report)
    return printed, eval(printed, {"pandas": pd})  # noqa: S307 - it is our own
