"""Names of datasets that MLflow takes, and those that it does not."""

from __future__ import annotations

import pytest

from pipeline_worker.dataset_name import check_dataset_name
from pipeline_worker.errors import ParameterInvalid

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
