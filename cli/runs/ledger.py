"""The ledger of a soak: what became of each drop, and how long the pipeline stood still.

A standstill is time in which the next step of a drop could have run and none did: the drop waits to be claimed, or waits for its
next stage while fewer stages run than there are slots. Work that is done anew is no standstill.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pipeline_contract.layout import FAILURE, MANIFEST, STARTED
from pipeline_contract.stages import STAGES


@dataclass(frozen=True)
class Span:
    """A part of time, in seconds of one clock."""

    begin: float
    end: float


@dataclass
class Way:
    """The way of one drop: when it was put, claimed and over, and when one of its stages ran. None: not yet."""

    put: float
    claimed: float | None = None
    over: float | None = None
    runs: list[Span] = field(default_factory=list)

    def list_waits(self, now: float) -> Iterator[tuple[Span, bool]]:
        """Yield each part of time in which it waits for its next step, and whether that step needs a slot."""
        yield Span(self.put, now if self.claimed is None else self.claimed), False
        if self.claimed is None:
            return
        since = self.claimed
        for run in sorted(self.runs, key=lambda run: run.begin):
            if run.begin > since:
                yield Span(since, run.begin), True
            since = max(since, run.end)
        if self.over is None or self.over > since:
            yield Span(since, now if self.over is None else self.over), True


@dataclass(frozen=True)
class Ledger:
    """What became of the drops of a soak."""

    put: int
    published: int
    refused: int
    lost: int
    twice: int
    standstills: Sequence[Span]

    @property
    def longest(self) -> float:
        """The longest standstill, in seconds."""
        return find_longest(self.standstills)

    def find_longest_after(self, kills: Sequence[float]) -> list[float]:
        """Return for each of the *kills*, in order, the seconds of the longest standstill that ended after it and before the next."""
        ends = [*kills[1:], math.inf]
        return [
            find_longest(each for each in self.standstills if begin <= each.end < end)
            for begin, end in zip(kills, ends, strict=True)
        ]


def find_longest(standstills: Iterable[Span]) -> float:
    """Return the seconds of the longest of them, 0 where there is none."""
    return max((each.end - each.begin for each in standstills), default=0.0)


def find_standstills(ways: Iterable[Way], slots: int, now: float) -> Iterator[Span]:
    """Yield each part of time in which a drop's next step could have run and did not."""
    ways = list(ways)
    runs = [run for way in ways for run in way.runs]
    changes = sorted({moment for run in runs for moment in (run.begin, run.end)})
    for way in ways:
        for wait, needs_slot in way.list_waits(now):
            inside = [moment for moment in changes if wait.begin < moment < wait.end] if needs_slot else []
            begin = wait.begin
            for here, there in pairwise([wait.begin, *inside, wait.end]):
                middle = (here + there) / 2
                if needs_slot and sum(run.begin <= middle < run.end for run in runs) >= slots:
                    if here > begin:
                        yield Span(begin, here)
                    begin = there
            if wait.end > begin:
                yield Span(begin, wait.end)


def read_runs(objects: Iterable[tuple[str, float]], kills: Sequence[float]) -> list[Span]:
    """Return when stages of a run were at work, from its objects and their times.

    :param kills: when something was killed: an attempt without an end ended with the first kill after its begin.
    """
    folders = {stage.folder for stage in STAGES.values()}
    begun: dict[str, float] = {}
    ended: dict[str, float] = {}
    for key, at in objects:
        folder, _, name = key.rpartition("/")
        if folder.split("/")[-2:-1] and folder.split("/")[-2] in folders:
            if name == STARTED:
                begun[folder] = at
            elif name in (MANIFEST, FAILURE):
                ended[folder] = at
    return [
        Span(at, ended.get(folder, next((kill for kill in sorted(kills) if kill > at), at)))
        for folder, at in begun.items()
    ]


def count_twice(published: Iterable[str]) -> int:
    """Return how many run keys were published more than once."""
    return sum(number > 1 for number in Counter(published).values())
