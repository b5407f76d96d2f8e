"""Keeps services alive: supervisord starts them, and starts again whatever ends without having been asked to.

It is the service `supervisor`, the parent of all others; `cli.stacks.launch` is how each of these begins. In which order they start,
when they are healthy and how they are ended is ours (`local.py`).
"""

import os
import shlex
import sys
from xmlrpc.client import Fault, dumps, loads

import httpx

from cli.errors import ServiceFailed
from cli.settings import PROJECT, StackSettings
from cli.stacks.private_file import write_private
from cli.stacks.process import log_path, write_start
from cli.stacks.service import Service, make_environment

NAME = "supervisor"
_LOG_BYTES = 20 * 1024 * 1024
#: One that ends sooner than so many seconds after its start waits before the next: a second, then two, and so on.
_QUICK_SECONDS = 10
_ANSWERS_WITHIN_SECONDS = 10.0
#: What supervisord answers about a program that it does not know, and about one that is, or is not, running already.
_BAD_NAME, _ALREADY_STARTED, _NOT_RUNNING = 10, 60, 70


def make_supervisor(settings: StackSettings, services: list[Service]) -> Service:
    """Describe supervisord; it is to keep these services."""
    configuration = settings.state / "run" / "supervisor.conf"
    return Service(
        name=NAME,
        argv=(sys.executable, "-P", "-m", "supervisor.supervisord", "--nodaemon", f"--configuration={configuration}"),
        environment={
            **make_environment(settings),
            # What `cli.stacks.launch` reads the settings by.
            "PYTHONPATH": str(PROJECT),
            "PIPELINE_PROJECT_ROOT": str(settings.root),
            "PIPELINE_STATE_DIR": str(settings.state),
            "PIPELINE_ENV_FILE": str(settings.env_file),
        },
        is_healthy=lambda _: is_answering(settings),
        prepare=lambda: write_configuration(settings, services),
    )


def write_configuration(settings: StackSettings, services: list[Service]) -> None:
    """Write what supervisord reads at its start: where it listens, and how to start each service; no secret is in it."""
    run, logs = settings.state / "run", settings.state / "logs"
    sections: dict[str, dict[str, object]] = {
        "unix_http_server": {"file": run / "rpc.sock", "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        "supervisord": {
            "logfile": log_path(settings, NAME),
            "silent": "true",
            "logfile_maxbytes": 1024 * 1024,
            "logfile_backups": 1,
            "pidfile": run / "supervisord.pid",
            "childlogdir": logs,
            "nocleanup": "true",
            "minfds": 256,
            "minprocs": 16,
            # As root it complains where it is not told.
            **({"user": "root"} if os.geteuid() == 0 else {}),
        },
    }
    for service in services:
        sections[f"program:{service.name}"] = {
            "command": shlex.join([sys.executable, "-P", "-m", "cli.stacks.launch", service.name]),
            "directory": settings.state,
            "autostart": "false",
            "autorestart": "true",
            "startsecs": _QUICK_SECONDS,
            "startretries": 10**9,
            "stopsignal": service.stop_signal.name.removeprefix("SIG"),
            # Whoever stops it waits for it, and knows better when it is to be killed.
            "stopwaitsecs": 3600,
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": log_path(settings, service.name),
            "stdout_logfile_maxbytes": _LOG_BYTES,
            "stdout_logfile_backups": 1,
        }
    lines = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        # A per cent sign would begin an expansion.
        lines += [f"{name}={str(value).replace('%', '%%')}" for name, value in options.items()]
    write_private(run / "supervisor.conf", "\n".join(lines) + "\n")


def ask(settings: StackSettings, method: str, *arguments: str | bool) -> object:
    """Call one of supervisord's methods; raise Fault where it refuses, httpx.HTTPError where it does not answer."""
    transport = httpx.HTTPTransport(uds=str(settings.state / "run" / "rpc.sock"))
    with httpx.Client(transport=transport, timeout=_ANSWERS_WITHIN_SECONDS) as client:
        answer = client.post(
            "http://supervisor/RPC2",
            content=dumps(arguments, f"supervisor.{method}"),
            headers={"Content-Type": "text/xml"},
        )
        values: tuple[object, ...] = loads(answer.raise_for_status().content)[0]
        return values[0]


def is_answering(settings: StackSettings) -> bool:
    """Return whether supervisord answers."""
    try:
        return bool(ask(settings, "getState"))
    except (httpx.HTTPError, OSError):
        return False


def read_state(settings: StackSettings, name: str) -> str:
    """Return in which of supervisord's states a service is; empty where it does not answer, or does not know it."""
    try:
        told = ask(settings, "getProcessInfo", name)
    except (Fault, httpx.HTTPError, OSError):
        return ""
    return str(told["statename"]) if isinstance(told, dict) else ""


def start(settings: StackSettings, service: Service) -> None:
    """Let supervisord start a service, unless it does so already."""
    write_start(settings, service)
    try:
        ask(settings, "startProcess", service.name, False)
    except Fault as fault:
        if fault.faultCode == _BAD_NAME:
            raise ServiceFailed(
                f"{service.name} is new in the settings, and what runs was started without it: make down up"
            ) from None
        if fault.faultCode != _ALREADY_STARTED:
            raise


def ask_to_end(settings: StackSettings, name: str) -> bool:
    """Let supervisord ask a service to end, and not start it again; return whether it could be asked."""
    try:
        ask(settings, "stopProcess", name, False)
    except Fault as fault:
        # One that has ended, and waits to be started again, is not.
        return fault.faultCode == _NOT_RUNNING
    except (httpx.HTTPError, OSError):
        return False
    return True
