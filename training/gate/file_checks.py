"""Checks of a challenger's file: is it what its card says, and does it cost no more than live?"""

import numpy as np

from lookalike.cards import Preprocessing
from training.gate import soundness
from training.gate.measurements import Check, Measurements, told, unmeasured

SLOWER = 1.25  # times live's milliseconds: what the functions' time limits and costs were set for
LARGER = 1.5  # times live's bytes: cold starts load the file
SAME = 0.9999  # cosine of two vectors of one picture, as in `export.PARITY`
UNIT = 1e-3  # how far from 1 the length of a vector may be


def file(found: Measurements) -> Check:
    trouble = found.challenger.trouble
    return told("file", not trouble, trouble or "it is the file its card names, and it loads")


def another(found: Measurements) -> Check:
    same = found.challenger.sha256 == found.live.sha256
    said = "its file is live's own: nothing to switch" if same else "it is another file than live's"
    return told("another file", not same, said)


def preprocessing(found: Measurements) -> Check:
    """What the file shows (size, type), and what it cannot show (fit, mean, std): a network of
    live's architecture was trained on pictures prepared as live's are."""
    name, card, live = "preprocessing", found.challenger.card, found.live.card
    if card is None or live is None or not found.challenger.takes[0]:
        return unmeasured(name)
    if not soundness.fits(found.challenger):
        kind, sides = found.challenger.takes
        return told(
            name,
            False,
            f"its card feeds it {_shown(card.preprocessing)}, but the file takes {kind} of "
            f"{' × '.join(str(side or 'any') for side in sides)}",
        )
    differs = card.preprocessing != live.preprocessing
    if differs and card.architecture == live.architecture:
        return told(
            name,
            False,
            f"it is of live's architecture, but its card feeds it {_shown(card.preprocessing)} "
            f"instead of {_shown(live.preprocessing)}",
        )
    return told(name, True, f"the file takes what its card says, {_shown(card.preprocessing)}")


def vectors(found: Measurements) -> Check:
    """Finite, and of length 1 where the graph itself promises that (our own exports)."""
    name, one = "vectors", found.challenger
    if not one.raw.size or one.card is None:
        return unmeasured(name)
    lengths = np.linalg.norm(one.raw, axis=1)
    broken = int((~np.isfinite(lengths) | (lengths == 0)).sum())
    if broken or found.failed:
        return told(
            name,
            False,
            f"{broken} of {len(one.raw)} drawn pictures and {found.failed} of the catalogue get no "
            "finite vector",
        )
    if one.card.preprocessing.layout == "nhwc-uint8" and np.abs(lengths - 1).max() > UNIT:
        return told(
            name, False, f"its vectors have lengths from {lengths.min():.3g} to {lengths.max():.3g}"
        )
    return told(name, True, "every vector is finite and of unit length")


def parity(found: Measurements) -> Check:
    """The same picture twice, and by the product's own encoder: one vector."""
    name, one = "same again", found.challenger
    if not one.raw.size:
        return unmeasured(name)
    if not one.served.size:
        return told(name, False, f"the encoder that serves refuses it: {one.refusal}")
    least = min(_least_cosine(one.raw, one.again), _least_cosine(one.raw, one.served))
    if np.isnan(least):
        return unmeasured(name)
    said = f"the same picture encoded again has a cosine of at least {least:.6f}"
    return told(name, least >= SAME, said)


def latency(found: Measurements) -> Check:
    name, one = "latency", found.cost
    if one is None:
        return unmeasured(name)
    said = f"{one.challenger:.1f} ms a picture, live {one.live:.1f}; at most {SLOWER} times as long"
    return told(name, one.challenger <= SLOWER * one.live, said)


def size(found: Measurements) -> Check:
    ours, live = found.challenger.bytes, found.live.bytes
    said = f"{ours / 1e6:.1f} MB, live {live / 1e6:.1f}; at most {LARGER} times as large"
    return told("size", ours <= LARGER * live, said)


def _least_cosine(one: soundness.Vectors, other: soundness.Vectors) -> float:
    """Over the rows that have a direction at all; which do not, `vectors` says. NaN if none has."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    there = np.isfinite(lengths) & (lengths > 0)
    cosines = (one[there] * other[there]).sum(axis=1) / lengths[there]
    return float(cosines.min()) if len(cosines) else float("nan")


def _shown(made: Preprocessing) -> str:
    normal = "" if made.layout == "nhwc-uint8" else f", mean {made.mean}, std {made.std}"
    return f"{made.size} × {made.size} pixels, {made.fit}, {made.layout}{normal}"
