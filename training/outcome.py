"""Several encoders on several protocols: everything that was measured in one run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lookalike import images
from lookalike.cards import ModelCard
from lookalike.encoder import Encoder
from lookalike.errors import CallerError
from training import compare, described, protocols
from training.ann import IndexRecall, index_recall
from training.compare import Comparison
from training.described import Describe, shortened
from training.measured import Measured, measure
from training.pictures import Skipped
from training.protocols import NothingToMeasure, Protocol

HISTOGRAM = "RGB histogram"
PREFIX = 4  # the first 1 / PREFIX of the dimensions are measured too


class SameModel(CallerError):
    """One model was given twice."""


@dataclass(frozen=True)
class Outcome:
    """rows: every encoder on every protocol, by protocol; the models' names are `names`, in the
    order of `cards`. comparisons: the first model against each further one.

    sizes: pixels of every picture that could be read; skipped: those that could not; missing: those
    that labels name and nobody finds. index: what the index loses, where that was asked for.
    without: which protocols measured nothing, and why.
    """

    rows: list[Measured]
    comparisons: list[Comparison]
    names: list[str]
    cards: list[ModelCard]
    sizes: dict[Path, int]
    skipped: list[Skipped] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    index: list[IndexRecall] = field(default_factory=list)
    without: list[str] = field(default_factory=list)


def evaluated(
    encoders: Sequence[Encoder],
    asked: Sequence[Protocol],
    missing: Sequence[str] = (),
    ann: bool = False,
) -> Outcome:
    """Every model, the first quarter of its dimensions, and the histogram on every protocol.

    Raises NothingToMeasure when the pictures leave no question that has an answer.
    """
    names = named([encoder.card for encoder in encoders])
    paths = list(dict.fromkeys(f.path for p in asked for f in [*p.queries, *p.gallery]))
    at_least = images.enough_for(*(encoder.card.preprocessing.size for encoder in encoders))
    seers: dict[str, Describe] = {
        name: _seer(encoder) for name, encoder in zip(names, encoders, strict=True)
    }
    seen = described.described({**seers, HISTOGRAM: described.histogram}, paths, at_least)
    if not seen.sizes:
        raise NothingToMeasure(
            f"None of the {len(paths)} pictures can be read; the first, {seen.skipped[0].path}: "
            f"{seen.skipped[0].reason}."
        )
    rivals = dict(seen.vectors)
    for name, encoder in zip(names, encoders, strict=True):
        dimension = encoder.card.dimension // PREFIX
        rivals[f"{name}, first {dimension} dimensions"] = shortened(seen.vectors[name], dimension)
    known, without = _answerable([protocols.readable(p, seen.digests) for p in asked])
    rows = [measure(p, name, rivals[name]) for p in known for name in _in_order(names, rivals)]
    return Outcome(
        rows,
        [one for name in names[1:] for one in compare.compared(rows, names[0], name)],
        names,
        [encoder.card for encoder in encoders],
        seen.sizes,
        seen.skipped,
        list(missing),
        [index_recall(p, name, rivals[name]) for p in known for name in names] if ann else [],
        without,
    )


def _answerable(asked: Sequence[Protocol]) -> tuple[list[Protocol], list[str]]:
    """Those with a query that can be answered, and why the others have none. Raises the last
    NothingToMeasure if none has."""
    known: list[Protocol] = []
    without: list[str] = []
    for protocol in asked:
        try:
            known.append(protocols.answerable(protocol))
        except NothingToMeasure as error:
            if protocol is asked[-1] and not known:
                raise
            without.append(str(error))
    return known, without


def named(cards: Sequence[ModelCard]) -> list[str]:
    """Their versions; those of one version are told apart by the beginning of their sha256."""
    if len({card.sha256 for card in cards}) < len(cards):
        raise SameModel("The same model was given twice; give each once.")
    times = Counter(card.model for card in cards)
    return [
        card.model if times[card.model] == 1 else f"{card.model} {card.sha256[:8]}"
        for card in cards
    ]


def _seer(encoder: Encoder) -> Describe:
    return lambda picture: encoder.encode([picture])[0]


def _in_order(names: Sequence[str], rivals: dict[str, dict[Path, described.Vector]]) -> list[str]:
    """Each model, followed by its first dimensions; the floor comes last."""
    order = [rival for name in names for rival in rivals if _is_of(rival, name)]
    return [*order, HISTOGRAM]


def _is_of(rival: str, name: str) -> bool:
    return rival == name or rival.startswith(f"{name}, first ")
