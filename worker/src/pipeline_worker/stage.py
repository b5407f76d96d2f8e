"""The way of every attempt: begin, work, commit, and what is kept when it fails."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .attempt import Attempt, Outcome, Work, read_versions
from .drop import read_drop
from .errors import CommitLost, Crash, LeftAlone, StageError
from .escape import escape
from .layers import hide_secret_params, hide_secrets
from .layout import STATES, Layout, stage_before
from .manifest import Manifest, StageSummary, commit, read_committed
from .receipt import describe_failure, mark_failure, now_text, put_receipt
from .run_key import RunKey, dataset_of_source
from .settings import Settings
from .short_name import shorten_told
from .start import Ask, Start, begin, is_done, refuse_third_silence
from .store import ObjectMissing, Store

log = logging.getLogger("pipeline_worker")

#: Notes of a stage that its receipt tells.
_TOLD_NOTES = 5


class StarterGone(SystemExit):
    """Ends the work wherever it is, as whoever started this command is gone: by a signal's handler."""


@dataclass(frozen=True)
class Ended:
    """How an attempt ended: its exit code, and what stdout carries, line by line."""

    exit_code: int
    stdout: tuple[str, ...]


def run_stage(asked: Ask, work: Work, store: Store, settings: Settings) -> Ended:
    """Carry out one attempt of a stage, and keep what became of it.

    Nothing is raised but what ends the process: every failure becomes a failure record, a receipt and an exit code.
    """
    layout: Layout | None = None
    try:
        RunKey.parse(asked.run_key)
        layout = Layout.of(settings, asked.run_key)
        return _attempt(asked, work, store, settings, layout)
    except StageError as error:
        failure = error
    except ObjectMissing as error:
        failure = Crash(
            "An object that this stage needs is gone.",
            where=str(error),
            fix="Run the stage that wrote it again.",
        )
    except MemoryError:
        failure = Crash(
            "Memory ran out.", where=asked.stage, fix="Give the worker more memory, or the stage less data."
        )
    except StarterGone:
        # Told, so that it does not count as an end without a word, of which two are one too many.
        failure = LeftAlone(
            "It was ended with the program that had started it.",
            where=asked.stage,
            fix="Nothing: it is tried again by itself.",
        )
    except Exception as error:  # noqa: BLE001 - the last line of defence: a fault of ours is recorded as well
        log.error("%s", traceback.format_exc().rstrip())
        failure = Crash(
            f"{type(error).__name__}: {error}",
            where=asked.stage,
            fix="This is a fault of the pipeline: report it with the log above.",
        )
    return _fail(failure, asked, store, layout)


def _attempt(asked: Ask, work: Work, store: Store, settings: Settings, layout: Layout) -> Ended:
    started_at = _now()
    refuse_third_silence(asked, store, layout)
    seen = read_committed(store, layout, asked.stage)
    start = begin(asked, store, settings, layout)
    if seen is not None and is_done(seen.manifest, start, asked):
        log.info("%s: done already by %s; nothing to do", asked.stage, seen.manifest.attempt)
        # Of the same ask it is this attempt's own work, which may have died between commit and receipt.
        if asked.stage == "publish" or seen.manifest.ask == asked.ask:
            _close(seen.manifest, start, store, layout)
        # What a stage is for is its first output, and the last line of stdout when it did the work.
        return Ended(0, (next((artifact.uri for artifact in seen.manifest.outputs.values()), seen.manifest.uri),))

    started = {"ask": asked.ask, "started_at": started_at, "params": hide_secret_params(asked.params)}
    uri = f"{layout.attempt(asked.stage, asked.attempt)}/started.json"
    store.put(uri, json.dumps(started, ensure_ascii=False).encode(), content_type="application/json")
    summaries = dict(start.earlier.summaries) if start.earlier else {}
    links = dict(start.earlier.links) if start.earlier else {}
    store.put(layout.marker, b"")
    put_receipt(
        store,
        layout,
        dataset=start.drop.dataset,
        file=start.drop.uri,
        state=_state_before(asked.stage),
        stage=asked.stage,
        summaries=summaries | {asked.stage: StageSummary(state="running", attempt=asked.attempt, at=now_text())},
        links=links,
        facts={},
    )
    settings.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{asked.stage}-", dir=settings.scratch))
    try:
        attempt = Attempt(
            store=store,
            settings=settings,
            layout=layout,
            stage=asked.stage,
            name=asked.attempt,
            ask=asked.ask,
            again=asked.again,
            drop=start.drop,
            request=start.request,
            request_from=start.request_from,
            earlier=start.earlier,
            artifacts=dict(start.artifacts),
            scratch=scratch,
            log=log,
        )
        with attempt.timed("total"):
            outcome = work(attempt)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    manifest = _write_manifest(attempt, start, outcome, started_at)
    commit(store, layout, manifest, seen)
    log.info("%s: %s", asked.stage, outcome.headline)
    _close(manifest, start, store, layout)
    details = (json.dumps(outcome.details, indent=1, ensure_ascii=False, default=str),) if outcome.details else ()
    return Ended(0, (*details, outcome.location))


def _write_manifest(attempt: Attempt, start: Start, outcome: Outcome, started_at: str) -> Manifest:
    name, artifact = start.input
    summary = StageSummary(
        state="done",
        attempt=attempt.name,
        at=now_text(),
        seconds=attempt.timings.get("total"),
        headline=escape(shorten_told(outcome.headline)),
        notes=[escape(shorten_told(note)) for note in outcome.notes[:_TOLD_NOTES]],
        more_notes=max(0, len(outcome.notes) - _TOLD_NOTES),
    )
    return Manifest(
        uri=f"{attempt.folder}/manifest.json",
        run_key=attempt.run_key,
        dataset=attempt.dataset,
        stage=attempt.stage,
        attempt=attempt.name,
        ask=attempt.ask,
        inputs=attempt.artifacts | {name: artifact},
        outputs=outcome.outputs,
        request=(outcome.request or start.request).model_dump(mode="json"),
        request_from=attempt.request_from,
        base_digest=start.base_digest,
        overrides=start.overrides,
        facts=outcome.facts,
        links=(start.earlier.links if start.earlier else {}) | outcome.links,
        summaries=(start.earlier.summaries if start.earlier else {}) | {attempt.stage: summary},
        versions=read_versions(),
        timings=attempt.timings,
        started_at=started_at,
        finished_at=_now(),
    )


def _close(manifest: Manifest, start: Start, store: Store, layout: Layout) -> None:
    put_receipt(
        store,
        layout,
        dataset=start.drop.dataset,
        file=start.drop.uri,
        state=STATES[manifest.stage],
        stage=manifest.stage,
        summaries=manifest.summaries,
        links=manifest.links,
        facts=manifest.facts,
    )
    if manifest.stage == "publish":
        store.delete(layout.marker)


def _fail(error: StageError, asked: Ask, store: Store, layout: Layout | None) -> Ended:
    record = describe_failure(
        error,
        run_key=asked.run_key,
        dataset=None,
        stage=asked.stage,
        attempt=asked.attempt,
        ask=asked.ask,
    )
    log.error(
        "%s stopped: %s\nwhere:      %s\nwhat to do: %s\nmore:       %s",
        asked.stage,
        error.what,
        error.where,
        error.fix,
        error.runbook,
    )
    told = record
    if layout is not None:
        try:
            record = _keep_failure(error, record, asked, store, layout)
            told = {name: value for name, value in record.items() if name not in {"params", "details"}}
        except StageError as down:
            log.error("the failure record could not be kept: %s", down)
    details = (json.dumps(error.details, indent=1, ensure_ascii=False, default=str),) if error.details else ()
    return Ended(error.exit_code, (*details, mark_failure(told)))


def _keep_failure(
    error: StageError, record: dict[str, Any], asked: Ask, store: Store, layout: Layout
) -> dict[str, Any]:
    found = read_drop(store, layout)
    dataset, file = (found[0].dataset, found[0].uri) if found else _name_without_drop(asked)
    # What was refused at once has no other record of what it was asked with.
    record = record | {"dataset": dataset, "params": hide_secret_params(asked.params)}
    content = json.dumps(record, indent=1, ensure_ascii=False, default=str).encode()
    uri = f"{layout.attempt(asked.stage, asked.attempt)}/failure.json"
    store.put(uri, content, content_type="application/json")
    if isinstance(error, CommitLost):
        # The receipt tells of the attempt that won.
        return record
    state = {1: "refused", 2: "refused", 75: "waiting"}.get(error.exit_code, "failed")
    before = stage_before(asked.stage)
    earlier = read_committed(store, layout, before) if before else None
    summary = StageSummary.model_validate(
        {"state": state, "attempt": asked.attempt, "at": now_text(), "headline": error.what}
    )
    put_receipt(
        store,
        layout,
        dataset=dataset,
        file=file,
        state=state,
        stage=asked.stage,
        summaries=(earlier.manifest.summaries if earlier else {}) | {asked.stage: summary},
        links=(earlier.manifest.links if earlier else {}) | {"failure": uri},
        facts={},
        failure=record,
    )
    if state == "refused":
        store.delete(layout.marker)
    return record


def _name_without_drop(asked: Ask) -> tuple[str, str]:
    """Return dataset and file of a manual trigger that was refused before its source was looked at."""
    source = asked.params.get("data_source")
    dataset = asked.params.get("dataset")
    file = hide_secrets(source) if isinstance(source, str) else ""
    name = dataset if isinstance(dataset, str) else dataset_of_source(file.removeprefix("s3://").partition("/")[2])
    # What was refused may be no name at all, and it becomes a part of a path here.
    is_part = name not in {"", ".", ".."} and not set(name) & set("/\\\0")
    return name if is_part else RunKey.parse(asked.run_key).slug, file


def _state_before(stage: str) -> str:
    before = stage_before(stage)
    return STATES[before] if before else "claimed"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
