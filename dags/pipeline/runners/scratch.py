"""The one folder that a worker writes to: one for each attempt, gone with it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "stage-attempt-"


@contextmanager
def open_scratch(root: Path) -> Iterator[Path]:
    """Make a folder for one attempt below *root*, and remove it at the end.

    A killed Airflow worker leaves its folder behind. Its lock goes with the process, so the next attempt on the machine
    finds out and removes it.

    :raises OSError: there is no room, or no right to write there.
    """
    root.mkdir(parents=True, exist_ok=True)
    # One attempt at a time: a folder that was made and is not locked yet looks like an orphan to the others.
    with _locking(root):
        _remove_orphans(root)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        lock = _try_lock(folder)
    try:
        for name in ("home", "tmp", "cache"):
            (folder / name).mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def build_environment(values: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """Return the whole environment of a worker: *values* as every runner gives them, and its folders below *scratch*.

    Built rather than inherited: Airflow's own secrets and its key of the store must not reach the worker.
    """
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **values,
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch / "tmp"),
        "XDG_CACHE_HOME": str(scratch / "cache"),
        # Kept beside the attempts' folders: matplotlib lists the machine's fonts there, which takes it 0.3 s each time.
        "MPLCONFIGDIR": str(scratch.parent / "matplotlib"),
        "PIPELINE_SCRATCH_DIR": str(scratch / "tmp"),
    }


def _remove_orphans(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*"):
        if (lock := _try_lock(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


@contextmanager
def _locking(root: Path) -> Iterator[None]:
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Where the file system knows no locks, no orphan is found either.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _try_lock(folder: Path) -> int | None:
    """Return an open handle that holds *folder*'s lock, or None where another process holds it or it is gone."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
