"""Makes the `.env` of a new stack: every secret by chance, none by default."""

import base64
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from cli.settings import PROJECT, TEMPLATE
from cli.stacks.private_file import write_private
from pipeline_contract.env_file import parse_env_file
from pipeline_contract.settings import SETTINGS, choose


def make_access_key() -> str:
    """Return a key name that cannot be guessed: some S3 servers let those write who know only the name."""
    return secrets.token_hex(10).upper()


def make_secret(name: str) -> str:
    """Return a new secret for a setting that is one."""
    if name == "AIRFLOW_FERNET_KEY":
        return base64.urlsafe_b64encode(os.urandom(32)).decode()  # the form that Fernet takes
    if name.endswith("_ACCESS_KEY"):
        return make_access_key()
    if name.endswith("_PASSWORD"):
        return secrets.token_urlsafe(18)
    return secrets.token_urlsafe(48)  # 64 characters: signatures with SHA-512 ask for so many


def write_env_file(path: Path, changes: Mapping[str, str] | None = None) -> None:
    """Write a new settings file from the template, readable by its owner only; an existing one is an error."""
    changes = dict(changes or {})
    lines = []
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        for name in parse_env_file(line):
            value = changes.pop(name, "") or (make_secret(name) if SETTINGS[name].is_secret else "")
            if value:
                lines.append(f"{name}={value}")
                break
        else:
            lines.append(line)
    assert not changes, f"no such settings: {sorted(changes)}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def fill_env_file(path: Path) -> list[str]:
    """Add the secrets that an existing settings file lacks, as after an upgrade; return their names.

    A new secret of a key to the store comes with a new access key: sessions that were begun with the old pair end with the
    user of the old key, and not with its secret.
    """
    found = parse_env_file(path.read_text(encoding="utf-8"))
    secret = {
        name: make_secret(name) for name, setting in SETTINGS.items() if setting.is_secret and not found.get(name)
    }
    pairs = {name: name.replace("_SECRET_KEY", "_ACCESS_KEY") for name in secret if name.endswith("_SECRET_KEY")}
    secret |= {access: make_access_key() for access in pairs.values() if access in SETTINGS}
    if secret:
        set_values(path, secret)
    path.chmod(0o600)
    return sorted(secret)


def set_values(path: Path, values: Mapping[str, str]) -> None:
    """Give settings of an existing settings file these values; it is there as a whole at any time."""
    rest = dict(values)
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        names = values.keys() & parse_env_file(line).keys()
        # At its place, below its explanation; a second line of the same name would win over the first.
        lines += [f"{name}={rest.pop(name)}" for name in names if name in rest] if names else [line]
    lines += [f"{name}={value}" for name, value in rest.items()]
    write_private(path, "\n".join(lines) + "\n")


def find_docker_group(socket: Path) -> str:
    """Return the number of the group that may use the Docker engine's socket; nothing where that cannot be told."""
    if sys.platform != "linux":
        return "0"  # Docker Desktop's engine is in a machine of its own, where the socket is root's
    return str(socket.stat().st_gid) if socket.exists() else ""


def complete_env_file(path: Path, stack: str) -> None:
    """Make the settings file that `stack` starts with, or give an existing one what it lacks for that."""
    if path.exists():
        fill_env_file(path)
    else:
        # The stack that was asked for first is the one that later commands work on.
        write_env_file(path, {"STACK": stack})
    if stack != "compose":
        return
    found = parse_env_file(path.read_text(encoding="utf-8"))
    lacking = {} if "COMPOSE_PROFILES" in found else {"COMPOSE_PROFILES": SETTINGS["COMPOSE_PROFILES"].default}
    socket = Path(choose(found, "DOCKER_SOCKET"))
    if not found.get("DOCKER_GID") and (group := find_docker_group(socket)):
        lacking["DOCKER_GID"] = group
    if lacking:
        set_values(path, lacking)


if __name__ == "__main__":
    # For those who start the Compose stack without make; needs nothing but Python.
    env_file = PROJECT / ".env"
    complete_env_file(env_file, "compose")
    found = parse_env_file(env_file.read_text(encoding="utf-8"))
    if not found.get("DOCKER_GID"):
        sys.exit(
            f"DOCKER_GID is not set in {env_file}: there is no socket of a Docker engine at DOCKER_SOCKET here to tell it."
        )
    sys.stdout.write(f"{env_file} has what it needs: look through it, then: docker compose up --detach --wait\n")
