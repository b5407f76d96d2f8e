"""How far a run, or one of its stages, is."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What a receipt says of a run and of each stage, beside the states of the table of stages: what a run has reached.

    A run is `claimed` at first; a stage is `running`, then `done`. Both may be `waiting` for another try, `refused`, which is final
    until a person mends something, or `failed`.
    """

    CLAIMED = "claimed"
    RUNNING = "running"
    DONE = "done"
    WAITING = "waiting"
    REFUSED = "refused"
    FAILED = "failed"
