"""Plots as SVG inside a page: their colours and letters are the page's own, in light and dark."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.cards import Thresholds
from training.cosines import Distributions
from training.measured import Measured
from training.report.markup import Markup, tag

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, HIGH = 5.4, 3.1  # inches of 72 units: letters stay readable on a phone and on a desk
BINS = 70
SMALLEST_COSINE = -0.2  # encoders of pictures hardly ever go below
TOP = 1.5  # of a histogram of height 1: room for its name
LETTERS = 0.4  # cosines that the names of two thresholds take up

# What matplotlib draws with, and the page's variable that takes its place.
INKS = {
    "#010101": "var(--ink)",
    "#020202": "var(--quiet)",
    "#030303": "var(--line)",
    "#040404": "var(--ours)",
    "#050505": "var(--theirs)",
    "#060606": "var(--third)",
    "#070707": "var(--floor)",
    "#080808": "var(--right)",
    "#090909": "var(--wrong)",
}
INK, QUIET, LINE, OURS, THEIRS, THIRD, FLOOR, RIGHT, WRONG = INKS
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and of the page's letters
    "text.parse_math": False,  # a $ in a name is a $
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "lines.linewidth": 1.9,
    "lines.solid_capstyle": "round",
}
# What is right in a file of its own and wrong inside a page.
REWRITTEN = (
    (r"<metadata>.*?</metadata>|<style.*?</style>", ""),
    (r'<g id="[^"]*"', "<g"),  # every figure has a figure_1
    (r"font: ([\d.]+px) [^;\"]*", r"font-size: \1"),
    (r"font-family: [^;\"]*;? ?", ""),
    (r"\s+", " "),
)


@dataclass(frozen=True)
class Pen:
    """How one encoder is drawn everywhere on the page. colour: one of INKS."""

    colour: str
    dashed: bool = False

    @property
    def variable(self) -> str:
        return INKS[self.colour]


def recall_curve(rows: Sequence[Measured], pens: Mapping[str, Pen]) -> Markup:
    """Hit rate among the first 1, 2, … results; rows of one protocol."""
    with _drawing() as figure:
        axes = _axes(figure, "first results looked at", "queries with a right one, %")
        for row in rows:
            hits = 100 * np.maximum.accumulate(row.relevant, axis=1).mean(axis=0)
            ranks = np.arange(1, len(hits) + 1)
            pen = pens[row.encoder]
            axes.plot(ranks, hits, color=pen.colour, linestyle=(0, (3, 2)) if pen.dashed else "-")
            axes.plot(ranks, hits, ".", color=pen.colour, markersize=5, clip_on=False)
        axes.set_xticks(range(1, max(row.relevant.shape[1] for row in rows) + 1))
        axes.set_ylim(0, 100)
        said = "; ".join(f"{row.encoder} {_ends(row)}" for row in rows)
        return svg(figure, f"Hit rate from the first result to the tenth: {said}.")


def _ends(row: Measured) -> str:
    return f"{100 * row.relevant[:, 0].mean():.0f} to {100 * row.relevant.any(axis=1).mean():.0f} %"


def similarity(found: Distributions, thresholds: Thresholds) -> Markup:
    """Three histograms above one another, each to its own height, cut by the card's thresholds."""
    rows = {
        "near copies": (found.copies, OURS),
        "same label": (found.same, THEIRS),
        "different label": (found.different, FLOOR),
    }
    shown = {name: row for name, row in rows.items() if len(row[0])}
    return ridges(shown, thresholds, f"Cosine similarities of {found.model}")


def results_similarity(measured: Measured, thresholds: Thresholds) -> Markup:
    """Where nobody compared all pairs: the cosines of the results that were found."""
    there = measured.found >= 0
    rows = {
        "right results": (measured.similar[there & measured.relevant], RIGHT),
        "wrong results": (measured.similar[there & ~measured.relevant], WRONG),
    }
    shown = {name: row for name, row in rows.items() if len(row[0])}
    return ridges(shown, thresholds, f"Cosine similarities of what {measured.encoder} found")


def ridges(
    rows: Mapping[str, tuple[NDArray[np.float32], str]], thresholds: Thresholds, what: str
) -> Markup:
    lowest = min([SMALLEST_COSINE, *(float(values.min()) for values, _ in rows.values())])
    with _drawing(high=0.9 + 0.75 * max(1, len(rows))) as figure:
        every = figure.subplots(max(1, len(rows)), sharex=True, squeeze=False)[:, 0]
        for axes, (name, (values, colour)) in zip(every, rows.items(), strict=False):
            heights, edges = np.histogram(values, BINS, (lowest, 1.0))
            axes.stairs(heights / heights.max(), edges, fill=True, color=colour, alpha=0.28)
            axes.stairs(heights / heights.max(), edges, color=colour, linewidth=1.3)
            label = f"{name}, {len(values):,}"
            axes.text(0.0, 0.97, label, transform=axes.transAxes, va="top", color=INK)
        for axes in every:
            axes.set(ylim=(0, TOP), xlim=(lowest, 1.02), yticks=[])
            axes.spines["left"].set_visible(False)
            for cut in (thresholds.floor, thresholds.duplicate):
                axes.axvline(cut, color=INK, linewidth=1, linestyle=(0, (2, 2)))
        _named_cuts(every[0], thresholds)
        every[-1].set_xlabel("cosine similarity")
        cuts = (
            f"The floor is {thresholds.floor:.3f}, duplicates start at {thresholds.duplicate:.3f}"
        )
        medians = ", ".join(f"{name} {np.median(v):.2f}" for name, (v, _) in rows.items())
        return svg(figure, f"{what}. Medians: {medians}. {cuts}.")


def _named_cuts(axes: "Axes", thresholds: Thresholds) -> None:
    """Above the histograms; one above the other where they would collide."""
    near = thresholds.duplicate - thresholds.floor < LETTERS
    for cut, text, side in (
        (thresholds.floor, f"floor {thresholds.floor:.3f}", "right" if near else "center"),
        (thresholds.duplicate, f"duplicate {thresholds.duplicate:.3f}" + "\n" * near, "right"),
    ):
        axes.text(cut, TOP * 1.03, text, ha=side, va="bottom", color=INK)


def read_history(path: Path) -> list[dict[str, Any]]:
    """The reports of a training run; a line that a kill cut short is left out."""
    reports = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            report = json.loads(line)
        except ValueError:
            continue
        if isinstance(report, dict) and isinstance(report.get("step"), int | float):
            reports.append(report)
    return reports


def curve(history: Sequence[Mapping[str, Any]], names: Sequence[str], label: str) -> Markup | None:
    """Numbers of a training run over its steps; None where fewer than two were reported."""
    lines = {name: _points(history, name) for name in names}
    lines = {name: points for name, points in lines.items() if len(points) > 1}
    if not lines:
        return None
    colours = (OURS, THEIRS, THIRD, FLOOR)
    with _drawing() as figure:
        axes = _axes(figure, "step", label)
        for i, (name, points) in enumerate(lines.items()):
            axes.plot(points[:, 0], points[:, 1], color=colours[i % len(colours)], label=name)
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize=9, labelcolor=INK)
        said = "; ".join(f"{n} from {p[0, 1]:.3g} to {p[-1, 1]:.3g}" for n, p in lines.items())
        return svg(figure, f"Training over {points[-1, 0]:,.0f} steps: {said}.")


def _points(history: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    """(n, 2) steps and values that are numbers."""
    found = [(r["step"], r[name]) for r in history if isinstance(r.get(name), int | float)]
    points = np.asarray(found, np.float64).reshape(-1, 2)
    return points[np.isfinite(points).all(axis=1)]


@contextmanager
def _drawing(high: float = HIGH) -> "Iterator[Figure]":
    """A figure of its own, without pyplot and its state."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        yield Figure(figsize=(WIDE, high), layout="constrained")


def _axes(figure: "Figure", across: str, up: str) -> "Axes":
    axes = figure.add_subplot()
    axes.set(xlabel=across, ylabel=up)
    axes.grid(visible=False, axis="x")
    axes.tick_params(length=0)
    return axes


def svg(figure: "Figure", said: str) -> Markup:
    """The figure as an element of the page. said: what it shows, for those who cannot see it."""
    from matplotlib import rc_context

    file = StringIO()
    with rc_context({"svg.hashsalt": said}):  # ids differ between figures, not between runs
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    drawn = file.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', drawn)
    assert box, "matplotlib writes a viewBox"  # noqa: S101
    inside = drawn[drawn.index(">") + 1 : drawn.rindex("</svg>")]
    for pattern, instead in REWRITTEN:
        inside = re.sub(pattern, instead, inside, flags=re.DOTALL)
    for ink, variable in INKS.items():
        inside = inside.replace(ink, variable)
    return tag("svg", Markup(inside), viewBox=box[1], role="img", aria_label=said)
