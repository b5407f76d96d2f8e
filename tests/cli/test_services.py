"""What the stack consists of follows from the settings, and so do the rights of the keys."""

from pathlib import Path

import pytest

from cli.errors import SettingInvalid
from cli.settings import StackSettings, read_settings
from cli.stacks.airflow_environment import make_airflow_environment, make_pipeline_environment
from cli.stacks.local import choose_services, make_services
from cli.stacks.rights import make_policies
from pipeline_contract.settings import KEYS, SETTINGS


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    """Give the template's settings, with a word of its own for each secret."""
    secrets = {name: f"the-{name}" for name, setting in SETTINGS.items() if setting.is_secret}
    return make_settings(tmp_path, **secrets)


def make_settings(folder: Path, **changes: str) -> StackSettings:
    return read_settings({"PIPELINE_STATE_DIR": str(folder), "PIPELINE_ENV_FILE": str(folder / ".env"), **changes})


def names(settings: StackSettings) -> set[str]:
    return {service.name for service in make_services(settings)}


def test_the_stack_brings_what_no_setting_names(tmp_path: Path) -> None:
    """Store and MLflow are started unless a setting says where others are; a triggerer only when asked for."""
    airflow = {"airflow-api", "airflow-dags", "airflow-scheduler", "postgres"}
    assert names(make_settings(tmp_path)) == {*airflow, "mlflow", "storage"}
    assert names(make_settings(tmp_path, OBJECT_STORAGE_ENDPOINT_URL="https://s3.test/")) == {*airflow, "mlflow"}
    assert names(make_settings(tmp_path, MLFLOW_TRACKING_URI="https://mlflow.test/")) == {*airflow, "storage"}
    assert "airflow-triggerer" in names(make_settings(tmp_path, AIRFLOW_TRIGGERER="1"))


def test_others_servers_reach_the_tasks(tmp_path: Path) -> None:
    """A store and an MLflow of somebody else are what tasks get to use."""
    settings = make_settings(
        tmp_path, OBJECT_STORAGE_ENDPOINT_URL="https://s3.test/", MLFLOW_TRACKING_URI="https://mlflow.test/"
    )
    environment = make_pipeline_environment(settings, has_keys=True)
    assert environment["OBJECT_STORAGE_ENDPOINT_URL"] == "https://s3.test"
    assert environment["MLFLOW_TRACKING_URI"] == "https://mlflow.test"


def test_a_named_service_brings_what_it_needs(tmp_path: Path) -> None:
    """Starting one service starts its database; an unknown name is answered with the known ones."""
    services = make_services(make_settings(tmp_path))
    assert [service.name for service in choose_services(services, ["mlflow"])] == ["postgres", "mlflow"]
    assert {service.name for service in choose_services(services, ["airflow-dags"])} == {"postgres", "airflow-dags"}
    with pytest.raises(SettingInvalid, match=r"mlfow.*mlflow"):
        choose_services(services, ["mlfow"])


def test_tasks_get_two_keys_and_airflow_itself_none(settings: StackSettings) -> None:
    """The keys of root, of MLflow and of people are in no environment of Airflow, and only tasks get any."""
    tasks = make_pipeline_environment(settings, has_keys=True).values()
    allowed = {settings[name] for holder in ("watch", "worker") for name in KEYS[holder]}
    assert {value for value in tasks if value.startswith("the-")} == allowed
    assert not [v for v in make_pipeline_environment(settings, has_keys=False).values() if v.startswith("the-")]
    keys = {settings[name] for pair in KEYS.values() for name in pair}
    assert not keys & set(make_airflow_environment(settings).values())


def test_further_sources_can_be_read_and_nothing_more(tmp_path: Path) -> None:
    """ML_PIPELINE_SOURCE_PREFIXES gives the worker the right to read and list there."""
    settings = make_settings(tmp_path, ML_PIPELINE_SOURCE_PREFIXES="s3://lake/raw/, s3://other")
    statements = [s for s in make_policies(settings)["worker"] if "lake" in str(s) or "other" in str(s)]
    assert [statement["Action"] for statement in statements] == [
        ["s3:GetObject", "s3:GetObjectVersion"],
        ["s3:ListBucket"],
    ] * 2
    assert statements[0]["Resource"] == ["arn:aws:s3:::lake/raw/*"]
    assert "lake" not in str(make_policies(settings)["drop"])
