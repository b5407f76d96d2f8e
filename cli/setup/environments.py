"""Makes the virtual environments from their locks, and does nothing when they agree."""

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

from cli.errors import MachineUnfit
from cli.progress import Progress
from cli.setup.installers import make_pip_environment, make_uv_environment

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".state" / "venvs"
LOCKS = {
    "tools": ROOT / "cli" / "requirements.lock",
    "airflow": ROOT / "dags" / "requirements.lock",
    "worker": ROOT / "worker" / "requirements.lock",
    "mlflow": ROOT / "worker" / "mlflow.lock",
    "minio": ROOT / "minio" / "requirements.lock",
}
# Installed when tests are asked for: the local stack has no MinIO.
ONLY_FOR_TESTS = ("minio",)
# What tests need beside what runs there; installed when tests are asked for.
TEST_LOCKS = {"airflow": ROOT / "tests" / "requirements.lock", "worker": ROOT / "tests" / "requirements.lock"}
# Our own packages that an environment has, by the folders that they lie in. They are not installed, which would need a build tool:
# that works offline, and is always the tree's state.
SOURCES = {
    "tools": [ROOT / "contract" / "src"],
    "airflow": [ROOT / "contract" / "src"],
    "worker": [ROOT / "contract" / "src", ROOT / "worker" / "src"],
    "minio": [ROOT / "contract" / "src"],
}
NEEDED_BYTES = 4 * 1024**3


def tools_python() -> Path:
    """Return the python of the tools environment."""
    return FOLDER / "tools" / "bin" / "python"


def make_stamp(name: str, lock: Path) -> str:
    """Return what an environment is made of: a lock, our own packages, its Python, and where the repository lies."""
    digest = hashlib.sha256(lock.read_bytes() + write_sources(name).encode()).hexdigest()
    return f"{digest}\n{os.path.realpath(FOLDER / name / 'bin' / 'python')}\n{ROOT}\n"


def write_sources(name: str) -> str:
    """Return what tells an environment's Python where our own packages lie, as it reads it: a folder a line."""
    return "".join(f"{folder}\n" for folder in SOURCES.get(name, ()))


def stamp_path(name: str, lock: Path) -> Path:
    """Return where it is noted that an environment agrees with a lock."""
    return FOLDER / name / f"{lock.parent.name}.stamp"


def is_current(name: str, lock: Path) -> bool:
    """Return whether an environment agrees with a lock; milliseconds."""
    stamp = stamp_path(name, lock)
    return (
        stamp.exists() and (FOLDER / name / "bin" / "python").exists() and stamp.read_text() == make_stamp(name, lock)
    )


def find_stale(*, has_tests: bool, has_stack: bool = True) -> dict[str, list[Path]]:
    """Return the locks that environments do not agree with, by environment; without a stack on this machine, the tools' alone."""
    left_out = () if has_tests else ONLY_FOR_TESTS if has_stack else LOCKS.keys() - {"tools"}
    wanted = {name: [lock] for name, lock in LOCKS.items() if name not in left_out}
    for name, lock in TEST_LOCKS.items() if has_tests else ():
        wanted[name].append(lock)
    stale = {name: [lock for lock in locks if not is_current(name, lock)] for name, locks in wanted.items()}
    return {name: locks for name, locks in stale.items() if locks}


def remove_moved(name: str) -> None:
    """Remove an environment whose Python or whose repository is somewhere else by now: it cannot be mended."""
    lock = LOCKS[name]
    stamp = stamp_path(name, lock)
    known = stamp.read_text().split("\n")[1:] if stamp.exists() else None
    if not (FOLDER / name / "bin" / "python").exists() or (known and known != make_stamp(name, lock).split("\n")[1:]):
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


def install(name: str, locks: list[Path]) -> None:
    """Install what locks name into an environment, which is made where it is missing."""
    uv = str(FOLDER / "tools" / "bin" / "uv")
    folder = FOLDER / name
    environment = make_uv_environment(tools_python())
    if not folder.exists():
        base = os.path.realpath(tools_python())
        run([uv, "venv", "--quiet", "--no-config", "--python", base, str(folder)], environment, f"Making {folder}")
        locks = [LOCKS[name], *(lock for lock in locks if lock != LOCKS[name])]
    for lock in locks:
        stamp_path(name, lock).unlink(missing_ok=True)
        argv = [uv, "pip", "install", "--python", str(folder / "bin" / "python")]
        argv += ["--no-config", "--no-deps", "--require-hashes", "--no-progress", "-r", str(lock)]
        run(argv, environment, f"Installing {lock}")
        if sources := write_sources(name):
            site = next((folder / "lib").glob("python*/site-packages"))
            (site / "pipeline.pth").write_text(sources, encoding="utf-8")
        stamp_path(name, lock).write_text(make_stamp(name, lock), encoding="utf-8")


def update_environments(*, has_tests: bool = False, has_stack: bool = True) -> None:
    """Bring every environment up to its lock; `has_tests`: and to what tests need; not `has_stack`: the tools' alone."""
    if not find_stale(has_tests=has_tests, has_stack=has_stack):
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as held, Progress() as progress:
        progress.say(f"Setting up {FOLDER} (once, and after a change of a lock)")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("  … another call is setting up: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        if not find_stale(has_tests=has_tests, has_stack=has_stack):
            return
        check_machine()
        for name in LOCKS:
            remove_moved(name)
        stale = find_stale(has_tests=has_tests, has_stack=has_stack)
        if not (FOLDER / "tools" / "bin" / "uv").exists():
            progress.begin("uv")
            make_tools()
            progress.end("uv")

        def update(name: str) -> None:
            progress.begin(name)
            try:
                install(name, stale[name])
            except BaseException:
                progress.end(name, mark="✗")
                raise
            progress.end(name)

        with ThreadPoolExecutor(len(stale)) as pool:
            for future in [pool.submit(update, name) for name in stale]:
                future.result()
