"""The call of pandas that a report prints, run as it stands."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.stage import describe_call
from pipeline_worker.stages.ingest.unpacked import Unpacked
from pipeline_worker.stages.publish.report import _write_reading
from tests.worker.publish.test_report import REPORT

if TYPE_CHECKING:
    import pandas as pd


def read_by_call(
    path: Path, converted: Converted, monkeypatch: pytest.MonkeyPatch, unpacked: Unpacked | None = None
) -> tuple[str, pd.DataFrame]:
    """Return the call that the report prints, and the table that it gives in the folder of the file.

    :param unpacked: what holds the table, where the file is an archive.
    """
    import pandas as pd

    call = describe_call(converted, unpacked or Unpacked(path, path.name))
    report = dataclasses.replace(REPORT, file=f"s3://drops/bikes/{path.name}", profile={"pandas": call})
    monkeypatch.chdir(path.parent)
    printed = _write_reading(report)
    modules = {"pandas": pd, "gzip": gzip, "io": io, "json": json, "zipfile": zipfile}
    return printed, eval(printed, modules)  # noqa: S307 - it is our own
