"""The way of every attempt: begin, work, commit, and what is kept when it fails."""

from __future__ import annotations

import logging
import shutil
import tempfile
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline_contract.drop_key import choose_receipt_dataset, dataset_of_request
from pipeline_contract.escape import escape
from pipeline_contract.exit_code import ExitCode, state_after
from pipeline_contract.layout import RunLayout
from pipeline_contract.records import Failure, Receipt, StageSummary, Started, write_json
from pipeline_contract.run_key import RunKey, RunKeyInvalid
from pipeline_contract.s3 import ObjectMissing
from pipeline_contract.secrets_in_uris import hide_secrets
from pipeline_contract.stages import LAST, STAGES, stage_before
from pipeline_contract.state import State
from pipeline_contract.times import write_time

from ..errors import CommitLost, Crash, LeftAlone, ParameterInvalid, StageError
from ..settings import Settings
from ..short_name import shorten_told
from ..store.base import Store
from .attempt import Attempt, Outcome, Work, read_versions
from .begin import Invocation, Start, begin, is_done, refuse_third_silence
from .drop import read_drop
from .manifest import Manifest, commit, read_committed
from .parameters import hide_secret_params
from .receipt import describe_failure, put_receipt

log = logging.getLogger("pipeline_worker")

#: Notes of a stage that its receipt tells.
_TOLD_NOTES = 5


class StarterGone(SystemExit):
    """Ends the work wherever it is, as whoever started this command is gone: by a signal's handler."""


@dataclass(frozen=True)
class CommandOutput:
    """How an attempt ended: its exit code, and what stdout carries, line by line."""

    exit_code: int
    stdout: tuple[str, ...]


def run_stage(invocation: Invocation, work: Work, store: Store, settings: Settings) -> CommandOutput:
    """Carry out one attempt of a stage, and keep what became of it.

    Nothing is raised but what ends the process: every failure becomes a failure record, a receipt and an exit code.
    """
    layout: RunLayout | None = None
    try:
        _check_run_key(invocation.run_key)
        layout = settings.layout.run(invocation.run_key)
        return _attempt(invocation, work, store, settings, layout)
    except StageError as error:
        failure = error
    except ObjectMissing as error:
        failure = Crash(
            "An object that this stage needs is gone.",
            where=error.where,
            fix="Run the stage that wrote it again.",
        )
    except MemoryError:
        failure = Crash(
            "Memory ran out.", where=invocation.stage, fix="Give the worker more memory, or the stage less data."
        )
    except StarterGone:
        # Told, so that it does not count as an end without a word, of which two are one too many.
        failure = LeftAlone(
            "It was ended with the program that had started it.",
            where=invocation.stage,
            fix="Nothing: it is tried again by itself.",
        )
    except Exception as error:  # noqa: BLE001 - the last line of defence: a fault of ours is recorded as well
        log.error("%s", traceback.format_exc().rstrip())
        failure = Crash(
            f"{type(error).__name__}: {error}",
            where=invocation.stage,
            fix="This is a fault of the pipeline: report it with the log above.",
        )
    return _fail(failure, invocation, store, layout)


def _attempt(invocation: Invocation, work: Work, store: Store, settings: Settings, layout: RunLayout) -> CommandOutput:
    started = Started(invocation.ask, params=hide_secret_params(invocation.params))
    refuse_third_silence(invocation, store, layout)
    seen = read_committed(store, layout, invocation.stage)
    start = begin(invocation, store, settings, layout)
    if seen is not None and is_done(seen.manifest, start, invocation):
        return _repeat(seen.manifest, start, invocation, store, layout)
    store.put(layout.started(invocation.stage, invocation.attempt), started.write())
    store.put(layout.marker, b"")
    put_receipt(store, layout, _describe_running(invocation, start))
    attempt, outcome = _work(invocation, start, work, store, settings, layout)
    manifest = _write_manifest(attempt, start, outcome, started.started_at)
    commit(store, layout, manifest, seen)
    log.info("%s: %s", invocation.stage, outcome.headline)
    _close(manifest, start, store, layout)
    details = (write_json(outcome.details).decode(),) if outcome.details else ()
    return CommandOutput(ExitCode.DONE, (*details, outcome.location))


def _repeat(
    committed: Manifest, start: Start, invocation: Invocation, store: Store, layout: RunLayout
) -> CommandOutput:
    """Return what the stage has *committed* already."""
    log.info("%s: done already by %s; nothing to do", invocation.stage, committed.attempt)
    # Of the same ask it is this attempt's own work, which may have died between commit and receipt.
    if invocation.stage == LAST.name or committed.ask == invocation.ask:
        _close(committed, start, store, layout)
    # What a stage is for is its first output, and the last line of stdout when it did the work.
    return CommandOutput(
        ExitCode.DONE, (next((artifact.uri for artifact in committed.outputs.values()), committed.uri),)
    )


def _describe_running(invocation: Invocation, start: Start) -> Receipt:
    """Return what people see of the run while the stage works."""
    before = stage_before(invocation.stage)
    running = StageSummary(State.RUNNING, invocation.attempt, write_time())
    return Receipt(
        run_key=invocation.run_key,
        dataset=start.drop.dataset,
        file=start.drop.uri,
        state=before.state if before else State.CLAIMED,
        stage=invocation.stage,
        links=start.earlier.links if start.earlier else {},
        stages=(start.earlier.summaries if start.earlier else {}) | {invocation.stage: running},
    )


def _work(
    invocation: Invocation, start: Start, work: Work, store: Store, settings: Settings, layout: RunLayout
) -> tuple[Attempt, Outcome]:
    """Do the stage's *work* in a scratch folder, which is gone afterwards."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{invocation.stage}-", dir=settings.scratch))
    try:
        attempt = Attempt(
            store=store,
            settings=settings,
            layout=layout,
            stage=invocation.stage,
            name=invocation.attempt,
            ask=invocation.ask,
            again=invocation.again,
            drop=start.drop,
            request=start.request,
            request_from=start.request_from,
            earlier=start.earlier,
            artifacts=dict(start.artifacts),
            scratch=scratch,
            log=log,
        )
        with attempt.timed("total"):
            return attempt, work(attempt)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_manifest(attempt: Attempt, start: Start, outcome: Outcome, started_at: str) -> Manifest:
    name, artifact = start.input
    summary = StageSummary(
        state=State.DONE,
        attempt=attempt.name,
        at=write_time(),
        seconds=attempt.timings.get("total"),
        headline=escape(shorten_told(outcome.headline)),
        notes=[escape(shorten_told(note)) for note in outcome.notes[:_TOLD_NOTES]],
        more_notes=max(0, len(outcome.notes) - _TOLD_NOTES),
    )
    return Manifest(
        uri=attempt.layout.manifest(attempt.stage, attempt.name),
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
        finished_at=write_time(timespec="milliseconds"),
    )


def _close(manifest: Manifest, start: Start, store: Store, layout: RunLayout) -> None:
    done = Receipt(
        run_key=manifest.run_key,
        dataset=start.drop.dataset,
        file=start.drop.uri,
        state=STAGES[manifest.stage].state,
        stage=manifest.stage,
        links=manifest.links,
        facts=manifest.facts,
        stages=manifest.summaries,
    )
    put_receipt(store, layout, done)
    if manifest.stage == LAST.name:
        store.delete(layout.marker)


def _fail(error: StageError, invocation: Invocation, store: Store, layout: RunLayout | None) -> CommandOutput:
    record = describe_failure(error, invocation.stage, invocation.run_key, invocation.attempt, invocation.ask)
    log.error(
        "%s stopped: %s\nwhere:      %s\nwhat to do: %s\nmore:       %s",
        invocation.stage,
        error.what,
        error.where,
        error.fix,
        error.runbook,
    )
    if layout is not None:
        try:
            record = _keep_failure(error, record, invocation, store, layout)
        except StageError as down:
            log.error("the failure record could not be kept: %s", down)
    details = (write_json(error.details).decode(),) if error.details else ()
    return CommandOutput(error.exit_code, (*details, record.mark()))


def _keep_failure(
    error: StageError, record: Failure, invocation: Invocation, store: Store, layout: RunLayout
) -> Failure:
    found = read_drop(store, layout)
    dataset, file = (found[0].dataset, found[0].uri) if found else _name_without_drop(invocation)
    # What was refused at once has no other record of what it was asked with.
    record = replace(record, dataset=dataset, params=hide_secret_params(invocation.params))
    uri = layout.failure(invocation.stage, invocation.attempt)
    store.put(uri, record.write())
    if isinstance(error, CommitLost):
        # The receipt tells of the attempt that won.
        return record
    state = state_after(error.exit_code)
    before = stage_before(invocation.stage)
    earlier = read_committed(store, layout, before.name) if before else None
    summary = StageSummary(state, invocation.attempt, write_time(), headline=error.what)
    stopped = Receipt(
        run_key=invocation.run_key,
        dataset=dataset,
        file=file,
        state=state,
        stage=invocation.stage,
        reason=record.reason,
        links=(earlier.manifest.links if earlier else {}) | {"failure": uri},
        stages=(earlier.manifest.summaries if earlier else {}) | {invocation.stage: summary},
    )
    put_receipt(store, layout, stopped)
    if state == State.REFUSED:
        store.delete(layout.marker)
    return record


def _name_without_drop(invocation: Invocation) -> tuple[str, str]:
    """Return dataset and file of a manual trigger that was refused before its source was looked at."""
    source = invocation.params.get("data_source")
    dataset = dataset_of_request(invocation.params.get("dataset"), source)
    return choose_receipt_dataset(dataset, invocation.run_key), hide_secrets(source) if isinstance(source, str) else ""


def _check_run_key(text: str) -> None:
    try:
        RunKey.parse(text)
    except RunKeyInvalid as error:
        raise ParameterInvalid(
            f"`{text[:120]}` is no run key.",
            where="--run",
            fix="Give a run key as a receipt shows it, such as `penguins.20260131T120000Z.1a2b3c4d`.",
        ) from error
