"""Threads."""

from __future__ import annotations

import pytest

from pipeline_worker.stages.train.threads import limit_threads, wait_without_spinning


@pytest.mark.slow("loads joblib")
def test_few_rows_use_one_thread_and_many_use_them_all() -> None:
    """Handing out the work of a few rows takes longer than the work; inside, joblib starts no processes."""
    import joblib
    from threadpoolctl import threadpool_info

    with limit_threads(300) as threads:
        assert threads == 1
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    with limit_threads(1_000_000) as threads:
        assert threads == joblib.cpu_count()
        assert joblib.Parallel()._backend.__class__.__name__ in {"ThreadingBackend", "SequentialBackend"}


def test_openmp_waits_asleep_unless_somebody_wants_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spinning threads made a fit of half a second take minutes where workers share a machine."""
    import os

    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    wait_without_spinning()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    wait_without_spinning()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
