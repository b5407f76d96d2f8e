"""What the worker takes from its environment; the only module that reads it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline_contract.env_file import parse_env_file
from pipeline_contract.identity import VARIABLE, read_identity
from pipeline_contract.layout import Layout
from pipeline_contract.settings import KEYS, choose

from .errors import ContractDiffers, ParameterInvalid
from .limits import NAMES, Limits

#: What bounds a training, and the settings that it comes from.
_TRAINING = {
    "choice_seconds": "ML_PIPELINE_CHOICE_SECONDS",
    "train_cells": "ML_PIPELINE_MAX_TRAIN_CELLS",
    "train_threads": "ML_PIPELINE_TRAIN_THREADS",
}


@dataclass(frozen=True)
class Settings:
    """Where things are; secrets are left out of `repr`.

    :param endpoint_url: the S3 endpoint; None is AWS; `file:///folder` is a folder on this machine.
    :param prefix: the part of every key in the artifact bucket, without slashes at its ends.
    :param source_prefixes: further `s3://bucket/prefix` in which a `data_source` may lie.
    :param scratch: the one folder that this process writes to.
    :param limits: how large a file may be.
    :param choice_seconds: no other model is compared after so many.
    :param train_cells: rows times encoded columns that are trained on at most.
    :param train_threads: threads of a training; None: as many as there are processors for it.
    """

    endpoint_url: str | None
    region: str
    access_key: str | None = field(repr=False)
    secret_key: str | None = field(repr=False)
    drop_bucket: str
    artifact_bucket: str
    prefix: str
    source_prefixes: tuple[str, ...]
    mlflow_tracking_uri: str | None
    mlflow_experiment_name: str
    mlflow_public_url: str | None
    scratch: Path
    exit_with_stdin: bool
    limits: Limits
    choice_seconds: int
    train_cells: int
    train_threads: int | None = None

    @property
    def store_folder(self) -> Path | None:
        """The folder that stands in for S3, or None where the store is S3."""
        if self.endpoint_url is None or not self.endpoint_url.startswith("file:"):
            return None
        return Path(unquote(urlsplit(self.endpoint_url).path))

    @property
    def layout(self) -> Layout:
        """Where the objects lie that the pipeline keeps, as URIs."""
        return Layout(f"s3://{self.artifact_bucket}/{self.prefix}")


def check_contract() -> None:
    """Refuse to work for a task of another version of the pipeline.

    :raises ContractDiffers: the task tells another contract than that of this process.
    """
    told = os.environ.get(VARIABLE)
    if told and told != read_identity():
        raise ContractDiffers(
            "The worker's image (or environment) is of another version of the pipeline than Airflow's.",
            where=f"{VARIABLE}={told}; this worker's is {read_identity()}",
            fix="Build it anew: `docker compose build worker-image` (without containers: `make up`); it goes on by itself then.",
        )


def read_settings(environ: Mapping[str, str] | None = None, *, store_folder: Path | None = None) -> Settings:
    """Return the settings of *environ*, and of the file that its `PIPELINE_ENV_FILE` names for what is not set there.

    :param store_folder: a folder to use as the store instead of what the environment says.
    :raises ParameterInvalid: `PIPELINE_ENV_FILE` names a file that is not there, or the endpoint is no address.
    """
    values = dict(os.environ if environ is None else environ)
    if env_file := values.get("PIPELINE_ENV_FILE"):
        if not Path(env_file).is_file():
            raise ParameterInvalid(
                f"There is no file `{env_file}`.",
                where="PIPELINE_ENV_FILE",
                fix="Name an existing file of `NAME=value` lines, or unset it.",
            )
        values = parse_env_file(Path(env_file).read_text(encoding="utf-8")) | values

    def get(name: str) -> str | None:
        return choose(values, name) or None

    tracking_uri = get("MLFLOW_TRACKING_URI")
    endpoint_url = store_folder.resolve().as_uri() if store_folder else get("OBJECT_STORAGE_ENDPOINT_URL")
    access_key, secret_key = map(get, KEYS["worker"])
    return Settings(
        endpoint_url=_check_endpoint(endpoint_url),
        region=choose(values, "OBJECT_STORAGE_REGION"),
        access_key=access_key,
        secret_key=secret_key,
        drop_bucket=choose(values, "ML_PIPELINE_DROP_BUCKET"),
        artifact_bucket=choose(values, "ML_PIPELINE_ARTIFACT_BUCKET"),
        prefix=choose(values, "ML_PIPELINE_ARTIFACT_PREFIX"),
        source_prefixes=tuple(
            part.strip() for part in choose(values, "ML_PIPELINE_SOURCE_PREFIXES").split(",") if part.strip()
        ),
        mlflow_tracking_uri=tracking_uri,
        mlflow_experiment_name=choose(values, "MLFLOW_EXPERIMENT_NAME"),
        mlflow_public_url=get("MLFLOW_PUBLIC_URL") or tracking_uri,
        scratch=Path(get("PIPELINE_SCRATCH_DIR") or tempfile.gettempdir()),
        exit_with_stdin=values.get("PIPELINE_EXIT_WITH_STDIN") == "1",
        limits=Limits(**{limit: _read_count(name, choose(values, name)) for limit, name in NAMES.items()}),
        **{field: _read_count(name, given) for field, name in _TRAINING.items() if (given := get(name))},
    )


def _read_count(name: str, given: str) -> int:
    if given.isascii() and given.isdecimal() and int(given) > 0:
        return int(given)
    raise ParameterInvalid(
        f"{name} is `{given}`, which is no whole number above 0.",
        where=name,
        fix="Write digits alone, or leave it empty for the usual limit.",
    )


def _check_endpoint(url: str | None) -> str | None:
    parts = urlsplit(url or "")
    if url is None or parts.scheme == "file" or (parts.scheme in {"http", "https"} and parts.hostname):
        return url
    raise ParameterInvalid(
        f"`{url}` is no address of an S3 server.",
        where="OBJECT_STORAGE_ENDPOINT_URL",
        fix="Write it with `http://` or `https://` before it, such as http://127.0.0.1:8333; leave it empty for AWS.",
    )
