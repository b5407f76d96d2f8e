"""Becomes a service: `python -m cli.stacks.launch <service>`, which supervisord runs each time that it starts one.

Ends what its forerunner left, notes who it is now, and gives way to the program that `<state>/run/<service>.start` describes.
"""

import os
import signal
import sys

from cli.settings import read_settings
from cli.stacks.process import read_record, read_start, record_process, stop_process


def main() -> None:
    """Give way to the service's program; returns never."""
    settings, name = read_settings(), sys.argv[1]
    start = read_start(settings, name)
    former = read_record(settings, name)
    # They would hold its ports, or do its work a second time.
    stop_process(settings, name, signal.SIGKILL, 0)
    # A session of its own, which all of its children share. Who leads a group can make none, and supervisord makes us lead one.
    os.setpgid(0, os.getpgid(os.getppid()))
    os.setsid()
    record_process(settings, name, os.getpid(), start.fingerprint, is_ready=former is not None and former.is_ready)
    os.chdir(settings.state)
    os.execvpe(start.argv[0], start.argv, start.environment)  # noqa: S606 - our own command line


if __name__ == "__main__":
    main()
