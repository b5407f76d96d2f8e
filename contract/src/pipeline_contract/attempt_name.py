"""The name of an attempt: one try of a Dag run, as a folder can bear it."""

from __future__ import annotations

import hashlib
import re

_LONGEST = 100


def name_attempt(dag_run_id: str, try_number: int) -> str:
    """Return the name of one try of a Dag run, unique for the stage: try numbers go on after a clear."""
    name = _write(dag_run_id)
    if name != re.sub(r"[:+.]", "-", dag_run_id):
        name += f"-{hashlib.sha256(dag_run_id.encode()).hexdigest()[:8]}"
    return f"{name}.{try_number}"


def split_attempt(attempt: str) -> tuple[str, str]:
    """Return what the names of all tries of one Dag run have in common, of an *attempt*'s name, and the number of the try."""
    stem, _, number = attempt.rpartition(".")
    return stem, number


def is_attempt_of(attempt: str, dag_run_id: str) -> bool:
    """Return whether an *attempt*'s name says that it is a try of this Dag run."""
    return split_attempt(attempt)[0].startswith(_write(dag_run_id))


def _write(dag_run_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", dag_run_id)[:_LONGEST]
