"""The frame of a report, and the blocks it is made of."""

from collections.abc import Sequence
from datetime import date
from importlib.resources import files

from lookalike.cards import ModelCard
from training.outcome import HISTOGRAM
from training.report.markup import Markup, joined, tag
from training.report.plots import FLOOR, OURS, THEIRS, THIRD, Pen
from training.report.scoreboard import swatch

COLOURS = (OURS, THEIRS, THIRD)


def document(title: str, body: Markup) -> Markup:
    style = files("training.report").joinpath("page.css").read_text(encoding="utf-8")
    mark = files("training.report").joinpath("mark.svg").read_text(encoding="utf-8")
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", f"{title} · Lookalike"),
        tag("style", Markup(style)),
    ]
    brand = tag("header", Markup(mark), tag("span", "Lookalike"), class_="brand")
    main = tag("main", body, id="main")
    skip = tag("a", "Skip to the report", href="#main", class_="skip")
    page = tag("html", tag("head", *head), tag("body", skip, brand, main), lang="en")
    return Markup(f"<!doctype html>\n{page}\n")


def model_card(name: str, card: ModelCard, pen: Pen) -> Markup:
    made = card.preprocessing
    facts = {
        "Architecture": card.architecture,
        "Vector": f"{card.dimension:,} numbers",
        "Input": f"{made.size} × {made.size} pixels, {made.fit}",
        "Duplicate from": f"cosine {card.thresholds.duplicate:.4f}",
        "No good match below": f"cosine {card.thresholds.floor:.4f}",
        "Licence": card.licence,
        "Made": card.created_at[:10],
        "File": f"sha256 {card.sha256[:16]}…",
    }
    rows = [joined([tag("dt", term), tag("dd", value)]) for term, value in facts.items()]
    data = (tag("li", line) for line in card.training_data or ("The card does not say.",))
    return tag(
        "article",
        tag("h3", swatch(pen), name),
        tag("dl", *rows),
        tag("h4", "Learned from"),
        tag("ul", *data),
        tag("p", card.notes, class_="quiet") if card.notes else "",
    )


def section(title: str, name: str, *children: str) -> Markup:
    head = tag("h2", title, id=f"{name}-title")
    return tag("section", head, *children, id=name, aria_labelledby=f"{name}-title")


def figure(plot: Markup, caption: str) -> Markup:
    return tag("figure", tag("figcaption", caption), plot)


def written(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def pens(models: Sequence[str], encoders: Sequence[str]) -> dict[str, Pen]:
    """A colour for every encoder, in the order of the legend.

    A prefix of a model's dimensions has its model's colour, dashed; the floor is grey and last.
    """
    found: dict[str, Pen] = {}
    for i, model in enumerate(models):
        found[model] = Pen(COLOURS[min(i, 2)])
        prefixes = (name for name in encoders if name.startswith(f"{model}, "))
        found |= dict.fromkeys(prefixes, Pen(found[model].colour, dashed=True))
    strangers = (name for name in encoders if name not in {*found, HISTOGRAM})
    return found | dict.fromkeys(strangers, Pen(THIRD)) | {HISTOGRAM: Pen(FLOOR)}
