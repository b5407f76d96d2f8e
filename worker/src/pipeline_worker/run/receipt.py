"""What a person sees of a run, and what is kept of a failure."""

from __future__ import annotations

from dataclasses import replace

from pipeline_contract.layout import RunLayout
from pipeline_contract.records import Failure, Receipt, describe_published
from pipeline_contract.stages import LAST

from ..errors import StageError
from ..store.base import Store
from .manifest import read_committed


def describe_failure(
    error: StageError, stage: str, run_key: str | None, attempt: str | None, ask: str | None
) -> Failure:
    """Return the failure record of *error*."""
    return Failure(
        run_key=run_key,
        dataset=None,
        stage=stage,
        attempt=attempt,
        ask=ask,
        exit=error.exit_code,
        error=type(error).__name__,
        what=error.what,
        where=error.where,
        fix=error.fix,
        runbook=error.runbook,
        details=error.details,
    )


def put_receipt(store: Store, layout: RunLayout, receipt: Receipt) -> None:
    """Write the *receipt* of a run, over the one that is there.

    What the run has published stays told, whatever becomes of a stage that runs again: it is still what people use.
    """
    committed = read_committed(store, layout, LAST.name)
    published = describe_published(committed.manifest.model_dump()) if committed else None
    content = replace(receipt, published=published).write()
    store.put(layout.receipt(receipt.dataset), content)
