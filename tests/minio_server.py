"""A real MinIO for tests, on free loopback ports, ended with the test; built from source once where there is a Go."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ports import free_ports

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "minio" / "build.sh"
OLDEST_GO = (1, 24)
# A first build takes minutes, within the time of the first test that asks for the server.
NEEDS_MINIO = [pytest.mark.timeout(1800), pytest.mark.long("builds MinIO from source, once")]


@dataclass(frozen=True)
class MinioServer:
    """A running server: its endpoint, root's key, and the process to end or kill."""

    endpoint_url: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    process: subprocess.Popen[bytes]


def find_minio() -> Path:
    """Return the binary that MINIO_BINARY names, else the one of `minio/build.sh`; skip the test where neither can be."""
    named = os.environ.get("MINIO_BINARY")
    if named:
        assert Path(named).is_file(), f"MINIO_BINARY names no file: {named}"
        return Path(named)
    folder = find_folder()
    if not (folder / "minio").exists():
        check_go()
        build_minio(folder)
    return folder / "minio"


def find_folder() -> Path:
    """Return where the binary of the version in `minio/build.sh` is kept: outside of any clone, for all of them."""
    found = re.search(r"^version=(\S+)$", BUILD.read_text(), re.MULTILINE)
    assert found
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ml-pipeline" / "minio" / found.group(1)


def check_go() -> None:
    """Skip the test where no Go is that could build the server."""
    wanted = f"MinIO is built with Go {'.'.join(map(str, OLDEST_GO))} or later; MINIO_BINARY can name a binary instead"
    if not shutil.which("go"):
        pytest.skip(f"no `go` on the PATH: {wanted}")
    version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_GO:
        pytest.skip(f"`go` is {version}: {wanted}")


def build_minio(folder: Path) -> None:
    """Build the server into a folder; of two that want it, one builds and the other waits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if (folder / "minio").exists():
            return
        done = subprocess.run(
            ["nice", "-n", "5", "sh", str(BUILD), str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{BUILD} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}"


@contextlib.contextmanager
def run_minio(folder: Path, like: MinioServer | None = None, **settings: str) -> Iterator[MinioServer]:
    """Run a server with its state in *folder* until the block ends; with the port and the key of one that ended.

    `settings`: further variables of its environment.
    """
    binary = find_minio()
    port, console = free_ports(2)
    # By chance: who knows an access key's name can write to this server (CVE-2026-40344).
    access_key, secret_key = secrets.token_hex(10).upper(), secrets.token_urlsafe(30)
    if like:
        port, access_key, secret_key = int(like.endpoint_url.rpartition(":")[2]), like.access_key, like.secret_key
    folder.mkdir(parents=True, exist_ok=True)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "MINIO_ROOT_USER": access_key,
        "MINIO_ROOT_PASSWORD": secret_key,
        "MINIO_UPDATE": "off",
        **settings,
    }
    command = [str(binary), "server", str(folder / "data")]
    command += ["--address", f"127.0.0.1:{port}", "--console-address", f"127.0.0.1:{console}"]
    with (folder / "minio.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environ)
        try:
            _wait(process, port, folder / "minio.log")
            yield MinioServer(f"http://127.0.0.1:{port}", access_key, secret_key, process)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, f"minio ended:\n{log.read_text(errors='replace')[-2000:]}"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/minio/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise AssertionError(f"minio did not answer in 60 s:\n{log.read_text(errors='replace')[-2000:]}")
