"""The proxy before the engine: what the docker runner needs gets through, and nothing that would reach the host."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import stat
import subprocess
import time
import uuid
from pathlib import Path

import docker
import pytest
import requests

from pipeline.runners.container import USER, make_bounds, make_labels, make_name
from pipeline.runners.docker_operator import PipelineDockerOperator
from pipeline.settings import get_settings
from pipeline.stage.attempt import make_environment
from pipeline_contract.settings import SETTINGS
from tests.compose.conftest import PROJECT
from tests.compose.test_docker_runner import make_arguments
from tests.ports import free_ports

SOCKET = "/var/run/docker.sock"
RUN = "penguins.20260131T120000Z.1a2b3c4d"
#: What the proxy of these tests is told: an image that is not there, so that what it lets through makes nothing.
TOLD = {"ML_TASK_IMAGE": "not-there:1", "ML_TASK_NETWORK": "a_tasks", "ML_TASK_STACK": "a"}
NAME = f"stage.a.train.{RUN}"
CREATE = f"/v1.41/containers/create?name={NAME}"


@contextlib.contextmanager
def open_proxy(folder, told):
    """Give the address of a proxy: the image and the configuration of the repository, with less patience."""
    (port,) = free_ports(1)
    text = (PROJECT / "dags" / "docker-proxy.cfg").read_text()
    text = text.replace("timeout client 2m", "timeout client 4s").replace("timeout server 2m", "timeout server 4s")
    config = folder / "haproxy.cfg"
    config.write_text(text)
    # What the container's user is nobody of: pytest's folder is its owner's alone.
    name, place = f"proxy-{uuid.uuid4().hex[:8]}", "/etc/docker-proxy.cfg"
    argv = ["docker", "create", "--name", name, f"--publish=127.0.0.1:{port}:2375", f"--volume={SOCKET}:{SOCKET}"]
    argv += [f"--env={key}={value}" for key, value in told.items()]
    argv += [f"--user=10001:{Path(SOCKET).stat().st_gid}", "--entrypoint=haproxy", SETTINGS["HAPROXY_IMAGE"].default]
    subprocess.run([*argv, "-W", "-db", "-f", place], check=True, capture_output=True)
    try:
        config.chmod(config.stat().st_mode | stat.S_IROTH)
        subprocess.run(["docker", "cp", config, f"{name}:{place}"], check=True, capture_output=True)
        subprocess.run(["docker", "start", name], check=True, capture_output=True)
        deadline = time.monotonic() + 120
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


@pytest.fixture(scope="module")
def proxy(engine, base_image, tmp_path_factory):
    """Give the address of a proxy that is told of an image that is not there."""
    with open_proxy(tmp_path_factory.mktemp("proxy"), TOLD) as address:
        yield address


@pytest.fixture
def body(settings):
    """Give the body of the call with which docker-py makes the runner's container."""
    values = {"TZ": "UTC", "https_proxy": "http://x:1", **settings.worker_values}
    told = dataclasses.replace(
        settings, **{name.removeprefix("ML_").lower(): value for name, value in TOLD.items()}, worker_values=values
    )
    arguments = make_arguments(say=['a "quoted" \\ word, ü'], exits=[1])
    labels = make_labels(told, "train", arguments)
    kept = {}
    client = docker.APIClient(base_url="tcp://127.0.0.1:1", version="1.41")
    client._post_json = lambda _url, data, **_: kept.update(data)
    client._result = lambda *_: {}
    with contextlib.closing(client):
        client.create_container(
            name=make_name(labels), image=told.task_image, command=arguments, user=USER, environment=make_environment(told),
            labels=labels, host_config=client.create_host_config(**make_bounds(told)), stdin_open=True,
        )  # fmt: skip
    return {key: value for key, value in kept.items() if value is not None}


@pytest.fixture
def create(proxy):
    """Give what asks the proxy for a container, and returns the answer's status."""

    def create(body, path=CREATE):
        content = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return send("POST", proxy, path, data=content, headers={"Content-Type": "application/json"})

    return create


def send(method, address, path, **options):
    """Return the status that a call is answered with; its path and query as they stand."""
    request = requests.Request(method, address, **options).prepare()
    request.url = address + path
    return requests.Session().send(request, timeout=120).status_code


def test_runner_works_through_it(settings, tmp_path, monkeypatch):
    """A whole attempt goes through the proxy, its log and its result too, silent for longer than a call may take."""
    told = {"ML_TASK_IMAGE": settings.task_image, "ML_TASK_NETWORK": settings.task_network}
    with open_proxy(tmp_path, told | {"ML_TASK_STACK": settings.task_stack}) as proxy:
        monkeypatch.setenv("ML_TASK_DOCKER_URL", proxy.replace("http://", "tcp://"))
        get_settings.cache_clear()
        operator = PipelineDockerOperator(task_id="validate_data", stage="validate")
        ended = operator.run_command(make_arguments(say=["x"], seconds=10, exits=[1], record="line"))
    assert ended.verdict is None, ended.verdict
    assert (ended.code, ended.record.exit, ended.last_words, ended.verdict) == (1, 1, "x", None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1.41/images/json"),
        ("GET", "/v1.41/info"),
        ("GET", "/v1.41/secrets"),
        ("GET", "/v1.41/containers/json"),
        ("POST", "/v1.41/images/create?fromImage=x"),
        ("POST", "/v1.41/build"),
        ("POST", "/v1.41/networks/create"),
        ("POST", "/v1.41/volumes/create"),
        ("POST", "/v1.41/containers/prune"),
        ("POST", f"/v1.41/containers/{NAME}/exec"),
        ("POST", f"/v1.41/containers/{NAME}/update"),
        ("POST", f"/v1.41/containers/{NAME}/rename?name=x"),
        ("GET", f"/v1.41/containers/{NAME}/logs?stdout=1"),
        ("PUT", f"/v1.41/containers/{NAME}/archive?path=/"),
        ("GET", f"/v1.41/containers/{NAME}/../../images/json"),
        ("POST", "/v1.41//containers/create"),
        ("POST", "/v1.41/containers/%63reate"),
    ],
)
def test_other_calls_are_refused(proxy, method, path):
    """Calls that the runner does not make do not reach the engine."""
    assert send(method, proxy, path) == 403


@pytest.mark.parametrize(
    "other",
    [
        *("a" * 64, "a" * 12, "a-postgres-1", f"stage.b.train.{RUN}", f"stage.a.1.{RUN}", f"stage.a.train.{RUN}0"),
        *(
            "stage.a.train",
            f"STAGE.a.train.{RUN}",
            f"stage%2Ea.train.{RUN}",
            f"x/stage.a.train.{RUN}",
            f"stage.a.train.{RUN}%00",
        ),
    ],
)
def test_other_containers_are_out_of_reach(proxy, other):
    """By an id, a name of Compose's, of another stack's stage, or in another spelling nothing is looked at, stopped or removed."""
    calls = [("GET", "/json"), *(("POST", f"/{call}") for call in ("attach", "start", "stop", "wait")), ("DELETE", "")]
    for method, call in calls:
        assert send(method, proxy, f"/v1.41/containers/{NAME}{call}") == 404, call  # the engine's word: there is none
        assert send(method, proxy, f"/v1.41/containers/{other}{call}") == 403, call


def test_the_secrets_of_the_stack_are_out_of_reach(engine, proxy, settings):
    """What the engine shows of a service, its environment with all its secrets, is not shown by the proxy, by any name it has."""
    other = engine.containers.create(
        settings.task_image, name=f"{settings.task_stack}-postgres-1", environment={"POSTGRES_PASSWORD": "hidden"}
    )
    try:
        assert "hidden" in json.dumps(engine.api.inspect_container(other.id))
        for name in (other.id, other.short_id, other.name):
            assert send("GET", proxy, f"/v1.41/containers/{name}/json") == 403
            assert send("DELETE", proxy, f"/v1.41/containers/{name}?force=True") == 403
    finally:
        other.remove(force=True)


def test_the_runners_container_gets_through(create, body):
    """What docker-py sends today is known: the engine itself answers, which knows no such image."""
    assert create(body) == 404


def test_a_long_request_gets_through(create, body):
    """Parameters of the greatest length that a command line takes are read to their end, in no time that matters."""
    body["Cmd"].append('--params={"note": "' + 'x\\"' * 30_000 + '"}')
    began = time.monotonic()
    assert create(body) == 404
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "query",
    [
        *("", "?", "?name=", "?name=x", f"?name=stage.b.train.{RUN}", f"?name={NAME}&name=x", f"?name=x&name={NAME}"),
        *(f"?Name={NAME}", f"?name={NAME}&platform=linux/arm64", f"?name={NAME}x", f"?name=%73tage.a.train.{RUN}"),
    ],
)
def test_a_container_has_a_stages_name(create, body, query):
    """One without a name, or with another's, is not made."""
    assert create(body, f"/v1.41/containers/create{query}") == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"Privileged": True},
        {"Privileged": False},
        {"privileged": True},
        {"Binds": ["/:/host"]},
        {"bINDS": ["/:/host"]},
        {"Bind\u017f": ["/:/host"]},
        {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
        {"VolumesFrom": ["other"]},
        {"Devices": [{"PathOnHost": "/dev/sda"}]},
        {"CapAdd": ["SYS_ADMIN"]},
        {"CapDrop": []},
        {"Lin\u212as": ["other"]},
        {"NetworkMode": "host"},
        {"NetworkMode": "bridge"},
        {"NetworkMode": "a_tasksx"},
        {"networkmode": "a_metadata"},
        {"PidMode": "host"},
        {"IpcMode": "host"},
        {"SecurityOpt": ["seccomp=unconfined"]},
        {"SecurityOpt": []},
        {"MaskedPaths": []},
        {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}},
        {"PublishAllPorts": True},
        {"LogConfig": {"Type": "gelf", "Config": {"gelf-address": "udp://127.0.0.1:1"}}},
        {"LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "1", "tag": "x"}}},
        {"RestartPolicy": {"Name": "always"}},
        {"OomKillDisable": True},
        {"ReadonlyRootfs": False},
        {"Tmpfs": {"/etc": "size=1g"}},
        {"Runtime": "other"},
        {"AutoRemove": True},
    ],
    ids=str,
)
def test_other_bounds_are_refused(create, body, changes):
    """Nothing of the host's, no port, no other network, log or limit, in whatever spelling; nor what would change nothing."""
    body["HostConfig"] |= changes
    assert create(body) == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"Image": "postgres:17"},
        {"image": "postgres:17"},
        {"User": "0:0"},
        {"Entrypoint": ["sh"]},
        {"Cmd": ["-c", "import os"]},
        {"Cmd": ["-m", "http.server"]},
        {"Env": ["PATH=/scratch"]},
        {"Env": ["PIPELINE_A=1", "LD_PRELOAD=/scratch/x.so"]},
        {"Labels": {"com.docker.compose.project": "a"}},
        {"ExposedPorts": {"80/tcp": {}}},
        {"Healthcheck": {"Test": ["CMD", "x"]}},
        {"NetworkingConfig": {"EndpointsConfig": {"a_metadata": {}}}},
        {"NetworkDisabled": True},
        {"MacAddress": "00:00:00:00:00:01"},
        {"Volumes": {"/x": {}}},
        {"StopTimeout": 100_000},
        {"OpenStdin": False},
    ],
    ids=str,
)
def test_another_container_is_refused(create, body, changes):
    """Another image, user, command, variable or label, and whatever else the engine knows, is not the runner's container."""
    assert create(body | changes) == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"Init"', '"Privileged": true, "Init"'),
        lambda text: text.replace('"Image"', '"Image": "postgres:17", "Image"'),
        lambda text: text.replace('"Image"', '"Imag\\u0065": "postgres:17", "Image"'),
        lambda text: text.replace('"Init": true', '"Init": true, "Bind\\u0073": ["/:/host"]'),
        lambda text: text[:-1] + ', "HostConfig": {"Privileged": true}}',
        lambda text: text + '{"HostConfig": {"Privileged": true}}',
        lambda text: text.replace(": ", ":"),
        lambda text: "\n" + text,
        lambda text: text[:-1],
        lambda _: "{}",
        lambda _: "",
    ],
)
def test_other_spellings_are_refused(create, body, change):
    """Keys twice, escapes, white space and two bodies in one hide nothing."""
    text = json.dumps(body)
    assert change(text) != text
    assert create(change(text)) in {400, 403}


def test_what_cannot_be_read_is_refused(proxy, create):
    """A body that is too long to be checked, or whose length is not told, does not reach the engine."""
    assert create("x" * 300_000) in {400, 413}
    chunked = iter([b'{"HostConfig": {"Privileged": true}}'])
    assert requests.post(proxy + CREATE, data=chunked, timeout=120).status_code == 400
