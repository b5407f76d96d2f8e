"""Names of datasets that MLflow takes, and those that it does not."""

from __future__ import annotations

import pytest

from pipeline_contract.drop_key import name_dataset
from pipeline_worker.errors import ParameterInvalid
from pipeline_worker.run.dataset_name import check_dataset_name, check_key, note_made_name

GOOD = ["penguins", "my data", "größe", "a.b", "a-b_c", ".hidden", "o'brien", 'the "best"', "a@b", "a#b", "x" * 256]
REFUSED_BY_MLFLOW = ["", "  ", "a/b", "a:b", ".", "..", "..x"]
REFUSED_BY_USE = ["a?b", "a\nb", "a\tb", "both ' and \"", "x" * 257]


@pytest.mark.parametrize("name", GOOD)
def test_usable_names_pass(name: str) -> None:
    """What can be registered, loaded and searched for is not refused."""
    check_dataset_name(name, where="s3://drops/x.csv")


@pytest.mark.parametrize("name", REFUSED_BY_MLFLOW)
def test_names_that_mlflow_refuses_are_refused_with_the_rule(name: str) -> None:
    """The run ends before any work is done in vain."""
    with pytest.raises(ParameterInvalid, match="cannot be the name of a model in MLflow: it must not") as raised:
        check_dataset_name(name, where="s3://drops/x.csv")
    assert raised.value.details["rule"].startswith("it must not")


@pytest.mark.parametrize("name", REFUSED_BY_USE)
def test_names_that_could_not_be_used_afterwards_are_refused(name: str) -> None:
    """MLflow's check lets them pass, and its database, `models:/` URIs or search do not."""
    with pytest.raises(ParameterInvalid, match="it must not"):
        check_dataset_name(name, where="s3://drops/x.csv")


@pytest.mark.slow("loads MLflow")
def test_the_rules_are_those_of_the_locked_mlflow() -> None:
    """MLflow's own check refuses what is said to be refused by it, and nothing else of these."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.validation import _validate_model_name

    for name in REFUSED_BY_MLFLOW:
        with pytest.raises(MlflowException):
            _validate_model_name(name)
    for name in [*GOOD, *REFUSED_BY_USE]:
        _validate_model_name(name)


@pytest.mark.parametrize("mark", ["\u202a", "\u202e", "\u2066", "\u2069"])
def test_names_with_a_mark_that_turns_text_are_refused_with_the_mark(mark: str) -> None:
    """A program could look like a table; the mark is named, as nobody can see it, and what is shown has none."""
    for check in (check_dataset_name, check_key):
        with pytest.raises(ParameterInvalid, match=rf"the mark U\+{ord(mark):04X} \([a-z -]+\)") as raised:
            check(f"sc{mark}vsc.exe", where=f"s3://drops/sc{mark}vsc.exe")
        assert mark not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "archive", "what", "fix"),
    [
        ("a\u202eb/x.csv", False, "The folder's name has", "in a folder without it"),
        ("ab/x\u202e.csv", False, "The file's name has", "under a name without it"),
        ("ab/x\u202e.csv", True, "In the archive, a file's name has", "Pack it"),
    ],
)
def test_the_name_that_has_a_mark_is_said(key: str, archive: bool, what: str, fix: str) -> None:
    """It is that which has to be changed."""
    with pytest.raises(ParameterInvalid) as raised:
        check_key(key, where="s3://drops/x", archive=archive)
    assert raised.value.what.startswith(what)
    assert fix in raised.value.fix


def test_other_marks_of_a_key_pass() -> None:
    """Some scripts need them inside a word; they are written out where a name is shown."""
    check_key("می\u200cخ/a.csv", where="s3://drops/x")


@pytest.mark.parametrize("stem", ["what?", "a:b", "a\nb", 'it\'s "x"', "?", " ", "x" * 300, "..", "é" * 257])
def test_a_name_made_of_a_file_s_can_be_used(stem: str) -> None:
    """Whatever a file at the top of the bucket is called, it becomes a model, and a note says why that is called otherwise."""
    name = name_dataset(stem)
    check_dataset_name(name, where="s3://drops/x.csv")
    assert name_dataset(name) == name
    (note,) = note_made_name(f"{stem}.csv", name)
    assert note.startswith(
        f"The dataset is called `{name}`: `{stem}` cannot be the name of a model in MLflow, as it must"
    )


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_can_be_used_stays(name: str) -> None:
    """And nothing is said."""
    assert name_dataset(name) == name
    assert note_made_name(f"{name}.csv", name) == []


def test_nothing_is_said_of_a_name_that_a_person_gave() -> None:
    """A folder's name, or `dataset`, is taken as it is, or refused."""
    assert note_made_name("what?/x.csv", "what?") == []
    assert note_made_name("_sources/what?.csv", "mine") == []
