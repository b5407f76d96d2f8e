"""What can keep a stack from doing what it was asked: each is a CommandError, which the command line prints and exits with."""

#: What to do about a server of the stack that does not answer.
NO_ANSWER = (
    "It does not run, is too busy, or was started just now: `make up` starts it and returns when it answers; "
    "`make status` says what runs."
)


class CommandError(Exception):
    """Says what happened, where, and what to do, in words for the person at the terminal; `exit` is the command's exit code."""

    exit = 1


class SettingInvalid(CommandError):
    """A setting has a value that cannot be used."""

    exit = 2


class PortBusy(CommandError):
    """Another program listens on the port of a service."""


class ServiceFailed(CommandError):
    """A service ended before it was healthy, or was not healthy in time."""


class MachineUnfit(CommandError):
    """The machine lacks something that we cannot bring along."""


class InputRefused(CommandError):
    """A file, a name or parameters, as a person gave them, cannot be used; nothing was done."""

    exit = 2


class StoreUnreachable(CommandError):
    """The S3 server does not answer, or refuses what it was asked."""


class AirflowUnreachable(CommandError):
    """Airflow's REST API does not answer, or refuses the login or what it was asked."""
