"""The proxy before MLflow: what stages and the UI ask for gets through, and nothing that would make the server call out."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import time
import uuid

import pytest

from pipeline_contract.settings import SETTINGS
from tests.compose.conftest import PROJECT
from tests.compose_stack import IMAGES
from tests.ports import free_ports

#: Answers everything with the path that it got.
ECHO = """
import http.server

class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())
    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

http.server.ThreadingHTTPServer(("", 5000), Echo).serve_forever()
"""
#: What the worker, the library that loads models and the pages of the UI ask for.
WANTED = [
    "/",
    "/health",
    "/version",
    "/static-files/static/js/main.js",
    "/get-artifact?path=model%2FMLmodel&run_uuid=1",
    "/model-versions/get-artifact?name=penguins&version=1&path=MLmodel",
    "/api/2.0/mlflow/runs/create",
    "/api/2.0/mlflow/registered-models/alias?name=gateway&alias=webhooks",
    "/api/2.0/mlflow/logged-models/m-1/artifacts/directories",
    "/ajax-api/2.0/mlflow/runs/search",
    "/ajax-api/3.0/mlflow/server-info",
    "/graphql",
    "/api/2.0/mlflow-artifacts/artifacts/1/2/artifacts/figures/gateway/webhooks/invoke.png",
    "/ajax-api/2.0/mlflow-artifacts/artifacts?path=gateway",
]
#: What would make the server connect to others, and its spellings.
REFUSED = [
    "/api/2.0/mlflow/webhooks",
    "/api/2.0/mlflow/webhooks/1/test",
    "/ajax-api/2.0/mlflow/webhooks",
    "/api/2.0/mlflow/webhooks/",
    "/api/2.0/mlflow/webhooks?x=1",
    "/api/2.0/mlflow/%77ebhooks",
    "/api/2.0/mlflow%2Fwebhooks",
    "/api/2.0/mlflow//webhooks",
    "//api/2.0/mlflow/webhooks",
    "/api/2.0/mlflow-artifacts/../mlflow/webhooks",
    "/api/2.0/mlflow-artifacts/%2e%2e/mlflow/webhooks",
    "/api/2.0/mlflow/./webhooks",
    "http://mlflow:5000/api/2.0/mlflow/webhooks",
    "/api/2.0/mlflow/gateway-proxy?gateway_path=x",
    "/ajax-api/2.0/mlflow/gateway-proxy",
    "/api/3.0/mlflow/gateway/secrets/create",
    "/api/3.0/mlflow/gateway/endpoints/create",
    "/gateway/mlflow/v1/chat/completions",
    "/gateway/endpoint/mlflow/invocations",
    "/ajax-api/3.0/mlflow/assistant/config",
    "/ajax-api/3.0/jobs/",
    "/ajax-api/3.0/jobs/search",
    "/api/3.0/mlflow/genai/evaluate/invoke",
    "/ajax-api/3.0/mlflow/issues/invoke",
    "/api/3.0/mlflow/scorer/invoke",
    "/api/3.0/mlflow/scorers/online-config",
    "/api/3.0/mlflow/prompt-optimization/jobs",
]


@pytest.fixture(scope="module")
def proxy():
    """Give the port of a proxy, of the repository's configuration, before a server that answers everything."""
    name, (port,) = f"mlflow-proxy-{uuid.uuid4().hex[:8]}", free_ports(1)
    network, place = f"--network={name}", "/etc/mlflow-proxy.cfg"
    image = SETTINGS["HAPROXY_IMAGE"].default
    server = [
        "create",
        "--rm",
        f"--name={name}-server",
        network,
        "--network-alias=mlflow-server",
        IMAGES["ML_TASK_IMAGE"],
    ]
    front = ["create", f"--name={name}", network, f"--publish=127.0.0.1:{port}:5000", "--user=10001:10001"]
    steps = [
        ["network", "create", name],
        [*server, "-c", ECHO],
        ["start", f"{name}-server"],
        [*front, "--entrypoint=haproxy", image, "-W", "-db", "-f", place],
        ["cp", str(PROJECT / "dags" / "mlflow-proxy.cfg"), f"{name}:{place}"],
        ["start", name],
    ]
    try:
        for step in steps:
            subprocess.run(["docker", *step], check=True, capture_output=True)
        deadline = time.monotonic() + 120
        while ask(port, "GET", "/health") != (200, "/health"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield port
    finally:
        for step in (["rm", "--force", "--volumes", name, f"{name}-server"], ["network", "rm", name]):
            subprocess.run(["docker", *step], check=False, capture_output=True)


def ask(port, method, path):
    """Return the code and the text of an answer; 0 where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        try:
            connection.request(method, path, body=None if method == "GET" else b"{}")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""


@pytest.mark.parametrize("path", WANTED)
def test_what_is_needed_gets_through(proxy, path):
    """The server sees the path as it was sent."""
    assert ask(proxy, "GET", path) == (200, path)
    assert ask(proxy, "POST", path) == (200, path)


@pytest.mark.parametrize("path", REFUSED)
def test_what_would_call_out_is_refused(proxy, path):
    """In whatever spelling the server would understand it, and for each method."""
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        code, text = ask(proxy, method, path)
        assert code == 403, (method, text)
        assert "Refused by the proxy before MLflow" in text


def test_each_route_that_calls_out_is_refused_by_its_name():
    """The names that are refused are those of MLflow's routes today: one that is renamed has to be found again."""
    probe = (
        "import mlflow.server, json; from mlflow.server import app; from mlflow.server import gateway_api, job_api;"
        "from mlflow.server.assistant.api import assistant_router;"
        "rules = {rule.rule for rule in app.url_map.iter_rules()};"
        "rules |= {r.path for a in (gateway_api.gateway_router, job_api.job_api_router, assistant_router) for r in a.routes};"
        "print(json.dumps(sorted(rules)))"
    )
    argv = ["docker", "run", "--rm", "--network=none", "--read-only", "--tmpfs=/scratch:uid=10001,gid=10001"]
    argv += ["--entrypoint=/opt/python/bin/python", "--env=MLFLOW_BACKEND_STORE_URI=sqlite:////scratch/x.db"]
    done = subprocess.run([*argv, IMAGES["MLFLOW_IMAGE"], "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rules = json.loads(done.stdout.splitlines()[-1])
    parts = {part for rule in rules for part in rule.split("/")}
    refused = {"webhooks", "gateway", "gateway-proxy", "assistant", "jobs", "invoke", "invocations", "online-config"}
    assert refused | {"prompt-optimization"} <= parts
