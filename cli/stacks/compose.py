"""The Compose stack: what starts, ends and describes it, by `docker compose` and docker-compose.yaml."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.errors import MachineUnfit, ServiceFailed, SettingInvalid
from cli.settings import MOST_DAYS, PROJECT, StackSettings
from pipeline_contract.settings import SETTINGS, choose

#: Earlier ones know no dependency that need not be there.
OLDEST_COMPOSE = (2, 20, 2)
#: The service that starts worker containers: it ends first, and takes those of its tasks with it.
_STARTER = "airflow-worker"
#: Services that do something and end.
ONCE = {"databases", "buckets", "airflow-init", "worker-image"}
#: The images that are built here: a service of each, and the setting that names it.
BUILT = {
    "airflow-init": "AIRFLOW_IMAGE_NAME",
    "worker-image": "ML_TASK_IMAGE",
    "mlflow": "MLFLOW_IMAGE",
    "minio": "MINIO_IMAGE",
    "buckets": "MINIO_BOOTSTRAP_IMAGE",
}
#: Of these, what a setting can leave out, and the profile that it takes.
_PROFILES = {"mlflow": "mlflow", "minio": "minio", "buckets": "minio"}
#: What goes into an image of each Dockerfile, by the beginning of its build arguments.
_CONTENT = {
    "DAGS": ("dags/Dockerfile", "dags/requirements.lock"),
    "WORKER": ("worker", "contract"),
    "BOOTSTRAP": ("minio", "contract"),
}
#: Tasks that take no slot of the stages' pool: the sensor, and a claim.
_OTHER_TASKS = 2


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
            "It comes with Docker's own packages and with Docker Desktop; on Debian 13: apt-get install docker-compose docker-buildx.\n"
            "Debian 12 has none: runbooks/compose-first-start.md says how to take these two packages of Debian 13."
        )


def make_argv(settings: StackSettings, *arguments: str) -> list[str]:
    """Return a `docker compose` command line for what docker-compose.yaml and the settings file describe."""
    where = {"project-directory": settings.root, "file": settings.root / "docker-compose.yaml"}
    return [
        *("docker", "compose", *(f"--{option}={value}" for option, value in where.items())),
        # By name, as an older settings file may not have the line that Compose would read.
        *(f"--profile={profile}" for profile in sorted(settings.profiles)),
        *(f"--env-file={settings.env_file}", *arguments),
    ]


def make_project_argv(settings: StackSettings, *arguments: str) -> list[str]:
    """Return a `docker compose` command line for what is on the engine, whatever the settings say by now.

    With the project's name alone Compose goes by the labels of containers, networks and volumes: a service that no profile
    names any more is found too, and a settings file that lacks something, or is gone, keeps nobody from stopping.
    """
    return ["docker", "compose", f"--project-name={settings['COMPOSE_PROJECT_NAME']}", *arguments]


def run(argv: Sequence[str], settings: StackSettings, environment: Mapping[str, str] | None = None) -> None:
    """Run a `docker compose` command, which says itself what it does; raise ServiceFailed when it fails."""
    sys.stdout.flush()
    done = subprocess.run(argv, cwd=settings.root, env=environment, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise ServiceFailed(
            f"`{shlex.join(argv)}` failed ({done.returncode}); it says why above.{describe_failed(settings)}"
        )


def read(argv: Sequence[str], settings: StackSettings) -> str:
    """Return what a `docker` command prints; raise ServiceFailed when it fails."""
    done = subprocess.run(argv, cwd=settings.root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceFailed(f"`{shlex.join(argv)}` failed ({done.returncode}): {done.stderr.strip()}")
    return done.stdout


def read_containers(settings: StackSettings) -> list[dict[str, Any]]:
    """Return the containers of the services, those that ended too."""
    # A list in some versions, a line for each in others.
    lines = read(make_project_argv(settings, "ps", "--all", "--format=json"), settings).splitlines()
    told = [json.loads(line) for line in lines if line.strip()]
    found = [entry for part in told for entry in (part if isinstance(part, list) else [part])]
    return sorted(found, key=lambda entry: str(entry["Service"]))


def is_well(container: dict[str, Any]) -> bool:
    """Return whether a container runs as it should, or has done what it was there for."""
    if container["State"] == "exited":
        return bool(container["Service"] in ONCE and container["ExitCode"] == 0)
    return container["State"] == "running" and container.get("Health") in ("", None, "healthy")


def describe_failed(settings: StackSettings) -> str:
    """Return, for each service that is not well, the end of its log."""
    told = ""
    for container in read_containers(settings):
        if not is_well(container) and container["State"] != "created":
            service = container["Service"]
            told += f"\n\n{service} ({container['Status']}); all of it: docker compose logs {service}\n"
            logs = make_project_argv(settings, "logs", "--no-color", "--no-log-prefix", "--tail=15", service)
            told += read(logs, settings).rstrip()
    return told


def check_settings(settings: StackSettings) -> None:
    """Raise SettingInvalid where settings that docker-compose.yaml takes one by one do not fit together."""
    for profile, name in (("minio", "OBJECT_STORAGE_ENDPOINT_URL"), ("mlflow", "MLFLOW_TRACKING_URI")):
        if profile not in settings.profiles and not settings[name]:
            raise SettingInvalid(
                f"{profile} is not in COMPOSE_PROFILES, and {name} names no other server.\n"
                f"Set {name}, or put {profile} back, in {settings.env_file}."
            )
    for name in ("ML_PIPELINE_KEEP_OLD_VERSIONS_DAYS", "AIRFLOW_LOG_DAYS"):
        settings.read_int(name, 1, MOST_DAYS)
    slots = settings.read_int("ML_PIPELINE_POOL_SLOTS", 1, 10_000)
    workers = settings.read_int("AIRFLOW_WORKERS", 1, 1000)
    concurrency = settings.read_int("AIRFLOW_WORKER_CONCURRENCY", 1, 10_000)
    if workers * concurrency < slots + _OTHER_TASKS:
        raise SettingInvalid(
            f"ML_PIPELINE_POOL_SLOTS is {slots}, but AIRFLOW_WORKERS ({workers}) times AIRFLOW_WORKER_CONCURRENCY ({concurrency}) "
            f"leaves no room for so many stages beside the sensor and the claims: it has to be {slots + _OTHER_TASKS} at least.\n"
            f"Change one of them in {settings.env_file}."
        )


def check_mounted(settings: StackSettings) -> None:
    """Raise MachineUnfit where users of containers could not read what is mounted, as after a clone with a strict umask."""
    if sys.platform != "linux":
        return  # Docker Desktop shows files to containers as theirs
    folder = settings.root / settings["AIRFLOW_PROJ_DIR"] / "dags"
    if not folder.is_dir():
        raise MachineUnfit(
            f"There is no folder {folder}, which Airflow is to read: see AIRFLOW_PROJ_DIR in .env.template."
        )
    # An editor's lock is a link to nothing.
    for path in (folder, *filter(Path.exists, folder.rglob("*"))):
        wanted = 0o005 if path.is_dir() else 0o004
        if path.name != "__pycache__" and path.parent.name != "__pycache__" and path.stat().st_mode & wanted != wanted:
            raise MachineUnfit(
                f"The containers' users could not read {path}: only its owner or group may.\nDo: chmod -R a+rX {folder}"
            )


def describe_source(settings: StackSettings) -> dict[str, str]:
    """Return what the labels of images say, as arguments of builds: version, source, and date of the commit.

    For each image by the last commit of what goes into it, and by that one's date: the same content makes the same image, so
    that nothing is started anew for a commit to something else. Nothing is told where there is no git.
    """

    def ask(*words: str) -> str:
        argv = ["git", "-C", str(settings.root), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()

    if shutil.which("git") is None or not ask("rev-parse", "HEAD"):
        return {}
    version = tomllib.loads((PROJECT / "worker" / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    # An address may hold a password.
    found = {"SOURCE": re.sub(r"//[^/@]*@", "//", ask("config", "--get", "remote.origin.url"))}
    for name, paths in _CONTENT.items():
        commit, _, date = ask("log", "-1", "--format=%h %cI", "--", *paths).partition(" ")
        is_changed = bool(ask("status", "--porcelain", "--", *paths))
        found |= {f"{name}_VERSION": f"{version}+{commit}{'.changed' if is_changed else ''}", f"{name}_CREATED": date}
    return found


def choose_built(settings: StackSettings) -> list[str]:
    """Return the services whose images are ours to build: an image that the settings name otherwise is taken as it is.

    By the name before the version, as a settings file of an older version names images of that version.
    """
    return [
        service
        for service, name in BUILT.items()
        if choose(settings.values, name).partition(":")[0] == SETTINGS[name].default.partition(":")[0]
        and (service not in _PROFILES or _PROFILES[service] in settings.profiles)
    ]


def is_replaced(settings: StackSettings) -> bool:
    """Return whether `up` would put new containers in the place of Celery workers that run, for a setting or an image."""
    running = read(make_project_argv(settings, "ps", "--quiet", _STARTER), settings).split()
    if not running:
        return False
    told = '--format={{index .Config.Labels "com.docker.compose.config-hash"}} {{.Image}}'
    found = set(read(["docker", "inspect", told, *running], settings).splitlines())
    # All of them are asked for, as earlier versions leave dependencies out of the hash of a single one.
    hashes = read(make_argv(settings, "config", "--hash=*"), settings)
    wanted = dict(line.split() for line in hashes.splitlines())[_STARTER]
    name = choose(settings.values, "AIRFLOW_IMAGE_NAME")
    # One that is not there yet is another one.
    image = subprocess.run(
        ["docker", "image", "inspect", "--format={{.Id}}", name], capture_output=True, text=True, check=False
    ).stdout.strip()
    return found != {f"{wanted} {image}"}


def build_images(settings: StackSettings) -> None:
    """Build the images of ours where something in them changed."""
    if built := choose_built(settings):
        arguments = [f"--build-arg={name}={value}" for name, value in describe_source(settings).items()]
        # With attestations, which have the time of the build in them, the same content would be another image each time.
        environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        run(make_argv(settings, "build", *arguments, *built), settings, environment)


def start_compose(settings: StackSettings, services: Sequence[str] = ()) -> None:
    """Build the images where something in them changed, start what does not run, and return when it is healthy.

    For settings of `prepare_settings`, which has looked for the engine.
    """
    check_settings(settings)
    check_mounted(settings)
    print(
        "Images and containers (the first time takes 5 to 20 minutes: images are fetched and built, MinIO from source)",
        flush=True,
    )
    build_images(settings)
    if (not services or _STARTER in services) and is_replaced(settings):
        # Compose would stop them after the API server, and what stopped tasks say of themselves would not arrive: Airflow would
        # take them for running until their heartbeat is overdue, the one that watches for drops among them.
        run(make_project_argv(settings, "stop", _STARTER), settings)
    # What is not ours is fetched, and never built of our code under its name.
    run(make_argv(settings, "up", "--detach", "--wait", "--no-build", "--remove-orphans", *services), settings)


def stop_compose(settings: StackSettings, *, deletes_volumes: bool = False) -> bool:
    """End and remove all containers; the data stays, unless asked otherwise. Return whether there were any."""
    check_engine()
    services = {str(container["Service"]) for container in read_containers(settings)}
    if not services and not deletes_volumes:
        return False
    if _STARTER in services:
        run(make_project_argv(settings, "stop", _STARTER), settings)
    # What a worker that was killed left behind would keep its network from being removed.
    label = f"label=ml-pipeline.stack={settings['COMPOSE_PROJECT_NAME']}"
    argv = ["docker", "ps", "--all", "--quiet", f"--filter={label}"]
    left = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    if left:
        # One that is gone by now is no fault; one that cannot be removed is told by `down`.
        subprocess.run(["docker", "rm", "--force", "--volumes", *left], capture_output=True, check=False)
    run(make_project_argv(settings, "down", *(["--volumes"] if deletes_volumes else [])), settings)
    return True


def describe_containers(settings: StackSettings) -> tuple[list[str], bool]:
    """Return a line for each service, and whether all of them are well."""
    check_engine()
    containers = read_containers(settings)
    if not containers:
        return ["  Nothing runs."], False
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
    expected = set(read(make_argv(settings, "config", "--services"), settings).split())
    missing = sorted(expected - {str(container["Service"]) for container in containers})
    lines += [f"  ✗ {service:<22} not there" for service in missing]
    return lines, not missing and all(map(is_well, containers))


def read_memory(containers: Sequence[str]) -> dict[str, str]:
    """Return the memory that each container takes, by the first twelve letters of its id."""
    if not containers:
        return {}
    argv = ["docker", "stats", "--no-stream", "--format={{.ID}} {{.MemUsage}}", *containers]
    lines = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()
    return {line.split()[0][:12]: line.split()[1] for line in lines if len(line.split()) > 1}


def make_worker_argv(settings: StackSettings, folder: Path) -> list[str]:
    """Return what runs the Python of the worker's image, among the stack's services, with a folder at /data to read."""
    quiet = ["--no-deps", "--quiet-pull", "--rm", "--no-TTY", f"--volume={folder}:/data:ro"]
    return [*make_argv(settings, "run", *quiet), "worker-image"]
