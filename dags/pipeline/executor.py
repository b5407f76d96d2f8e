"""Airflow's LocalExecutor, which notices when the process that looks after a task is gone.

Airflow's own gives tasks to its processes through one queue. It never learns which of them took a task, so the task of one that
is killed counts as running until its heartbeat is overdue, half an hour here; and one that is killed while it waits holds the
queue's lock for ever, so that no other gets anything. Here each process has a pipe of its own, and the executor knows what it
gave to whom. `[core] executor` of the local stack names it.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil  # type: ignore[import-untyped]  # ships no types
from airflow.executors.base_executor import BaseExecutor, get_execution_api_server_url
from airflow.executors.local_executor import LocalExecutor

_log = logging.getLogger(__name__)
#: How long tasks may go on after their scheduler was asked to end, or cannot go on itself.
_END_SECONDS = 2.0


@dataclass
class TaskProcess:
    """A process that runs one workload after the other, our end of its pipe, and what it is running."""

    process: BaseProcess
    pipe: Connection
    workload: Any = None


class PipelineLocalExecutor(LocalExecutor):
    """Runs tasks in processes of this machine; a task whose process was killed has failed, and is tried again as its Dag says."""

    # A list of TaskProcess, where the base class has a mapping of processes by their ids.
    workers: Any

    def start(self) -> None:
        """Make the processes; where they cannot be forked, each is made when it is needed."""
        self.workers = []
        if self.is_mp_using_fork:
            # Objects of before are kept out of garbage collection while forking, so that their memory stays shared.
            gc.freeze()
            try:
                for _ in range(self.parallelism):
                    self._make_process()
            finally:
                gc.unfreeze()

    def sync(self) -> None:
        """Take what has ended since the last call: results, and processes that left none."""
        for one in list(self.workers):
            # Asked of the system: a task that outlives its killed process keeps the pipe, and the sentinel, of that open.
            if one.pipe.poll() or not one.process.is_alive():
                self._take_result(one)

    def end(self) -> None:
        """End the processes, and soon what they run: the next scheduler takes it up.

        Airflow's own waits for tasks as long as they take. The one that watches for drops takes for ever, so a scheduler that
        loses its database would neither work nor end.
        """
        for one in self.workers:
            with contextlib.suppress(OSError):
                one.pipe.send(None)
        deadline = time.monotonic() + _END_SECONDS
        for one in self.workers:
            one.process.join(max(0.0, deadline - time.monotonic()))
        for one in list(self.workers):
            one.process.kill()
            one.process.join()
            self._take_result(one)

    def _process_workloads(self, workload_list: Sequence[Any]) -> None:
        for workload in workload_list:
            for queue in (self.queued_tasks, self.queued_callbacks, self.queued_connection_tests):
                queue.pop(workload.key, None)
            idle = (one for one in self.workers if one.workload is None and one.process.is_alive())
            one = next(idle, None) or self._make_process()
            one.workload = workload
            # To one that was killed just now: found at the next look.
            with contextlib.suppress(OSError):
                one.pipe.send(workload)
            if workload.running_state is not None:
                self.change_state(workload.key, workload.running_state)

    def _make_process(self) -> TaskProcess:
        ours, theirs = multiprocessing.Pipe()
        # A fork has the pipes of all others open; where nothing is inherited there is nothing to close.
        inherited = [ours, *(one.pipe for one in self.workers)] if self.is_mp_using_fork else []
        process = multiprocessing.Process(target=run_workloads, args=(theirs, inherited, self.conf))
        process.start()
        theirs.close()
        one = TaskProcess(process, ours)
        self.workers.append(one)
        return one

    def _take_result(self, one: TaskProcess) -> None:
        """Note how the workload of a process ended, and forget the process if it has ended too."""
        workload, is_success = one.workload, None
        with contextlib.suppress(EOFError, OSError):
            if one.pipe.poll():
                is_success = one.pipe.recv()
                one.workload = None
        if one.process.is_alive() and is_success is None:
            return
        if workload is not None:
            if is_success is None:
                self.log.error("The process %s of %s was killed.", one.process.pid, workload.display_name)
            self.change_state(workload.key, workload.success_state if is_success else workload.failure_state)
        if not one.process.is_alive():
            self.workers.remove(one)
            one.pipe.close()
            one.process.close()
            end_orphans()


def run_workloads(pipe: Connection, inherited: Sequence[Connection], conf: Any) -> None:
    """Run what comes through the pipe, one after the other, and answer each with whether it succeeded."""
    # As Airflow's own: tasks run to completion, whatever is typed into a terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for other in inherited:
        other.close()
    with contextlib.suppress(EOFError):
        for workload in iter(pipe.recv, None):
            try:
                BaseExecutor.run_workload(
                    workload,
                    server=get_execution_api_server_url(conf),
                    proctitle=f"airflow worker: {workload.display_name}",
                    subprocess_logs_to_stdout=True,
                )
                is_success = True
            except Exception:  # noqa: BLE001 - whatever it is, the task has failed
                _log.exception("%s failed.", workload.display_name)
                is_success = False
            pipe.send(is_success)


def end_orphans() -> None:
    """End the tasks of processes that were killed: they would go on, beside those that are started in their place.

    They are what is in this session without a parent in it. Only where the session is this scheduler's alone.
    """
    if os.getsid(0) != os.getpid():
        return
    mine = {}
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == os.getpid() != process.pid:
                mine[process.pid] = process
    for process in mine.values():
        with contextlib.suppress(psutil.Error):
            if process.ppid() not in mine.keys() | {os.getpid()}:
                process.kill()
