"""What tests of MinIO share: settings for a server of their own, its bootstrap, and questions to its administration."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from cli.settings import PROJECT
from cli.stacks.rights import read_credentials
from pipeline_contract.settings import BOOTSTRAP, list_read_by
from tests.minio_server import MinioServer
from tests.stack import Stack, make_stack
from tests.weed import VENVS

PYTHON = VENVS / "minio" / "bin" / "python"
# Run where the SDK is; key and questions come by the environment.
ASK = """
import json, os
from minio import MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException
admin = MinioAdmin(
    endpoint=os.environ["ADDRESS"],
    credentials=StaticProvider(os.environ["ACCESS"], os.environ["SECRET"]),
    secure=False,
)
answers = []
for call, arguments in json.loads(os.environ["QUESTIONS"]):
    try:
        answers.append(getattr(admin, call)(**arguments))
    except MinioAdminException as error:
        answers.append(f"refused: {error}")
print(json.dumps(answers))
"""


@contextlib.contextmanager
def open_stack_on(server: MinioServer) -> Iterator[Stack]:
    """Give a stack that was not started, whose settings name the server and have keys of their own."""
    with tempfile.TemporaryDirectory(prefix="stack-") as folder:
        yield make_stack(
            Path(folder),
            OBJECT_STORAGE_ENDPOINT_URL=server.endpoint_url,
            OBJECT_STORAGE_ROOT_ACCESS_KEY=server.access_key,
            OBJECT_STORAGE_ROOT_SECRET_KEY=server.secret_key,
        )


def make_sts(stack: Stack, identity: str) -> Any:
    """Return the client that begins sessions with the key of an identity."""
    access, secret = read_credentials(stack.settings, identity)
    return boto3.client(
        "sts",
        endpoint_url=stack.settings.storage_url,
        region_name=stack.settings["OBJECT_STORAGE_REGION"],
        aws_access_key_id=access,
        aws_secret_access_key=secret,
    )


def make_environ(stack: Stack, **changes: str) -> dict[str, str]:
    """Return the environment that the bootstrap is run with: settings, and nothing of this process."""
    values = {**stack.settings.values, **changes}
    return {setting.name: values[setting.name] for setting in list_read_by(BOOTSTRAP)}


def run_bootstrap(stack: Stack, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the bootstrap with the stack's settings, some of them changed; the test looks at code and output."""
    return subprocess.run(
        [PYTHON, PROJECT / "minio" / "bootstrap.py", *arguments],
        env=make_environ(stack, **changes),
        capture_output=True,
        text=True,
        check=False,
    )


def ask_admin(stack: Stack, identity: str, *questions: tuple[str, dict[str, Any]]) -> list[str]:
    """Return what the server's administration answers an identity; of a refusal, what it says."""
    address = stack.settings.storage_url.partition("://")[2]
    access, secret = read_credentials(stack.settings, identity)
    done = subprocess.run(
        [PYTHON, "-c", ASK],
        env={"ADDRESS": address, "ACCESS": access, "SECRET": secret, "QUESTIONS": json.dumps(questions)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[str] = json.loads(done.stdout)
    return answers
