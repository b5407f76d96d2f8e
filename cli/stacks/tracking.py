"""The MLflow server: tracking and model registry in Postgres, artifacts in the store, through the server."""

from urllib.parse import urlsplit

from cli.settings import LOOPBACK, StackSettings
from cli.stacks.health import answers
from cli.stacks.postgres import make_url
from cli.stacks.rights import read_credentials
from cli.stacks.service import Service, make_environment


def make_tracking(settings: StackSettings) -> Service:
    """Describe the MLflow server."""
    port = settings.read_port("MLFLOW_PORT")
    access_key, secret_key = read_credentials(settings, "mlflow")
    hosts = ["localhost", "127.0.0.1", f"localhost:{port}", f"{LOOPBACK}:{port}"]
    if public := urlsplit(settings["MLFLOW_PUBLIC_URL"]).netloc:
        hosts.append(public)
    hosts += filter(None, settings["MLFLOW_ALLOWED_HOSTS"].split(","))
    return Service(
        name="mlflow",
        argv=(
            str(settings.venv("mlflow") / "bin" / "python"),
            *("-P", "-m", "mlflow", "server"),
            f"--host={LOOPBACK}",
            f"--port={port}",
            "--workers=1",
            "--serve-artifacts",
            f"--artifacts-destination=s3://{settings['MLFLOW_BUCKET']}/artifacts",
            f"--allowed-hosts={','.join(hosts)}",
        ),
        environment={
            **make_environment(settings),
            "MLFLOW_BACKEND_STORE_URI": make_url(settings, "mlflow"),
            "MLFLOW_S3_ENDPOINT_URL": settings.storage_url,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_DEFAULT_REGION": settings["OBJECT_STORAGE_REGION"],
            "AWS_EC2_METADATA_DISABLED": "true",
            # Background jobs would cost 1.2 GiB, and nothing here uses them.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        is_healthy=lambda _: answers(f"http://{LOOPBACK}:{port}/health"),
        ports={"MLFLOW_PORT": port},
        needs=("postgres",),
        url=settings.mlflow_url,
    )
