"""Stage `publish`: the model goes to where it was asked for, and becomes a version in MLflow's registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline_contract.layout import split_uri
from pipeline_contract.run_key import RunKey
from pipeline_contract.s3 import PreconditionFailed

from ...errors import LocationRefused, RunUnknown, StorageRefused, TargetTaken
from ...mlflow_server import MlflowServer
from ...published_schema import keep_schema
from ...run.attempt import Attempt, Outcome
from ...run.location import check_target
from ...run.manifest import Artifact, Manifest, digest_of
from ...run.run_order import order_drop
from .registry import ALIAS, Registry, Version
from .report import Report, write_report


def publish(attempt: Attempt) -> Outcome:
    """Carry out the stage; everything in it can be repeated.

    :raises LocationRefused: the model may not be put there.
    :raises TargetTaken: another object lies there already, under the version that a person chose.
    :raises TrackingUnavailable: MLflow does not answer.
    """
    trained = _read_trained(attempt)
    folder = attempt.layout.models(attempt.dataset, attempt.name)
    if attempt.request.target_output_path is not None:
        folder = check_target(attempt.request.target_output_path, attempt.settings)
    server = MlflowServer(attempt.settings)
    with attempt.timed("mlflow"):
        server.check()
    published = put_where_free(attempt, attempt.fetch("model"), folder, trained)
    outputs = {"published_model": published}
    if "measured_model" in attempt.artifacts:
        measured = published.uri.removesuffix(".pkl") + ".measured.pkl"
        outputs["published_measured_model"] = put_model(attempt, attempt.fetch("measured_model"), measured)
    with attempt.timed("mlflow"):
        registry = Registry(server, attempt.dataset)
        version, is_new = _register(registry, attempt, trained, published)
        newest = registry.move_alias(version)
    link = server.link_version(attempt.dataset, str(version.number))
    has_alias = newest.number == version.number
    _say_published(attempt, published, version, newest, is_new=is_new)
    keep_schema(attempt)
    with attempt.timed("report"):
        content = write_report(_collect(attempt, trained, published, version, newest, link))
        outputs["report"] = attempt.save("report.html", content.encode(), "text/html; charset=utf-8")
    return Outcome(
        outputs=outputs,
        facts={
            "location": published.uri,
            "model_name": attempt.dataset,
            "model_version": version.number,
            "model_digest": published.digest,
            "registered": "now" if is_new else "before",
            "alias": ALIAS,
            "alias_moved": has_alias,
            "alias_version": newest.number,
            "mlflow_model_url": link,
            "metrics": trained.facts["metrics"],
            "baseline": trained.facts["baseline"],
            # As people read them; a run of before this was kept has none.
            "metrics_shown": trained.facts.get("metrics_shown", []),
            # A run of before there were such rows has none.
            "rows_without_target": trained.facts.get("rows_without_target", 0),
        },
        headline=f"version {version.number} of `{attempt.dataset}`"
        + (f", now `{ALIAS}`" if has_alias else f"; `{ALIAS}` stays at version {newest.number}, of a later run"),
        location=published.uri,
        links={"model": link, "model_file": published.uri, "report": outputs["report"].uri},
    )


def _register(registry: Registry, attempt: Attempt, trained: Manifest, published: Artifact) -> tuple[Version, bool]:
    """Return the version of the model that was put there, and whether it is new."""
    facts = trained.facts
    return registry.register(
        run_key=attempt.run_key,
        run_order=order_drop(attempt.drop),
        model_digest=published.digest,
        decided_at=trained.finished_at,
        mlflow_run_id=facts["mlflow_run_id"],
        mlflow_model_id=facts["mlflow_model_id"],
        tags={"dataset": attempt.dataset, "attempt": attempt.name, "location": published.uri}
        | {name: facts[name] for name in ("fitted_on", "measured_digest") if name in facts},
        description=trained.summaries["train"].headline,
    )


def put_where_free(attempt: Attempt, path: Path, folder: str, trained: Manifest) -> Artifact:
    """Put the model file *path* into *folder* as `train` named it, or under a longer name where another model has that one.

    The default version is the time of the run in whole seconds. So two files that land in the same second want one name
    in a folder of a person's own, and so does a run that is trained once more.

    :raises TargetTaken: a person chose the version, and another object lies there; or all names are taken.
    """
    uri = f"{folder}/{trained.facts['model_file']}"
    for other in _list_other_names(attempt, path, trained):
        try:
            return put_model(attempt, path, uri)
        except TargetTaken:
            attempt.log.warning("another object has the name %s already, so this model becomes %s", uri, other)
            uri = f"{folder}/{other}"
    return put_model(attempt, path, uri)


def _list_other_names(attempt: Attempt, path: Path, trained: Manifest) -> list[str]:
    """Return names that tell the run, and then the model, from others; none where the version is a person's choice."""
    if "model_version" in trained.request_from:
        return []
    stem = trained.facts["model_file"].removesuffix(".pkl")
    digests = (RunKey.parse(attempt.run_key).digest, digest_of(path).removeprefix("sha256:")[:8])
    return [f"{stem}-{digest}.pkl" for digest in digests]


def put_model(attempt: Attempt, path: Path, uri: str) -> Artifact:
    """Put the model file *path* to *uri*, where nothing is ever overwritten.

    :raises TargetTaken: another object lies there; the same model is welcome.
    :raises LocationRefused: there is no such bucket, or the worker's key may not write there. Of the artifact bucket, which
        no request chooses, that is an outage.
    """
    artifact = Artifact(uri=uri, digest=digest_of(path), size=path.stat().st_size)
    try:
        with attempt.timed("upload"):
            attempt.store.put(uri, path, if_none_match=True)
    except PreconditionFailed:
        present = attempt.scratch / "present"
        attempt.store.download(uri, present)
        if digest_of(present) != artifact.digest:
            raise TargetTaken(
                "Another object lies there already, and is not overwritten.",
                where=uri,
                fix="Give `publish` another `target_output_path`, or train with another `model_version`; "
                "or take the object away, if nobody needs it.",
                details={"parameter": "target_output_path", "present": digest_of(present), "model": artifact.digest},
            ) from None
        attempt.log.info("the same model lies there already")
    except StorageRefused as refusal:
        if split_uri(uri)[0] == attempt.settings.artifact_bucket:
            raise
        raise LocationRefused(
            f"`target_output_path` cannot be written to. {refusal.what}",
            where=uri,
            fix="Make the bucket, and let the worker's key (OBJECT_STORAGE_ACCESS_KEY) read and put objects there; or run "
            "`publish` again with another `target_output_path`.",
            details={"parameter": "target_output_path"},
        ) from refusal
    return artifact


def _read_trained(attempt: Attempt) -> Manifest:
    """Return what `train` left, and said of its model.

    :raises RunUnknown: it said nothing that can be published.
    """
    trained = attempt.read_manifest("train")
    needed = ("model_file", "mlflow_run_id", "mlflow_model_id", "metrics", "baseline")
    missing = [name for name in needed if name not in trained.facts]
    if missing or "model" not in attempt.artifacts:
        raise RunUnknown(
            f"`train` left no model that can be published; {', '.join(missing) or 'the file'} is missing.",
            where=trained.uri,
            fix="Run `train` again.",
        )
    return trained


def _say_published(attempt: Attempt, published: Artifact, version: Version, newest: Version, *, is_new: bool) -> None:
    log, name = attempt.log, attempt.dataset
    log.info("published to %s", published.uri)
    log.info("version %d of `%s` in MLflow%s", version.number, name, "" if is_new else ", registered before")
    if newest == version:
        log.info("load it with: mlflow.pyfunc.load_model(%r)", f"models:/{name}@{ALIAS}")
    else:
        log.warning(
            "`%s` stays at version %d, which is of the later run %s; load this one with: mlflow.pyfunc.load_model(%r)",
            ALIAS,
            newest.number,
            newest.run_key,
            f"models:/{name}/{version.number}",
        )


def _collect(
    attempt: Attempt, trained: Manifest, published: Artifact, version: Version, newest: Version, link: str
) -> Report:
    def read(name: str) -> dict[str, Any]:
        if name not in attempt.artifacts:
            return {}
        content: dict[str, Any] = json.loads(attempt.fetch(name).read_bytes())
        return content

    figures = {
        name.removeprefix("figure_"): attempt.fetch(name).read_bytes()
        for name in attempt.artifacts
        if name.startswith("figure_")
    }
    return Report(
        dataset=attempt.dataset,
        run_key=attempt.run_key,
        file=attempt.drop.uri,
        landed_at=attempt.drop.last_modified,
        trained=trained.facts,
        request=trained.request,
        profile=read("profile"),
        summary=read("summary"),
        metrics=read("metrics"),
        figures=figures,
        location=published.uri,
        digest=published.digest,
        version=version.number,
        newest=newest.number,
        links={"Run in MLflow": trained.facts["mlflow_run_url"], "Version in MLflow": link},
    )
