"""What a section of the bench says: rows of figures, each next to its goal."""

from collections.abc import Sequence
from dataclasses import dataclass

HEADINGS = ("what", "measured", "against", "ratio", "goal", "")
NUMERIC = (False, True, True, True, True, False)


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that was promised; `text` is how it reads in the table."""

    text: str
    met: bool


@dataclass(frozen=True, slots=True)
class Row:
    """against: the same work done the other way, in the same run. ratio: between the two."""

    what: str
    measured: str
    against: str = ""
    ratio: str = ""
    goal: Goal | None = None

    def cells(self) -> tuple[str, ...]:
        goal, verdict = "", ""
        if self.goal is not None:
            goal, verdict = self.goal.text, "met" if self.goal.met else "**not met**"
        return (self.what, self.measured, self.against, self.ratio, goal, verdict)


@dataclass(frozen=True, slots=True)
class Table:
    """notes: what a reader must know to believe the figures."""

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    headings: Sequence[str] = HEADINGS

    def __str__(self) -> str:
        cells = [tuple(self.headings), *(row.cells() for row in self.rows)]
        used = [
            at for at in range(len(self.headings)) if at == 0 or any(row[at] for row in cells[1:])
        ]
        widths = [max(len(row[at]) for row in cells) for at in used]
        rule = [
            "-" * (width - 1) + (":" if NUMERIC[at] else "-")
            for at, width in zip(used, widths, strict=True)
        ]
        lines = [_line([row[at] for at in used], used, widths) for row in cells]
        lines.insert(1, "| " + " | ".join(rule) + " |")
        notes = ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join([f"### {self.title}", "", *lines, *notes])


def at_most(value: float, limit: float, text: str) -> Goal:
    return Goal(f"≤ {text}", value <= limit)


def at_least(value: float, limit: float, text: str) -> Goal:
    return Goal(f"≥ {text}", value >= limit)


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 0.1 else f"{1000 * seconds:.0f} ms"


def times(ratio: float) -> str:
    return f"{ratio:.1f} ×" if ratio < 100 else f"{ratio:.0f} ×"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def megabytes(count: float) -> str:
    return f"{count / 1e6:.0f} MB"


def _line(cells: Sequence[str], used: Sequence[int], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if NUMERIC[at] else cell.ljust(width)
        for at, cell, width in zip(used, cells, widths, strict=True)
    ]
    return "| " + " | ".join(padded) + " |"
