"""Entry point of every make target: `python3 -m cli.setup <command>`.

Checks the machine, brings the virtual environments up to date, and hands over to `python -m cli <command>` in the
tools environment. This file alone is also read by Pythons that are too old for the others: no newer syntax here.
"""

import os
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
#: The commands that work on a stack: where it is in containers, they need nothing of it here.
USE_THE_STACK = ("demo", "up", "down", "status", "drop", "trigger", "rerun", "clean")


def find_python() -> "str | None":
    """Return a Python on the PATH that fits, newest first; None when there is none."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # Tried, as a version manager's stand-in can be there without the Python behind it.
        if found and subprocess.run([found, "-c", ""], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return found
    return None


def replace_process(python: str, *arguments: str) -> None:
    """Replace this process by a Python with these arguments."""
    sys.stdout.flush()
    os.execv(python, [python, *arguments])  # noqa: S606  # a list, and no shell is wanted


def main() -> None:
    """Set up, then become the command."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        other = None if os.environ.get("PIPELINE_PYTHON_TRIED") else find_python()
        if other:
            os.environ["PIPELINE_PYTHON_TRIED"] = "1"
            replace_process(other, "-m", "cli.setup", *sys.argv[1:])
        sys.exit(
            f"Python 3.{OLDEST[1]} to 3.{NEWEST[1]} is needed; {sys.executable} is {sys.version.split()[0]}.\n"
            "On Debian 12 or later and Ubuntu 24.04: sudo apt-get install python3 python3-venv\n"
            "Another Python on this machine: make PYTHON=/path/to/python3.12 ..."
        )
    from cli.errors import CommandError
    from cli.settings import read_settings
    from cli.setup.environments import tools_python, update_environments

    try:
        command = sys.argv[1] if len(sys.argv) > 1 else ""
        is_elsewhere = command in USE_THE_STACK and read_settings().is_compose
        update_environments(has_tests=command in {"check", "test"}, has_stack=not is_elsewhere)
    except CommandError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. The next call goes on from here.")
    # Without byte code, which belongs to our environments, each process would compile its libraries anew, for seconds.
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PIPELINE_PYTHON_TRIED", "__PYVENV_LAUNCHER__"):
        os.environ.pop(name, None)
    replace_process(str(tools_python()), "-m", "cli", *sys.argv[1:])


if __name__ == "__main__":
    main()
