"""An attempt: a real process, a real store, its end judged and said; and nothing that outlives it."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from pipeline.runners.engine_fault import judge_out_of_memory
from pipeline.runners.process_operator import GRACE_SECONDS, ProcessOperator
from pipeline.settings import PASSED_ON, get_settings
from pipeline.stage.attempt import CommandExit, StageAttempt, build_arguments
from pipeline.stage.conf import Conf
from pipeline.stage.retry import RETRIES, StageFailed
from pipeline.stage.verdict import Kind
from pipeline.store import AirflowStore
from pipeline_contract.identity import read_identity
from pipeline_contract.layout import Layout
from pipeline_contract.records import Failure, Receipt, StageSummary
from pipeline_contract.s3 import StoreRefused, StoreUnavailable
from pipeline_contract.stages import STAGES
from tests.dags.conftest import make_drop

RUN = "penguins.20260131T120000Z.1a2b3c4d"
LAYOUT = Layout("runs").run(RUN)
LOG = logging.getLogger("tests.attempt")


def make_attempt(settings, *, try_number=1, stage="validate", store=None, **faults):
    """Return an attempt whose command shows these faults."""
    values = {"faults": faults} if faults else {}
    conf = Conf(RUN, "run-1/0", f"run-1.{try_number}", values, is_again=False, is_cascading=True)
    return StageAttempt(STAGES[stage], conf, try_number, settings, store or AirflowStore(settings), LOG)


def run(settings, **changes):
    """Run an attempt as a process, and return what it committed."""
    operator = ProcessOperator(task_id="validate_data", stage="validate")
    return make_attempt(settings, **changes).run(operator.run_command)


def fail(settings, **changes):
    """Run an attempt that fails, and return its failure."""
    with pytest.raises(StageFailed) as failure:
        run(settings, **changes)
    return failure.value


def read_receipt(settings):
    content = AirflowStore(settings).get(settings.artifact_bucket, LAYOUT.receipt("penguins"))
    return json.loads(content)


@pytest.fixture(autouse=True)
def drop(store, settings):
    """Give the run a drop, as `watch` does."""
    store.put(settings.artifact_bucket, LAYOUT.drop, make_drop(RUN).write())


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def test_success(settings, caplog):
    """A command that commits gives its manifest and its URI, its log comes line by line, its scratch folder goes."""
    with caplog.at_level(logging.INFO):
        committed = run(settings, say=["reads 3 rows", "äöü"])
    assert committed.manifest["attempt"] == "run-1.1"
    assert committed.result == f"s3://{settings.artifact_bucket}/runs/{RUN}/validation/run-1.1/manifest.json"
    assert list(settings.scratch.iterdir()) == []


def test_arguments():
    """A command is told all that Airflow knows, and nothing that it can read from the store."""
    conf = Conf(RUN, "r/1", "r.2", {"test_size": 0.3, "q": "ü"}, is_again=True, is_cascading=True)
    assert build_arguments(STAGES["train"], conf) == [
        *("-m", "pipeline_worker.cli.train_model", f"--run={RUN}", "--attempt=r.2", "--ask=r/1", "--again"),
        '--params={"test_size": 0.3, "q": "ü"}',
    ]
    plain = Conf(RUN, "r/1", "r.2", {}, is_again=False, is_cascading=True)
    assert build_arguments(STAGES["publish"], plain)[-1] == "--ask=r/1"


def test_values_that_look_like_options(settings):
    """A Dag run's id may begin with `-`; the command takes it for the value that it is."""
    attempt = make_attempt(settings)
    attempt = dataclasses.replace(attempt, conf=dataclasses.replace(attempt.conf, ask="-r/0", attempt="-r.1"))
    operator = ProcessOperator(task_id="validate_data", stage="validate")
    assert attempt.run(operator.run_command).manifest["ask"] == "-r/0"


def test_environment_is_built(settings, monkeypatch):
    """The worker gets the settings that it needs and folders of its own, and nothing else of Airflow's environment."""
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "airflow-secret")
    monkeypatch.setenv("SOMETHING_ELSE", "x")
    operator = ProcessOperator(task_id="validate_data", stage="validate")
    ended = operator.run_command(
        build_arguments(STAGES["validate"], make_attempt(settings, environment=True, exits=[3]).conf)
    )
    environment = json.loads(ended.result)
    # What the shell of the test's own worker sets, and what is passed on where the machine has it.
    for name in ("PWD", "SHLVL", "_", "LC_CTYPE", "OLDPWD", *PASSED_ON):
        environment.pop(name, None)
    folders = {name: Path(environment.pop(name)) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR")}
    assert all(folder.is_relative_to(settings.scratch) for folder in folders.values())
    assert Path(environment.pop("PIPELINE_SCRATCH_DIR")).is_relative_to(settings.scratch)
    assert environment.pop("PATH")
    assert environment.pop("PYTHONPATH")
    assert environment == {
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PIPELINE_EXIT_WITH_STDIN": "1",
        "PIPELINE_CONTRACT": read_identity(),
        "OBJECT_STORAGE_ENDPOINT_URL": settings.endpoint_url,
        "OBJECT_STORAGE_ACCESS_KEY": "test-access",
        "OBJECT_STORAGE_SECRET_KEY": "test-secret",
        "ML_PIPELINE_DROP_BUCKET": settings.drop_bucket,
        "ML_PIPELINE_ARTIFACT_BUCKET": settings.artifact_bucket,
        "ML_PIPELINE_ARTIFACT_PREFIX": "runs",
    }


@pytest.mark.parametrize(("code", "kind"), [(1, Kind.DATA), (2, Kind.REQUEST)])
@pytest.mark.parametrize("record", ["store", "line"])
def test_refused(settings, caplog, code, kind, record):
    """A fault of data or request is not tried again, and the log ends with what, where and what to do."""
    failure = fail(settings, exits=[code], record=record)
    assert (failure.verdict.kind, failure.decision.is_retry) == (kind, False)
    said = [entry.getMessage() for entry in caplog.records[-4:]]
    assert said[0] == "What happened: The fault of try 1."
    assert said[1] == "Where: column `a`"
    assert said[2].startswith("What to do: Mend it.")
    assert "The fault of try 1." in str(failure)


def make_record(code, **changes):
    """Return a failure record of the first try, as JSON of the worker's."""
    told = {"error": "ColumnMissing", "what": "No column `y`.", "where": "request", "fix": "Mend it.", "runbook": "r"}
    return (
        {"run_key": RUN, "stage": "validate", "attempt": "run-1.1", "dataset": "penguins", "exit": code}
        | told
        | changes
    )


def put_receipt(store, settings, **changes):
    """Put the receipt that the worker writes of a refusal."""
    told = {"state": "refused", "attempt": "run-1.1"} | changes
    receipt = Receipt(
        RUN, "penguins", "", "refused", stages={"validate": StageSummary(**told)}, updated_at="the worker's"
    )
    store.put(settings.artifact_bucket, LAYOUT.receipt("penguins"), receipt.write())


def fail_with(settings, code, record):
    """Let an attempt end with an exit code and a record on its stdout, and return its failure."""
    with pytest.raises(StageFailed) as failure:
        make_attempt(settings).run(lambda _: CommandExit(code, Failure.read(record)))
    return failure.value


@pytest.mark.parametrize("code", [1, 2])
def test_the_receipt_of_a_refusal_is_left_to_the_worker_where_it_wrote_one(settings, store, code):
    """What the worker told of this attempt stays as it is."""
    put_receipt(store, settings)
    assert not fail_with(settings, code, make_record(code)).decision.is_retry
    assert read_receipt(settings)["updated_at"] == "the worker's"


@pytest.mark.parametrize(
    ("dataset", "told"),
    [(None, {}), ("penguins", {"attempt": "run-0.1"}), ("penguins", {"state": "validated"}), ("penguins", None)],
    ids=str,
)
def test_a_refusal_that_no_receipt_tells_of_is_told(settings, store, dataset, told):
    """A record that was only printed, whoever printed it, leaves no receipt as it was: the operator writes it."""
    if told is not None:
        put_receipt(store, settings, **told)
    fail_with(settings, 1, make_record(1, dataset=dataset))
    receipt = read_receipt(settings)
    assert (receipt["state"], receipt["stage"], receipt["reason"]["what"]) == ("refused", "validate", "No column `y`.")


@pytest.mark.parametrize(
    "changes",
    [
        {"run_key": "other.20260131T120000Z.1a2b3c4d"},
        {"run_key": None},
        {"stage": "ingest"},
        {"attempt": "run-1.2"},
        {"dataset": "../../evil"},
        {"dataset": 7},
        {"exit": "1"},
        {"exit": True},
        {"what": None},
        {"fix": 1},
        {"details": "text"},
        {"runbook": ["r"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_printed", [False, True])
def test_a_forged_record_counts_for_nothing(settings, store, caplog, changes, is_printed):
    """What names another run, stage or try, a path or no advice is left out of account, and the end is a crash."""
    record = json.dumps(make_record(1, **changes))
    if not is_printed:
        store.put(settings.artifact_bucket, LAYOUT.failure("validate", "run-1.1"), record.encode())
    printed = Failure.read_line(f"PIPELINE-FAILURE {record}") if is_printed else None
    with pytest.raises(StageFailed) as failure:
        make_attempt(settings).run(lambda _: CommandExit(1, printed))
    assert (failure.value.verdict.kind, failure.value.verdict.record) == (Kind.CRASH, None)
    assert ("left out of account" in caplog.text) == (not is_printed or printed is not None)
    receipt = read_receipt(settings)
    assert (receipt["dataset"], receipt["state"]) == ("penguins", "waiting")


def test_a_record_nested_without_end_counts_for_nothing(settings, store):
    """JSON that Python does not read is no record."""
    store.put(settings.artifact_bucket, LAYOUT.failure("validate", "run-1.1"), b'{"details": ' + b"[" * 100_000)
    with pytest.raises(StageFailed, match="left no failure record"):
        make_attempt(settings).run(lambda _: CommandExit(3))


def test_half_a_letter_in_a_record(settings):
    """A text that has no UTF-8 gets into the receipt as JSON can write it."""
    fail_with(settings, 1, make_record(1, what="\ud800"))
    assert read_receipt(settings)["reason"]["what"] == "\ud800"


@pytest.mark.parametrize("record", [{"exit": 75}, {"attempt": "run-1.9"}])
def test_only_a_record_of_an_earlier_try_makes_it_no_crash(settings, store, record):
    """What lies in its folder and is not that try's own record does not give an ask another crash."""
    content = json.dumps(make_record(75, **record) if "attempt" in record else record)
    store.put(settings.artifact_bucket, LAYOUT.failure("validate", "run-1.1"), content.encode())
    with pytest.raises(StageFailed) as failure:
        make_attempt(settings, try_number=2).run(lambda _: CommandExit(3))
    assert not failure.value.decision.is_retry


def test_a_lost_race_leaves_the_receipt_to_the_winner(settings, store):
    """The attempt that committed first has told how the run goes on."""
    put_receipt(store, settings, state="validated", attempt="run-2.1")
    assert fail_with(settings, 75, make_record(75, error="CommitLost")).decision.is_retry
    assert read_receipt(settings)["updated_at"] == "the worker's"


def test_memory_that_ran_out_for_a_child_is_told_where_the_command_left_no_record(settings, store):
    """The engine knows what the exit code does not say; a failure record of the command's own knows better."""
    guess = judge_out_of_memory(70, "4g", "")
    with pytest.raises(StageFailed, match="more than the 4g"):
        make_attempt(settings).run(lambda _: CommandExit(70, guess=guess))
    store.put(
        settings.artifact_bucket,
        LAYOUT.failure("validate", "run-1.1"),
        json.dumps(make_record(70)).encode(),
    )
    with pytest.raises(StageFailed, match="No column `y`"):
        make_attempt(settings).run(lambda _: CommandExit(70, guess=guess))


@pytest.mark.parametrize("dataset", ["a/b", "a\\b", ".", "..", "", 7, "x\0y"])
def test_dataset_that_is_no_name(settings, store, dataset):
    """What a trigger gives as dataset becomes no path: the receipt lies where the worker would have put it."""
    store.delete(settings.artifact_bucket, LAYOUT.drop)
    attempt = make_attempt(settings)
    values = {"dataset": dataset, "data_source": "s3://drops/_sources/penguins/a.csv"}
    attempt = dataclasses.replace(attempt, conf=dataclasses.replace(attempt.conf, values=values))
    with pytest.raises(StageFailed):
        attempt.run(lambda _: CommandExit(3))
    assert read_receipt(settings)["dataset"] == "penguins"


def test_outside_down(settings):
    """What is outside and down is tried again, and the receipt is the worker's own as long as it will be."""
    failure = fail(settings, exits=[75], record="store")
    assert failure.decision.delay.total_seconds() == 10
    assert read_receipt(settings)["updated_at"] == "the worker's"


def test_given_up_is_said_in_the_receipt(settings):
    """After the last try the receipt no longer says that there will be another."""
    failure = fail(settings, exits=[75], record="store", try_number=RETRIES + 1)
    assert not failure.decision.is_retry
    receipt = read_receipt(settings)
    assert (receipt["state"], receipt["stage"], receipt["reason"]["where"]) == ("failed", "validate", "column `a`")


@pytest.mark.parametrize("code", [1, 2, 75, 3, -9])
def test_end_without_a_word(settings, code):
    """Without a failure record any exit is a crash: tried once more, and the operator writes the receipt."""
    failure = fail(settings, exits=[code], say=["last words"])
    assert (failure.verdict.kind, failure.decision.is_retry) == (Kind.CRASH, True)
    receipt = read_receipt(settings)
    assert receipt["state"] == "waiting"
    assert receipt["stages"]["validate"]["state"] == "waiting"
    assert receipt["reason"]["details"]["last_words"].endswith("last words")
    again = fail(settings, exits=[code], try_number=2)
    assert not again.decision.is_retry
    assert read_receipt(settings)["state"] == "failed"


def test_crash_after_an_outage_is_the_first_crash(settings):
    """Tries that waited for something outside do not use up the one retry of a crash."""
    assert fail(settings, exits=[75], record="store").decision.is_retry
    assert fail(settings, exits=[3], try_number=2).decision.is_retry
    assert not fail(settings, exits=[3], try_number=3).decision.is_retry


def test_receipt_keeps_what_it_says(settings, store):
    """The operator's word in a receipt leaves the file, links and earlier stages as they were."""
    done = StageSummary("done", "run-0.1", notes=["few rows"])
    before = Receipt(
        RUN, "penguins", "s3://drops/penguins/a.csv", "ingested", links={"report": "x"}, stages={"ingest": done}
    )
    store.put(settings.artifact_bucket, LAYOUT.receipt("penguins"), before.write())
    fail(settings, exits=[3])
    receipt = read_receipt(settings)
    assert (receipt["file"], receipt["links"]) == (before.file, before.links)
    assert receipt["stages"]["ingest"] == dataclasses.asdict(done)
    assert receipt["stages"]["validate"]["attempt"] == "run-1.1"


@pytest.mark.parametrize("content", [b"", b"{", b'{"state": "failed", "stages": []}'])
def test_a_receipt_that_is_none_is_written_anew(settings, store, content):
    """Whatever lies in its place, people read how the run stands."""
    store.put(settings.artifact_bucket, LAYOUT.receipt("penguins"), content)
    fail_with(settings, 1, make_record(1))
    receipt = Receipt.read(store.get(settings.artifact_bucket, LAYOUT.receipt("penguins")))
    assert (receipt.run_key, receipt.state, receipt.stage) == (RUN, "refused", "validate")


def test_success_without_a_manifest_is_a_crash(settings):
    """Exit 0 alone is no result: what counts is the manifest."""
    with pytest.raises(StageFailed, match="no manifest") as failure:
        make_attempt(settings).run(lambda _: CommandExit(0))
    assert failure.value.verdict.kind is Kind.CRASH


@pytest.mark.parametrize("fault", [StoreUnavailable, StoreRefused])
def test_store_down_after_the_work(settings, fault):
    """When the manifest cannot be read, the attempt waits for the store, and for its key: the next try finds the work done."""

    class DownStore(AirflowStore):
        def get(self, *_, **__):
            raise fault("connection refused")

    failure = fail(settings, store=DownStore(settings))
    assert (failure.verdict.kind, failure.decision.is_retry) == (Kind.OUTSIDE, True)


def test_python_that_is_not_there(settings, monkeypatch):
    """A worker environment that is missing is named with its setting."""
    monkeypatch.setenv("ML_PIPELINE_WORKER_PYTHON", "/nowhere/python")
    get_settings.cache_clear()
    failure = fail(settings)
    assert "could not be started" in failure.verdict.reason.what
    assert "ML_PIPELINE_WORKER_PYTHON" in failure.verdict.reason.fix


@pytest.mark.parametrize(
    ("fault", "why"),
    [("interpreter", "No such file"), ("arguments", "Argument list too long"), ("scratch", "Not a directory")],
)
def test_command_that_cannot_be_started(settings, monkeypatch, tmp_path, fault, why):
    """What keeps the system from starting the command is said in the log and the receipt, as any other end is."""
    file = tmp_path / "file"
    file.write_text("#!/nowhere/python\n")
    file.chmod(0o700)
    if fault == "interpreter":
        monkeypatch.setenv("ML_PIPELINE_WORKER_PYTHON", str(file))
    if fault == "scratch":
        monkeypatch.setenv("PIPELINE_SCRATCH_DIR", str(file / "scratch"))
    get_settings.cache_clear()
    failure = fail(settings, say=["x" * 200_000 if fault == "arguments" else ""])
    assert (failure.verdict.kind, failure.decision.is_retry) == (Kind.CRASH, True)
    assert why in read_receipt(settings)["reason"]["what"]


def test_stop_is_no_crash(settings):
    """An attempt that Airflow stopped leaves a record, so that neither we nor the worker take it for a silent crash."""
    with pytest.raises(StageFailed):
        make_attempt(settings).run(lambda _: CommandExit(-15, is_stopped=True))
    key = LAYOUT.failure("validate", "run-1.1")
    record = json.loads(AirflowStore(settings).get(settings.artifact_bucket, key))
    assert (record["exit"], record["ask"], record["what"]) == (75, "run-1/0", "Airflow stopped this attempt.")
    assert fail(settings, exits=[3], try_number=2).decision.is_retry
    assert not fail(settings, exits=[3], try_number=3).decision.is_retry


def test_stop_keeps_the_record_of_the_worker(settings, store):
    """A failure record that the command left before it was stopped stays as it is."""
    key = LAYOUT.failure("validate", "run-1.1")
    store.put(settings.artifact_bucket, key, b'{"exit": 70}')
    with pytest.raises(StageFailed):
        make_attempt(settings).run(lambda _: CommandExit(-15, is_stopped=True))
    assert store.get(settings.artifact_bucket, key) == b'{"exit": 70}'


@pytest.mark.parametrize("ignore_term", [False, True])
def test_stopped_by_airflow(settings, tmp_path, ignore_term):
    """When Airflow stops the task, the command and what it started end within the grace, even if it does not listen."""
    pids = tmp_path / "pids"
    operator = ProcessOperator(task_id="validate_data", stage="validate")
    attempt = make_attempt(settings, seconds=300, child=str(pids), ignore_term=ignore_term)

    def stop():
        wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        operator.on_kill()

    thread = threading.Thread(target=stop)
    thread.start()
    began = time.monotonic()
    with pytest.raises(StageFailed) as failure:
        attempt.run(operator.run_command)
    thread.join()
    assert time.monotonic() - began < GRACE_SECONDS * 3 + 60
    assert (failure.value.verdict.kind, failure.value.decision.is_retry) == (Kind.STOPPED, True)
    assert not any(is_alive(int(pid)) for pid in pids.read_text().split())
    assert list(settings.scratch.iterdir()) == []
    assert read_receipt(settings)["reason"]["what"] == "Airflow stopped this attempt."


def test_what_a_command_leaves_behind_is_ended(settings, tmp_path):
    """A process that the command started and forgot neither holds the task up nor outlives it."""
    pids = tmp_path / "pids"
    run(settings, child=str(pids))
    wait_until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))


_HOLDER = """
from pipeline.runners.process_operator import ProcessOperator
operator = ProcessOperator(task_id="validate_data", stage="validate")
operator.run_command({arguments!r})
"""


def test_killed_airflow_worker_leaves_no_orphan(settings, tmp_path, interpreter):
    """SIGKILL of the process that runs the task ends the command, and the next attempt clears its scratch folder."""
    pids = tmp_path / "pids"
    arguments = build_arguments(STAGES["validate"], make_attempt(settings, seconds=300, child=str(pids)).conf)
    holder = interpreter.start(_HOLDER.format(arguments=arguments))
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2, seconds=60)
    command, child = map(int, pids.read_text().split())
    try:
        os.kill(holder, signal.SIGKILL)
        assert interpreter.wait().returncode == -signal.SIGKILL
        wait_until(lambda: not is_alive(command))
        (orphan,) = settings.scratch.iterdir()
        run(settings)
        assert not orphan.exists()
    finally:
        # The command's own child is the command's matter; a stage of ours starts none that outlives it.
        os.kill(child, signal.SIGKILL)


def test_timeout_is_said(settings):
    """A stage that took too long says which setting bounds it, in the receipt too, and is not tried again."""
    failure = make_attempt(settings).fail_timeout()
    assert not failure.decision.is_retry
    assert "ML_PIPELINE_VALIDATE_TIMEOUT_SECONDS" in failure.verdict.reason.fix
    assert read_receipt(settings)["state"] == "failed"


def test_marker_of_a_run_that_does_not_go_on(settings, store):
    """After a re-run that stops here, the marker that its command put is removed."""
    key = LAYOUT.marker
    store.put(settings.artifact_bucket, key, b"")
    make_attempt(settings).remove_marker()
    assert list(store.list_keys(settings.artifact_bucket, key)) == []


@pytest.mark.parametrize(
    ("is_cascading", "was_there", "is_there"),
    [(False, False, False), (False, True, True), (True, False, True), (True, True, True)],
)
@pytest.mark.parametrize("end", [None, AirflowTaskTimeout, RuntimeError])
def test_marker_is_restored(settings, store, is_cascading, was_there, is_there, end):
    """A re-run that stops here leaves the marker as it found it, however it ends; any other leaves it to the command."""
    key = LAYOUT.marker
    if was_there:
        store.put(settings.artifact_bucket, key, b"")
    attempt = make_attempt(settings)
    attempt = dataclasses.replace(attempt, conf=dataclasses.replace(attempt.conf, is_cascading=is_cascading))
    with suppress(AirflowTaskTimeout, RuntimeError), attempt.restoring_marker():
        store.put(settings.artifact_bucket, key, b"")
        if end:
            raise end
    assert bool(list(store.list_keys(settings.artifact_bucket, key))) == is_there
