"""The settings of a stack: their defaults, then `.env`, then the environment; the last one wins."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cli.errors import SettingInvalid
from pipeline_contract.env_file import parse_env_file
from pipeline_contract.settings import SETTINGS, choose

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATE = PROJECT / ".env.template"
LOOPBACK = "127.0.0.1"
#: What a port is published on to be reached by all of the machine's addresses.
EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, never listened on
STACKS = ("local", "compose")
#: Of what is kept for a while: the longest time that a setting may give, and S3 servers take.
MOST_DAYS = 3650

# The storage server's listeners inside: their offsets from OBJECT_STORAGE_INTERNAL_PORT.
INTERNAL_PORT_OFFSETS = {
    "master": 0,
    "volume": 1,
    "filer": 2,
    "admin": 3,
    "master.grpc": 10000,
    "volume.grpc": 10001,
    "filer.grpc": 10002,
    "admin.grpc": 10003,
    "s3.grpc": 10004,
}


@dataclass(frozen=True)
class StackSettings:
    """All settings by name, and what is derived from them. Secrets are kept out of its `repr`."""

    root: Path
    state: Path
    env_file: Path
    values: Mapping[str, str] = field(repr=False)

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    def read_int(self, name: str, lowest: int, highest: int) -> int:
        """Return the setting as an integer within the bounds, or say which setting is wrong."""
        text = self.values[name]
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            raise SettingInvalid(
                f"{name} is {text!r}: it must be a whole number from {lowest} to {highest}. Change it in {self.env_file}."
            )
        return int(text)

    def read_seconds(self, name: str, lowest: float, highest: float) -> float:
        """Return the setting as seconds within the bounds, or say which setting is wrong."""
        text = self.values[name]
        if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) or not lowest <= float(text) <= highest:
            raise SettingInvalid(
                f"{name} is {text!r}: it must be a number of seconds from {lowest} to {highest}. Change it in {self.env_file}."
            )
        return float(text)

    def read_port(self, name: str) -> int:
        """Return the setting as a port that an ordinary user may listen on."""
        return self.read_int(name, 1024, 65535)

    @cached_property
    def internal_ports(self) -> dict[str, int]:
        """The storage server's ports inside, by listener."""
        first = self.read_int("OBJECT_STORAGE_INTERNAL_PORT", 1024, 55500)
        return {listener: first + offset for listener, offset in INTERNAL_PORT_OFFSETS.items()}

    @property
    def is_compose(self) -> bool:
        """Whether the commands work on the Compose stack rather than on the local one."""
        if self.values["STACK"] not in STACKS:
            raise SettingInvalid(f"STACK is {self.values['STACK']!r}: it is one of {', '.join(STACKS)}.")
        return self.values["STACK"] == "compose"

    @property
    def profiles(self) -> set[str]:
        """The profiles of docker-compose.yaml that are to be started."""
        return {name.strip() for name in self.values["COMPOSE_PROFILES"].split(",")} - {""}

    def find_host(self, server: str) -> str:
        """Return the host by which this machine reaches the ports of AIRFLOW, MLFLOW or OBJECT_STORAGE."""
        published = self.values[f"{server}_PUBLISH_ADDRESS"] if self.is_compose else LOOPBACK
        if published in EVERY_ADDRESS:
            return LOOPBACK
        return f"[{published}]" if ":" in published else published

    @property
    def has_own_storage(self) -> bool:
        """Whether the stack starts its own S3 server."""
        return not self.values["OBJECT_STORAGE_ENDPOINT_URL"]

    @property
    def has_own_mlflow(self) -> bool:
        """Whether the stack starts its own MLflow server."""
        return not self.values["MLFLOW_TRACKING_URI"]

    @property
    def storage_url(self) -> str:
        """The address of the S3 server, without a slash at its end."""
        own = f"http://{self.find_host('OBJECT_STORAGE')}:{self.values['OBJECT_STORAGE_PORT']}"
        return self.values["OBJECT_STORAGE_ENDPOINT_URL"].rstrip("/") or own

    @property
    def mlflow_url(self) -> str:
        """The address of the MLflow server, without a slash at its end."""
        own = f"http://{self.find_host('MLFLOW')}:{self.values['MLFLOW_PORT']}"
        return self.values["MLFLOW_TRACKING_URI"].rstrip("/") or own

    @property
    def airflow_url(self) -> str:
        """The address of Airflow's web page and REST API, without a slash at its end."""
        return f"http://{self.find_host('AIRFLOW')}:{self.values['AIRFLOW_PORT']}"

    @property
    def airflow_login(self) -> dict[str, str]:
        """Who the commands are to Airflow's REST API, as it takes it: a user who may look, trigger and clear."""
        return {"username": self.values["AIRFLOW_API_USERNAME"], "password": self.values["AIRFLOW_API_PASSWORD"]}

    @property
    def artifact_bucket(self) -> str:
        """The bucket of runs, receipts and models."""
        return choose(self.values, "ML_PIPELINE_ARTIFACT_BUCKET")

    @property
    def artifact_prefix(self) -> str:
        """What all that the pipeline writes there lies under."""
        return choose(self.values, "ML_PIPELINE_ARTIFACT_PREFIX")

    @property
    def worker_python(self) -> Path:
        """The python that stages run with."""
        return Path(self.values["ML_PIPELINE_WORKER_PYTHON"] or self.venv("worker") / "bin" / "python")

    @property
    def scratch(self) -> Path:
        """The one folder that stages write temporary files to."""
        return Path(self.values["PIPELINE_SCRATCH_DIR"] or self.state / "scratch")

    def venv(self, name: str) -> Path:
        """Return the folder of a virtual environment; stacks with other state folders share these."""
        return self.root / ".state" / "venvs" / name


def read_settings(environ: Mapping[str, str] | None = None) -> StackSettings:
    """Read all settings. A name that the table does not have is no setting, and is left out."""
    environ = os.environ if environ is None else environ
    root = Path(environ.get("PIPELINE_PROJECT_ROOT") or PROJECT).resolve()
    env_file = Path(environ.get("PIPELINE_ENV_FILE") or root / ".env").absolute()
    found = parse_env_file(env_file.read_text(encoding="utf-8")) if env_file.exists() else {}
    values = {name: environ.get(name, found.get(name, setting.default)) for name, setting in SETTINGS.items()}
    state = Path(values["PIPELINE_STATE_DIR"] or root / ".state")
    return StackSettings(root, (root / state).absolute(), env_file, values)
