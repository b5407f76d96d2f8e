"""What it means that the Docker engine refused something."""

from __future__ import annotations

import pytest
import requests
from docker.errors import APIError, ImageNotFound, NotFound

from pipeline.runners.engine_fault import judge_fault, judge_out_of_memory
from pipeline.settings import read_settings
from pipeline.stage.verdict import Kind


def answer(status):
    response = requests.Response()
    response.status_code = status
    return response


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ConnectionRefusedError("refused"), Kind.OUTSIDE, "does not answer"),
        (requests.ReadTimeout("timed out"), Kind.OUTSIDE, "does not answer"),
        (APIError("x", answer(503), "no server is available"), Kind.OUTSIDE, "does not answer"),
        (APIError("x", answer(500), "mkdir /x: no space left on device"), Kind.OUTSIDE, "disk"),
        (ImageNotFound("x", answer(404), "No such image: a:1"), Kind.CRASH, "There is no image `a:1`"),
        (NotFound("x", answer(404), "network net not found"), Kind.CRASH, "There is no network `net`"),
        (APIError("x", answer(400), "exec: python3: not found"), Kind.CRASH, "refused the container: exec: python3"),
        (APIError("x", answer(409), "name is in use"), Kind.OUTSIDE, "under way already"),
        (APIError("x", answer(403), ""), Kind.CRASH, "refused the container"),
    ],
)
def test_faults(error, kind, words):
    """What time can mend is tried again for long, all else once; each says what happened and what to do."""
    verdict = judge_fault(error, read_settings({"ML_TASK_IMAGE": "a:1", "ML_TASK_NETWORK": "net"}))
    assert verdict.kind is kind
    assert words in verdict.reason.what
    assert verdict.reason.fix
    assert verdict.record is None


def test_out_of_memory():
    """A container that ran out of memory names the setting that bounds it."""
    verdict = judge_out_of_memory(70, "4g", "fits")
    assert (verdict.kind, verdict.code) == (Kind.CRASH, 70)
    assert "4g" in verdict.reason.what
    assert verdict.reason.where == "the setting ML_TASK_MEMORY"
