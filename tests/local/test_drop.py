"""What `make drop` would put where, and what it refuses before it puts anything."""

import json

import pytest

from local.commands.drop import plan_drop
from local.commands.rerun import choose_stage
from local.commands.trigger import choose_key
from local.errors import InputRefused


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


@pytest.mark.parametrize("name", ["_notes.csv", ".hidden.csv", "a.csv.params.json"])
def test_names_that_are_no_drops_are_refused(tmp_path, name):
    """A file that nothing would ever pick up is refused, with the reason."""
    path = tmp_path / name
    path.write_text(json.dumps({"a": 1}))
    with pytest.raises(InputRefused, match=r"never be picked up|parameters of a file"):
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
