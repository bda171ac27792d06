"""What a person sees while they wait: on stderr, and moving only on a terminal."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TICK_SECONDS = 0.2

Progress = dict[str, Any]
Show = Callable[[Progress], None]


def tell(line: str) -> None:
    """A message to a person; never data."""
    print(line, file=sys.stderr, flush=True)


def summary(progress: Progress) -> str:
    rejected = progress["rejected"]
    count = rejected if isinstance(rejected, int) else len(rejected)
    return f"{progress['indexed']} indexed, {count} rejected"


def follow(read: Callable[[], Progress], ended: Callable[[], bool], stop: threading.Event) -> None:
    """Show progress until it ended or `stop` is set."""
    with bar() as show:
        while not ended() and not stop.wait(TICK_SECONDS):
            show(read())


@contextmanager
def bar() -> Iterator[Show]:
    """A bar with rate and time left while there is something to do; nothing without a terminal."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    words = ("{task.description}", "{task.fields[rate]}")
    columns = (TextColumn(words[0]), BarColumn(), MofNCompleteColumn(), TextColumn(words[1]))
    bars = Bars(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # that is the functions' log
        redirect_stderr=False,
    )
    with bars:
        task = bars.add_task("indexing", total=None, rate="", visible=False)

        def show(progress: Progress) -> None:
            bars.update(task, **_line(progress))

        yield show


def _line(progress: Progress) -> dict[str, Any]:
    """What the bar says of this progress."""
    if filling := progress["filling"]:
        done, total, name = filling["done"], filling["total"], f"filling {filling['model']}"
    else:
        done = progress["indexed"] + progress["rejected"]
        total, name = done + progress["pending"], "indexing"
    busy = bool(progress["pending"] or progress["filling"])
    rate = _rate(progress)
    return {
        "description": name,
        "completed": done,
        "total": total,
        "rate": rate,
        "visible": busy,
    }


def _rate(progress: Progress) -> str:
    if progress["rate"] is None:
        return ""
    left = progress["seconds_left"]
    return f"{progress['rate']:.0f} pictures/s, {left // 60}:{left % 60:02} left"
