"""What a person sees: lines that a terminal shows as they are, and a bar while they wait."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

TICK_SECONDS = 0.2

Progress = dict[str, Any]
Show = Callable[[Progress], None]

CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)  # of terminals, 7 and 8 bits wide
TURNING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # the rest of a line, to the left
NO_TEXT = range(0xDC80, 0xDD00)  # bytes of a file name that are not UTF-8, as Python has them
IN_KEYS = 0x10FF00 - 0xDC00  # and how far from there they are in keys
HARMFUL = (*CONTROLS, *TURNING, *NO_TEXT)

_HARMLESS = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in HARMFUL}
_HARMLESS |= {code: f"\\x{code - 0xDC00:02x}" for code in NO_TEXT}
_HARMLESS |= {code + IN_KEYS: _HARMLESS[code] for code in NO_TEXT}
_HARMLESS |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}
# In JSON no character says so much as its escape; those below a space json.dumps has escaped.
_HARMLESS_IN_JSON = {code: f"\\u{code:04x}" for code in HARMFUL if code >= 0x7F}


def plain(text: str) -> str:
    """One line that says what it says: a name may hold line breaks and commands to a terminal."""
    return text.translate(_HARMLESS)


def say(line: str, out: TextIO | None = None) -> None:
    """A line of the answer, to stdout unless it goes elsewhere."""
    print(plain(line), file=out or sys.stdout, flush=True)


def tell(line: str) -> None:
    """A message to a person; never data."""
    print(plain(line), file=sys.stderr, flush=True)


def as_json(found: Any) -> str:
    """For programs, which read the same value, and for a terminal that it may come to."""
    return plain_json(json.dumps(found, indent=2, ensure_ascii=False))


def plain_json(document: str) -> str:
    return document.translate(_HARMLESS_IN_JSON)


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
