"""The settings of the Dags."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.settings import read_settings


def test_defaults_are_enough_to_parse():
    """An empty environment gives settings: a Dag file must parse anywhere."""
    settings = read_settings({})
    assert (settings.drop_bucket, settings.artifact_bucket, settings.layout.root) == (
        "drops",
        "artifacts",
        "ml-pipeline-runs",
    )
    assert settings.timeouts["train"].total_seconds() == 14400
    assert (settings.pool, settings.max_active_runs, settings.poke_seconds) == ("stages", 64, 0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ML_PIPELINE_POKE_SECONDS", "fast"),
        ("ML_PIPELINE_CLAIM_MAX_DROPS", "0"),
        ("ML_PIPELINE_TRAIN_TIMEOUT_SECONDS", "nan"),
    ],
)
def test_bad_number_names_its_setting(name, value):
    """A number that is none is said with the setting's name, not met later."""
    with pytest.raises(ValueError, match=name):
        read_settings({name: value})


def test_env_file_fills_in_what_is_not_set(tmp_path):
    """`PIPELINE_ENV_FILE` gives values to names that the environment leaves out, and to no other."""
    file = tmp_path / ".env"
    file.write_text("ML_PIPELINE_POOL=from_file\nML_PIPELINE_DROP_BUCKET=from_file\n")
    settings = read_settings({"PIPELINE_ENV_FILE": str(file), "ML_PIPELINE_POOL": "set"})
    assert (settings.pool, settings.drop_bucket) == ("set", "from_file")
    file.write_text('ML_PIPELINE_POOL="a b" # of ours\nexport ML_PIPELINE_DROP_BUCKET=${HOME}\n')
    settings = read_settings({"PIPELINE_ENV_FILE": str(file)})
    assert (settings.pool, settings.drop_bucket) == ("a b", "${HOME}")
    with pytest.raises(ValueError, match="PIPELINE_ENV_FILE"):
        read_settings({"PIPELINE_ENV_FILE": str(tmp_path / "absent")})


def test_worker_gets_no_key_but_its_own():
    """The worker's environment holds its own key, and neither Airflow's, its folders nor anything that was not named."""
    environment = {
        "OBJECT_STORAGE_SECRET_KEY": "worker-secret",
        "OBJECT_STORAGE_WATCH_SECRET_KEY": "watch-secret",
        "OBJECT_STORAGE_ROOT_SECRET_KEY": "root-secret",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgres://secret",
        "ML_PIPELINE_SOURCE_PREFIXES": "s3://more/data",
        "ML_PIPELINE_POOL": "stages",
        "PIPELINE_SCRATCH_DIR": "/scratch-of-airflow",
        "HTTPS_PROXY": "http://proxy",
        "MLFLOW_PUBLIC_URL": "",
    }
    assert read_settings(environment).worker_values == {
        "OBJECT_STORAGE_SECRET_KEY": "worker-secret",
        "ML_PIPELINE_SOURCE_PREFIXES": "s3://more/data",
        "HTTPS_PROXY": "http://proxy",
    }


def test_secrets_are_not_shown():
    """`repr` of the settings, which may end in a log, shows no secret."""
    settings = read_settings({"OBJECT_STORAGE_WATCH_SECRET_KEY": "hidden-1", "OBJECT_STORAGE_SECRET_KEY": "hidden-2"})
    assert "hidden" not in repr(settings)
    assert dataclasses.is_dataclass(settings)
