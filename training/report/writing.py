"""One page about one or two models: what they score, what they find, and where they fail."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from lookalike.cards import ModelCard
from training import slices
from training.compare import Comparison
from training.cosines import Distributions
from training.measured import Measured
from training.outcome import HISTOGRAM
from training.pictures import Skipped
from training.report import contact_sheet, plots, scoreboard
from training.report.contact_sheet import ContactSheet
from training.report.footnotes import footnotes
from training.report.markup import Markup, joined, tag
from training.report.page import document, figure, model_card, pens, section, written

HEADLINE = "recall@1"
BEST, WORST, CHANGED = 3, 6, 3  # rows of pictures on every protocol
CUTS = (
    "Each kind to its own height. Below the floor a result is no good match; from the duplicate "
    "threshold on, two pictures count as one."
)
PICTURED = 4  # protocols whose pictures are shown: the file stays a few MB


def write(
    measured: Sequence[Measured],
    comparisons: Sequence[Comparison],
    path: Path,
    *,
    title: str,
    cards: Sequence[ModelCard],
    names: Sequence[str] = (),
    history: Path | None = None,
    distributions: Sequence[Distributions] = (),
    sizes: Mapping[Path, int] | None = None,
    skipped: Sequence[Skipped] = (),
) -> None:
    """Write the page as one file that needs no other, nor a network; an older one is replaced.

    measured: every encoder on every protocol. The page reports on `ours` of the comparisons, or on
    the first card's model. names: what the cards' models are called in `measured`, if not by their
    version. history: lines of JSON, one a report of a training run, which need not be there.
    distributions: of `cosines.distributions`, `model` as in `measured`; where there is none, the
    cosines of its results stand in. sizes: pixels of a file, for slices by size.
    """
    names = names or [card.model for card in cards]
    page = Report(measured, comparisons, dict(zip(names, cards, strict=True)), sizes or {})
    body = [
        page.headline(title),
        page.models(),
        page.scores(),
        page.comparison(),
        page.curves(distributions),
        page.training(plots.read_history(history) if history and history.is_file() else []),
        page.weak_spots(),
        page.pictures(),
    ]
    notes = footnotes(measured, cards, skipped, page.sheet.unreadable, distributions)
    html = document(title, joined([*body, notes]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")


class Report:
    """The sections of the page, in the order they are read."""

    def __init__(
        self,
        measured: Sequence[Measured],
        comparisons: Sequence[Comparison],
        cards: Mapping[str, ModelCard],
        sizes: Mapping[Path, int],
    ) -> None:
        """cards: by what their models are called in `measured`."""
        self.measured, self.comparisons, self.sizes = measured, comparisons, sizes
        self.sheet = ContactSheet()
        self.protocols = list(dict.fromkeys(row.protocol.name for row in measured))
        first = [one.ours for one in comparisons] + [*cards, measured[0].encoder]
        self.ours = first[0]
        self.cards = dict(sorted(cards.items(), key=lambda card: card[0] != self.ours))
        self.pens = pens(list(self.cards), [row.encoder for row in measured])
        self.known = {(row.protocol.name, row.encoder): row for row in measured}

    def rows(self, protocol: str) -> list[Measured]:
        """Ours first, then the other models, each above its prefix; the floor below them."""
        some = [row for row in self.measured if row.protocol.name == protocol]
        return sorted(some, key=lambda row: list(self.pens).index(row.encoder))

    def headline(self, title: str) -> Markup:
        rivals = [name for name in self.cards if name != self.ours]
        models = " against ".join([self.ours, *rivals])
        day = datetime.now(UTC).date()
        moment = tag("time", written(day), datetime=day.isoformat())
        return tag(
            "header",
            tag("p", models, " · ", moment, class_="quiet"),
            tag("h1", title),
            *(tag("p", line, class_="lead") for line in self._tallies()),
            tag("p", f"How often the first result of {self.ours} is right (hit rate @1):"),
            tag("ul", *(self._figure(name) for name in self.protocols), class_="figures"),
            class_="headline",
        )

    def _tallies(self) -> list[str]:
        pairs = [list(some) for _, some in groupby(self.comparisons, lambda c: (c.ours, c.theirs))]
        lines = (scoreboard.tally(some, HEADLINE) for some in pairs)
        return [line for line in lines if line]

    def _figure(self, protocol: str) -> Markup:
        """A protocol's number to remember, and what it is to be compared with."""
        rows = {row.encoder: float(row.scores[HEADLINE].mean()) for row in self.rows(protocol)}
        rivals = [
            tag("span", scoreboard.swatch(self.pens[name]), f"{scoreboard.percent(value)} {name}")
            for name, value in rows.items()
            if name != self.ours and not self.pens[name].dashed
        ]
        number = scoreboard.percent(rows[self.ours]) if self.ours in rows else "–"
        return tag(
            "li",
            tag("p", protocol, class_="what"),
            tag("p", number, tag("small", " %"), class_="big"),
            tag("p", *rivals, class_="rivals"),
        )

    def models(self) -> Markup:
        cards = (model_card(name, card, self.pens[name]) for name, card in self.cards.items())
        return section("Models", "models", tag("div", *cards, class_="cards"))

    def scores(self) -> Markup:
        parts = []
        for name in self.protocols:
            rows = self.rows(name)
            of = rows[0].protocol
            asked = f"{len(of.queries):,} queries, {len(of.gallery):,} pictures to find them among"
            others = ", never of their own group" if of.others_only else ""
            parts += [tag("h3", name), tag("p", f"{asked}{others}", class_="quiet")]
            parts.append(scoreboard.scores(rows, self.pens))
        lead = "In %, with 95 % intervals. The colour histogram is the floor: no model needed."
        return section("Scores", "scores", tag("p", lead, class_="quiet"), *parts)

    def comparison(self) -> Markup:
        if not self.comparisons:
            return Markup()
        pairs = groupby(self.comparisons, lambda one: (one.ours, one.theirs))
        parts = [
            joined([tag("h3", f"{ours} against {theirs}"), scoreboard.verdicts(list(some))])
            for (ours, theirs), some in pairs
        ]
        lead = "Query by query on the same pictures; decided only if interval and test agree."
        return section("Is one better?", "comparison", tag("p", lead, class_="quiet"), *parts)

    def curves(self, distributions: Sequence[Distributions]) -> Markup:
        legend = (tag("li", scoreboard.swatch(pen), name) for name, pen in self.pens.items())
        curves = [
            figure(plots.recall_curve(self.rows(name), self.pens), name) for name in self.protocols
        ]
        return section(
            "How soon a right picture comes",
            "curves",
            tag("ul", *legend, class_="legend"),
            tag("div", *curves, class_="plots"),
            tag("h3", "What the cosines mean"),
            tag("p", CUTS, class_="quiet"),
            tag("div", *self._histograms(distributions), class_="plots"),
        )

    def _histograms(self, distributions: Sequence[Distributions]) -> Iterator[Markup]:
        given = {one.model: one for one in distributions}
        for name, card in self.cards.items():
            if name in given:
                drawn = plots.similarity(given[name], card.thresholds)
                yield figure(drawn, f"{name}: pairs of pictures")
                continue
            row = self.known.get((self.protocols[0], name))
            if row is not None:
                drawn = plots.results_similarity(row, card.thresholds)
                yield figure(drawn, f"{name}: first ten results, {self.protocols[0]}")

    def training(self, history: Sequence[Mapping[str, object]]) -> Markup:
        recalls = sorted({name for one in history for name in one if name.endswith("recall@1")})
        drawn = {
            "Loss": plots.curve(history, ["loss"], "loss"),
            "Hit rate @1 on the way": plots.curve(history, recalls, "hit rate @1"),
        }
        shown = [figure(plot, name) for name, plot in drawn.items() if plot is not None]
        if not shown:
            return Markup()
        return section("Training", "training", tag("div", *shown, class_="plots"))

    def weak_spots(self) -> Markup:
        models = [name for name, pen in self.pens.items() if not pen.dashed]
        parts = []
        for name in self.protocols:
            rows = [self.known[name, model] for model in models if (name, model) in self.known]
            classes = [slices.by_class(row) for row in rows]
            table = scoreboard.slices(classes, "class", self.pens)
            parts += [tag("h3", name)]
            parts.append(tag("details", tag("summary", scoreboard.weakest(classes[0])), table))
            if all(file.path in self.sizes for file in rows[0].protocol.queries):
                sized = [slices.by_size(row, self.sizes) for row in rows]
                parts.append(scoreboard.slices(sized, "size", self.pens))
        lead = "Hit rate @1 in %. Few queries make a shaky number."
        return section("Where it is weak", "slices", tag("p", lead, class_="quiet"), *parts)

    def pictures(self) -> Markup:
        parts = [
            tag("details", tag("summary", tag("h3", name)), *sheets, open=not i, class_="album")
            for i, name in enumerate(self.protocols[:PICTURED])
            if (sheets := self._sheets(name))
        ]
        lead = "A query on the left, its first results beside it, each with its cosine."
        return section("What it finds", "pictures", tag("p", lead, class_="quiet"), *parts)

    def _sheets(self, protocol: str) -> list[Markup]:
        row = self.known.get((protocol, self.ours))
        if row is None:
            return []
        worst = [self.sheet.row(row, q) for q in contact_sheet.worst(row, WORST)]
        best = [self.sheet.row(row, q) for q in contact_sheet.best(row, BEST)]
        return [
            contact_sheet.sheet("Worst queries", "Lowest AP, one of a class.", worst),
            *self._changes(protocol, row),
            contact_sheet.sheet("Best queries", "Highest AP, copies last, one of a class.", best),
        ]

    def _changes(self, protocol: str, row: Measured) -> Iterator[Markup]:
        """Only against another model: against the floor everything changes."""
        for one in self.comparisons:
            about = (one.protocol.name, one.ours, one.metric)
            rival = self.known.get((protocol, one.theirs))
            if about != (protocol, self.ours, contact_sheet.RANKED_BY):
                continue
            if rival is None or one.theirs == HISTOGRAM:
                continue
            gained, lost = (
                [self.sheet.changed(row, rival, one, q) for q in some]
                for some in contact_sheet.gained_and_lost(row, one, CHANGED)
            )
            lead = f"{one.ours} above, {one.theirs} below."
            yield contact_sheet.sheet("Most gained", lead, gained)
            yield contact_sheet.sheet("Most lost", lead, lost)
