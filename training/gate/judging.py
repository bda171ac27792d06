"""What the gate looks at, measured once for a challenger and the model that serves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lookalike.cards import Thresholds
from lookalike.encoder import Encoder
from lookalike.errors import ModelUnavailable
from training import verdict
from training.gate import exams, gathering, held_out, soundness
from training.gate.checks import GOLD_MARGIN
from training.gate.exams import LIVE, OURS, Both, Catalogue
from training.gate.held_out import Pair
from training.gate.measurements import Clicks, Cost, Hidden, Measurements, Slice, Spread
from training.gate.paired import Paired, difference
from training.measured import Measured

LEAST_IN_SLICE = 30  # questions
LEAST_CLUSTERS = 10  # of a slice: with fewer no order of signs is improbable


@dataclass(frozen=True)
class Asked:
    """What to measure: versions and folders of the two models; where pictures, clicks, gold lie.

    gold: "" where there is none. here: a folder to work in.
    """

    model: str
    live_model: str
    challenger: Path
    live: Path
    images: str
    clicks: Path
    gold: str
    here: Path
    seed: int


@dataclass(frozen=True)
class Judged:
    """measured: for the checks. papers: what was asked, of which a page shows pictures."""

    measured: Measurements
    papers: tuple[Paired, ...] = ()


def judged(asked: Asked) -> Judged:
    """Raises ModelUnavailable if live itself cannot be tried out: nothing to compare with."""
    live, ours = (
        soundness.inspect(asked.live, asked.live_model),
        soundness.inspect(asked.challenger, asked.model),
    )
    if live.trouble or not live.served.size:
        raise ModelUnavailable(
            f"The live model cannot be tried out: {live.trouble or live.refusal}"
        )
    pairs = held_out.read(asked.clicks)
    if ours.trouble or not ours.served.size:
        return Judged(Measurements(ours, live))
    both = Both(Encoder(asked.challenger), Encoder(asked.live))
    catalogue, asking = gathered(asked, pairs, both)
    known = catalogue.path_of()
    answerable = [pair for pair in asking if pair.anchor in known and pair.clicked in known]
    right = [*pairs, *held_out.learnt(asked.clicks)]
    on_clicks = exams.clicked(answerable, right, catalogue, both.names()) if answerable else None
    on_gold = gold(asked, pairs, both, catalogue)
    papers = tuple(one for one in (on_clicks, on_gold) if one is not None)
    measured = Measurements(
        ours,
        live,
        Cost(*verdict.milliseconds([asked.challenger, asked.live])),
        (spread(catalogue, OURS), spread(catalogue, LIVE)),
        weighed(answerable, len(asking) - len(answerable)),
        difference(on_clicks, asked.seed) if on_clicks else None,
        difference(on_gold, asked.seed),
        on_gold.metric,
        (
            *(slices(on_clicks, asked.seed) if on_clicks else ()),
            *slices(on_gold, asked.seed, GOLD_MARGIN),
        ),
        hidden(on_clicks, both) if on_clicks else None,
        failed(catalogue),
    )
    return Judged(measured, papers)


def gathered(asked: Asked, pairs: Sequence[Pair], both: Both) -> tuple[Catalogue, list[Pair]]:
    """The catalogue to find pictures in, and the pairs to ask about.

    Beside the pool it holds what the pairs name: also what stood above a clicked picture, the
    hardest to tell from it.
    """
    asking = held_out.some(pairs, asked.seed)
    store, prefix = gathering.opened(asked.images)
    named = (key for pair in asking for key in pair.keys())
    keys = gathering.distinct([*named, *gathering.pool_of(store, prefix)])
    files = gathering.fetched(store, keys, asked.here / "pictures")
    files |= exams.drawn(asked.here / "drawn")
    return Catalogue.of(both, files), asking


def gold(asked: Asked, pairs: Sequence[Pair], both: Both, catalogue: Catalogue) -> Paired:
    """What was given or, without that, pictures that look for themselves: those never clicked
    first, for what is learned from clicks is lost elsewhere."""
    if asked.gold:
        return exams.labelled(both, gathering.gold_folder(asked.gold, asked.here))
    clicked = {key for pair in pairs for key in (pair.anchor, pair.clicked)}
    keys = [key for key in catalogue.keys.values() if not key.startswith(exams.DRAWN_FOLDER)]
    keys.sort(key=lambda key: (key in clicked, gathering.digest(key)))
    drawn = [key for key in catalogue.keys.values() if key.startswith(exams.DRAWN_FOLDER)]
    path_of = catalogue.path_of()
    chosen = [path_of[key] for key in [*drawn, *keys[: exams.ASKED_OF]]]
    return exams.itself(both, chosen, catalogue)


def slices(paper: Paired, seed: int, may_lose: float = 0.0) -> Iterator[Slice]:
    """Those with enough questions to tell anything, but not those that are the whole."""
    for name, chosen in paper.slices.items():
        clusters = len(np.unique(paper.clusters[chosen]))
        if LEAST_IN_SLICE <= chosen.sum() < len(chosen) and clusters >= LEAST_CLUSTERS:
            yield Slice(paper.name, name, difference(paper.part(chosen), seed, may_lose))


def weighed(pairs: Sequence[Pair], gone: int) -> Clicks:
    askers = len({pair.asker for pair in pairs})
    return Clicks(len(pairs), held_out.effective(pair.weight for pair in pairs), askers, gone)


def spread(catalogue: Catalogue, who: str) -> Spread:
    vectors = np.nan_to_num(np.stack(list(catalogue.seen.vectors[who].values())))
    return Spread(soundness.effective_rank(vectors), soundness.mean_cosine(vectors))


def hidden(asked: Paired, both: Both) -> Hidden:
    """Only of what is found: what stands far down is hidden by its place already."""

    def share(found: Measured | None, at: Thresholds) -> float:
        if found is None:
            return 0.0
        unseen = (found.similar < at.floor) | (found.similar >= at.duplicate)
        lost = (found.relevant & unseen).any(axis=1)
        return float(np.average(lost, weights=asked.weights))

    return Hidden(
        share(asked.challenger, both.ours.card.thresholds),
        share(asked.live, both.live.card.thresholds),
    )


def failed(catalogue: Catalogue) -> int:
    return sum(not np.isfinite(v).all() for v in catalogue.seen.vectors[OURS].values())
