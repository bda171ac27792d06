"""What keeps a report honest: what its numbers mean, and what they do not say."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from lookalike.cards import ModelCard
from training.cosines import Distributions
from training.measured import Measured
from training.pictures import Skipped
from training.report.markup import Markup, joined, tag

NAMED = 12  # skipped pictures by name

MEANINGS = {
    "Hit rate @k": "Share of queries with at least one right picture among the first k. Papers on "
    "image retrieval call it Recall@k, and so do the logs (recall@1). It is not the recall of "
    "information retrieval.",
    "IR recall @10": "Right pictures among the first ten ÷ all right pictures. A class of 50 "
    "pictures cannot reach more than 20 %.",
    "Precision @10": "Right pictures among the first ten ÷ 10.",
    "mAP@10": "Mean over queries of the average precision of the first ten, divided by the number "
    "of right pictures that could be among them: a perfect answer scores 100.",
    "MRR@10": "Mean of 1 ÷ the rank of the first right picture, 0 if it is not among the first "
    "ten.",
    "nDCG@10": "Right pictures weigh less the later they come; a perfect order scores 100.",
    "Intervals": "95 % of the means of queries drawn anew, with replacement. They say how far a "
    "mean would move with other queries of the same kind, not with other pictures to find.",
    "Verdicts": "Better or worse if the interval of the difference leaves out 0 and a paired "
    "randomisation test gives p below 0.05; else undecided. Each p is of its comparison alone: of "
    "twenty comparisons of equals, one comes out below 0.05.",
    "RGB histogram": "The floor: an 8 × 8 × 8 histogram of colours, compared by its root. What a "
    "model does not add to it, it has not learned.",
    "Right": "A result is right if it has the label of its query. A query never finds itself.",
}


def footnotes(
    measured: Sequence[Measured],
    cards: Sequence[ModelCard],
    skipped: Sequence[Skipped],
    undrawn: Collection[Path],
    distributions: Sequence[Distributions],
) -> Markup:
    """skipped: pictures nobody could read; undrawn: such as were found unreadable on the page."""
    meanings = (joined([tag("dt", name), tag("dd", said)]) for name, said in MEANINGS.items())
    lines = [
        *labels_seen(cards),
        *left_out(measured),
        *unread(skipped, undrawn),
        *(pairs_drawn(one) for one in distributions),
        "Pictures are cut to squares for this page; the encoders saw them whole.",
    ]
    return tag(
        "section",
        tag("h2", "What the numbers mean", id="notes-title"),
        tag("ul", *(tag("li", line) for line in lines)),
        tag("dl", *meanings),
        id="notes",
        aria_labelledby="notes-title",
    )


def labels_seen(cards: Sequence[ModelCard]) -> Iterator[str]:
    """Whose labels a model was told, in the words of its card."""
    for card in cards:
        told = [line for line in card.training_data if re.search(r"\blabels?\b", line)]
        if told:
            yield (
                f"{card.model} was told labels: {'; '.join(told)}. On their classes its scores say "
                "how well it remembers, on others how well it sees."
            )
        elif card.training_data:
            yield f"The card of {card.model} names no labels that it was told."
        else:
            yield f"The card of {card.model} does not say what it learned from."


def left_out(measured: Sequence[Measured]) -> Iterator[str]:
    for protocol in {row.protocol.name: row.protocol for row in measured}.values():
        reasons = {
            "queries that nothing could answer": protocol.unanswerable,
            "byte for byte copies of others": protocol.copies,
        }
        said = [f"{count:,} {reason}" for reason, count in reasons.items() if count]
        if said:
            yield f"Left out of {protocol.name}: {', '.join(said)}."


def unread(skipped: Sequence[Skipped], undrawn: Collection[Path]) -> Iterator[str]:
    if skipped:
        named = [f"{one.path.name} ({one.reason})" for one in skipped[:NAMED]]
        more = f" and {len(skipped) - NAMED:,} more" if len(skipped) > NAMED else ""
        yield f"Pictures that could not be read: {len(skipped):,}, {', '.join(named)}{more}."
    else:
        yield "No picture was skipped as unreadable."
    if undrawn:
        yield f"{len(undrawn):,} pictures could not be read again for this page and are grey."


def pairs_drawn(one: Distributions) -> str:
    return (
        f"The histogram of {one.model} shows {len(one.copies):,} near copies (smaller, "
        f"recompressed, trimmed, brighter), {len(one.same):,} pairs of one label and "
        f"{len(one.different):,} of two."
    )
