"""`soak`: drop files while services are killed, and keep a ledger: nothing lost, nothing twice, no long standstill."""

import argparse
import contextlib
import os
import random
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import httpx
import psutil  # type: ignore[import-untyped]  # ships no types

from cli.commands.up import prepare_settings, start
from cli.errors import CommandError, InputRefused
from cli.runs.ledger import Ledger, Way, count_twice, find_standstills, read_runs
from cli.runs.receipts import Receipts
from cli.runs.store import StackStore
from cli.settings import PROJECT, StackSettings
from cli.show import Show
from cli.stacks.compose import ONCE, make_project_argv, read_containers
from cli.stacks.local import make_services
from cli.stacks.process import find_process, read_record
from pipeline_contract.drop_key import DATASET_PARAMS
from pipeline_contract.layout import Layout
from pipeline_contract.run_key import RunKey, make_digest
from pipeline_contract.stages import LAST, STAGES
from pipeline_contract.state import State

_EXAMPLE = PROJECT / "examples" / "penguins"
#: How long drops are waited for while none of them gets any further; each takes as long as the machine needs.
_PATIENCE_SECONDS = 900.0
_LOOK_SECONDS = 1.0
#: Between two drops, while services are killed at random.
_PAUSE_SECONDS = 6.0
#: What can be killed beside the services: the command of any stage, or of one, and the process that looks after a task.
_COMMAND, _TASK = "command", "task"
_COMMANDS = {stage.command: name for name, stage in STAGES.items()}
#: The states that a drop stays in.
_FINAL = (LAST.state, State.REFUSED)

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of `make soak`, which reach us through the environment."""
    words = os.environ
    parser.add_argument(
        "--drops", type=int, default=int(words.get("DROPS") or 20), help="files to drop (also: DROPS=…)"
    )
    parser.add_argument("--every", type=float, default=float(words.get("EVERY") or 20), help="seconds between kills")
    parser.add_argument(
        "--bound", type=float, default=float(words.get("BOUND") or 90), help="longest standstill, seconds"
    )
    parser.add_argument(
        "--kill",
        default=words.get("KILL") or "random",
        help="names of services and stages' commands, by commas, each killed once in turn; `everything`: all at once, once; `random`; `nothing`",
    )
    parser.add_argument("--seed", type=int, default=int(words.get("SEED") or 0), help="of what is killed at random")


def run(arguments: argparse.Namespace) -> int:
    """Drop, kill, wait, count; 0 only if nothing was lost or came twice, and no standstill was longer than the bound."""
    settings = prepare_settings()
    start(settings)
    soak = Soak(settings, Killer(settings, random.Random(arguments.seed)))  # noqa: S311 - any order will do
    soak.put_all(arguments.drops, arguments.kill, arguments.every)
    soak.wait_for_end()
    ledger = soak.read_ledger()
    show = Show()
    show.print_table(
        [
            ("put", "published", "refused", "lost", "twice", "longest standstill"),
            (
                *map(str, (ledger.put, ledger.published, ledger.refused, ledger.lost, ledger.twice)),
                f"{ledger.longest:.1f} s",
            ),
        ]
    )
    if soak.kills:
        show.print("\nLongest standstill that ended between a kill and the next")
        after = ledger.find_longest_after([at for at, _ in soak.kills])
        show.print_table(
            [
                (f"{at - soak.began:.0f} s", what, f"{seconds:.1f} s")
                for (at, what), seconds in zip(soak.kills, after, strict=True)
            ]
        )
    is_good = ledger.lost == ledger.twice == 0 and ledger.longest <= arguments.bound
    show.print(
        f"{'Held' if is_good else 'NOT held'}: nothing lost, nothing twice, no standstill above {arguments.bound:.0f} s."
    )
    return 0 if is_good else 1


class Killer:
    """Kills parts of the running stack, which then has to come back by itself."""

    def __init__(self, settings: StackSettings, chance: random.Random) -> None:
        self._settings = settings
        self._chance = chance
        self._spared: set[str] = set()

    def list_names(self) -> list[str]:
        """Return what can be killed."""
        if self._settings.is_compose:
            return [*sorted({str(found["Service"]) for found in read_containers(self._settings)} - ONCE), _COMMAND]
        return [*(service.name for service in make_services(self._settings)), _COMMAND, _TASK]

    def kill(self, name: str) -> str:
        """Kill what has this name, and return what was killed; empty where there is none just now."""
        if name == "everything":
            return "everything" if self._kill_services(self.list_names()) else ""
        if name == "random":
            name = self._chance.choice(self.list_names())
        known = [*self.list_names(), *_COMMANDS]
        if name not in known:
            raise InputRefused(f"There is no {name} to kill. There are: {', '.join(known)}, everything, random.")
        if name in (_COMMAND, *_COMMANDS):
            commands = list(_COMMANDS) if name == _COMMAND else [name]
            kill = self._kill_container if self._settings.is_compose else self._kill_command
            return next(filter(None, map(kill, commands)), "")
        if name == _TASK:
            return self._kill_keeper()
        return name if self._kill_services([name]) else ""

    def _kill_services(self, names: list[str]) -> bool:
        if self._settings.is_compose:
            # Without any time to end, and started again as the engine does after a crash; `kill` would count as a person's wish.
            services = [name for name in names if name != _COMMAND]
            argv = make_project_argv(self._settings, "restart", "--timeout=0", "--no-deps", *services)
            return subprocess.run(argv, capture_output=True, check=False).returncode == 0
        records = (read_record(self._settings, name) for name in names if name not in (_COMMAND, _TASK))
        found = list(filter(None, map(find_process, records)))
        for process in found:
            process.kill()
        return bool(found)

    def _kill_container(self, command: str) -> str:
        """Kill a stage's container, of each run once, as a second crash is final."""
        labels = {"stack": self._settings["COMPOSE_PROJECT_NAME"], "stage": _COMMANDS[command]}
        filters = [f"--filter=label=ml-pipeline.{name}={value}" for name, value in labels.items()]
        form = '--format={{.ID}} {{.Label "ml-pipeline.run"}}'
        done = subprocess.run(["docker", "ps", *filters, form], capture_output=True, text=True, check=False)
        for container, run_key in map(str.split, done.stdout.splitlines()):
            if run_key not in self._spared:
                self._spared.add(run_key)
                subprocess.run(["docker", "kill", container], capture_output=True, check=False)
                return f"{command} of {run_key}"
        return ""

    def _kill_command(self, command: str) -> str:
        """Kill the process of a stage's command, of each run once."""
        with contextlib.suppress(psutil.Error):
            for process in self._find_scheduler(recursive=True):
                words = process.cmdline()
                run_key = next((word.removeprefix("--run=") for word in words if word.startswith("--run=")), "")
                if f"pipeline_worker.cli.{command}" in words and run_key not in self._spared:
                    self._spared.add(run_key)
                    process.kill()
                    return f"{command} of {run_key}"
        return ""

    def _kill_keeper(self) -> str:
        """Kill the process that looks after a task."""
        with contextlib.suppress(psutil.Error):
            keepers = [child for child in self._find_scheduler() if child.children()]
            if keepers:
                self._chance.choice(keepers).kill()
                return _TASK
        return ""

    def _find_scheduler(self, *, recursive: bool = False) -> list[psutil.Process]:
        """Return the processes that the scheduler started."""
        scheduler = find_process(read_record(self._settings, "airflow-scheduler"))
        return scheduler.children(recursive=recursive) if scheduler else []


class Soak:
    """Drops of one dataset of their own, and what became of them."""

    def __init__(self, settings: StackSettings, killer: Killer) -> None:
        self._settings = settings
        self._killer = killer
        self._show = Show()
        self._dataset = f"soak-{datetime.now(UTC):%Y%m%d%H%M%S}"
        self._store = StackStore(settings, "worker")
        self._people = StackStore(settings)
        self._put: dict[str, float] = {}
        self.kills: list[tuple[float, str]] = []
        self.began = 0.0

    def put_all(self, drops: int, kill: str, every: float) -> None:
        """Put the files one after the other, and kill what is to be killed meanwhile."""
        bucket = self._settings["ML_PIPELINE_DROP_BUCKET"]
        params, body = ((_EXAMPLE / name).read_bytes() for name in (DATASET_PARAMS, "penguins.csv"))
        self._insist(lambda: self._people.put(bucket, f"{self._dataset}/{DATASET_PARAMS}", params))
        is_random = kill == "random"
        names = [] if kill in ("random", "nothing") else kill.split(",")
        pause = _PAUSE_SECONDS if is_random or not names else every * len(names) / drops
        self.began = time.time()
        next_drop, next_kill = self.began, self.began + every / 2
        number = 0
        while number < drops or names:
            if number < drops and time.time() >= next_drop:
                self._put_one(bucket, f"{self._dataset}/{number:04}.csv", body)
                number += 1
                next_drop += pause
            is_due = (is_random or names) and time.time() >= next_kill
            if is_due:
                name = names[0] if names else "random"
                is_killed = self._kill(name, number)
                # A command is not there at each moment: it is waited for, for as long as there is between two kills.
                if is_killed or time.time() >= next_kill + every:
                    if not is_killed:
                        self._show.print(f"  {name} did not run for {every:.0f} s, and was not killed.")
                    names = names[1:]
                    next_kill += every
            time.sleep(0.1)

    def _kill(self, name: str, number: int) -> bool:
        """Kill it, and say so; return whether there was anything to kill."""
        at = time.time()
        if killed := self._killer.kill(name):
            self.kills.append((at, killed))
            self._show.print(f"  {at - self.began:5.0f} s  {number:4} put  killed: {killed}")
        return bool(killed)

    def wait_for_end(self) -> None:
        """Wait until each drop is published or refused, or none got any further for long."""
        last: dict[str, str] = {}
        end = time.time() + _PATIENCE_SECONDS
        while time.time() < end:
            states = self._read_states()
            if sum(state in _FINAL for state in states.values()) == len(self._put):
                return
            if states != last:
                last, end = states, time.time() + _PATIENCE_SECONDS
            time.sleep(2 * _LOOK_SECONDS)

    def read_ledger(self) -> Ledger:
        """Count what became of the drops."""
        states = self._read_states()
        found: list[tuple[str, datetime]] = []
        layout = Layout(self._settings.artifact_prefix)
        prefix = f"{layout.root}/{self._dataset}."
        self._insist(lambda: found.extend(self._store.list(self._settings.artifact_bucket, prefix)))
        by_digest: dict[str, list[tuple[str, float]]] = {digest: [] for digest in self._put}
        claims: dict[str, float] = {}
        for key, at in found:
            run_key = RunKey.parse(key.removeprefix(f"{layout.root}/").partition("/")[0])
            by_digest.setdefault(run_key.digest, []).append((key, at.timestamp()))
            if key == layout.run(str(run_key)).drop:
                claims[run_key.digest] = at.timestamp()
        kills = [at for at, _ in self.kills]
        ways = []
        for digest, put in self._put.items():
            runs = read_runs(by_digest[digest], kills)
            is_over = states.get(digest) in _FINAL
            ways.append(
                Way(put, claims.get(digest), max((run.end for run in runs), default=put) if is_over else None, runs)
            )
        slots = self._settings.read_int("ML_PIPELINE_POOL_SLOTS", 1, 1000)
        reached = list(states.values())
        return Ledger(
            put=len(self._put),
            published=reached.count(LAST.state),
            refused=reached.count(State.REFUSED),
            lost=len(self._put) - sum(map(reached.count, _FINAL)),
            twice=count_twice(self._list_versions()),
            standstills=list(find_standstills(ways, slots, time.time())),
        )

    def _put_one(self, bucket: str, key: str, body: bytes) -> None:
        version = self._insist(lambda: self._people.put(bucket, key, body))
        self._put[make_digest(bucket, key, version)] = time.time()

    def _read_states(self) -> dict[str, str]:
        """Return the state of each drop by the end of its run key."""
        receipts = Receipts(self._settings, self._people)
        return {
            digest: receipt.state
            for receipt in self._insist(lambda: receipts.read_dataset(self._dataset))
            if (digest := RunKey.parse(receipt.run_key).digest) in self._put
        }

    def _list_versions(self) -> list[str]:
        """Return the run key of each version of the registered model."""
        url = f"{self._settings.mlflow_url}/api/2.0/mlflow/model-versions/search"
        query = {"filter": f"name='{self._dataset}'", "max_results": "10000"}
        answer = self._insist(
            lambda: httpx.get(url, params=query, trust_env=False, timeout=60).raise_for_status().json()
        )
        versions = answer.get("model_versions", [])
        return [tag["value"] for version in versions for tag in version["tags"] if tag["key"] == "run_key"]

    def _insist(self, deed: Callable[[], T]) -> T:
        """Do it again until it succeeds: the server may be one that was killed."""
        end = time.time() + _PATIENCE_SECONDS
        while True:
            try:
                return deed()
            except (CommandError, httpx.HTTPError):
                if time.time() > end:
                    raise
                time.sleep(_LOOK_SECONDS)
