"""Settings come from the table, `.env` and the environment; secrets are made, and nothing is read that nobody can set."""

import ast
import base64
import itertools
import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli.credentials import complete_env_file, fill_env_file, set_values, write_env_file
from cli.errors import SettingInvalid
from cli.settings import PROJECT, TEMPLATE, read_settings
from pipeline_contract.env_file import parse_env_file
from pipeline_contract.settings import KEYS, SETTINGS
from pipeline_contract.stages import STAGES

#: Names in the code that look like settings and are none, and why.
NO_SETTINGS = {
    **dict.fromkeys(
        ("AIRFLOW_ADMIN", "AIRFLOW_OPERATOR", "AIRFLOW_VIEWER", "AIRFLOW_API"), "the beginning of two names"
    ),
    "AIRFLOW_CONN_TASK_LOGS": "a connection of Airflow's, made of settings",
    "AIRFLOW_HOME": "Airflow's own; the stack sets it",
    "PIPELINE_CONTRACT": "between a task and its command",
    "PIPELINE_EXIT_WITH_STDIN": "between the process runner and its command",
    "PIPELINE_PYTHON_TRIED": "between the set-up and itself",
}
#: Beginnings of names that Airflow and MLflow read themselves; we only ever set them.
FOREIGN = (
    "AIRFLOW__",
    *(f"MLFLOW_{word}_" for word in ("BACKEND", "DISABLE", "ENABLE", "HTTP", "S3", "SERVER", "SUPPRESS")),
)
#: Settings that the code need not name, as it finds them by what they are for.
FOUND_BY_USE = {*itertools.chain.from_iterable(KEYS.values()), *(stage.timeout_setting for stage in STAGES.values())}
#: Settings whose names no line of the code has as a whole, and what puts them together.
PUT_TOGETHER = {
    f"AIRFLOW_{user}_{what}": "cli/stacks/airflow.py, dags/config/init_airflow.py"
    for user in ("OPERATOR", "VIEWER")
    for what in ("USERNAME", "PASSWORD")
}
_NAME = re.compile(
    r"\b(?:OBJECT_STORAGE|ML_PIPELINE|ML_TASK|LOG_STREAM|MLFLOW|PIPELINE|AIRFLOW|POSTGRES|COMPOSE|REDIS|DOCKER|MINIO)"
    r"_[A-Z0-9_]*[A-Z0-9]\b"
)
TABLE = PROJECT / "contract" / "src" / "pipeline_contract" / "settings.py"
FOLDERS = ("contract/src", "cli", "dags", "worker/src", "minio")
SOURCES = [path for folder in FOLDERS for path in (PROJECT / folder).rglob("*.py") if path != TABLE]
COMPOSE = (PROJECT / "docker-compose.yaml").read_text(encoding="utf-8")


def names_in_code() -> set[str]:
    found = {name for path in SOURCES for name in _NAME.findall(path.read_text(encoding="utf-8"))}
    found = {name for name in found if not name.startswith(FOREIGN)} - NO_SETTINGS.keys()
    return found | set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)", COMPOSE))


def names_read() -> set[str]:
    """Return the names that something reads; to hand one on under its own name, or to name it in a text, is no reading."""
    found = {
        node.value
        for path in (*SOURCES, TABLE)
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if not (isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "_TABLE")
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for line in COMPOSE.splitlines():
        found |= set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)", line)) - set(
            re.findall(r"^\s+([A-Z][A-Z0-9_]*):", line)
        )
    for path in PROJECT.glob("*/*Dockerfile"):
        found |= set(re.findall(r"^ARG ([A-Z_]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    return found


def test_every_setting_that_the_code_reads_is_in_the_table() -> None:
    """Nobody has to read code to find a setting."""
    assert names_in_code() - SETTINGS.keys() == set()


def test_every_setting_in_the_table_is_read() -> None:
    """No line of the table is without effect."""
    assert SETTINGS.keys() - names_read() - FOUND_BY_USE == PUT_TOGETHER.keys()


def test_the_template_is_the_table_explained() -> None:
    """Each setting stands once, in the table's order and with its default, below a comment that says what it does."""
    lines = TEMPLATE.read_text(encoding="utf-8").splitlines()
    told = [entry for line in lines for entry in parse_env_file(line).items()]
    assert told == [(name, setting.default) for name, setting in SETTINGS.items()]
    for above, line in itertools.pairwise(lines):
        if parse_env_file(line):
            assert above.startswith("# ") or parse_env_file(above), f"no comment above {line}"


def test_no_secret_has_a_default() -> None:
    """What by its name is a secret is one, and has no default, so that nobody runs with one that others know."""
    named = {name for name in SETTINGS if name.endswith(("_KEY", "_PASSWORD", "_SECRET"))}
    assert named == {name for name, setting in SETTINGS.items() if setting.is_secret and not setting.default}


def test_a_new_settings_file_has_secrets_of_its_own(tmp_path: Path) -> None:
    """Two settings files share no secret, each is readable by its owner only, and no secret is short."""
    for name in ("a", "b"):
        write_env_file(tmp_path / name)
    one, other = (parse_env_file((tmp_path / name).read_text()) for name in ("a", "b"))
    secrets = [name for name in one if SETTINGS[name].is_secret]
    assert len(secrets) == 23
    assert all(one[name] != other[name] and len(one[name]) >= 20 for name in secrets)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(one["AIRFLOW_FERNET_KEY"])) == 32


def test_an_existing_settings_file_is_not_overwritten(tmp_path: Path) -> None:
    """A person's settings are never replaced by new ones."""
    (tmp_path / ".env").write_text("AIRFLOW_PORT=1234\n")
    with pytest.raises(FileExistsError):
        write_env_file(tmp_path / ".env")


def test_a_settings_file_gets_the_secrets_that_it_lacks(tmp_path: Path) -> None:
    """After an upgrade, or from a file written by hand, what is missing is made; what is there stays, comments too."""
    path = tmp_path / ".env"
    path.write_text("# mine\nAIRFLOW_PORT=1234\nAIRFLOW_ADMIN_PASSWORD=a person's own\nAIRFLOW_JWT_SECRET=\n")
    added = fill_env_file(path)
    values = parse_env_file(path.read_text())
    assert "AIRFLOW_JWT_SECRET" in added
    assert "AIRFLOW_ADMIN_PASSWORD" not in added
    assert values["AIRFLOW_PORT"] == "1234"
    assert values["AIRFLOW_ADMIN_PASSWORD"] == "a person's own"
    assert all(values[name] for name, setting in SETTINGS.items() if setting.is_secret)
    assert path.read_text().startswith("# mine\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert fill_env_file(path) == []


def test_a_new_secret_comes_with_a_new_access_key(tmp_path: Path) -> None:
    """Who empties the line of a key's secret gets a new pair, as sessions end with the access key; the other pairs stay."""
    path = tmp_path / ".env"
    write_env_file(path)
    before = parse_env_file(path.read_text())
    set_values(path, {"OBJECT_STORAGE_DROP_SECRET_KEY": "", "AIRFLOW_API_SECRET_KEY": ""})
    pair = ["OBJECT_STORAGE_DROP_ACCESS_KEY", "OBJECT_STORAGE_DROP_SECRET_KEY"]
    assert fill_env_file(path) == ["AIRFLOW_API_SECRET_KEY", *pair]
    after = parse_env_file(path.read_text())
    assert [name for name in after if after[name] != before[name]] == [*pair, "AIRFLOW_API_SECRET_KEY"]


def test_a_changed_setting_stays_below_its_explanation(tmp_path: Path) -> None:
    """A setting is changed at its place; a name that is there twice is there once then, as the last line would win."""
    path = tmp_path / ".env"
    path.write_text("# one\nA=1\n# two\nexport B='2'\nA=3\n")
    set_values(path, {"A": "4", "B": "5", "C": "6"})
    assert path.read_text() == "# one\nA=4\n# two\nB=5\nC=6\n"


def test_an_older_settings_file_gets_what_compose_reads_of_it(tmp_path: Path) -> None:
    """Servers of our own are started from a file that was written before there was a choice; a choice is left alone."""
    path = tmp_path / ".env"
    path.write_text(f"DOCKER_SOCKET={tmp_path / 'socket'}\n")
    complete_env_file(path, "compose")
    values = parse_env_file(path.read_text())
    assert values["COMPOSE_PROFILES"] == "minio,mlflow"
    # No socket, no group: Compose says so rather than start a proxy that may not use it.
    assert sys.platform != "linux" or "DOCKER_GID" not in values
    (tmp_path / "socket").touch()
    set_values(path, {"COMPOSE_PROFILES": ""})
    complete_env_file(path, "compose")
    values = parse_env_file(path.read_text())
    assert values["COMPOSE_PROFILES"] == ""
    assert sys.platform != "linux" or values["DOCKER_GID"] == str((tmp_path / "socket").stat().st_gid)


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    """The nearer a value is to the command, the more it counts."""
    (tmp_path / ".env").write_text("AIRFLOW_PORT=2222\nMLFLOW_PORT=3333\n")
    settings = read_settings({"PIPELINE_ENV_FILE": str(tmp_path / ".env"), "MLFLOW_PORT": "4444"})
    assert (settings["AIRFLOW_PORT"], settings["MLFLOW_PORT"], settings["OBJECT_STORAGE_PORT"]) == (
        "2222",
        "4444",
        "8333",
    )


@pytest.mark.parametrize(("folder", "package"), [("worker/src", "pipeline_worker"), ("dags", "pipeline")])
def test_a_settings_file_means_the_same_to_all_who_read_it(tmp_path: Path, folder: str, package: str) -> None:
    """A dollar sign in a value stays one: the worker and the Dags read `.env` as the stack does."""
    file = tmp_path / ".env"
    file.write_text("ML_PIPELINE_ARTIFACT_PREFIX=runs-${HOME}-$1\nML_PIPELINE_DROP_BUCKET='a # b'\n")
    python = read_settings().venv("worker" if package == "pipeline_worker" else "airflow") / "bin" / "python"
    code = (
        f"import json; from {package}.settings import read_settings as read;"
        f"found = read({{'PIPELINE_ENV_FILE': {str(file)!r}, 'HOME': '/'}});"
        "print(json.dumps([found.layout.root.removeprefix('s3://artifacts/'), found.drop_bucket]))"
    )
    environment = {"PYTHONPATH": str(PROJECT / folder), "HOME": "/"}
    done = subprocess.run([str(python), "-c", code], env=environment, capture_output=True, text=True, check=True)
    ours = parse_env_file(file.read_text())
    assert json.loads(done.stdout) == [ours["ML_PIPELINE_ARTIFACT_PREFIX"], ours["ML_PIPELINE_DROP_BUCKET"]]
    assert ours["ML_PIPELINE_ARTIFACT_PREFIX"] == "runs-${HOME}-$1"


@pytest.mark.parametrize("port", ["", "80", "65536", "8080x", "-1"])
def test_a_port_that_cannot_be_one_is_named(tmp_path: Path, port: str) -> None:
    """The message has the setting and the file."""
    settings = read_settings({"PIPELINE_ENV_FILE": str(tmp_path / ".env"), "AIRFLOW_PORT": port})
    with pytest.raises(SettingInvalid, match=r"AIRFLOW_PORT.*\.env"):
        settings.read_port("AIRFLOW_PORT")


@pytest.mark.parametrize("seconds", ["", "0", "61", "1e1", "fast", "-1", "nan", ".5"])
def test_seconds_that_cannot_be_are_named(tmp_path: Path, seconds: str) -> None:
    """The message has the setting and the file; numbers within the bounds are taken, parts of a second too."""
    name, places = "AIRFLOW_SCHEDULER_SLEEP_SECONDS", {"PIPELINE_ENV_FILE": str(tmp_path / ".env")}
    with pytest.raises(SettingInvalid, match=rf"{name}.*\.env"):
        read_settings({**places, name: seconds}).read_seconds(name, 0.05, 60)
    assert read_settings({**places, name: "2.5"}).read_seconds(name, 0.05, 60) == 2.5


def test_settings_show_no_secret() -> None:
    """What a traceback or a failing test prints of the settings holds none of their values."""
    assert "hidden" not in repr(read_settings({"AIRFLOW_ADMIN_PASSWORD": "hidden"}))
