"""What `make drop` puts where and in which order, what it refuses before it puts anything, and what needs no waiting."""

import json
from datetime import UTC, datetime

import pytest

from cli.__main__ import main
from cli.commands import drop, rerun, trigger
from cli.commands.drop import plan_drop
from cli.commands.rerun import choose_stage
from cli.commands.trigger import choose_key
from cli.errors import InputRefused
from cli.runs.airflow_api import DagRun
from pipeline_contract.run_key import is_run_key

NOW = datetime(2026, 11, 22, 21, 55, tzinfo=UTC)
RUN_KEY = "penguins.20261122T215500Z.1a2b3c4d"


class Recorder:
    """A store and an Airflow that note what is asked of them; all that a command would only ask to wait is missing."""

    def __init__(self):
        self.puts = []
        self.triggered = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def put(self, bucket, key, content):
        self.puts.append((bucket, key, content))

    def upload(self, bucket, key, path, advance):
        advance(path.stat().st_size)
        self.puts.append((bucket, key, path.read_bytes()))
        return "version", NOW

    def read(self, bucket, key):
        """Return a receipt: the one thing that a re-run needs to know beforehand."""
        document = {"run_key": RUN_KEY, "dataset": "penguins", "state": "published"}
        is_there = (bucket, key) == ("artifacts", f"ml-pipeline-runs/receipts/penguins/{RUN_KEY}.json")
        return json.dumps(document).encode() if is_there else None

    def trigger(self, stage, conf, partition_key=None, dag_run_id=None):
        self.triggered.append((stage, dict(conf), partition_key))
        return DagRun(stage, dag_run_id or "manual__1", "queued", NOW, "http://airflow.test/1")


@pytest.fixture
def outside(monkeypatch, tmp_path):
    """Give what the commands find in place of the store and Airflow, with the environment of `make ... WAIT=0`."""
    recorder = Recorder()
    for module in (drop, trigger, rerun):
        monkeypatch.setattr(module, "StackStore", lambda _: recorder)
        monkeypatch.setattr(module, "Airflow", lambda _: recorder)
    for name in ("DATASET", "PARAMS", "CASCADE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIPELINE_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("WAIT", "0")
    return recorder


@pytest.fixture
def file(tmp_path):
    """Give a file in a folder called `houses`."""
    path = tmp_path / "houses" / "march 2026.csv"
    path.parent.mkdir()
    path.write_text("a,b\n1,2\n")
    return path


def test_a_lone_file_is_a_dataset_of_its_own_name(file):
    """A file anywhere on the machine becomes the dataset that it is named after, not one named after its folder."""
    assert plan_drop(str(file)).key == "march 2026/march 2026.csv"


def test_a_folder_with_params_is_a_dataset(file):
    """A folder laid out as in the bucket gives the dataset its name, and its parameters go up with the file."""
    (file.parent / "_params.json").write_text('{"target_column": "b"}')
    drop = plan_drop(str(file))
    assert (drop.key, drop.dataset) == ("houses/march 2026.csv", "houses")
    assert drop.shared.values == {"target_column": "b"}
    assert drop.params is None


def test_params_are_for_the_file_alone(file):
    """Parameters on the command line leave those of the dataset alone."""
    (file.parent / "_params.json").write_text('{"target_column": "b"}')
    drop = plan_drop(str(file), params='{"target_column": "a"}')
    assert drop.params.values == {"target_column": "a"}
    assert drop.shared is None


def test_a_dataset_may_have_folders(file):
    """Folders below the dataset are kept, empty ones are not, and the first is the dataset."""
    drop = plan_drop(str(file), dataset="/houses//2026/")
    assert (drop.key, drop.dataset) == ("houses/2026/march 2026.csv", "houses")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("_notes.csv", "never be picked up"),
        (".hidden.csv", "never be picked up"),
        ("a.csv.params.json", "parameters of a file"),
    ],
)
def test_names_that_are_no_drops_are_refused(tmp_path, name, reason):
    """A file that nothing would ever pick up is refused, with the reason."""
    path = tmp_path / name
    path.write_text(json.dumps({"a": 1}))
    with pytest.raises(InputRefused, match=reason):
        plan_drop(str(path), dataset="houses")


@pytest.mark.parametrize("dataset", ["_sources", "houses/_old", ".x"])
def test_datasets_that_are_no_drops_are_refused(file, dataset):
    """A dataset whose name keeps files from being picked up is refused, with the part at fault."""
    with pytest.raises(InputRefused, match="no drops"):
        plan_drop(str(file), dataset=dataset)


def test_files_that_cannot_be_dropped_are_refused(file, tmp_path):
    """No name, no file, a folder and an empty file are each said; a folder's files are named."""
    empty = tmp_path / "empty.csv"
    empty.touch()
    for given, message in (
        ("", "Which file"),
        (str(tmp_path / "nothing.csv"), "There is no file"),
        (str(file.parent), r"is a folder.*march 2026\.csv"),
        (str(empty), "is empty"),
    ):
        with pytest.raises(InputRefused, match=message):
            plan_drop(given)


def test_a_source_goes_where_the_payload_says(file):
    """The file of a manual trigger lies below `_sources/`, under its own name or the payload's; nowhere else."""
    assert choose_key(file, {}, "drops") == "_sources/march 2026.csv"
    assert choose_key(file, {"data_source": "s3://drops/_sources/h/x.csv"}, "drops") == "_sources/h/x.csv"
    for elsewhere in ("s3://artifacts/x.csv", "s3://drops/houses/x.csv", "s3://drops/_sources/", 3):
        with pytest.raises(InputRefused, match="can only be put below"):
            choose_key(file, {"data_source": elsewhere}, "drops")


@pytest.mark.parametrize(
    ("name", "near"), [("tarin", "train"), ("Validate", "validate"), ("training", "train"), ("save", "publish")]
)
def test_a_mistyped_stage_is_answered_with_the_nearest(name, near):
    """A person who mistypes a stage, or thinks of its command, is told its name."""
    with pytest.raises(InputRefused, match=f"Did you mean `{near}`"):
        choose_stage(name)


def test_a_stage_is_known_by_its_command_too():
    """The name that Airflow shows for the task will do."""
    assert choose_stage("train_model") == "train"
    assert choose_stage("publish") == "publish"


def test_the_parameters_of_a_file_are_put_before_it(outside, file, monkeypatch, capsys):
    """A file is claimed within a second: what it is to be run with has to be there by then."""
    monkeypatch.setenv("FILE", str(file))
    monkeypatch.setenv("PARAMS", '{"target_column": "b"}')
    assert main(["drop"]) == 0
    key = "march 2026/march 2026.csv"
    assert outside.puts == [
        ("drops", f"{key}.params.json", b'{"target_column": "b"}'),
        ("drops", key, file.read_bytes()),
    ]


def test_the_parameters_of_a_dataset_are_put_before_its_file(outside, file, monkeypatch):
    """The same holds for what every file of a dataset is run with, also where the file goes into a folder below."""
    (file.parent / "_params.json").write_text('{"target_column": "b"}')
    monkeypatch.setenv("FILE", str(file))
    monkeypatch.setenv("DATASET", "houses/2026")
    assert main(["drop"]) == 0
    assert [key for _, key, _ in outside.puts] == ["houses/_params.json", "houses/2026/march 2026.csv"]


def test_a_drop_that_is_not_waited_for_says_what_to_look_at(outside, file, monkeypatch, capsys):
    """With WAIT=0 `make drop` is over when the file is up, asks for nothing more, and names `make status`."""
    monkeypatch.setenv("FILE", str(file))
    assert main(["drop"]) == 0
    said = capsys.readouterr().out
    assert "s3://drops/march 2026/march 2026.csv (8 bytes)" in said
    assert said.splitlines()[-1] == "It is up. What becomes of it: make status"


def test_a_trigger_that_is_not_waited_for_says_what_to_look_at(outside, file, monkeypatch, capsys):
    """With WAIT=0 `make trigger` is over when Airflow has the run, under a key of its own, and names the run to ask for."""
    monkeypatch.setenv("FILE", str(file))
    monkeypatch.setenv("PARAMS", '{"target_column": "b", "dataset": "penguins"}')
    assert main(["trigger"]) == 0
    source = {"data_source": "s3://drops/_sources/march 2026.csv"}
    ((stage, payload, run_key),) = outside.triggered
    assert (stage, payload) == ("ingest", {"target_column": "b", "dataset": "penguins", **source})
    assert is_run_key(run_key)
    assert run_key.startswith("penguins.")
    assert [key for _, key, _ in outside.puts] == ["_sources/march 2026.csv"]
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == f"It is under way. What becomes of it: make status RUN={run_key}"


def test_a_key_in_a_source_is_in_no_run_key(outside, monkeypatch, capsys):
    """`ingest` refuses it; a part of its secret would stay in each address of the run until then."""
    monkeypatch.setenv("PARAMS", '{"data_source": "s3://KEY:SECRET/MORE@lake/raw/x.csv"}')
    assert main(["trigger"]) == 0
    ((_, _, run_key),) = outside.triggered
    assert run_key.startswith("unnamed.")
    assert "more" not in capsys.readouterr().out.casefold()


def test_a_rerun_that_is_not_waited_for_says_what_to_look_at(outside, monkeypatch, capsys):
    """With WAIT=0 `make rerun` is over when Airflow has the run, and names the run to ask for."""
    monkeypatch.setenv("STAGE", "train")
    monkeypatch.setenv("RUN", RUN_KEY)
    monkeypatch.setenv("PARAMS", '{"test_size": 0.3}')
    monkeypatch.setenv("CASCADE", "0")
    assert main(["rerun"]) == 0
    assert outside.triggered == [("train", {"overrides": {"test_size": 0.3}, "cascade": False}, RUN_KEY)]
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == f"It is under way. What becomes of it: make status RUN={RUN_KEY}"


def test_a_name_that_no_model_can_have_gives_a_dataset_made_of_it(tmp_path):
    """As where the file is put at the top of the bucket; a DATASET that somebody gives is taken as it is."""
    file = tmp_path / "what?.csv"
    file.write_text("a,b\n1,2\n")
    assert plan_drop(str(file)).key == "what/what?.csv"
    assert plan_drop(str(file)).dataset == "what"
    assert plan_drop(str(file), "mine").dataset == "mine"
