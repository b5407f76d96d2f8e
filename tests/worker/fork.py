"""Work in a process of its own that costs no start: a copy of this one, for a death that is real, or a command's exit."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable


def run_forked(work: Callable[[], int]) -> int:
    """Return the exit code of a process that did *work*; 99, with a traceback on stderr, where that raised."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except BaseException:  # noqa: BLE001 - nothing may get back into the test session, of which this is a copy
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
