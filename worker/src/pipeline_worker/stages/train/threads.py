"""How many threads a fit may use, so that several workers on one machine do not stand in each other's way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

#: With fewer rows, handing out the work takes longer than the work.
MIN_ROWS = 5_000


def wait_without_spinning() -> None:
    """Let OpenMP's threads sleep while they wait; to be called before scikit-learn is loaded, which loads OpenMP.

    By default they spin. Where two processes share two cores that is ruinous: boosting 344 rows was measured to take
    100 s instead of 0.6 s.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def limit_threads(rows: int, most: int | None = None) -> Iterator[int]:
    """Use one thread inside for few *rows*, else as many as this process has processors, or *most*; yield how many.

    What it has is what the container's limit and the system's affinity leave it.

    Threads only: a process of joblib's would outlive a worker that is killed.
    """
    from joblib import cpu_count, parallel_config  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threads = (most or cpu_count()) if rows >= MIN_ROWS else 1
    with threadpool_limits(threads), parallel_config("threading", n_jobs=threads):
        yield threads
