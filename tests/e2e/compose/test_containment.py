"""What a stage's container, and each service, can reach of the others and of the machine: what it needs, nothing else."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_contract.settings import SETTINGS
from tests.compose_stack import ComposeStack, WorkerContainer
from tests.e2e.pipeline import PENGUINS, SPECIES, Pipeline, wait_until

#: Run by a container's own Python: tries to open a connection to the addresses of each place, all at once. By number, as a name
#: that cannot be looked up says nothing of the way there.
REACH = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def reach(address, port):
    try:
        socket.create_connection((address, port), timeout=1.5).close()
    except OSError:
        return False
    return True

tried = [(place, address, port) for place, (addresses, port) in json.loads(sys.argv[1]).items() for address in addresses]
with ThreadPoolExecutor(len(tried)) as threads:
    answers = list(threads.map(lambda one: reach(*one[1:]), tried))
found = {}
for (place, _, _), answer in zip(tried, answers):
    found[place] = found.get(place, False) or answer
print(json.dumps(found))
"""
#: What somebody inside would like to reach.
PORTS = {
    "postgres": 5432,
    "redis": 6379,
    "minio": 9000,
    "mlflow": 5000,
    "mlflow-proxy": 5000,
    "docker-proxy": 2375,
    "airflow-apiserver": 8080,
    "airflow-worker": 8793,
}
#: Addresses of the internet; one that answers is enough.
INTERNET = ([*("1.1.1.1", "8.8.8.8", "9.9.9.9")], 443)
#: Run inside a stage's container: what it is, and what it gets when it tries to be more.
BREAK_OUT = """
import ctypes, json, os, pathlib, subprocess

def tries(deed):
    try:
        deed()
    except OSError as error:
        return type(error).__name__
    return "done"

status = dict(line.split(":\\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
libc = ctypes.CDLL(None, use_errno=True)
print(json.dumps({
    "uid": os.getuid(),
    "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
    "no new privileges": status["NoNewPrivs"].strip(),
    "become root": tries(lambda: os.setuid(0)),
    "write to the root": tries(lambda: pathlib.Path("/opt/pipeline/x").write_text("x")),
    "write to /etc": tries(lambda: pathlib.Path("/etc/x").write_text("x")),
    "write to scratch": tries(lambda: pathlib.Path("/scratch/x").write_text("x")),
    "mount": libc.mount(b"none", b"/scratch", b"tmpfs", 0, None),
    "new namespace": libc.unshare(0x10000000 | 0x00020000),
    "the engine's socket": pathlib.Path("/var/run/docker.sock").exists(),
    "devices": [name for name in ("sda", "vda", "mem", "kmsg", "kvm") if pathlib.Path("/dev", name).exists()],
    "the first process": tries(lambda: os.kill(1, 9)) if os.getpid() != 1 else "",
    "secrets": sorted(name for name in os.environ if any(word in name for word in ("PASSWORD", "SECRET", "ROOT", "WATCH"))),
    "whose processes": sorted({entry.stat().st_uid for entry in pathlib.Path("/proc").iterdir() if entry.name.isdecimal()}),
}))
"""


#: Addresses and port of each place.
Places = dict[str, tuple[list[str], int]]


def run_python(container: str, python: str, code: str, *arguments: str) -> Any:
    """Return what a Python in a container that runs prints, as JSON."""
    done = subprocess.run(
        ["docker", "exec", container, python, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[str, int] | None]:
    """Give the address and port of a server on another host, which is a network namespace; None where none can be made.

    Where a machine has no internet nothing would reach it anyway. Who has a way out reaches this.
    """
    if os.geteuid() or not shutil.which("ip"):
        yield None
        return
    name, near, far = f"outside-{secrets.token_hex(3)}", f"o{secrets.token_hex(3)}", "198.51.100"
    port = 8099
    steps = [
        f"netns add {name}",
        f"link add {near} type veth peer name far netns {name}",
        f"addr add {far}.1/30 dev {near}",
        f"link set {near} up",
        f"-n {name} addr add {far}.2/30 dev far",
        f"-n {name} link set far up",
        f"-n {name} route add default via {far}.1",
    ]
    serve = ["ip", "netns", "exec", name, sys.executable, "-m", "http.server", str(port)]
    try:
        for step in steps:
            subprocess.run(["ip", *step.split()], check=True, capture_output=True)
        with subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                wait_until(lambda: is_open(f"{far}.2", port) or None, "the server outside")
                yield f"{far}.2", port
            finally:
                server.kill()
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True, capture_output=True)


def is_open(address: str, port: int) -> bool:
    """Return whether a connection can be opened."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
        return True
    return False


@pytest.fixture(scope="module")
def places(pipeline: Pipeline, outside: tuple[str, int] | None) -> Places:
    """Give all addresses of each service that listens, and its port; and some of the internet."""
    stack = pipeline.stack
    assert isinstance(stack, ComposeStack)
    found = {"the internet": INTERNET}
    if outside:
        found["outside"] = ([outside[0]], outside[1])
    for service, port in PORTS.items():
        containers = stack.compose("ps", "--quiet", service).split()
        described = json.loads(
            subprocess.run(["docker", "inspect", *containers], check=True, capture_output=True).stdout
        )
        networks = [network for one in described for network in one["NetworkSettings"]["Networks"].values()]
        found[service] = ([network["IPAddress"] for network in networks], port)
        assert all(found[service][0]), service
    # The engine's machine has an address on each network; what the stack publishes on its loopback must not be there too.
    project = stack.settings["COMPOSE_PROJECT_NAME"]
    listed = ["docker", "network", "ls", "--quiet", f"--filter=label=com.docker.compose.project={project}"]
    networks = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()
    described = json.loads(
        subprocess.run(["docker", "network", "inspect", *networks], check=True, capture_output=True).stdout
    )
    subnets = [ipaddress.ip_network(part["Subnet"]) for network in described for part in network["IPAM"]["Config"]]
    assert len(subnets) == 9
    machine = [str(next(subnet.hosts())) for subnet in subnets]
    for name in ("AIRFLOW_PORT", "MLFLOW_PORT", "OBJECT_STORAGE_PORT", "OBJECT_STORAGE_CONSOLE_PORT"):
        found[name] = (machine, int(stack.settings[name]))
    return found


@pytest.fixture(scope="module")
def insider(pipeline: Pipeline, penguins: str, places: Places) -> dict[str, Any]:  # after the penguins are published
    """Give what was found from inside the container of a training, while it trained."""
    pipeline.put("insider/_params.json", SPECIES | {"hyperparameters": {"seconds": 20}})
    dropped = pipeline.put("insider/x.csv", PENGUINS)
    run_key = pipeline.find(dropped)
    found = wait_until(lambda: pipeline.stack.find_command(run_key, "train_model"), "the training")
    assert isinstance(found, WorkerContainer)
    python = "/opt/python/bin/python"
    # One after the other, as what the engine begins in a container is root's until it has become the container's user.
    reached = run_python(found.container, python, REACH, json.dumps(places))
    broken_out = run_python(found.container, python, BREAK_OUT)
    argv = ["docker", "inspect", found.container]
    described = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)[0]
    told = {**broken_out, "reach": reached, "inspect": described}
    pipeline.wait(dropped, "published")
    return told


def test_a_stage_is_an_ordinary_user_and_stays_one(insider: dict[str, Any]) -> None:
    """It has a number of its own, no capability, and no way to get any."""
    assert insider["uid"] == 10001
    assert insider["capabilities"] == 0
    assert insider["no new privileges"] == "1"
    assert insider["become root"] == "PermissionError"
    assert insider["mount"] == insider["new namespace"] == -1
    assert insider["whose processes"] == [10001]


def test_a_stage_writes_to_its_scratch_folder_only(insider: dict[str, Any]) -> None:
    """Its root cannot be written to, and it sees neither the engine's socket nor a device of the machine."""
    assert insider["write to scratch"] == "done"
    assert insider["write to the root"] == insider["write to /etc"] == "OSError"
    assert insider["the engine's socket"] is False
    assert insider["devices"] == []
    assert insider["inspect"]["HostConfig"]["Binds"] is None
    assert insider["inspect"]["Mounts"] == []


def test_a_stage_reaches_the_store_and_mlflow_only(insider: dict[str, Any]) -> None:
    """Databases, the queue, the engine's proxy, Airflow and the internet are out of its reach."""
    assert {place for place, is_open in insider["reach"].items() if is_open} == {"minio", "mlflow-proxy"}


def test_a_stage_has_its_own_key_and_no_other_secret(insider: dict[str, Any], pipeline: Pipeline) -> None:
    """Nothing but the worker's key is in its environment, and not even that on its command line."""
    assert insider["secrets"] == ["OBJECT_STORAGE_SECRET_KEY"]
    told = json.dumps([insider["inspect"]["Config"]["Cmd"], insider["inspect"]["Config"]["Labels"]])
    assert pipeline.settings["OBJECT_STORAGE_SECRET_KEY"] not in told


@pytest.mark.parametrize(
    ("service", "python", "reached"),
    [
        # Celery workers run the Dags' code: no way to a database.
        (
            "airflow-worker",
            "python",
            {"redis", "minio", "docker-proxy", "airflow-apiserver", "airflow-worker", "outside"},
        ),
        ("airflow-dag-processor", "python", {"postgres", "airflow-apiserver", "airflow-worker"}),
        ("airflow-scheduler", "python", {"postgres", "redis", "airflow-apiserver", "airflow-worker"}),
        # What stages and people ask it for, it does itself; so it has no way out.
        ("mlflow", "/opt/python/bin/python", {"postgres", "minio", "mlflow", "mlflow-proxy"}),
    ],
)
def test_a_service_reaches_what_it_talks_to(
    compose: ComposeStack, places: Places, service: str, python: str, reached: set[str]
) -> None:
    """Each service shares a network with those that it needs; a way out has only what uses the store by itself."""
    container = compose.compose("ps", "--quiet", service).split()[0]
    found = run_python(container, python, REACH, json.dumps(places))
    if service == "airflow-worker":
        del found["the internet"]
    assert {place for place, is_open in found.items() if is_open} == reached & places.keys()


#: Run by a container's own Python: the codes and texts of MLflow's answers to requests, each a method, a path and a JSON.
ASK_MLFLOW = """
import json, sys, urllib.error, urllib.request

def ask(method, path, body):
    request = urllib.request.Request("http://mlflow:5000" + path, json.dumps(body).encode(), method=method)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")

print(json.dumps([ask(*one) for one in json.loads(sys.argv[1])]))
"""


def test_mlflow_keeps_nothing_on_its_own_disk(compose: ComposeStack) -> None:
    """Whoever makes an experiment says where its artifacts lie; on the server's disk or another host they do not."""
    container = compose.compose("ps", "--quiet", "mlflow-proxy")
    assert container
    network = f"{compose.settings['COMPOSE_PROJECT_NAME']}_tasks"
    argv = ["docker", "run", "--rm", f"--network={network}", "--read-only", compose.settings["ML_TASK_IMAGE"]]

    def ask(*requests: tuple[str, str, Any]) -> list[tuple[int, dict[str, Any]]]:
        done = subprocess.run(
            [*argv, "-c", ASK_MLFLOW, json.dumps(requests)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return [(code, told) for code, told in json.loads(done.stdout)]

    places = {
        "own": None,
        "disk": "file:///scratch/artifacts",
        "plain": "/scratch/artifacts",
        "ftp": "ftp://198.51.100.2/x",
    }
    made = ask(
        *(
            (
                "POST",
                "/api/2.0/mlflow/experiments/create",
                {"name": f"{name}-{secrets.token_hex(4)}"} | ({"artifact_location": place} if place else {}),
            )
            for name, place in places.items()
        )
    )
    ids = {name: told["experiment_id"] for name, (code, told) in zip(places, made, strict=True) if code == 200}
    assert {"own", "disk", "plain"} <= ids.keys()
    runs = ask(*(("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": number}) for number in ids.values()))
    run_ids = [told["run"]["info"]["run_id"] for _, told in runs]
    put = ask(
        *(("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=x.json", {"x": 1}) for run in run_ids)
    )
    answers = dict(zip(ids, put, strict=True))
    assert answers.pop("own")[0] == 200
    assert {code for code, _ in answers.values()} == {400}, answers
    assert all("keeps no artifacts at" in told["message"] for _, told in answers.values()), answers
    assert "artifacts" not in compose.compose("exec", "--no-TTY", "mlflow", "ls", "/scratch").split()


def test_a_way_out_can_be_seen(outside: tuple[str, int] | None) -> None:
    """There is a host outside that those with a way out reach, so that not to reach it says something."""
    if outside is None:
        pytest.skip("a host outside is a network namespace, which takes root and `ip`")
    assert is_open(*outside)


def test_a_celery_worker_cannot_make_itself_somebody_else(compose: ComposeStack) -> None:
    """What runs the Dags' code has nothing to make tokens of users with, and no password of a database."""
    environment = compose.compose("exec", "--no-TTY", "airflow-worker", "env")
    settings = compose.settings
    names = [*(name for name in settings.values if name.endswith("POSTGRES_PASSWORD")), "AIRFLOW_JWT_SECRET"]
    names += ["AIRFLOW_FERNET_KEY", "OBJECT_STORAGE_ROOT_SECRET_KEY", "AIRFLOW_ADMIN_PASSWORD"]
    assert [name for name in names if settings[name] in environment] == []
    assert settings["OBJECT_STORAGE_WATCH_SECRET_KEY"] in environment  # so that the look is known to see


def test_no_service_has_privileges(compose: ComposeStack) -> None:
    """Every service drops all capabilities, gains none, and has a root that cannot be written to; one has the socket."""
    containers = compose.compose("ps", "--all", "--quiet").split()
    found = json.loads(subprocess.run(["docker", "inspect", *containers], check=True, capture_output=True).stdout)
    assert len(found) == 16
    with_socket = set()
    for one in found:
        service, host = one["Config"]["Labels"]["com.docker.compose.service"], one["HostConfig"]
        assert host["CapDrop"] == ["ALL"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert host["ReadonlyRootfs"], service
        assert not host["Privileged"], service
        assert host["Memory"] == host["MemorySwap"] > 0, service
        assert host["PidsLimit"] > 0, service
        assert all("size=" in options for options in (host.get("Tmpfs") or {}).values()), service
        assert host["LogConfig"]["Config"]["max-size"], service
        user = one["Config"]["User"].partition(":")[0]
        assert user not in ("", "0", "root"), service
        with_socket |= {service for mount in one["Mounts"] if mount["Destination"] == "/var/run/docker.sock"}
        addresses = [bound["HostIp"] for ports in host["PortBindings"].values() for bound in ports]
        assert set(addresses) <= {"127.0.0.1"}, service
    assert with_socket == {"docker-proxy"}


def test_no_secret_is_on_a_command_line_or_in_a_log(compose: ComposeStack, insider: dict[str, Any]) -> None:
    """Neither the processes of the stack nor what its services say show a secret of the settings."""
    secrets = [value for name, value in compose.settings.values.items() if SETTINGS[name].is_secret and value]
    assert len(secrets) > 20
    told = compose.compose("logs", "--no-color") + compose.compose("top")
    assert [secret for secret in secrets if secret in told] == []
