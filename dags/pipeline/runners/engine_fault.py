"""What it means for an attempt that the Docker engine refused something, or is not there."""

from __future__ import annotations

from docker.errors import APIError, ImageNotFound

from pipeline.settings import DagSettings
from pipeline.stage.verdict import Kind, Verdict
from pipeline_contract.exit_code import REFUSED_BY_ENGINE
from pipeline_contract.records import Reason

#: What a proxy before the engine answers while the engine is down.
_GATEWAY_STATUSES = (502, 503, 504)
#: What the engine answers where there is a container of that name.
CONFLICT = 409


def judge_fault(error: Exception, settings: DagSettings) -> Verdict:
    """Return how an attempt ended that the engine did not carry through.

    :param error: what the engine's client, or the connection, raised.
    """
    said = str(error.explanation or error) if isinstance(error, APIError) else str(error)
    what, fix = f"The Docker engine refused the container: {said}", "Read what the engine says, and mend it."
    where, kind = f"the Docker engine at {settings.docker_url}", Kind.CRASH
    if "no space left on device" in said.lower():
        what, kind = f"The disk of the Docker engine is full: {said}", Kind.OUTSIDE
        fix = "Make room there: `docker system df` says what takes it. It is tried again."
    elif isinstance(error, ImageNotFound):
        what, where = f"There is no image `{settings.task_image}` on this machine's Docker engine.", "ML_TASK_IMAGE"
        fix = (
            f"Build it with `docker build --file worker/Dockerfile --tag {settings.task_image} .`, or pull it, or name another one. "
            "A task downloads none."
        )
    elif isinstance(error, APIError) and error.status_code == CONFLICT:
        what = f"The same stage of this run is under way already: {said}"
        where, kind = "the Docker engine", Kind.OUTSIDE
        fix = "Nothing: it is tried again when that one has ended. `docker ps` shows it."
    elif isinstance(error, APIError) and error.status_code == 404 and "network" in said:
        what, where = f"There is no network `{settings.task_network}` for worker containers.", "ML_TASK_NETWORK"
        fix = f"Make it with `docker network create {settings.task_network}`, or name another one."
    elif not isinstance(error, APIError) or error.status_code in _GATEWAY_STATUSES:
        what, kind = f"The Docker engine does not answer: {said}", Kind.OUTSIDE
        fix = "See whether it runs, and whether ML_TASK_DOCKER_URL is right. It is tried again."
    code = None if kind is Kind.OUTSIDE else REFUSED_BY_ENGINE
    return Verdict(kind, code, Reason(what, where, fix))


def judge_out_of_memory(code: int, memory: str, last_words: str) -> Verdict:
    """Return how an attempt ended in whose container the kernel ended a process for want of memory."""
    reason = Reason(
        f"The command ran out of memory: it needed more than the {memory} that a container gets (exit {code}).",
        where="the setting ML_TASK_MEMORY",
        fix="Raise ML_TASK_MEMORY if the machine has more, or use less data; then run the stage again. "
        "What the command writes to its scratch folder counts as memory too.",
        details={"exit": code, "last_words": last_words},
    )
    return Verdict(Kind.CRASH, code, reason)
