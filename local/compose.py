"""The Compose stack: what starts, ends and describes it, by `docker compose` and docker-compose.yaml."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.errors import MachineUnfit, ServiceFailed
from local.settings import Settings

#: Earlier ones know no dependency that need not be there.
OLDEST_COMPOSE = (2, 20, 2)
#: The service that starts worker containers: it ends first, and takes those of its tasks with it.
_STARTER = "airflow-worker"


def find_engine_fault() -> str | None:
    """Return why nothing can be run on a Docker engine here, or None where one answers."""
    try:
        done = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
    except FileNotFoundError:
        return "there is no Docker on this machine"
    except subprocess.TimeoutExpired:
        return "the Docker engine does not answer within 20 s"
    return None if done.returncode == 0 else f"no Docker engine answers: {done.stderr.strip()}"


def check_engine() -> None:
    """Raise MachineUnfit where there is no engine, or no Compose that could read docker-compose.yaml."""
    if fault := find_engine_fault():
        raise MachineUnfit(
            f"The Compose stack needs a Docker engine, and {fault}.\n"
            "Start it, or install it (https://docs.docker.com/engine/install/); without one: make up STACK=local"
        )
    done = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, text=True, check=False)
    numbers = tuple(int(number) for number in re.findall(r"\d+", done.stdout)[:3]) if done.returncode == 0 else ()
    if numbers < OLDEST_COMPOSE:
        found = f"this one is {done.stdout.strip()}" if numbers else "there is none"
        raise MachineUnfit(
            f"Docker Compose {'.'.join(map(str, OLDEST_COMPOSE))} or later is needed, as a plugin of `docker`; {found}.\n"
            "It comes with Docker's own packages and with Docker Desktop; on Debian 13: apt-get install docker-compose"
        )


def make_argv(settings: Settings, *arguments: str) -> list[str]:
    """Return a `docker compose` command line for this stack; what it is to be done with comes from the settings file."""
    where = {"project-directory": settings.root, "file": settings.root / "docker-compose.yaml"}
    return [
        *("docker", "compose", *(f"--{option}={value}" for option, value in where.items())),
        *(f"--env-file={settings.env_file}", *arguments),
    ]


def run(settings: Settings, *arguments: str) -> None:
    """Run a `docker compose` command, which says itself what it does; raise ServiceFailed when it fails."""
    sys.stdout.flush()
    done = subprocess.run(make_argv(settings, *arguments), cwd=settings.root, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        command = " ".join(["docker compose", *arguments])
        raise ServiceFailed(f"`{command}` failed ({done.returncode}); it says why above.{describe_failed(settings)}")


def read(settings: Settings, *arguments: str) -> str:
    """Return what a `docker compose` command prints, or nothing where it fails."""
    argv = make_argv(settings, *arguments)
    return subprocess.run(argv, cwd=settings.root, capture_output=True, text=True, check=False).stdout


def read_containers(settings: Settings) -> list[dict[str, Any]]:
    """Return the containers of the services, those that ended too."""
    # A list in some versions, a line for each in others.
    told = [json.loads(line) for line in read(settings, "ps", "--all", "--format=json").splitlines() if line.strip()]
    found = [entry for part in told for entry in (part if isinstance(part, list) else [part])]
    return sorted(found, key=lambda entry: str(entry["Service"]))


def is_well(container: dict[str, Any]) -> bool:
    """Return whether a container runs as it should, or has done what it was there for."""
    if container["State"] == "exited":
        return bool(container["ExitCode"] == 0)
    return container["State"] == "running" and container.get("Health") in ("", None, "healthy")


def describe_failed(settings: Settings) -> str:
    """Return, for each service that is not well, the end of its log."""
    told = ""
    for container in read_containers(settings):
        if not is_well(container) and container["State"] != "created":
            service = container["Service"]
            told += f"\n\n{service} ({container['Status']}); all of it: docker compose logs {service}\n"
            told += read(settings, "logs", "--no-color", "--no-log-prefix", "--tail=15", service).rstrip()
    return told


def start_compose(settings: Settings, services: Sequence[str] = ()) -> None:
    """Build the images where something in them changed, start what does not run, and return when it is healthy."""
    check_engine()
    print("Images and containers (the first time takes minutes: images are fetched and built)", flush=True)
    run(settings, "up", "--build", "--detach", "--wait", "--remove-orphans", *services)


def stop_compose(settings: Settings, *, has_volumes: bool = False) -> bool:
    """End and remove all containers; the data stays, unless asked otherwise. Return whether there were any."""
    check_engine()
    if not read_containers(settings) and not has_volumes:
        return False
    run(settings, "stop", _STARTER)
    # What a worker that was killed left behind would keep its network from being removed.
    label = f"label=ml-pipeline.stack={settings['COMPOSE_PROJECT_NAME']}"
    argv = ["docker", "ps", "--all", "--quiet", f"--filter={label}"]
    left = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    if left:
        subprocess.run(["docker", "rm", "--force", "--volumes", *left], capture_output=True, check=True)
    run(settings, "down", "--remove-orphans", *(["--volumes"] if has_volumes else []))
    return True


def describe_containers(settings: Settings) -> tuple[list[str], bool]:
    """Return a line for each service, and whether all of them are well."""
    check_engine()
    containers = read_containers(settings)
    memory = read_memory([str(container["ID"]) for container in containers if container["State"] == "running"])
    lines = []
    for container in containers:
        mark = "✓" if is_well(container) else "!" if container["State"] == "running" else "✗"
        size = memory.get(str(container["ID"])[:12], "")
        ports = ", ".join(
            f"http://{port['URL']}:{port['PublishedPort']}"
            for port in container.get("Publishers") or ()
            if port.get("PublishedPort")
        )
        lines.append(f"  {mark} {container['Service']:<22} {container['Status']:<32} {size:>10}   {ports}".rstrip())
    return lines or ["  Nothing runs."], bool(lines) and all(map(is_well, containers))


def read_memory(containers: Sequence[str]) -> dict[str, str]:
    """Return the memory that each container takes, by the first twelve letters of its id."""
    if not containers:
        return {}
    argv = ["docker", "stats", "--no-stream", "--format={{.ID}} {{.MemUsage}}", *containers]
    lines = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()
    return {line.split()[0][:12]: line.split()[1] for line in lines if len(line.split()) > 1}


def make_worker_argv(settings: Settings, folder: Path) -> list[str]:
    """Return what runs the Python of the worker's image, among the stack's services, with a folder at /data to read."""
    quiet = ["--no-deps", "--quiet-pull", "--rm", "--no-TTY", f"--volume={folder}:/data:ro"]
    return [*make_argv(settings, "run", *quiet), "worker-image"]
