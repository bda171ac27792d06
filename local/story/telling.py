"""How a story is told at a terminal: chapters and plain lines, and a bar while one waits."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Moved = Callable[[float, str], None]  # how much is done, and what to say of it

INDENT = "   "


class Telling:
    """Lines to stdout, bars to stderr; colours and movement at a terminal alone.

    seconds: of every chapter so far, by its title.
    """

    def __init__(self) -> None:
        self._out = Console(highlight=False, soft_wrap=True, markup=False)
        self._err = Console(stderr=True)
        self.seconds: dict[str, float] = {}
        self._chapter, self._began = "", time.monotonic()

    def chapter(self, title: str) -> None:
        self.end()
        self._chapter, self._began = title, time.monotonic()
        self._out.print(f"\n{len(self.seconds) + 1}  {title}", style="bold")

    def line(self, words: str = "", style: str = "") -> None:
        self._out.print(INDENT + words if words else "", style=style or None)
        sys.stdout.flush()

    def end(self) -> None:
        """Of the chapter: its time is told."""
        if self._chapter:
            took = time.monotonic() - self._began
            self.seconds[self._chapter] = round(took, 1)
            self.line(f"{took:.0f} seconds", "dim")
        self._chapter = ""

    @contextmanager
    def bar(self, total: float) -> Iterator[Moved]:
        bars = Progress(
            TextColumn(INDENT + "{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=self._err,
            transient=True,
            redirect_stdout=False,
            disable=not self._err.is_terminal,
        )
        with bars:
            task = bars.add_task("", total=total)

            def moved(done: float, words: str) -> None:
                bars.update(task, completed=done, description=words)

            yield moved
