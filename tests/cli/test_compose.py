"""What `make` decides before and after Docker Compose does its work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.errors import MachineUnfit, SettingInvalid
from cli.settings import StackSettings, read_settings
from cli.stacks.compose import (
    BUILT,
    ONCE,
    check_mounted,
    check_settings,
    choose_built,
    describe_source,
    is_well,
    make_argv,
    make_project_argv,
)


def make_settings(folder: Path, **changes: str) -> StackSettings:
    return read_settings({"PIPELINE_ENV_FILE": str(folder / ".env"), "STACK": "compose", **changes})


def test_an_image_of_another_name_is_not_built_over(tmp_path: Path) -> None:
    """What a person named is theirs; what a profile leaves out is not built either."""
    assert choose_built(make_settings(tmp_path)) == list(BUILT)
    assert choose_built(make_settings(tmp_path, ML_TASK_IMAGE="ml-pipeline-worker:0.0.9")) == list(BUILT)
    assert "minio" not in choose_built(make_settings(tmp_path, MINIO_IMAGE="registry.test/minio:1"))
    assert "airflow-init" not in choose_built(make_settings(tmp_path, AIRFLOW_IMAGE_NAME="ours:2"))
    assert choose_built(make_settings(tmp_path, COMPOSE_PROFILES="")) == ["airflow-init", "worker-image"]
    assert choose_built(make_settings(tmp_path, AIRFLOW_IMAGE_NAME="")) == list(BUILT)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"COMPOSE_PROFILES": "mlflow"}, "OBJECT_STORAGE_ENDPOINT_URL"),
        ({"COMPOSE_PROFILES": "minio"}, "MLFLOW_TRACKING_URI"),
        ({"ML_PIPELINE_POOL_SLOTS": "3"}, "AIRFLOW_WORKER_CONCURRENCY"),
        ({"AIRFLOW_WORKERS": "none"}, "AIRFLOW_WORKERS"),
        ({"ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS": "0"}, "ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS"),
        ({"AIRFLOW_LOG_DAYS": "3651"}, "AIRFLOW_LOG_DAYS"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(tmp_path: Path, changes: dict[str, str], named: str) -> None:
    """A stack without a store, or with slots that nobody fills, does not start; the message names the setting and the file."""
    with pytest.raises(SettingInvalid, match=named) as raised:
        check_settings(make_settings(tmp_path, **changes))
    assert str(tmp_path / ".env") in str(raised.value)


def test_settings_that_fit_are_taken(tmp_path: Path) -> None:
    """Other servers take the place of ours, and more workers take more stages."""
    check_settings(make_settings(tmp_path))
    others = {"OBJECT_STORAGE_ENDPOINT_URL": "https://s3.test", "MLFLOW_TRACKING_URI": "https://mlflow.test"}
    check_settings(make_settings(tmp_path, COMPOSE_PROFILES="", **others))
    check_settings(make_settings(tmp_path, ML_PIPELINE_POOL_SLOTS="6", AIRFLOW_WORKERS="2"))


@pytest.mark.skipif(sys.platform != "linux", reason="Docker Desktop shows files to containers as theirs")
def test_files_that_containers_cannot_read_are_named(tmp_path: Path) -> None:
    """A clone with a strict umask is found before Airflow fails on it, and the message says what to do."""
    (tmp_path / "dags" / "pipeline").mkdir(parents=True)
    file = tmp_path / "dags" / "pipeline" / "x.py"
    file.touch()
    for path in (file, file.parent, file.parent.parent):
        path.chmod(0o755)
    settings = make_settings(tmp_path, AIRFLOW_PROJ_DIR=str(tmp_path))
    check_mounted(settings)
    for path, mode in ((file, 0o640), (file.parent, 0o700)):
        before = path.stat().st_mode
        path.chmod(mode)
        with pytest.raises(MachineUnfit, match=f"{path}.*\n.*chmod -R a\\+rX {tmp_path / 'dags'}"):
            check_mounted(settings)
        path.chmod(before)
    (tmp_path / "dags" / ".#x.py").symlink_to("nothing")
    check_mounted(settings)
    with pytest.raises(MachineUnfit, match="AIRFLOW_PROJ_DIR"):
        check_mounted(make_settings(tmp_path, AIRFLOW_PROJ_DIR=str(tmp_path / "none")))


def test_labels_tell_the_commit_and_no_password(tmp_path: Path) -> None:
    """An image says what it was made of, the same for the same content; the address of the repository is without who asks for it."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@localhost", "-C", str(tmp_path)]
    address = "https://somebody:secret@git.example.test/pipeline.git"

    def run_git(*words: str) -> str:
        environment = {**os.environ, "HOME": str(tmp_path)}
        return subprocess.run(
            [*git, *words], check=True, env=environment, capture_output=True, text=True
        ).stdout.strip()

    def change(name: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)

    settings = make_settings(tmp_path, PIPELINE_PROJECT_ROOT=str(tmp_path))
    assert describe_source(settings) == {}
    run_git("init", "-q")
    run_git("remote", "add", "origin", address)
    for name in ("worker/x.py", "dags/Dockerfile", "minio/x.py"):
        change(name)
    run_git("add", ".")
    run_git("commit", "-q", "-m", "x")
    found = describe_source(settings)
    assert found["SOURCE"] == "https://git.example.test/pipeline.git"
    commit = run_git("log", "-1", "--format=%h")
    assert {found[f"{name}_VERSION"] for name in ("DAGS", "WORKER", "BOOTSTRAP")} == {f"0.1.0+{commit}"}
    assert found["WORKER_CREATED"] == run_git("log", "-1", "--format=%cI")
    # What goes into no image changes none; what goes into one changes that one, also before it is committed.
    change("dags/watch.py")
    run_git("add", ".")
    run_git("commit", "-q", "-m", "y")
    assert describe_source(settings) == found
    change("worker/y.py")
    assert describe_source(settings) == found | {"WORKER_VERSION": f"0.1.0+{commit}.changed"}


def test_a_server_that_ended_is_not_well() -> None:
    """Only what is there to do one thing may have ended."""
    ended = {"State": "exited", "ExitCode": 0}
    assert all(is_well({"Service": service, **ended}) for service in ONCE)
    assert not is_well({"Service": "redis", **ended})
    assert not is_well({"Service": "buckets", "State": "exited", "ExitCode": 2})
    assert is_well({"Service": "redis", "State": "running", "Health": "healthy"})
    assert not is_well({"Service": "redis", "State": "running", "Health": "unhealthy"})


def test_what_is_on_the_engine_is_found_without_the_file(tmp_path: Path) -> None:
    """Stopping rests on the project's name alone; starting on the file, the settings and the profiles."""
    settings = make_settings(tmp_path, COMPOSE_PROJECT_NAME="a", COMPOSE_PROFILES="mlflow")
    assert make_project_argv(settings, "down") == ["docker", "compose", "--project-name=a", "down"]
    argv = make_argv(settings, "up")
    assert [word for word in argv if word.startswith("--profile")] == ["--profile=mlflow"]
    assert f"--env-file={tmp_path / '.env'}" in argv


def test_a_published_address_is_the_one_to_use(tmp_path: Path) -> None:
    """A port on one address of the network is reached by that one, a port on all of them by loopback."""
    changes = {"AIRFLOW_PUBLISH_ADDRESS": "192.0.2.7", "MLFLOW_PUBLISH_ADDRESS": "0.0.0.0"}  # noqa: S104
    settings = make_settings(tmp_path, **changes, OBJECT_STORAGE_PUBLISH_ADDRESS="2001:db8::1")
    assert settings.airflow_url == "http://192.0.2.7:8080"
    assert settings.mlflow_url == "http://127.0.0.1:5000"
    assert settings.storage_url == "http://[2001:db8::1]:8333"
    local = make_settings(tmp_path, **changes, STACK="local")
    assert local.airflow_url == "http://127.0.0.1:8080"
