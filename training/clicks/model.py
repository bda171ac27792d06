"""Which share of the people who had a place in view also looked at it: the position-based model."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

# How far an assumption may speak against what was measured. A hundred clicks tell a rate to a
# tenth; where chance or change moved more clicks than that, they have the say.
ASSUMED_CLICKS = 100.0
SETTLED = 1e-6  # relative change of any place in a round
ROUNDS = 5_000  # a chain of places that were only ever swapped with the next settles slowly


class Cells(NamedTuple):
    """Sightings and clicks, one row per group and place.

    A group's pictures are as relevant in one place as in another, though nobody knows how relevant:
    one pair of pictures, wherever it stood, or all that chance alone put somewhere, each counted
    once for every time it could have been drawn.

    group: (n,) from 0, sorted. position: (n,) from 1. seen, clicks: (n,) not negative.
    """

    group: NDArray[np.int64]
    position: NDArray[np.int64]
    seen: Numbers
    clicks: Numbers


@dataclass(frozen=True)
class Examination:
    """curve: (positions,) relative to the first place, never rising. moved_clicks: those that it
    rests on; a click of a group that stood in one place only says nothing about places.
    """

    curve: Numbers
    moved_clicks: float


def fitted(cells: Cells, seen: Numbers, clicks: Numbers) -> Examination:
    """Chance of a click = examination of the place x relevance of the group.

    seen, clicks: (positions,) of all sightings, for what has to be assumed.

    Maximises the Poisson pseudo-likelihood by turns: relevance of each group given the places, then
    examination of each place given the groups, the latter under the condition that it never rises
    (isotonic regression is the exact solution of that half). Groups are fixed effects: their number
    biases nothing, and a better ranking does not pass for a stronger pull of the first places.
    """
    places = len(seen)
    assumed = assumption(seen, clicks)
    chosen = _telling(cells)
    group, at = np.unique(chosen.group, return_inverse=True)[1], chosen.position - 1
    groups = int(group.max(initial=-1)) + 1
    prior_seen = seen / seen.sum()
    prior_clicks = prior_seen * assumed
    prior_clicks *= ASSUMED_CLICKS / prior_clicks.sum()
    group = np.concatenate([group, np.full(places, groups)])
    at = np.concatenate([at, np.arange(places)])
    exposed = np.concatenate([chosen.seen, prior_seen])
    clicked = np.concatenate([chosen.clicks, prior_clicks])
    of_group = np.bincount(group, clicked)
    of_place = np.bincount(at, clicked, places)
    curve = assumed
    for _ in range(ROUNDS):
        relevance = of_group / np.bincount(group, exposed * curve[at])
        expected = np.bincount(at, exposed * relevance[group], places)
        before, curve = curve, _never_rising(of_place, expected)
        if np.max(np.abs(curve / before - 1)) < SETTLED:
            break
    return Examination(curve, float(chosen.clicks.sum()))


def assumption(seen: Numbers, clicks: Numbers) -> Numbers:
    """Half of the fall of the click rate, on a log scale, is the place's doing.

    Without any movement the log cannot tell a place that is overlooked from a picture that
    deserves it: all of the fall may be the one or the other, and this errs by half at most.
    """
    rate = clicks.sum() / seen.sum()
    return np.sqrt(_never_rising(clicks + rate, seen + 1))  # no place is wholly overlooked


def _telling(cells: Cells) -> Cells:
    """The groups that were clicked at all, and stood in two places at least."""
    if not len(cells.group):
        return cells
    places = np.bincount(cells.group, cells.seen > 0)
    clicks = np.bincount(cells.group, cells.clicks)
    kept = ((places >= 2) & (clicks > 0))[cells.group] & (cells.seen > 0)
    return Cells(*(column[kept] for column in cells))


def _never_rising(clicks: Numbers, exposure: Numbers) -> Numbers:
    """The likeliest rates that never rise, relative to the first (pool adjacent violators).

    A place that nobody saw takes the rate of the places before it.
    """
    blocks: list[tuple[float, float, int]] = []
    for c, e in zip(clicks.tolist(), exposure.tolist(), strict=True):
        here = (c, e, 1)
        while blocks and here[0] * blocks[-1][1] >= blocks[-1][0] * here[1]:
            last = blocks.pop()
            here = (here[0] + last[0], here[1] + last[1], here[2] + last[2])
        blocks.append(here)
    rates = np.repeat([c / e if e else np.nan for c, e, _ in blocks], [n for *_, n in blocks])
    return rates / rates[0]
