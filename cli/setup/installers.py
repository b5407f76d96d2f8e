"""The environments that pip and uv are called with: a machine's own index stays in use, what would misplace does not."""

import os
import subprocess
from pathlib import Path

# Settings of a user's shell that would make an installer look or write somewhere else than we say.
_MISPLACING = (
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REQUIREMENT",
    "PIP_CONSTRAINT",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_NO_BINARY",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_BREAK_SYSTEM_PACKAGES",
    "UV_PROJECT_ENVIRONMENT",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_EXCLUDE",
    "UV_EXCLUDE_NEWER",
    "UV_NO_BINARY",
    "UV_RESOLUTION",
    "UV_PRERELEASE",
)
# What pip is told of packages' whereabouts, and how uv is told the same: uv does not read pip's configuration.
_PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
_UV_INDEX_NAMES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX", "UV_FIND_LINKS")


def make_pip_environment() -> dict[str, str]:
    """Return this process's environment for pip."""
    environment = {name: value for name, value in os.environ.items() if name not in _MISPLACING}
    # These win over a configuration file.
    environment |= {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    return environment


def read_pip_configuration(python: Path) -> dict[str, str]:
    """Return pip's settings from all its files and variables, without their sections; later ones win."""
    argv = [str(python), "-m", "pip", "config", "list"]
    listed = subprocess.run(argv, env=make_pip_environment(), capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for line in listed.splitlines():
        name, equals, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if equals and (section in ("global", "install", "site") or section == ":env:"):
            found[option] = " ".join(value.strip().strip("'").replace("\\n", " ").split())
    return found


def make_uv_environment(python: Path) -> dict[str, str]:
    """Return this process's environment for uv; where it names no index, pip's one is taken."""
    environment = {name: value for name, value in os.environ.items() if name not in _MISPLACING}
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    has_index = any(environment.get(name) for name in _UV_INDEX_NAMES)
    for option, value in read_pip_configuration(python).items():
        name = _PIP_TO_UV.get(option)
        if name and not environment.get(name) and not (has_index and name in _UV_INDEX_NAMES):
            # Lists: uv separates links by commas, indexes and hosts by spaces.
            environment[name] = value.replace(" ", ",") if name == "UV_FIND_LINKS" else value
    return environment
