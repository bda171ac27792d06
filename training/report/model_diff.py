"""One page about a challenger: the verdict, why, and the queries whose answers changed most."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training import compare
from training.gate import checks
from training.gate.exams import CLICKS, GOLD
from training.gate.judging import Judged
from training.gate.measurements import Check, Slice
from training.gate.paired import Difference, Paired
from training.report import contact_sheet
from training.report.contact_sheet import ContactSheet
from training.report.markup import Markup, joined, tag
from training.report.page import document, model_card, section, written
from training.report.plots import OURS, THEIRS, Pen
from training.report.scoreboard import chance, percent, points, scrolling, swatch

CHANGED = 6  # queries gained, and as many lost, of each set of questions
WIDE, HIGH = 170, 16  # of an interval's drawing, in units of its own
LEAST_REACH = 0.02  # either side of 0, so that tiny differences look tiny
CHIPS = {"passed": "is-better", "refused": "is-worse", "not measured": ""}
NOTES = (
    "Clicks: the picture that somebody clicked is looked for when its anchor is asked about, among "
    "the catalogue's pool. Other pictures clicked beside the same anchor, also those that were "
    "learnt from, are left out. Every click counts for the looks that its place did not get, so "
    "that what stood high is not taken for what is liked. What no answer ever showed, nobody could "
    "click: that favours the encoder that serves.",
    "Mean hit rate @1 to @10: 1 where the clicked picture is first, 0.9 where it is second, and "
    "0 beyond ten. Of a pool, not of a catalogue of millions: to compare two encoders, not to "
    "tell what a visitor sees.",
    "Gold set without labels: a picture, cut, lit and recompressed anew, must find itself among "
    "the first ten. It shows whether pictures are still told apart, not whether kinds are. Its "
    "rows show the whole picture, not the part that asked.",
    "Intervals: 95 %, of clusters (sessions or anchors; pictures) drawn anew. A challenger passes "
    "if with 95 % certainty it loses less than the margin, which the dashed line shows.",
    "Slices: one-sided tests by flipped signs of clusters, Holm's correction over all of them.",
    "In the rows of pictures, AP is 1 ÷ the rank of the one right picture, 0 beyond ten, unless "
    "the gold set has labels. Pictures are cut to squares for this page alone.",
)


def write(path: Path, said: dict[str, Any], found: Judged, told: Sequence[Check]) -> None:
    """One file that needs no other, nor a network. said: as in verdict.json."""
    page = Page(said, found)
    body = [
        page.headline(),
        page.checks(told),
        page.scores(),
        page.slices(),
        page.pictures(),
        page.models(),
        notes(),
    ]
    html = document(f"{said['model']} against {said['live']}", joined(body))
    path.write_text(html, encoding="utf-8")


class Page:
    """The sections, in the order they are read."""

    def __init__(self, said: dict[str, Any], found: Judged) -> None:
        self.said, self.found, self.sheet = said, found, ContactSheet()
        self.pens = {said["model"]: Pen(OURS), said["live"]: Pen(THEIRS)}

    def headline(self) -> Markup:
        model, live, accepted = (self.said[name] for name in ("model", "live", "accepted"))
        day = datetime.now(UTC).date()
        word = "accepted" if accepted else "refused"
        chip = tag("span", word, class_=f"chip {'is-better' if accepted else 'is-worse'}")
        moment = tag("time", written(day), datetime=day.isoformat())
        return tag(
            "header",
            tag("p", "Gate · ", moment, class_="quiet"),
            tag("h1", f"{model} against {live}, which serves"),
            tag("p", chip, style="margin-bottom: 8px"),
            tag("p", self.said["reason"], class_="lead"),
            class_="headline",
        )

    def checks(self, told: Sequence[Check]) -> Markup:
        lines = (
            tag(
                "tr",
                tag("th", check.name, scope="row"),
                tag("td", tag("span", check.outcome, class_=f"chip {CHIPS[check.outcome]}")),
                tag("td", check.said, style="white-space: normal"),
            )
            for check in told
        )
        return section("Checks", "checks", _table(("Check", "Outcome", "Why"), lines, "Checks"))

    def scores(self) -> Markup:
        measured = self.found.measured
        rows = [
            (paper, one, margin)
            for paper, one, margin in (
                (self._paper(CLICKS), measured.on_clicks, checks.CLICK_MARGIN),
                (self._paper(GOLD), measured.on_gold, checks.GOLD_MARGIN),
            )
            if paper is not None and one is not None
        ]
        if not rows:
            return Markup()
        reach = _reach([one for _, one, _ in rows])
        lines = (self._score(paper, one, margin, reach) for paper, one, margin in rows)
        heads = ("Questions", *self.pens, "Difference, points", "95 % interval")
        return section("Scores", "scores", self._legend(), _table(heads, lines, "Scores"))

    def _score(self, paper: Paired, one: Difference, margin: float, reach: float) -> Markup:
        whose = "askers" if paper.name == CLICKS else "pictures"
        many = tag("small", f"{one.questions:,} questions of {one.clusters:,} {whose}")
        name = joined([f"{paper.name}, {paper.metric} ", many])
        both = (tag("td", tag("b", percent(value))) for value in (one.challenger, one.live))
        return tag("tr", tag("th", name, scope="row"), *both, *_difference(one, reach, margin))

    def slices(self) -> Markup:
        some = self.found.measured.slices
        if not some:
            return Markup()
        reach, fallen = _reach([one.found for one in some]), checks.worse(some)
        lines = (
            self._slice(one, reach, one in fallen)
            for one in sorted(some, key=lambda s: s.found.value)
        )
        heads = ("Slice", "Questions", *self.pens, "Difference, points", "95 % interval", "p worse")
        lead = "The worst first; marked if it is worse after correction for the number of slices."
        table = _table(heads, lines, "Slices")
        return section("Slices", "slices", tag("p", lead, class_="quiet"), table)

    def _slice(self, one: Slice, reach: float, fell: bool) -> Markup:
        found = one.found
        mark = [" ", tag("span", "worse", class_="chip is-worse")] if fell else []
        return tag(
            "tr",
            tag("th", f"{one.exam}, {one.name}", *mark, scope="row"),
            tag("td", f"{found.questions:,}"),
            tag("td", percent(found.challenger)),
            tag("td", percent(found.live)),
            *_difference(found, reach),
            tag("td", chance(found.p_worse)),
        )

    def pictures(self) -> Markup:
        sheets = [sheet for paper in self.found.papers for sheet in self._changes(paper)]
        if not sheets:
            return Markup()
        lead = "A query on the left, its first results by either beside it, each with its cosine."
        return section("What changed most", "pictures", tag("p", lead, class_="quiet"), *sheets)

    def _changes(self, paper: Paired) -> Iterator[Markup]:
        ours, live = paper.challenger, paper.live
        if ours is None or live is None:
            return
        one = compare.compare(ours, live, contact_sheet.RANKED_BY)
        lost_last = contact_sheet.gained_and_lost(ours, one, CHANGED)
        for word, some in reversed(list(zip(("gained", "lost"), lost_last, strict=True))):
            rows = [self.sheet.changed(ours, live, one, query) for query in some]
            lead = f"{ours.encoder} above, {live.encoder} below."
            yield contact_sheet.sheet(f"Most {word}, {paper.name}", lead, rows)

    def models(self) -> Markup:
        cards = (self.found.measured.challenger.card, self.found.measured.live.card)
        shown = (
            model_card(name, card, pen)
            for (name, pen), card in zip(self.pens.items(), cards, strict=True)
            if card is not None
        )
        return section("Models", "models", tag("div", *shown, class_="cards"))

    def _legend(self) -> Markup:
        names = (tag("li", swatch(pen), name) for name, pen in self.pens.items())
        return tag("ul", *names, class_="legend")

    def _paper(self, name: str) -> Paired | None:
        return next((paper for paper in self.found.papers if paper.name == name), None)


def notes() -> Markup:
    lines = tag("ul", *(tag("li", line) for line in NOTES))
    return section("What the numbers mean", "notes", lines)


def _difference(one: Difference, reach: float, margin: float = 0.0) -> list[Markup]:
    said = f"{points(one.low)} to {points(one.high)}"
    return [
        tag("td", tag("b", points(one.value))),
        tag(
            "td", interval(one, reach, margin), " ", tag("small", said), style="white-space: nowrap"
        ),
    ]


def interval(one: Difference, reach: float, margin: float = 0.0) -> Markup:
    """A line from low to high with a dot at the difference; 0 is in the middle."""

    def at(value: float) -> str:
        return f"{WIDE / 2 * (1 + max(-1.0, min(1.0, value / reach))):.1f}"

    middle = HIGH / 2
    colour = "var(--wrong)" if one.high < 0 else "var(--right)" if one.low > 0 else "var(--quiet)"
    marks = [_line(at(0), 0, at(0), HIGH, "var(--quiet)", 1)]
    if margin:
        marks.append(_line(at(-margin), 0, at(-margin), HIGH, "var(--quiet)", 1, "3 2"))
    marks += [
        _line(at(one.low), middle, at(one.high), middle, colour, 2),
        tag("circle", cx=at(one.value), cy=str(middle), r="4", fill=colour),
    ]
    said = f"{points(one.value)} points, {points(one.low)} to {points(one.high)}"
    view = f"0 0 {WIDE} {HIGH}"
    return tag(
        "svg",
        *marks,
        viewBox=view,
        width=WIDE,
        height=HIGH,
        style="display: inline-block; vertical-align: middle",
        role="img",
        aria_label=said,
    )


def _line(
    x1: str, y1: float, x2: str, y2: float, colour: str, width: int, dashes: str | None = None
) -> Markup:
    ends = {"x1": x1, "y1": str(y1), "x2": x2, "y2": str(y2)}
    return tag("line", **ends, stroke=colour, stroke_width=width, stroke_dasharray=dashes)


def _reach(some: Sequence[Difference]) -> float:
    return max(LEAST_REACH, *(max(abs(one.low), abs(one.high)) for one in some))


def _table(heads: Sequence[str], lines: Iterator[Markup], label: str) -> Markup:
    head = tag("tr", *(tag("th", name, scope="col") for name in heads))
    return scrolling(tag("table", tag("thead", head), tag("tbody", *lines)), label)
