"""The `docker` runner: a command in a container of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from airflow.providers.docker.hooks.docker import DockerHook
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk.exceptions import AirflowException
from docker.errors import APIError, DockerException, NotFound
from docker.utils.socket import STDERR, STDOUT, frames_iter

from pipeline.runners.container import USER, is_left_over, make_bounds, make_labels, make_name
from pipeline.runners.engine_fault import CONFLICT, judge_fault, judge_out_of_memory
from pipeline.runners.output import Output
from pipeline.settings import get_settings
from pipeline.stage.attempt import CommandExit, make_environment
from pipeline.stage.operator import StageOperator
from pipeline_contract.exit_code import KILLED, REFUSED_BY_ENGINE

#: How long a command has to end by itself, in seconds. Airflow kills the task 5 s after it asked.
GRACE_SECONDS = 2
#: What the engine's client raises: the first is the hook's word for no answer, the last a connection that broke.
_FAULTS = (AirflowException, DockerException, OSError)


class PipelineDockerOperator(StageOperator, DockerOperator):
    """Runs the command in a container, which is gone afterwards however it ended.

    A DockerOperator by its arguments, its connection and its place in Airflow. It does not use DockerOperator's own way
    to run a container, which takes no read-only root, dropped capabilities or bound on processes, mixes stdout into the
    log, keeps the exit code to itself, and removes the container before one can see that it ran out of memory.

    The command ends with its operator: stopped when Airflow stops the task or it takes too long, and by the end of its
    stdin, whose other end only this process holds, when Airflow's worker is killed. What that leaves is removed by the
    next try.
    """

    #: What Airflow renders and shows; nothing that could hold a secret.
    template_fields: Sequence[str] = ("image",)

    def __init__(self, **kwargs: Any) -> None:
        settings = get_settings()
        super().__init__(
            image=settings.task_image,
            docker_url=settings.docker_url,
            user=USER,
            mount_tmp_dir=False,
            # Removed by ourselves, after a look at how it ended.
            auto_remove="never",
            **kwargs,
        )
        self._is_stopped = False
        self._labels: Mapping[str, str] = {}

    def run_command(self, arguments: Sequence[str]) -> CommandExit:
        """Run the image's Python with *arguments*, in a container that is gone afterwards."""
        try:
            with contextlib.closing(self.cli), self._open_container(arguments) as name:
                return self._follow(name)
        except _FAULTS as error:
            return CommandExit(
                REFUSED_BY_ENGINE, is_stopped=self._is_stopped, verdict=judge_fault(error, get_settings())
            )

    def on_kill(self) -> None:
        """Stop the container. Airflow calls this within a signal handler, so who waits already goes on waiting."""
        self._is_stopped = True
        if self.container is not None:
            self._stop(make_name(self._labels))

    @contextlib.contextmanager
    def _open_container(self, arguments: Sequence[str]) -> Iterator[str]:
        """Make a container for *arguments*, give its name, and remove it at the end.

        It is called by its name in all that is done to it: no other container is within reach of the engine's proxy.
        """
        settings = get_settings()
        self._labels = make_labels(settings, self.stage, arguments)
        self._private_environment = make_environment(settings)
        name = make_name(self._labels)
        create = partial(
            self.cli.create_container,
            name=name,
            image=self.image,
            command=list(arguments),
            user=self.user,
            environment=self._private_environment,
            labels=self._labels,
            host_config=self.cli.create_host_config(**make_bounds(settings)),
            # Its stdin closes with the connection that is attached to it.
            stdin_open=True,
        )
        try:
            self.container = create()
        except APIError as error:
            if error.status_code != CONFLICT:
                raise
            self._remove_left_over(name)
            self.container = create()
        try:
            yield name
        finally:
            self._remove(name)

    def _follow(self, name: str) -> CommandExit:
        """Start the container and return its exit; its log is said line by line as it comes, its stdout is kept."""
        whole = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        # Attached before it starts, so that no line is missed.
        socket = self.cli.attach_socket(name, params=whole)
        # The client hangs the answer on the socket that it gives; to close that one alone leaves the connection open.
        connection = contextlib.closing(getattr(socket, "_response", socket))
        with contextlib.closing(Output(self.log)) as output, connection:
            streams = {STDOUT: output.stdout, STDERR: output.stderr}
            if not self._is_stopped:
                self.cli.start(name)
            if self._is_stopped:
                self._stop(name)
                return output.end(KILLED, is_stopped=True)
            for stream, chunk in frames_iter(socket, tty=False):
                streams[stream].add(chunk)
        code = self.cli.wait(name)["StatusCode"]
        ended = output.end(code, is_stopped=self._is_stopped)
        # Memory may have run out for a process that the command started, which then ends in a way of its own.
        if code != 0 and ended.record is None and self.cli.inspect_container(name)["State"]["OOMKilled"]:
            return replace(ended, guess=judge_out_of_memory(code, get_settings().task_memory, ended.last_words))
        return ended

    def _stop(self, name: str) -> None:
        """Ask the command to end, wait for the grace, then kill it."""
        # By a connection of its own: the other one may be in use just where a signal interrupted it.
        hook = DockerHook(docker_conn_id=None, base_url=self.docker_url)
        with self._telling("stopped", name), contextlib.closing(hook.api_client) as client:
            client.stop(name, timeout=GRACE_SECONDS)

    def _remove_left_over(self, name: str) -> None:
        """Remove the container of this name where an earlier try left it, whose Airflow worker was killed."""
        with contextlib.suppress(NotFound):
            if is_left_over(self.cli.inspect_container(name), self._labels, datetime.now(UTC)):
                self.log.warning("Container %s was left over by an earlier try; it is removed.", name)
                self._remove(name)

    def _remove(self, name: str) -> None:
        with self._telling("removed", name):
            self.cli.remove_container(name, force=True, v=True)

    @contextlib.contextmanager
    def _telling(self, done: str, name: str) -> Iterator[None]:
        """Let what cannot be *done* to a container be no more than a warning: the attempt has its end without it."""
        try:
            yield
        except NotFound:
            pass
        except _FAULTS as error:
            self.log.warning("Container %s could not be %s: %s", name, done, error)
