"""The proxy before the engine: what the docker runner needs gets through, and nothing that would reach the host."""

from __future__ import annotations

import json
import stat
import subprocess
import time
import uuid
from pathlib import Path

import docker
import pytest
import requests

from local.settings import read_template
from pipeline.container import make_bounds
from pipeline.docker_operator import PipelineDockerOperator
from pipeline.settings import get_settings
from tests.compose.conftest import PROJECT
from tests.compose.test_docker_runner import make_arguments
from tests.ports import free_ports

CREATE = "/v1.41/containers/create"
SOCKET = "/var/run/docker.sock"


@pytest.fixture(scope="module")
def proxy(engine, base_image, tmp_path_factory):
    """Give the address of a proxy: the image and the configuration of the repository, with less patience."""
    (port,) = free_ports(1)
    text = (PROJECT / "dags" / "docker-proxy.cfg").read_text()
    text = text.replace("timeout client 2m", "timeout client 4s").replace("timeout server 2m", "timeout server 4s")
    config = tmp_path_factory.mktemp("proxy") / "haproxy.cfg"
    config.write_text(text)
    # What the container's user is nobody of: pytest's folder is its owner's alone.
    name, place = f"proxy-{uuid.uuid4().hex[:8]}", "/etc/docker-proxy.cfg"
    argv = ["docker", "create", "--name", name, f"--publish=127.0.0.1:{port}:2375", f"--volume={SOCKET}:{SOCKET}"]
    argv += [f"--user=10001:{Path(SOCKET).stat().st_gid}", "--entrypoint=haproxy", read_template()["HAPROXY_IMAGE"]]
    subprocess.run([*argv, "-W", "-db", "-f", place], check=True, capture_output=True)
    try:
        config.chmod(config.stat().st_mode | stat.S_IROTH)
        subprocess.run(["docker", "cp", config, f"{name}:{place}"], check=True, capture_output=True)
        subprocess.run(["docker", "start", name], check=True, capture_output=True)
        deadline = time.monotonic() + 20
        while True:
            try:
                assert requests.get(f"http://127.0.0.1:{port}/_ping", timeout=5).text == "OK"
                break
            except requests.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)


@pytest.fixture
def create(proxy, settings):
    """Give what asks the proxy for a container like the runner's, with some changes, and returns the answer's status."""

    def create(body=None, **changes):
        bounds = docker.types.HostConfig(version="1.41", **make_bounds(settings))
        whole = {"Image": "not-there:1", "Cmd": ["-m", "x"], "HostConfig": {**bounds, **changes}}
        headers = {"Content-Type": "application/json"}
        return requests.post(proxy + CREATE, data=body or json.dumps(whole), headers=headers, timeout=20).status_code

    return create


def test_runner_works_through_it(proxy, settings, monkeypatch):
    """A whole attempt goes through the proxy, its log and its result too, silent for longer than a call may take."""
    monkeypatch.setenv("ML_TASK_DOCKER_URL", proxy.replace("http://", "tcp://"))
    get_settings.cache_clear()
    operator = PipelineDockerOperator(task_id="validate_data", stage="validate")
    ended = operator.run_command(make_arguments(say=["x"], seconds=10, exits=[1], record="line"))
    assert ended.ending is None, ended.ending
    assert (ended.code, ended.record["exit"], ended.last_words, ended.ending) == (1, 1, "x", None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1.41/images/json"),
        ("GET", "/v1.41/info"),
        ("GET", "/v1.41/secrets"),
        ("POST", "/v1.41/images/create?fromImage=x"),
        ("POST", "/v1.41/build"),
        ("POST", "/v1.41/networks/create"),
        ("POST", "/v1.41/volumes/create"),
        ("POST", "/v1.41/containers/prune"),
        ("POST", f"/v1.41/containers/{'a' * 64}/exec"),
        ("POST", f"/v1.41/containers/{'a' * 64}/update"),
        ("PUT", f"/v1.41/containers/{'a' * 64}/archive?path=/"),
        ("GET", f"/v1.41/containers/{'a' * 64}/../../images/json"),
        ("POST", "/v1.41//containers/create"),
        ("POST", "/v1.41/containers/%63reate"),
    ],
)
def test_other_calls_are_refused(proxy, method, path):
    """Calls that the runner does not make do not reach the engine."""
    url = requests.Request(method, proxy).prepare()
    url.url = proxy + path
    assert requests.Session().send(url, timeout=20).status_code == 403


def test_bounded_container_gets_through(create):
    """A container as the runner asks for it reaches the engine, which knows no such image."""
    assert create() == 404
    assert create(Binds=None, Devices=None, Privileged=False) == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"Privileged": True},
        {"privileged": True},
        {"Binds": ["/:/host"]},
        {"bINDS": ["/:/host"]},
        {"Bind\u017f": ["/:/host"]},
        {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
        {"VolumesFrom": ["other"]},
        {"Devices": [{"PathOnHost": "/dev/sda"}]},
        {"CapAdd": ["SYS_ADMIN"]},
        {"Lin\u212as": ["other"]},
        {"NetworkMode": "host"},
        {"NetworkMode": "container:other"},
        {"PidMode": "host"},
        {"IpcMode": "host"},
        {"SecurityOpt": ["seccomp=unconfined"]},
        {"MaskedPaths": []},
        {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}},
    ],
    ids=str,
)
def test_what_reaches_the_host_is_refused(create, changes):
    """No privileges, no folder or device of the host's, none of its name spaces; however it is spelled."""
    assert create(**changes) == 403


@pytest.mark.parametrize(
    "body",
    [
        '{"HostConfig": {"Bin\\u0064s": ["/:/host"]}}',
        '{"HostConfig": {"Privileged" : \n true}}',
        '{"HostConfig": {"Binds":\n\t["/:/host"]}}',
        '{"HostConfig": {"Bind\u017f": ["/:/host"]}}'.encode(),
        '{"HostConfig": {"Lin\u212as": ["other"]}}'.encode(),
    ],
    ids=str,
)
def test_other_spellings_are_refused(create, body):
    """Escapes, look-alikes and white space hide nothing."""
    assert create(body) == 403


def test_what_cannot_be_read_is_refused(proxy, create):
    """A body that is too long to be checked, or whose length is not told, does not reach the engine."""
    assert create("x" * 300_000) in {400, 413}
    chunked = iter([b'{"HostConfig": {"Privileged": true}}'])
    assert requests.post(proxy + CREATE, data=chunked, timeout=20).status_code == 400
