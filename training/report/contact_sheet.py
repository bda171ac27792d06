"""Rows of pictures: a query and what it found, right or wrong, small enough to send by mail."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from lookalike import images
from lookalike.errors import UnreadableImage
from training.compare import Comparison
from training.measured import Measured
from training.pictures import Labelled
from training.report.markup import Markup, tag

SIDE = 96  # pixels
QUALITY = 58  # of WebP: about 2 kB a thumbnail
RESULTS = 8  # a row fits a desk; four and four fit a phone
RANKED_BY = "map@10"


class ContactSheet:
    """Makes the rows of one page; every picture is read once.

    unreadable: files for which a grey tile stands.
    """

    def __init__(self) -> None:
        self.unreadable: set[Path] = set()
        self._known: dict[Path, str | None] = {}

    def row(self, measured: Measured, query: int, *, named: bool = True) -> Markup:
        """The query with its facts, and its first results in the order they were found.

        named: also show the query; the second row of a comparison goes without.
        """
        results = zip(
            measured.found[query, :RESULTS],
            measured.similar[query, :RESULTS],
            measured.relevant[query, :RESULTS],
            strict=True,
        )
        tiles = [
            self._result(measured.protocol.gallery[row], float(cosine), bool(right), rank)
            for rank, (row, cosine, right) in enumerate(results, 1)
            if row >= 0
        ]
        answers = tag("ol", *tiles, class_="results", aria_label=f"Found by {measured.encoder}")
        return tag("div", self.query(measured, query), answers, class_="row") if named else answers

    def query(self, measured: Measured, query: int) -> Markup:
        file = measured.protocol.queries[query]
        score = 100 * measured.scores[RANKED_BY][query]
        facts = f"AP {score:.0f} %, {measured.total[query]:,} to find"
        return tag(
            "figure",
            self._picture(file, f"Query: {file.label}"),
            tag(
                "figcaption",
                tag("b", file.label),
                tag("span", facts),
                tag("span", file.path.name, class_="file"),
            ),
            class_="query",
        )

    def changed(self, ours: Measured, theirs: Measured, comparison: Comparison, q: int) -> Markup:
        """Both rows of results of one query."""
        change = 100 * comparison.changes[q]
        said = f"{change:+.0f} points of AP".replace("-", "−")
        better = "is-better" if change > 0 else "is-worse"
        sides = [
            tag("div", tag("h4", one.encoder), self.row(one, q, named=False), class_="side")
            for one in (ours, theirs)
        ]
        return tag(
            "div",
            tag("div", self.query(ours, q), tag("span", said, class_=f"chip {better}")),
            tag("div", *sides, class_="sides"),
            class_="row",
        )

    def _result(self, file: Labelled, cosine: float, right: bool, rank: int) -> Markup:
        word = "right" if right else "wrong"
        said = f"Result {rank}, {word}: {file.label}, cosine {cosine:.2f}"
        mark = tag("span", "✓" if right else "✗", class_="mark", aria_hidden="true")
        caption = tag("span", f"{cosine:.2f}", class_="cosine")
        title = f"{file.label} · {file.path.name}"
        tile = self._picture(file, said)
        return tag("li", tile, mark, caption, class_=f"is-{word}", title=title)

    def _picture(self, file: Labelled, said: str) -> Markup:
        data = self._thumbnail(file.path)
        if data is None:
            return tag("span", class_="missing", role="img", aria_label=f"{said} (cannot be read)")
        return tag("img", src=data, alt=said, width=SIDE, height=SIDE)

    def _thumbnail(self, path: Path) -> str | None:
        if path not in self._known:
            try:
                self._known[path] = thumbnail(path)
            except (UnreadableImage, OSError):
                self._known[path] = None
                self.unreadable.add(path)
        return self._known[path]


def thumbnail(path: Path) -> str:
    """A data URI of the picture's centre, square. Raises UnreadableImage or OSError."""
    pixels = images.decode(path.read_bytes(), SIDE).pixels
    square = ImageOps.fit(pixels, (SIDE, SIDE), Image.Resampling.LANCZOS)
    file = BytesIO()
    square.save(file, "WEBP", quality=QUALITY, method=4)
    return f"data:image/webp;base64,{b64encode(file.getvalue()).decode()}"


def worst(measured: Measured, most: int) -> list[int]:
    """Queries to learn from: of the lowest AP, those with most to find; one of a label."""
    order = np.lexsort((-measured.total, measured.scores[RANKED_BY]))
    return one_a_label(measured, order.tolist(), most)


def best(measured: Measured, most: int) -> list[int]:
    """Of the highest AP those whose last right result is farthest away: no copies; one a label."""
    last = np.nanmin(np.where(measured.relevant, measured.similar, np.inf), axis=1)
    order = np.lexsort((last, -measured.scores[RANKED_BY]))
    return one_a_label(measured, order.tolist(), most)


def gained_and_lost(measured: Measured, comparison: Comparison, most: int) -> Iterator[list[int]]:
    """The queries that changed most for the better, and those for the worse; one of a label."""
    for sign in (1, -1):
        rows = [int(q) for q in comparison.changed if comparison.changes[q] * sign > 0]
        yield one_a_label(measured, rows, most)


def one_a_label(measured: Measured, rows: Iterable[int], most: int) -> list[int]:
    chosen: dict[str, int] = {}
    for row in rows:
        chosen.setdefault(measured.protocol.queries[row].label, row)
        if len(chosen) == most:
            break
    return list(chosen.values())


def sheet(title: str, lead: str, rows: Sequence[Markup]) -> Markup:
    """A titled group of rows; nothing where there are none."""
    if not rows:
        return Markup()
    return tag("section", tag("h4", title), tag("p", lead, class_="quiet"), *rows, class_="sheet")
