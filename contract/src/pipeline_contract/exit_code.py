"""How a command ends, as its exit code says, and what follows from that."""

from __future__ import annotations

from enum import IntEnum

from .state import State


class ExitCode(IntEnum):
    """The exit codes of a command; any other is a crash, as `CRASH` is."""

    DONE = 0
    DATA = 1
    REQUEST = 2
    CRASH = 70
    OUTSIDE = 75


#: Python and shells end with these as well, so that they count only with a failure record.
NEED_RECORD = frozenset({ExitCode.DATA, ExitCode.REQUEST, ExitCode.OUTSIDE})
#: Killed: by the kernel for want of memory, or by someone.
KILLED = 137
#: The command could not be started: the engine's code, and the shell's for what cannot be run and for what is not there.
NOT_STARTED = REFUSED_BY_ENGINE, NOT_EXECUTABLE, NOT_FOUND = (125, 126, 127)

_STATES: dict[int, State] = {
    ExitCode.DONE: State.DONE,
    ExitCode.DATA: State.REFUSED,
    ExitCode.REQUEST: State.REFUSED,
    ExitCode.OUTSIDE: State.WAITING,
}


def state_after(code: int) -> State:
    """Return the state of a stage whose command ended with *code*."""
    return _STATES.get(code, State.FAILED)
