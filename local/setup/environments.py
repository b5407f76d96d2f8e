"""Makes the four virtual environments from their locks, and does nothing when they agree."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.errors import MachineUnfit
from local.progress import Progress
from local.setup.installers import make_pip_environment, make_uv_environment

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".state" / "venvs"
LOCKS = {
    "tools": ROOT / "local" / "requirements.lock",
    "airflow": ROOT / "dags" / "requirements.lock",
    "worker": ROOT / "worker" / "requirements.lock",
    "mlflow": ROOT / "worker" / "mlflow.lock",
}
NEEDED_BYTES = 4 * 1024**3


def tools_python() -> Path:
    """Return the python of the tools environment."""
    return FOLDER / "tools" / "bin" / "python"


def make_stamp(name: str) -> str:
    """Return what the environment is made of: its lock, its Python, and where the repository lies."""
    lock = hashlib.sha256(LOCKS[name].read_bytes()).hexdigest()
    return f"{lock}\n{os.path.realpath(FOLDER / name / 'bin' / 'python')}\n{ROOT}\n"


def is_current(name: str) -> bool:
    """Return whether the environment agrees with its lock; milliseconds."""
    stamp = FOLDER / name / "pipeline.stamp"
    python = FOLDER / name / "bin" / "python"
    return stamp.exists() and python.exists() and stamp.read_text() == make_stamp(name)


def remove_moved(name: str) -> None:
    """Remove an environment whose Python or whose repository is somewhere else by now: it cannot be mended."""
    stamp = FOLDER / name / "pipeline.stamp"
    known = stamp.read_text().split("\n")[1:] if stamp.exists() else None
    if not (FOLDER / name / "bin" / "python").exists() or (known and known != make_stamp(name).split("\n")[1:]):
        shutil.rmtree(FOLDER / name, ignore_errors=True)


def run(argv: list[str], environment: dict[str, str], what: str) -> None:
    """Run a step; raise MachineUnfit with the end of its output when it fails."""
    done = subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        tail = "\n".join(f"  {line}" for line in done.stdout.strip().splitlines()[-15:])
        raise MachineUnfit(f"{what} failed:\n{tail}\nIs the network there? The next call goes on from here.")


def check_machine() -> None:
    """Raise when something is missing that we cannot install ourselves."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise MachineUnfit(
            f"{sys.executable} cannot make virtual environments: its package venv is missing.\n"
            f"On Debian and Ubuntu: sudo apt-get install python3-venv   (or python{version}-venv)"
        ) from None
    free = shutil.disk_usage(FOLDER).free
    if free < NEEDED_BYTES:
        raise MachineUnfit(
            f"{ROOT} is on a disk with {free / 1024**3:.1f} GiB free; the set-up needs {NEEDED_BYTES / 1024**3:.0f} GiB."
        )


def read_block(lock: Path, package: str) -> str:
    """Return one package's lines of a lock: version and hashes."""
    found = re.search(rf"^{package}==(?:.*\\\n)*.*\n", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise MachineUnfit(f"{lock} does not name {package}. Compile it anew: make lock")
    return found.group()


def make_tools() -> None:
    """Make the tools environment with this Python's own means, and put uv into it by pip."""
    folder = FOLDER / "tools"
    if not (folder / "bin" / "pip").exists():
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(folder)], make_pip_environment(), "Making a virtual environment")
    with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=FOLDER) as file:
        file.write(read_block(LOCKS["tools"], "uv"))
        file.flush()
        pip = [str(tools_python()), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
        run([*pip, "--no-deps", "--require-hashes", "-r", file.name], make_pip_environment(), "Installing uv")


def install(name: str) -> None:
    """Install what the lock of an environment names."""
    uv = str(FOLDER / "tools" / "bin" / "uv")
    folder = FOLDER / name
    environment = make_uv_environment(tools_python())
    if not folder.exists():
        base = os.path.realpath(tools_python())
        run([uv, "venv", "--quiet", "--no-config", "--python", base, str(folder)], environment, f"Making {folder}")
    (folder / "pipeline.stamp").unlink(missing_ok=True)
    target = ["--python", str(folder / "bin" / "python")]
    options = ["--no-config", "--no-deps", "--require-hashes", "--no-progress"]
    run([uv, "pip", "install", *target, *options, "-r", str(LOCKS[name])], environment, f"Installing {LOCKS[name]}")
    if name == "worker":
        # Instead of an installation from source, which would need a build tool: works offline, always the tree's state.
        site = next((folder / "lib").glob("python*/site-packages"))
        (site / "pipeline_worker.pth").write_text(f"{ROOT / 'worker' / 'src'}\n", encoding="utf-8")
    (folder / "pipeline.stamp").write_text(make_stamp(name), encoding="utf-8")


def update_environments() -> None:
    """Bring every environment up to its lock."""
    if all(is_current(name) for name in LOCKS):
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock, Progress() as progress:
        progress.say(f"Setting up {FOLDER} (once, and after a change of a lock)")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("  … another call is setting up: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        stale = [name for name in LOCKS if not is_current(name)]
        if not stale:
            return
        check_machine()
        for name in stale:
            remove_moved(name)
        if not (FOLDER / "tools" / "bin" / "uv").exists():
            progress.begin("uv")
            make_tools()
            progress.end("uv")

        def update(name: str) -> None:
            progress.begin(name)
            try:
                install(name)
            except BaseException:
                progress.end(name, mark="✗")
                raise
            progress.end(name)

        with ThreadPoolExecutor(len(stale)) as pool:
            for future in [pool.submit(update, name) for name in stale]:
                future.result()
