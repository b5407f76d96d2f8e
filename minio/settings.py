"""The settings of the bootstrap, under the names that `.env.template` explains. Only this module reads the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline_contract.settings import KEYS, choose

MOST_DAYS = 3650
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class SettingInvalid(Exception):
    """A setting is missing, or has a value that cannot be used; says its name and what to do, never its value."""


@dataclass(frozen=True)
class Key:
    """An access key and its secret. The name is kept as quiet as the secret: see CVE-2026-40344."""

    access: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True)
class BootstrapSettings:
    """Where the server is, what it is to hold, and who may use it.

    :param old_versions_days: so long an artifact that was overwritten or deleted can be brought back.
    :param log_days: so long the log of a task is kept.
    :param sources: bucket and prefix of each further place that the worker may read.
    """

    address: str
    is_secure: bool
    region: str
    root: Key
    keys: Mapping[str, Key]
    drop_bucket: str
    artifact_bucket: str
    artifact_prefix: str
    mlflow_bucket: str
    log_bucket: str
    old_versions_days: int
    log_days: int
    sources: tuple[tuple[str, str], ...]

    @property
    def buckets(self) -> tuple[str, ...]:
        """All buckets that have to be there."""
        return (self.drop_bucket, self.artifact_bucket, self.mlflow_bucket, self.log_bucket)


def read_settings(environ: Mapping[str, str] | None = None) -> BootstrapSettings:
    """Read all settings; raise SettingInvalid with every name that is missing."""
    environ = os.environ if environ is None else environ
    missing = []

    def read(name: str) -> str:
        value = environ.get(name, "")
        if not value:
            missing.append(name)
        return value

    def read_days(name: str) -> int:
        text = read(name)
        if text and not (re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= MOST_DAYS):
            raise SettingInvalid(f"{name} is {text!r}: it must be a whole number of days from 1 to {MOST_DAYS}.")
        return int(text or MOST_DAYS)

    def read_key(names: tuple[str, str]) -> Key:
        return Key(read(names[0]), read(names[1]))

    address, is_secure = split_url(read("OBJECT_STORAGE_ENDPOINT_URL"))
    settings = BootstrapSettings(
        address=address,
        is_secure=is_secure,
        region=choose(environ, "OBJECT_STORAGE_REGION"),
        root=read_key(KEYS["root"]),
        keys={identity: read_key(names) for identity, names in KEYS.items() if identity != "root"},
        drop_bucket=read("ML_PIPELINE_DROP_BUCKET"),
        artifact_bucket=choose(environ, "ML_PIPELINE_ARTIFACT_BUCKET"),
        artifact_prefix=read("ML_PIPELINE_ARTIFACT_PREFIX").strip("/"),
        mlflow_bucket=read("MLFLOW_BUCKET"),
        log_bucket=read("AIRFLOW_LOG_BUCKET"),
        old_versions_days=read_days("ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS"),
        log_days=read_days("AIRFLOW_LOG_DAYS"),
        sources=split_sources(environ.get("ML_PIPELINE_SOURCE_PREFIXES", "")),
    )
    if missing:
        raise SettingInvalid(f"{', '.join(missing)}: not set. Set it in `.env`; .env.template says what it is for.")
    check_keys(settings)
    check_buckets(settings)
    return settings


def split_url(url: str) -> tuple[str, bool]:
    """Return host and port, and whether to speak TLS."""
    scheme, _, rest = url.rstrip("/").partition("://")
    if url and (scheme not in ("http", "https") or not rest or "/" in rest):
        raise SettingInvalid("OBJECT_STORAGE_ENDPOINT_URL: must be http://host:port or https://host:port.")
    return rest, scheme == "https"


def split_sources(text: str) -> tuple[tuple[str, str], ...]:
    """Return bucket and prefix of each `s3://bucket/prefix` of a comma separated list."""
    parts = (part.strip().removeprefix("s3://").partition("/") for part in text.split(","))
    return tuple((bucket, prefix) for bucket, _, prefix in parts if bucket)


def check_keys(settings: BootstrapSettings) -> None:
    """Raise where two identities share an access key: the rights of one would be the other's."""
    seen = {settings.root.access: KEYS["root"][0]}
    for identity, key in settings.keys.items():
        name = KEYS[identity][0]
        if key.access in seen:
            raise SettingInvalid(f"{name}: is the same as {seen[key.access]}. Give each its own, by chance.")
        seen[key.access] = name


def check_buckets(settings: BootstrapSettings) -> None:
    """Raise where S3 allows no bucket of the name, or two are one: what is old in the one goes, in the other it must stay."""
    names = {
        "ML_PIPELINE_DROP_BUCKET": settings.drop_bucket,
        "ML_PIPELINE_ARTIFACT_BUCKET": settings.artifact_bucket,
        "MLFLOW_BUCKET": settings.mlflow_bucket,
        "AIRFLOW_LOG_BUCKET": settings.log_bucket,
    }
    seen: dict[str, str] = {}
    for name, bucket in names.items():
        if bucket in seen:
            raise SettingInvalid(f"{name}: {bucket!r} is {seen[bucket]} too. Give each a bucket of its own.")
        seen[bucket] = name
        if not _BUCKET.fullmatch(bucket):
            raise SettingInvalid(
                f"{name}: {bucket!r} is no name of a bucket. Use 3 to 63 of a-z, 0-9, `-` and `.`, at the ends a-z or 0-9."
            )
