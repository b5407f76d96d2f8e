"""What a service is: a program with its environment, its ports, and a way to tell that it is healthy."""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cli.settings import StackSettings

# What a service may inherit from the terminal; everything else (a user's AWS_*, PYTHONPATH, ...) stays outside.
INHERITED = [
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "USER",
    "LOGNAME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
]


@dataclass(frozen=True)
class Service:
    """One program of the stack. `prepare` runs before it starts, `finish` as soon as it is healthy."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    is_healthy: Callable[[float], bool]
    """Called with the time (seconds since the epoch) at which the program was started."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """The ports that it listens on, by the setting that changes them."""
    needs: tuple[str, ...] = ()
    wrapper: tuple[str, ...] = ()
    """What makes another user of us before the program starts."""
    prepare: Callable[[], None] = lambda: None
    finish: Callable[[], None] = lambda: None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 3.0
    """How long its children may go on after the stop signal."""
    patience_seconds: float = 10.0
    """How long it may go on itself after that, before it is killed."""
    url: str = ""

    @property
    def command(self) -> list[str]:
        """The whole command line; the program ends with its parent, the supervisor, where the machine can see to that."""
        # After the wrapper, as a change of user takes it back.
        number = self.stop_signal.name.removeprefix("SIG")
        bound = ["setpriv", f"--pdeathsig={number}", "--"] if shutil.which("setpriv") else []
        return [*self.wrapper, *bound, *self.argv]

    @property
    def fingerprint(self) -> str:
        """A digest of what it was started with; says whether a setting changed since. Nothing can be read from it."""
        inherited = {name: value for name, value in self.environment.items() if name not in INHERITED}
        text = json.dumps([self.argv, inherited], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_environment(settings: StackSettings) -> dict[str, str]:
    """Return what every program of the stack gets: the terminal's locale, proxies and certificates, its own HOME."""
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment.setdefault("PATH", os.defpath)
    # Servers of the stack are on this machine: a proxy must never be asked for them.
    around = [host for host in os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",") if host]
    environment["NO_PROXY"] = environment["no_proxy"] = ",".join([*around, "127.0.0.1", "localhost"])
    environment["HOME"] = str(settings.state / "home")
    # Airflow does not run without one, and in a container a user need not have any.
    environment.setdefault("USER", "pipeline")
    environment["PYTHONUNBUFFERED"] = "1"
    return environment
