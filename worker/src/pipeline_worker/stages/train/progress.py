"""Say how far a long step is, while it is at work in a library that says nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds between two lines.
EVERY = 10.0


@contextmanager
def saying_progress(say: Callable[[str], None], what: str, guess: float, every: float = EVERY) -> Iterator[None]:
    """Say every so many seconds how long *what* has taken, while it goes on inside.

    :param guess: how many seconds it may take.
    """
    ended = threading.Event()
    began = time.perf_counter()

    def tell() -> None:
        while not ended.wait(every):
            say(f"{what}: {time.perf_counter() - began:.0f} s so far, of about {max(guess, every):.0f}")

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
