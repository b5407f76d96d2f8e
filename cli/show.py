"""Shows a person what happens, line by line; at a terminal with a last line that moves."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.text import Text

from cli.runs.run_status import RunStatus, Step
from pipeline_contract.escape import escape
from pipeline_contract.state import State

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_MARKS: dict[str, tuple[str, str]] = {
    State.DONE: ("✓", "green"),
    State.REFUSED: ("✗", "red"),
    State.FAILED: ("✗", "red"),
    State.WAITING: ("!", "yellow"),
}
_DOING = {
    "ahead": "comes next",
    "queued": "waits for its turn",
    "starting": "starts",
    State.RUNNING: "at work",
    State.WAITING: "waits for its next try",
}
#: Without a terminal nobody sees a line move: one more line after so long.
_SILENCE_SECONDS = 30.0


class PlainConsole(Console):
    """A console that leaves it to the command what it means that nobody reads on."""

    def on_broken_pipe(self) -> None:
        """Raise what is under way, where Rich would exit with 1."""
        raise  # noqa: PLE0704  # Rich calls this while it handles the BrokenPipeError


class Show:
    """What is on the screen of one command. Use as a context manager; seconds count from its beginning."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without our marks is none to fail at
        self.console = PlainConsole(highlight=False, markup=False, emoji=False)
        self._began = time.monotonic()
        self._step_began = self._began
        self._last = self._began
        self._said: dict[str, str] = {}
        self._doing = ""
        self._live = Live(console=self.console, get_renderable=self._draw, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._doing = ""
        if self.console.is_terminal:
            self._live.stop()

    @property
    def seconds(self) -> float:
        """The seconds since it began."""
        return time.monotonic() - self._began

    def say(self, name: str, note: str, mark: str = "✓", style: str = "green", *, is_timed: bool = False) -> None:
        """Write a line that stays: what was done, and in how many seconds since the last such line."""
        now = time.monotonic()
        took = describe_seconds(now - self._step_began) if is_timed else ""
        if is_timed:
            self._step_began = now
        head = Text.assemble((mark, style), f" {name:<9}", (f"{took:>9}", "dim"), "  ")
        self.write(head, note)

    def write(self, head: Text, note: str) -> None:
        """Write a head, and beside it a note that is broken to the width of a terminal."""
        note = escape(" ".join(note.splitlines()))
        lines = [note]
        if self.console.is_terminal:
            lines = [
                str(line).rstrip()
                for line in Text(note).wrap(self.console, max(20, self.console.width - head.cell_len))
            ]
        for number, line in enumerate(lines):
            start = head if number == 0 else Text(" " * head.cell_len)
            self.console.print(Text.assemble(start, line), soft_wrap=True)
        self._last = time.monotonic()

    def wait_for(self, doing: str) -> None:
        """Show what is waited for."""
        self._doing = doing
        if not self.console.is_terminal and time.monotonic() - self._last > _SILENCE_SECONDS:
            self.say("…", f"{doing}, for {describe_seconds(time.monotonic() - self._step_began)}", " ", "")

    def update(self, view: RunStatus) -> None:
        """Show how a run stands: a line for each step that came to an end, or to a halt."""
        for step in view.steps:
            if step.state in _MARKS and self._said.get(step.stage) != step.state + step.note:
                self._said[step.stage] = step.state + step.note
                self._say_step(step)
        current = view.current
        self.wait_for(f"{current.stage:<9} {_DOING.get(current.state, '')}" if current and not view.end else "")

    def _say_step(self, step: Step) -> None:
        mark, style = _MARKS[step.state]
        note = step.note
        if step.state == State.WAITING:
            note = f"{note.rstrip('.')}. It is tried again by itself.".removeprefix(". ")
        else:
            # All of it follows with the reason.
            note = first_sentence(note) if step.state in {State.REFUSED, State.FAILED} else note or step.state
        self.say(step.stage, note, mark, style, is_timed=True)

    def _draw(self) -> Text:
        if not self._doing:
            return Text("")
        now = time.monotonic()
        spinner = _SPINNER[int(now * 10) % len(_SPINNER)]
        line = f"{spinner} {self._doing}, {describe_seconds(now - self._step_began)}"
        return Text(line[: self.console.width - 1], style="cyan")

    @contextmanager
    def show_upload(self, path: Path) -> Iterator[Callable[[int], None]]:
        """Show how far the upload of a file is; yields what is to be told the bytes that went up since."""
        size = path.stat().st_size
        if not self.console.is_terminal:
            done = 0

            def advance(count: int) -> None:
                nonlocal done
                done += count
                self.wait_for(f"{100 * done // max(1, size)} % are up")

            yield advance
            return
        self._live.stop()
        columns = (BarColumn(None), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(TextColumn("  put"), *columns, console=self.console, transient=True) as progress:
            task = progress.add_task("", total=size)
            yield lambda count: progress.advance(task, count)
        self._live.start()

    def leave(self, command: str) -> int:
        """Say, when a person interrupts, that the run goes on and how to look again; return the exit code."""
        self.wait_for("")
        self.print(f"\nThe run goes on without you. Look again: {command}")
        return 130

    def print_links(self, links: Mapping[str, str], width: int = 0) -> None:
        """Write addresses, each whole on one line so that it can be clicked and copied; names as wide as `width`."""
        width = max(width, *map(len, links)) if links else width
        for name, address in links.items():
            self.console.print(Text.assemble(f"  {name:<{width}}  ", (escape(address), "cyan")), soft_wrap=True)

    def print_table(self, rows: Sequence[Sequence[str]]) -> None:
        """Write rows in columns; the first row is their heads, the first column is left, the others right aligned."""
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for number, row in enumerate(rows):
            cells = [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
            self.console.print(
                Text("  " + "   ".join(cells).rstrip(), style="dim" if number == 0 else ""), soft_wrap=True
            )

    def print(self, text: str = "", style: str = "") -> None:
        """Write text, line by line, with what cannot be seen of it written out."""
        self.console.print(Text("\n".join(map(escape, text.split("\n"))), style=style), soft_wrap=True)


def first_sentence(text: str) -> str:
    """Return a text up to the end of its first sentence, or `failed` where there is none."""
    return text.partition(". ")[0].rstrip(".") + "." if text else "failed"


def describe_seconds(seconds: float) -> str:
    """Return a length of time as people say it."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 6000:
        return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min"


def describe_size(size: int) -> str:
    """Return a number of bytes as people say it."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
