"""Says on the terminal what is going on: a line for each thing done, and what is waited for meanwhile."""

import sys
import threading
import time
from typing import Self, TextIO

_SILENCE_SECONDS = 10.0  # without a terminal nobody sees a line change: one more line after so long


class Progress:
    """Lines for steps that run at the same time. Use as a context manager."""

    def __init__(self, output: TextIO = sys.stderr) -> None:
        self._output = output
        self._is_terminal = output.isatty()
        self._began: dict[str, float] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()
        with self._lock:
            self._write("")

    def begin(self, name: str) -> None:
        """A step begins."""
        with self._lock:
            self._began[name] = time.monotonic()

    def end(self, name: str, note: str = "", mark: str = "✓") -> None:
        """A step ended."""
        with self._lock:
            began = self._began.pop(name, None)
            took = f"{time.monotonic() - began:6.1f} s" if began else ""
            self._write(f"  {mark} {name:<20}{took:<10}{note}".rstrip() + "\n")

    def say(self, text: str) -> None:
        """Write a line of its own."""
        with self._lock:
            self._write(text + "\n")

    def _write(self, text: str) -> None:
        clear = "\r\x1b[K" if self._is_terminal else ""
        if text or clear:
            encoding = self._output.encoding or "ascii"
            self._output.write(clear + text.encode(encoding, "replace").decode(encoding))
            self._output.flush()
            self._last = time.monotonic()

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            with self._lock:
                now = time.monotonic()
                waiting = ", ".join(f"{name} ({now - began:.0f} s)" for name, began in self._began.items())
                if waiting and self._is_terminal:
                    self._write(f"  … {waiting}"[:78])
                elif waiting and now - self._last > _SILENCE_SECONDS:
                    self._write(f"  … {waiting}\n")
