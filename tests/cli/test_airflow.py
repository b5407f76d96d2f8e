"""What Airflow's processes leave on this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cli.errors import SettingInvalid
from cli.stacks.airflow import remove_old_logs
from tests.stack import make_stack


def put_log(folder: Path, name: str, days: float) -> Path:
    """Write a log that was last added to so many days ago."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("said")
    os.utime(path, (time.time() - days * 86400,) * 2)
    return path


def test_old_logs_go_and_others_stay(tmp_path: Path) -> None:
    """Logs of tasks and of the Dag processor go after the days of the setting, with folders that are empty then; nothing else."""
    settings = make_stack(tmp_path, AIRFLOW_LOG_DAYS="7").settings
    logs = settings.state / "logs"
    old = [put_log(logs, f"{part}/a/b/{number}.log", 7.1) for part in ("tasks", "dags") for number in range(2)]
    beside = put_log(logs, "tasks/a/c/old.log", 8), put_log(logs, "tasks/a/c/new.log", 6.9)
    service = put_log(logs, "airflow-api.log", 100)
    (logs / "tasks" / "begins").mkdir()
    (logs / "dags" / "latest").symlink_to("gone")
    remove_old_logs(settings)
    assert not [path for path in (*old, beside[0], logs / "dags" / "a", logs / "tasks" / "a" / "b") if path.exists()]
    assert beside[1].exists()
    assert service.exists()
    assert (logs / "tasks" / "begins").is_dir()
    assert (logs / "dags" / "latest").is_symlink()


@pytest.mark.parametrize("days", ["0", "3651", "many"])
def test_days_that_make_no_sense_are_refused(tmp_path: Path, days: str) -> None:
    """A mistyped setting removes nothing, and is named."""
    settings = make_stack(tmp_path, AIRFLOW_LOG_DAYS=days).settings
    kept = put_log(settings.state / "logs", "tasks/old.log", 10000)
    with pytest.raises(SettingInvalid, match="AIRFLOW_LOG_DAYS"):
        remove_old_logs(settings)
    assert kept.exists()
