"""What can keep the local stack from doing what it was asked.

LocalError                 everything below; the command line prints it and exits with its `exit`
├── SettingInvalid         a setting has a value that cannot be used
├── PortBusy               another program listens where a service should
├── ServiceFailed          a service ended, or did not get healthy in time
├── MachineUnfit           the machine lacks something that we cannot bring along
├── InputRefused           a file, a name or parameters, as a person gave them, cannot be used
├── StoreUnreachable       the S3 server does not answer, or refuses the key for dropping files
└── AirflowUnreachable     Airflow does not answer, or refuses the login or what it was asked
"""

#: What to do about a server of the stack that does not answer.
NO_ANSWER = (
    "It does not run, is too busy, or was started just now: `make up` starts it and returns when it answers; "
    "`make status` says what runs."
)


class LocalError(Exception):
    """Says what happened, where, and what to do, in words for the person at the terminal."""

    exit = 1


class SettingInvalid(LocalError):
    """A setting has a value that cannot be used."""

    exit = 2


class PortBusy(LocalError):
    """Another program listens on the port of a service."""


class ServiceFailed(LocalError):
    """A service ended before it was healthy, or was not healthy in time."""


class MachineUnfit(LocalError):
    """The machine lacks something that we cannot bring along."""


class InputRefused(LocalError):
    """A file, a name or parameters, as a person gave them, cannot be used; nothing was done."""

    exit = 2


class StoreUnreachable(LocalError):
    """The S3 server does not answer, or refuses what it was asked."""


class AirflowUnreachable(LocalError):
    """Airflow's REST API does not answer, or refuses the login or what it was asked."""
