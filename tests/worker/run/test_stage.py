"""Attempts: what they commit, what they repeat, and what is left when one dies at any of its writes."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from pipeline_contract.records import FAILURE_MARK
from pipeline_worker.errors import DataUnreadable, StageError, StorageRefused, StorageUnreachable
from pipeline_worker.run.attempt import Attempt, Outcome
from pipeline_worker.run.begin import Invocation
from pipeline_worker.run.manifest import Manifest, read_committed
from pipeline_worker.run.stage import CommandOutput, run_stage
from pipeline_worker.settings import Settings, read_settings
from pipeline_worker.store.base import Store, Write, open_store
from tests.worker.fork import run_forked

KEY = "penguins.20260101T000000Z.aaaaaaaa"
SOURCE = {"data_source": "s3://drops/_sources/penguins.csv", "target_column": "species"}
ROOT = "s3://artifacts/ml-pipeline-runs"


class Bench:
    """A store in a folder with one source, and stages whose work is to save one small object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: Settings = read_settings({"PIPELINE_SCRATCH_DIR": str(folder / "scratch")}, store_folder=folder)
        self.store: Store = open_store(self.settings)
        self.layout = self.settings.layout.run(KEY)
        self.worked: list[str] = []
        self.attempts = 0

    def put_source(self) -> None:
        self.store.put("s3://drops/_sources/penguins.csv", b"a,species\n1,x\n")

    def work(self, attempt: Attempt) -> Outcome:
        self.worked.append(attempt.stage)
        if attempt.stage == "ingest":
            attempt.fetch("raw")
        saved = attempt.save("result.txt", json.dumps(attempt.request.model_dump()).encode())
        return Outcome({attempt.stage: saved}, {"rows": 1}, "one row", saved.uri, links={attempt.stage: saved.uri})

    def run(
        self, stage: str, ask: str = "first", *, again: bool = False, work: Any = None, **params: Any
    ) -> CommandOutput:
        self.attempts += 1
        invocation = Invocation(stage, KEY, f"attempt-{self.attempts}", ask, again, params)
        return run_stage(invocation, work or self.work, self.store, self.settings)

    def committed(self, stage: str) -> Manifest:
        found = read_committed(self.store, self.layout, stage)
        assert found is not None
        return found.manifest

    def receipt(self, dataset: str = "penguins") -> dict[str, Any]:
        return json.loads(self.store.read(self.layout.receipt(dataset))[0])  # type: ignore[no-any-return]  # an object

    def has_marker(self) -> bool:
        return self.store.head(self.layout.marker) is not None


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.put_source()
    return made


def failure_of(ended: CommandOutput) -> dict[str, Any]:
    line = ended.stdout[-1]
    assert line.startswith(FAILURE_MARK)
    return json.loads(line.removeprefix(FAILURE_MARK))  # type: ignore[no-any-return]  # an object


def test_four_stages_hand_on_and_close_the_run(bench: Bench) -> None:
    """Each stage reads what the one before committed; at the end the receipt says published and the marker is gone."""
    assert bench.run("ingest", **SOURCE).exit_code == 0
    assert bench.has_marker()
    for stage in ("validate", "train", "publish"):
        assert bench.run(stage).exit_code == 0
    manifest = bench.committed("publish")
    assert set(manifest.artifacts) == {"drop", "raw", "ingest", "validate", "train", "publish"}
    assert manifest.request["target_column"] == "species"
    assert manifest.artifacts["raw"].digest.startswith("sha256:")
    receipt = bench.receipt()
    assert (receipt["state"], list(receipt["stages"])) == ("published", ["ingest", "validate", "train", "publish"])
    assert not bench.has_marker()


def test_a_stage_reads_what_any_earlier_one_left(bench: Bench) -> None:
    """However many stages lie between, it is what its own input was made from, not what was committed since."""
    found: list[str] = []

    def work(attempt: Attempt) -> Outcome:
        if attempt.stage == "publish":
            bench.run("ingest", "b", again=True)
            found.extend(attempt.read_manifest(stage).attempt for stage in ("train", "validate", "ingest"))
            attempt.read_manifest("publish")
        return bench.work(attempt)

    for stage in ("ingest", "validate", "train"):
        bench.run(stage, "a", **(SOURCE if stage == "ingest" else {}))
    failed = failure_of(bench.run("publish", "a", work=work))
    assert found == ["attempt-3", "attempt-2", "attempt-1"]
    assert bench.committed("ingest").attempt == "attempt-5"
    assert (failed["exit"], failed["what"]) == (70, "No stage before `publish` is called `publish`.")


def test_repeated_event_does_no_work(bench: Bench) -> None:
    """The same event twice ends well twice, with the same last line, and the work is done once."""
    first = bench.run("ingest", "a", **SOURCE)
    bench.run("validate", "a")
    assert bench.run("ingest", "b", **SOURCE) == first
    assert bench.run("validate", "b").exit_code == 0
    assert bench.worked == ["ingest", "validate"]


def test_again_works_once_per_ask(bench: Bench) -> None:
    """A person's wish to repeat is fulfilled once; a retry of it finds it done. The next stage then works as well."""
    bench.run("ingest", "a", **SOURCE)
    bench.run("validate", "a")
    bench.run("ingest", "b", again=True)
    bench.run("ingest", "b", again=True)
    bench.run("validate", "c")
    assert bench.worked == ["ingest", "validate", "ingest", "validate"]


def test_override_is_kept_against_a_repeated_event(bench: Bench) -> None:
    """What a person overrode stays when the event of the same input comes again, and the next stage gets it."""
    for stage in ("ingest", "validate", "train"):
        bench.run(stage, "a", **(SOURCE if stage == "ingest" else {}))
    bench.run("train", "b", again=True, test_size=0.4)
    bench.run("train", "c")
    assert bench.committed("train").request["test_size"] == 0.4
    bench.run("publish", "d")
    assert bench.committed("publish").request["test_size"] == 0.4
    assert bench.committed("train").overrides == {"test_size": 0.4}


def test_params_file_is_read_anew(bench: Bench) -> None:
    """After a refusal a person mends `_params.json`, and the same run goes on with it; the manifest names it."""
    bench.store.put("s3://drops/penguins/_params.json", b'{"test_sise": 0.3}')
    refused = bench.run("ingest", "a", **SOURCE)
    assert refused.exit_code == 2
    assert "Did you mean `test_size`?" in failure_of(refused)["what"]
    assert bench.receipt()["state"] == "refused"
    assert not bench.has_marker()
    bench.store.put("s3://drops/penguins/_params.json", b'{"test_size": 0.3}')
    assert bench.run("ingest", "a/1").exit_code == 0
    manifest = bench.committed("ingest")
    assert manifest.request["test_size"] == 0.3
    assert manifest.request_from["test_size"] == "s3://drops/penguins/_params.json"
    assert manifest.inputs["params"].size == len(b'{"test_size": 0.3}')


def test_untouched_form_says_what_to_fill_in(bench: Bench) -> None:
    """A trigger without any parameter is refused as a request, and names `data_source`."""
    ended = bench.run("ingest", data_source=None, target_column=None)
    assert ended.exit_code == 2
    assert "data_source" in failure_of(ended)["fix"]
    assert bench.worked == []


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "s3://drops/penguins/x.csv",
        "s3://elsewhere/x.csv",
        "s3://drops/_sources/../x",
        "s3://drops/_sources/penguins.csv?versionId=abc",
    ],
)
def test_source_must_lie_where_it_may(bench: Bench, source: str) -> None:
    """A source outside `_sources/`, the artifact bucket and the set places is refused, the machine's files always."""
    ended = bench.run("ingest", data_source=source, target_column="y")
    assert ended.exit_code == 2
    assert failure_of(ended)["error"] == "LocationRefused"


@pytest.mark.parametrize(
    "source", ["s3://AKIA:hun/ter2@drops/_sources/x.csv", "https://store/drops/x.csv?X-Amz-Signature=hunter2"]
)
def test_key_in_a_source_is_kept_nowhere(bench: Bench, source: str) -> None:
    """A secret that someone wrote into `data_source` is in no record, no receipt and no line of stdout."""
    ended = bench.run("ingest", data_source=source, target_column="y")
    assert ended.exit_code == 2
    kept = [info.uri + bench.store.read(info.uri)[0].decode() for info in bench.store.list(f"{ROOT}/")]
    assert len(kept) >= 2
    assert not re.search("hunter2|ter2", "".join([*kept, *ended.stdout]))


@pytest.mark.parametrize(
    "target", ["s3://drops/models", "s3://artifacts/ml-pipeline-runs/x", "/srv/models", "s3://a/../b"]
)
def test_target_is_refused_before_anything_is_computed(bench: Bench, target: str) -> None:
    """A place that a model may not be published to is said at `ingest`, not when the model is ready."""
    ended = bench.run("ingest", **SOURCE, target_output_path=target)
    assert failure_of(ended)["error"] == "LocationRefused"
    assert bench.worked == []


@pytest.mark.parametrize("name", ["a/b", "a:b", "../x", " ", "a\nb"])
def test_dataset_must_be_a_name_for_a_model(bench: Bench, name: str) -> None:
    """A dataset's name that MLflow would refuse is refused before anything is written under it."""
    ended = bench.run("ingest", **SOURCE, dataset=name)
    assert ended.exit_code == 2
    assert "MLflow" in failure_of(ended)["what"]
    assert bench.store.head(bench.layout.drop) is None


def test_missing_source_is_named(bench: Bench) -> None:
    """A source that is not there is said by its URI, and is a fault of the request."""
    ended = bench.run("ingest", data_source="s3://drops/_sources/none.csv")
    assert ended.exit_code == 2
    assert "_sources/none.csv" in failure_of(ended)["where"]


@pytest.mark.parametrize(("bucket", "code", "error"), [("lake", 2, "LocationRefused"), ("drops", 75, "StorageRefused")])
def test_source_that_the_key_may_not_read_is_the_requests_fault_if_it_chose_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, bucket: str, code: int, error: str
) -> None:
    """Another bucket is refused at once, with the setting and the key; the pipeline's own is a matter of its keys."""
    bench.settings = dataclasses.replace(bench.settings, source_prefixes=("s3://lake/_sources",))

    def refuse(uri: str) -> None:
        raise StorageRefused("The store refuses the worker's key (403).", where=uri, fix="Check it.")

    monkeypatch.setattr(bench.store, "head", refuse)
    ended = bench.run("ingest", data_source=f"s3://{bucket}/_sources/x.csv")
    assert ended.exit_code == code
    record = failure_of(ended)
    assert record["error"] == error
    assert record["where"] == f"s3://{bucket}/_sources/x.csv"
    if code == 2:
        assert "(403)" in record["what"]
        assert "ML_PIPELINE_SOURCE_PREFIXES" in record["fix"]


def test_run_that_has_begun_keeps_its_source(bench: Bench) -> None:
    """An override cannot exchange the data of a run."""
    bench.run("ingest", "a", **SOURCE)
    ended = bench.run("ingest", "b", again=True, data_source="s3://drops/_sources/other.csv")
    assert ended.exit_code == 2
    assert "new run" in failure_of(ended)["fix"]


def test_stage_out_of_order_names_the_one_before(bench: Bench) -> None:
    """A stage whose input is not committed yet says which stage to run first."""
    bench.run("ingest", **SOURCE)
    ended = bench.run("train")
    assert ended.exit_code == 2
    assert "`validate`" in failure_of(ended)["fix"]


def test_unknown_run_is_refused(bench: Bench) -> None:
    """A run key without a drop is a fault of the request."""
    assert failure_of(bench.run("validate"))["error"] == "RunUnknown"


def test_a_drop_that_is_no_record_is_named(bench: Bench) -> None:
    """Nothing can be made of it, and nothing else could be kept of the run."""
    bench.store.put(bench.layout.drop, b"{}")
    record = failure_of(bench.run("validate"))
    assert (record["exit"], record["error"], record["where"]) == (70, "Crash", bench.layout.drop)


def test_failure_is_kept_for_people_and_programs(bench: Bench) -> None:
    """What, where and what to do stand in the failure record, the receipt and the marked line alike."""
    bench.run("ingest", **SOURCE)

    def refuse(_: Attempt) -> Outcome:
        raise DataUnreadable("Line 3 has 4 fields.", where="line 3", fix="Mend it.", details={"line": 3})

    ended = bench.run("validate", work=refuse)
    assert ended.exit_code == 1
    record = json.loads(bench.store.read(f"{ROOT}/{KEY}/validation/attempt-2/failure.json")[0])
    assert record["details"] == {"line": 3}
    receipt = bench.receipt()
    assert (receipt["state"], receipt["stage"], receipt["reason"]["fix"]) == ("refused", "validate", "Mend it.")
    assert receipt["stages"]["ingest"]["state"] == "done"
    assert failure_of(ended)["where"] == "line 3"


def test_what_an_attempt_was_asked_with_is_kept(bench: Bench) -> None:
    """The parameters of an attempt stand in its records, whether it began or was refused at once; secrets never do."""

    def read(name: str) -> Any:
        return json.loads(bench.store.read(f"{ROOT}/{KEY}/ingested/{name}.json")[0])

    bench.run("ingest", "a", test_size=7, **SOURCE)
    assert read("attempt-1/failure")["params"] == {"test_size": 7, **SOURCE}
    bench.run("ingest", "b", **SOURCE)
    assert read("attempt-2/started")["params"] == SOURCE
    bench.run("ingest", "c", again=True, hyperparameters={"api_key": "k"})
    assert read("attempt-3/failure")["params"] == {}
    ended = bench.run("ingest", "d", again=True, data_source="s3://drops/_sources/a.csv?signature=k")
    assert read("attempt-4/failure")["params"] == {"data_source": "s3://drops/_sources/a.csv"}
    assert "params" not in failure_of(ended)


def test_crash_has_a_record_and_keeps_the_run_open(bench: Bench) -> None:
    """A fault of ours ends in 70 with a record; the run stays open, because a later attempt may succeed."""
    ended = bench.run("ingest", work=lambda _: 1 / 0, **SOURCE)
    assert ended.exit_code == 70
    assert "ZeroDivisionError" in failure_of(ended)["what"]
    assert bench.has_marker()
    assert bench.receipt()["state"] == "failed"


def test_commit_is_lost_to_a_faster_attempt(bench: Bench) -> None:
    """Of two attempts at once one commits; the other changes nothing and is to be tried again."""
    bench.run("ingest", "a", **SOURCE)

    def overtaken(attempt: Attempt) -> Outcome:
        bench.run("validate", "faster", again=True)
        return bench.work(attempt)

    ended = bench.run("validate", "slower", again=True, work=overtaken)
    assert ended.exit_code == 75
    assert failure_of(ended)["error"] == "CommitLost"
    assert bench.committed("validate").ask == "faster"
    assert bench.store.head(f"{ROOT}/{KEY}/validation/attempt-2/failure.json") is not None
    assert bench.receipt()["state"] == "validated", "the receipt is the winner's"


def test_receipt_that_was_lost_after_the_commit_is_written_by_the_retry(bench: Bench) -> None:
    """A person does not see a stage running that is done."""
    bench.run("ingest", "a", **SOURCE)

    @contextmanager
    def broken(write: Write) -> Iterator[None]:
        if "/receipts/" in write.uri and read_committed(bench.store, bench.layout, "validate") is not None:
            raise StorageUnreachable("down", where=write.uri, fix="start it")
        yield

    bench.store.around_write = broken
    assert bench.run("validate", "a").exit_code == 75
    assert bench.receipt()["stages"]["validate"]["state"] == "running"
    bench.store.around_write = lambda _: nullcontext()
    assert bench.run("validate", "a").exit_code == 0
    assert bench.worked == ["ingest", "validate"]
    assert (bench.receipt()["state"], bench.receipt()["stages"]["validate"]["state"]) == ("validated", "done")


def test_a_source_that_is_overwritten_while_it_is_copied_is_fetched_again(bench: Bench) -> None:
    """What a run works on is what its record names: another source than was looked at is not taken, and the retry takes it."""

    @contextmanager
    def overwritten(write: Write) -> Iterator[None]:
        if write.kind == "copy":
            bench.store.around_write = lambda _: nullcontext()
            bench.store.put(SOURCE["data_source"], b"a,species\n2,y\n3,y\n")
        yield

    bench.store.around_write = overwritten
    ended = bench.run("ingest", "a", **SOURCE)
    assert ended.exit_code == 75
    assert "overwritten while it was copied" in failure_of(ended)["what"]
    assert bench.run("ingest", "a", **SOURCE).exit_code == 0
    assert bench.store.read(bench.layout.raw)[0] == b"a,species\n2,y\n3,y\n"
    assert json.loads(bench.store.read(bench.layout.drop)[0])["size"] == 18


def test_third_silent_attempt_of_an_ask_is_refused(bench: Bench) -> None:
    """Two attempts that ended without any record are enough; another ask gets its own two."""
    bench.run("ingest", **SOURCE)
    for name in ("killed-1", "killed-2"):
        bench.store.put(f"{ROOT}/{KEY}/validation/{name}/started.json", b'{"ask": "x", "started_at": ""}')
    ended = bench.run("validate", "x")
    assert ended.exit_code == 70
    assert failure_of(ended)["error"] == "AttemptsExhausted"
    assert bench.run("validate", "y").exit_code == 0


def test_changed_object_is_found_out(bench: Bench) -> None:
    """Bytes that are not those that were handed on end the stage."""
    bench.run("ingest", **SOURCE)
    bench.store.put(bench.committed("ingest").outputs["ingest"].uri, b"forged")

    def fetch(attempt: Attempt) -> Outcome:
        attempt.fetch("ingest")
        return bench.work(attempt)

    assert "has changed" in failure_of(bench.run("validate", work=fetch))["what"]


def test_store_that_is_down_leaves_a_marked_line(bench: Bench) -> None:
    """With the store gone there is no record, so stdout carries the whole of it, with the exit code for a retry; facts come before."""

    @contextmanager
    def broken(write: Write) -> Iterator[None]:
        raise StorageUnreachable("down", where=write.uri, fix="start it", details={"tries": 3})
        yield

    bench.store.around_write = broken
    ended = bench.run("ingest", **SOURCE)
    assert ended.exit_code == 75
    assert json.loads(ended.stdout[0]) == {"tries": 3}
    record = failure_of(ended)
    assert [record[name] for name in ("exit", "error", "what", "fix")] == [75, "StorageUnreachable", "down", "start it"]


def die_at(bench: Bench, stage: str, n: int, when: str) -> int:
    """Run an attempt in a process that ends *when*, `before` or `after`, it does its *n*-th write; return its exit code."""
    writes = 0

    @contextmanager
    def die(_: Write) -> Iterator[None]:
        nonlocal writes
        writes += 1
        if (writes, when) == (n, "before"):
            os._exit(9)
        yield
        if (writes, when) == (n, "after"):
            os._exit(9)

    def work() -> int:
        bench.store.around_write = die
        return bench.run(stage, "first", **(SOURCE if stage == "ingest" else {})).exit_code

    return run_forked(work)


@pytest.mark.slow("an attempt dies at each of its writes")
@pytest.mark.parametrize("stage", ["ingest", "publish"])
# From Python 3.12 on, where a library of another test has left a thread behind.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_death_at_any_write_loses_nothing(tmp_path: Path, stage: str) -> None:
    """An attempt may die before or after any of its writes; the next of the same ask ends well, with one commit."""
    before = {"ingest": [], "publish": ["ingest", "validate", "train"]}[stage]
    deaths = 0
    for n, when in ((n, when) for n in itertools.count(1) for when in ("before", "after")):
        bench = Bench(tmp_path / f"{n}-{when}")
        bench.put_source()
        for earlier in before:
            assert bench.run(earlier, "first", **(SOURCE if earlier == "ingest" else {})).exit_code == 0
        code = die_at(bench, stage, n, when)
        if code == 0:
            break  # there is no n-th write
        assert code == 9
        deaths += 1
        # The attempt that died has taken the name.
        bench.attempts += 1
        ended = bench.run(stage, "first", **(SOURCE if stage == "ingest" else {}))
        assert ended.exit_code == 0, (n, when, ended)
        manifest = bench.committed(stage)
        for artifact in manifest.outputs.values():
            assert len(bench.store.read(artifact.uri)[0]) == artifact.size
        if stage == "publish":
            assert bench.receipt()["state"] == "published"
            assert not bench.has_marker()
        else:
            assert bench.run("validate").exit_code == 0
    assert deaths >= 12


def test_error_tree_is_drawn_as_it_is() -> None:
    """The picture at the top of the module names every error, with the exit code that it has."""
    from pipeline_worker import errors

    drawn = errors.__doc__ or ""
    found = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, StageError)]
    assert len(found) > 10
    for error in found:
        line = next(line for line in drawn.splitlines() if f" {error.__name__} " in f"{line} ")
        if error.__bases__[0] is StageError:
            assert f" {error.exit_code} " in line, error
        assert Path(error.runbook).parts[0] == "runbooks"
